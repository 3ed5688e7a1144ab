/**
 * A round trip: an address is minted, a message goes to Postfix by SMTP, comes to mailgwd by LMTP, and is looked at.
 *
 * Contract: the message never becomes a post. Its address names the thread of probes (mail/probe.ts), so that the gate
 * holds it and nothing releases it; what arrived is tried out as a reply would be, and then dropped. The null reverse-path
 * keeps a refusal from becoming a bounce to anybody.
 * Failure: each leg that fails is a finding of its own, with what the server said.
 */
import { randomBytes } from 'node:crypto';
import { describe, EXIT } from '../../actions/fault.ts';
import { type Rehearsal, rehearse, type Stage } from '../../actions/rehearse.ts';
import { endpointText, type Place } from '../../config/kinds.ts';
import { mintingForm } from '../../mail/address.ts';
import { PROBE_THREAD } from '../../mail/probe.ts';
import type { SecretSession } from '../../site/session.ts';
import type { User } from '../../store/directory.ts';
import type { ItemView } from '../../store/item.ts';
import { checkProbe, PROVE } from './authserv.ts';
import { closeCircle, type WayOut } from './circle.ts';
import { type Finding, fine, note, problem, skipped, warning } from './finding.ts';
import { arrival, chooseUser, dropProbes, mintFor, withoutTokens } from './probe.ts';
import { openTalk, type Said } from './talk.ts';

/** For the SMTP session: a policy service may take its time with bad addresses. */
const SMTP_WITHIN_MS = 60_000;

/** The thread that what arrived is tried out in; nothing is ever sent to an address of it. */
const REHEARSAL_THREAD = 'mailgw:rehearsal';

/** The means of a round trip. */
export interface RoundTripOptions {
  readonly smtp: Place;
  /** Whose address is minted; the first user that can have one unless given. */
  readonly user: string | undefined;
  readonly waitMs: number;
  /** Whether a message is known in which the filter's results are as they should be. */
  readonly isProven?: boolean;
  /** The open connection to the listener of mail on its way out; undefined where the site has none. */
  readonly wayOut?: WayOut | undefined;
}

/** Makes the round trip, and closes the circle of stamping where the site stamps. */
export async function makeRoundTrip(session: SecretSession, options: RoundTripOptions): Promise<Finding[]> {
  const user = await chooseUser(session, options.user);
  if (user === undefined) {
    return [
      skipped(
        'round_trip.mint',
        'no enabled user has an address: mailgw-ctl user add alice --address alice@example.com',
      ),
    ];
  }
  await dropProbes(session);
  const { findings, isBack } = await sendAndJudge(session, user, options);
  const { wayOut, waitMs } = options;
  if (wayOut === undefined) return findings;
  if (!isBack)
    return [...findings, skipped('outbound.circle', 'the probe that goes straight in has to come in first')];
  return [...findings, await closeCircle(session, user, { wayOut, waitMs })];
}

async function sendAndJudge(
  session: SecretSession,
  user: User,
  options: RoundTripOptions,
): Promise<{ readonly findings: Finding[]; readonly isBack: boolean }> {
  const to = await mintFor(session, user, PROBE_THREAD);
  const id = `doctor.${randomBytes(12).toString('hex')}@${mintingForm(session.config.reply).domain}`;
  const findings = [fine('round_trip.mint', `an address of ${user.name}, good for ten minutes`)];
  const refusal = await send(options.smtp, to, probeMessage(user, to, id));
  findings.push(refusal ?? fine('round_trip.smtp', `${endpointText(options.smtp)} took the message`));
  if (refusal !== undefined) return { findings, isBack: false };
  const item = await arrival(session, id, options.waitMs);
  if (item === undefined) return { findings: [...findings, lost(options)], isBack: false };
  findings.push(fine('round_trip.lmtp', 'mailgwd has it, and holds it'));
  findings.push(...(await judge(session, user, { item, to }, await proofOf(session, options))));
  await session.store.operate('drop', item.id, Date.now());
  return { findings, isBack: true };
}

function probeMessage(user: User, to: string, id: string): string {
  return [
    `From: <${user.addresses[0] ?? ''}>`,
    `To: <${to}>`,
    'Subject: Re: a probe of mailgw-ctl doctor',
    `Date: ${new Date().toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${id}>`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=us-ascii',
    '',
    'This message is a probe. It is held and removed, and never becomes a post.',
    '.',
  ].join('\r\n');
}

