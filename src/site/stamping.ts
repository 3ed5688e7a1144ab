/** Stamping as a site configures it: its rules, its users, its reply addresses. */
import type { NamedPeppers } from '../config/secret-file.ts';
import { judgeRecipient } from '../gate/recipient.ts';
import { allForms, mintingForm } from '../mail/address.ts';
import { isProbe } from '../mail/probe.ts';
import type { PlanStamps } from '../mail/stamping.ts';
import type { Log } from '../observe/log.ts';
import type { Meter } from '../observe/meter.ts';
import { recogniseByAny, recogniseByRules } from '../outbound/rules.ts';
import { createStamp, type StampedOriginal, type StampOptions } from '../outbound/stamp.ts';
import type { Sink } from '../sinks/sink.ts';
import type { Directory } from '../store/directory.ts';
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
import type { Part } from './site.ts';

/** The ground of stamping, whatever is configured. */
export interface StampGround {
  readonly store: Directory & Peppers & Originals & Restores;
  /** Gives the sink in force. */
  readonly sink: () => Pick<Sink, 'findUser' | 'recognise'>;
  /** Says why the store is not to be believed now. */
  readonly doubt: NonNullable<Doubts['doubt']> | undefined;
  readonly log: Log;
  readonly meter: Meter;
}

/** Makes what plans stamps a part. */
export function stampPart(ground: StampGround): Part<PlanStamps> {
  return {
    reads: 'everything', // as the sink, which may be asked
    open: ({ settings: { config, peppers } }) => createStamp(stampOptions(config, peppers, ground)),
  };
}

function stampOptions(config: Config, peppers: NamedPeppers, ground: StampGround): StampOptions {
  const { reply, outbound, sender } = config;
  const { store, sink, doubt, log } = ground;
  return {
    form: mintingForm(reply),
    forms: allForms(reply),
    pepper: () => mintingPepper(store, peppers, Date.now()),
    maxAgeMs: reply.maxAgeMs,
    envelope: outbound.envelope,
    from: outbound.from,
    plusTags: sender.plusTags,
    loopTokens: noticeLoopTokens(config),
    recognise: recogniseByAny([recogniseByRules(outbound.rule), sink().recognise ?? (() => undefined)]),
    directory: store,
    probed: createProbed(config, peppers, ground),
    doubt: () => doubt?.(),
    ask: outbound.users === 'ask' ? createAsk(config, ground) : undefined,
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

/** Creates what asks the platform and adds whom it names; undefined where this one cannot be asked. */
function createAsk(config: Config, { sink: inForce, store, log, meter }: StampGround): StampOptions['ask'] {
  const sink = inForce();
  if (sink.findUser === undefined) {
    log('sink_fault', { reason: 'outbound.users = "ask": this sink names no users; known ones are stamped' });
    return undefined;
  }
  const findUser = sink.findUser.bind(sink);
  const asked = new AskedUsers({ config, store, findUser, log, meter, now: Date.now });
  return (address) => asked.find(address);
}
