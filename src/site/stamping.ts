/** Stamping as a site configures it: its rules, its users, its reply addresses. */
import { isMatching } from '../config/config.ts';
import type { NamedPeppers } from '../config/secret-file.ts';
import { judgeRecipient } from '../gate/recipient.ts';
import { allForms, mintingForm } from '../mail/address.ts';
import { createLaneOf, isStray } from '../mail/lane.ts';
import { isProbe } from '../mail/probe.ts';
import type { Recognise } from '../mail/recognise.ts';
import type { PlanStamps } from '../mail/stamping.ts';
import type { Log } from '../observe/log.ts';
import type { Meter } from '../observe/meter.ts';
import { recogniseByAny, recogniseByRules } from '../outbound/rules.ts';
import { createStamp, type StampedOriginal, type StampOptions } from '../outbound/stamp.ts';
import type { Sink } from '../sinks/sink.ts';
import type { Directory } from '../store/directory.ts';
import type { Notified } from '../store/notified.ts';
import type { Originals } from '../store/originals.ts';
import type { Peppers } from '../store/peppers.ts';
import type { Restores } from '../store/restores.ts';
import { errorText } from '../system/error-text.ts';
import { AskedUsers } from './asked-users.ts';
import type { Config } from './config.ts';
import type { Doubts } from './doubts.ts';
import { gateRules, noticeLoopTokens } from './gate-rules.ts';
import { mintingPepper } from './pepper.ts';
import { remember } from './remember.ts';
import { lanesOf } from './sinks.ts';
import type { Part } from './site.ts';

/** A sink as stamping asks it. */
export interface AskedSink {
  readonly name: string;
  readonly sink: Pick<Sink, 'findUser' | 'recognise'>;
}

/** The ground of stamping, whatever is configured. */
export interface StampGround {
  readonly store: Directory & Peppers & Originals & Restores & Pick<Notified, 'rememberNotified'>;
  /** Gives the sinks in force. */
  readonly sinks: () => readonly AskedSink[];
  /** Says why the store is not to be believed now. */
  readonly doubt: NonNullable<Doubts['doubt']> | undefined;
  readonly log: Log;
  readonly meter: Meter;
}

/** Makes what plans stamps a part. */
export function stampPart(ground: StampGround): Part<PlanStamps> {
  return {
    reads: 'everything', // as the sinks, which may be asked
    open: ({ settings: { config, peppers } }) => createStamp(stampOptions(config, peppers, ground)),
  };
}

function stampOptions(config: Config, peppers: NamedPeppers, ground: StampGround): StampOptions {
  const { reply, outbound, sender } = config;
  const { store, doubt, log } = ground;
  const laneOf = createLaneOf(lanesOf(config));
  return {
    form: mintingForm(reply),
    forms: allForms(reply),
    pepper: () => mintingPepper(store, peppers, Date.now()),
    maxAgeMs: reply.maxAgeMs,
    envelope: outbound.envelope,
    from: outbound.from,
    plusTags: sender.plusTags,
    loopTokens: noticeLoopTokens(config),
    recognise: recogniseByAny([recogniseByRules(outbound.rule), recogniseBySinks(ground)]),
    isStray: (thread) => isStray(laneOf(thread), thread),
    directory: store,
    probed: createProbed(config, peppers, ground),
    doubt: () => doubt?.(),
    ask: outbound.users === 'ask' ? createAsk(config, ground, laneOf) : undefined,
    noteNotified: isMatching(config) ? createNote(config, ground) : undefined,
    remember: (original) => {
      keep(original, config, ground);
    },
    log,
    now: Date.now,
  };
}

/** Creates what knows a probe's address, by the gate's own rules at RCPT. */
function createProbed(
  config: Config,
  peppers: NamedPeppers,
  { store, doubt }: StampGround,
): StampOptions['probed'] {
  const { forms, peppers: proving, maxAgeMs } = gateRules(config, peppers);
  const gate = { forms, peppers: proving, maxAgeMs, directory: store, doubt, now: Date.now };
  return async (address) => {
    const verdict = await judgeRecipient(gate, address, undefined);
    return verdict.kind === 'claim' && isProbe(verdict.claim.target) ? verdict.claim.user : undefined;
  };
}

/** Creates what remembers who is notified. */
function createNote({ reply }: Config, { store }: StampGround): StampOptions['noteNotified'] {
  return async (mails) => {
    const { notifiedFor } = await import('./notified.ts');
    const now = Date.now();
    await store.rememberNotified(mails.map((mail) => notifiedFor(reply, mail, now)));
  };
}

/** Remembers what a stamped notification said, for its replies; it has gone out by then. */
function keep(
  { thread, repliedTo, subject, author, raw }: StampedOriginal,
  { reply }: Config,
  { store, log }: StampGround,
): void {
  const original = { thread, repliedTo: Math.floor(repliedTo / 1000), subject, from: author, raw };
  remember(store, reply, original).catch((error: unknown) => {
    log('stamp_failed', { reason: `the notification is not remembered: ${errorText(error)}` });
  });
}

/** Recognises by the platforms; what several take for theirs is left to a rule of the site. */
function recogniseBySinks({ sinks, log }: StampGround): Recognise {
  const ways = sinks().flatMap(({ name, sink }) => (sink.recognise === undefined ? [] : [{ name, sink }]));
  return (notification) => {
    const found = ways.flatMap(({ name, sink }) => {
      const recognised = sink.recognise?.(notification);
      return recognised === undefined ? [] : [{ name, recognised }];
    });
    if (found.length < 2) return found[0]?.recognised;
    const names = found.map(({ name }) => name).join(' and ');
    log('stamp_failed', {
      reason: `${names} both take it for theirs: an [[outbound.rule]] with "from" decides`,
    });
    return undefined;
  };
}

/** Creates what asks the platform of a thread and adds whom it names; undefined where none can be asked. */
function createAsk(
  config: Config,
  { sinks: inForce, store, log, meter }: StampGround,
  laneOf: (thread: string) => string | undefined,
): StampOptions['ask'] {
  const sinks = inForce();
  for (const { name } of sinks.filter(({ sink }) => sink.findUser === undefined)) {
    const which = sinks.length === 1 ? 'this sink' : `sink ${name}`;
    log('sink_fault', { reason: `outbound.users = "ask": ${which} names no users; known ones are stamped` });
  }
  const asked = new Map(
    sinks.flatMap(({ name, sink }) => {
      const findUser = sink.findUser?.bind(sink);
      if (findUser === undefined) return [];
      return [[name, new AskedUsers({ config, store, findUser, log, meter, now: Date.now })] as const];
    }),
  );
  if (asked.size === 0) return undefined;
  const [only] = sinks;
  return async (address, thread) => asked.get(laneOf(thread) ?? only?.name ?? '')?.find(address);
}