async function send(place: Place, to: string, message: string): Promise<Finding | undefined> {
  const smtp = endpointText(place);
  try {
    const talk = await openTalk(place, SMTP_WITHIN_MS);
    try {
      const dialogue: readonly (readonly [string, string, number])[] = [
        ['EHLO', 'EHLO localhost', 250],
        ['MAIL', 'MAIL FROM:<>', 250],
        ['RCPT', `RCPT TO:<${to}>`, 250],
        ['DATA', 'DATA', 354],
        ['the message', message, 250],
      ];
      if (talk.greeting.code !== 220) return refused(smtp, 'the greeting', talk.greeting);
      for (const [what, line, wanted] of dialogue) {
        const said = await talk.say(line);
        if (said.code !== wanted) return refused(smtp, what, said);
      }
      return undefined;
    } finally {
      talk.close();
    }
  } catch (error) {
    return problem('round_trip.smtp', EXIT.unavailable, {
      what: `--smtp ${smtp}: ${describe(error)}`,
      why: 'no mail comes in here',
      fix: 'postfix status; postfix start; or name another place with --smtp',
    });
  }
}

function refused(smtp: string, what: string, { code, text }: Said): Finding {
  const temporary = code < 500;
  return problem('round_trip.smtp', temporary ? EXIT.unavailable : EXIT.configuration, {
    what: `${smtp} answers ${what} with "${withoutTokens(text)}"`,
    why: temporary
      ? 'senders come again for days, and then their replies are returned'
      : 'every reply is refused like this',
    fix: "look at the checks postfix.* and socket.* above, and at mailgwd's log: journalctl -u mailgw -n 20",
  });
}

function lost({ smtp, waitMs }: RoundTripOptions): Finding {
  return problem('round_trip.lmtp', EXIT.unavailable, {
    what: `${endpointText(smtp)} took the message, and ${waitMs / 1000} s later mailgwd has not got it`,
    why: 'Postfix cannot deliver to mailgwd, delivers somewhere else, or uses another store',
    fix: 'postqueue -p   # shows why it is deferred; and grep status= in the mail log',
  });
}

/** How long a reply that passed says something about the next one. */
const PROOF_MS = 7 * 86_400_000;

/** Finds what shows that mail from outside has results, though the probe may have none. */
async function proofOf(
  { store }: SecretSession,
  { isProven = false }: RoundTripOptions,
): Promise<string | undefined> {
  if (isProven) return 'the message of --message has them';
  const last = await store.lastVouchedFor();
  if (last === undefined || Date.now() - last > PROOF_MS) return undefined;
  return `the reply of ${new Date(last).toISOString()} had them`;
}

/** Tries what arrived out as a reply that came the same way, to an address that stands in it as the probe's does. */
async function judge(
  session: SecretSession,
  user: User,
  { item, to }: { readonly item: ItemView; readonly to: string },
  proof: string | undefined,
): Promise<Finding[]> {
  const raw = await session.store.content(item.id);
  if (raw === undefined) return [skipped('round_trip.verdict', 'the probe was removed meanwhile')];
  const recipient = await mintFor(session, user, REHEARSAL_THREAD);
  const addressed = Buffer.from(raw).toString('latin1').replaceAll(to, recipient);
  const rehearsal = await rehearse(session, {
    raw: Buffer.from(addressed, 'latin1'),
    recipient,
    reversePath: user.addresses[0] ?? '',
  });
  const results = checkProbe(session.config, raw, proof);
  const shown = results.status === 'ok' ? 'your filter has judged the probe' : proof;
  return [results, verdictOf(rehearsal, shown)];
}

function verdictOf({ steps, post }: Rehearsal, proof: string | undefined): Finding {
  const check = 'round_trip.verdict';
  const held = steps.find(({ reason }) => reason?.startsWith('held:') === true);
  const unproven = steps.find(({ reason }) => reason === 'spoofed' || reason === 'held: spoofed');
  if (unproven !== undefined) {
    const what = `a reply that comes this way is ${inWords(unproven)}`;
    if (proof !== undefined) return note(check, `${what}, as mail of this host may be: ${proof}`);
    return problem(check, EXIT.configuration, {
      what,
      why: 'no reply is known that passed, and mail from outside is judged the same way: all may be lost like this',
      fix: PROVE,
    });
  }
  if (post !== undefined) return fine(check, `a reply that comes this way is ${held?.reason ?? 'posted'}`);
  return warning(check, {
    what: `a reply that comes this way is ${inWords(steps.at(-1))}`,
    why: 'mail from outside is judged the same way, by what your filter writes about it',
    fix: 'mailgw-ctl check FILE --to ADDRESS   # shows each rule',
  });
}

function inWords(step: Stage | undefined): string {
  const decisive = step?.rules.find(({ result }) => result !== 'pass' && result !== 'off');
  const rule = decisive ?? step?.rules.at(-1);
  const saw = rule === undefined ? step?.detail : `${rule.rule}: ${rule.saw}`;
  return `${step?.verdict ?? 'lost'} ${step?.reason ?? ''} (${saw ?? ''})`;
}
