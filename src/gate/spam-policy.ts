/**
 * The spam rule: what the site's filter says of a message, and what becomes of it then.
 *
 * Contract: a source is asked once for a message, however many recipients it has. Spam is held, dropped, or posted with
 * its mark; it is never refused, because a 5yz would be a bounce to somebody who may be forged.
 * Failure: a filter that does not answer leaves a message unchecked, which the site lets pass, holds or defers.
 */

import type { HoldReason } from '../mail/disposition.ts';
import type { Header } from '../mail/header.ts';
import { judgeScore, type SpamVerdict, spamVerdictOf } from '../mail/spam.ts';
import type { Log } from '../observe/log.ts';

import { createSpamd, type Spamd, type SpamdAddress } from './spamd.ts';
import { discard, type End, endAt, type Trail } from './trail.ts';

/** The `[spam]` settings; times in milliseconds. */
export interface SpamSettings {
  readonly source: 'header' | 'spamd' | 'off';
  readonly action: 'hold' | 'discard' | 'tag';
  readonly unchecked: 'accept' | 'hold' | 'defer';
  readonly threshold: number | undefined;
  readonly headers: readonly string[];
  readonly disagreement: 'strictest' | 'first';
  readonly aboveReceived: number;
  readonly spamd: SpamdAddress;
  readonly spamdUser: string | undefined;
  readonly spamdConnectTimeoutMs: number;
  readonly spamdTimeoutMs: number;
  readonly spamdMaxMessageBytes: number;
  readonly spamdConcurrency: number;
}

/** The answer of a source: a verdict, or why there is none. */
export type SpamAnswer = SpamVerdict | { readonly unchecked: string };

/** A source of verdicts, and what follows from them. */
export interface SpamPolicy extends Pick<SpamSettings, 'action' | 'unchecked'> {
  /** Asks about a message; never rejects. */
  readonly ask: (header: Header, raw: Uint8Array) => SpamAnswer | Promise<SpamAnswer>;
}

/** Opens the client of the configured spamd. */
export function openSpamd(settings: SpamSettings): Spamd {
  return createSpamd({
    address: settings.spamd,
    user: settings.spamdUser,
    connectTimeoutMs: settings.spamdConnectTimeoutMs,
    timeoutMs: settings.spamdTimeoutMs,
    maxCheckBytes: settings.spamdMaxMessageBytes,
    concurrency: settings.spamdConcurrency,
  });
}

/** Opens the configured policy; undefined when it is off. */
export function openSpamPolicy(settings: SpamSettings, log?: Log): SpamPolicy | undefined {
  const { source, action, unchecked } = settings;
  switch (source) {
    case 'off':
      return undefined;
    case 'header':
      return { action, unchecked, ask: askHeader(settings) };
    case 'spamd':
      return { action, unchecked, ask: askSpamd(settings, log) };
  }
}

function askHeader({ headers, aboveReceived, disagreement, threshold }: SpamSettings): SpamPolicy['ask'] {
  const names = new Set(headers.map((name) => name.toLowerCase()));
  const fields = { names, aboveReceived, disagreement };
  const none: SpamAnswer = { unchecked: `the header has no ${headers.join(', ')} to go by` };
  return (header) => spamVerdictOf(header, fields, threshold) ?? none;
}

/** Asks spamd; says once in the log that it does not answer, and once that it does again. */
function askSpamd(settings: SpamSettings, log: Log | undefined): SpamPolicy['ask'] {
  const spamd = openSpamd(settings);
  let answers = true;
  return async (_header, raw) => {
    const result = await spamd.check(raw);
    if (result.ok !== answers) {
      answers = result.ok;
      if (result.ok) log?.('spamd_recovered');
      else log?.('spamd_failed', { reason: result.reason });
    }
    return result.ok
      ? judgeScore({ score: result.value.score, flagged: result.value.flagged }, settings.threshold)
      : { unchecked: `spamd: ${result.reason}` };
  };
}

/** The decision of the rule for every recipient of a message; `spam` is undefined when it is unchecked. */
export type SpamDecision =
  | End
  | { readonly kind: 'pass'; readonly spam: SpamVerdict | undefined; readonly hold: HoldReason | undefined };

/** The message that a source is asked about, once for all of its recipients. */
interface Asked {
  readonly header: Header;
  readonly raw: Uint8Array;
  readonly trail: Trail;
}

/** Asks about a message, and decides. */
export async function judgeSpam(policy: SpamPolicy, asked: Asked): Promise<SpamDecision> {
  const answer = await policy.ask(asked.header, asked.raw);
  if ('unchecked' in answer) return leaveUnchecked(policy, asked, answer.unchecked);
  const saw = sawSpam(answer);
  if (!answer.flagged) {
    asked.trail?.push({ rule: 'spam', result: 'pass', saw });
    return { kind: 'pass', spam: answer, hold: undefined };
  }
  if (policy.action === 'discard') return discard(asked, 'spam', 'spam', saw);
  const hold = policy.action === 'hold' ? 'spam' : undefined;
  asked.trail?.push({ rule: 'spam', result: hold === undefined ? 'flagged' : 'held', saw });
  return { kind: 'pass', spam: answer, hold };
}

function leaveUnchecked({ unchecked }: SpamPolicy, asked: Asked, saw: string): SpamDecision {
  if (unchecked === 'defer')
    return endAt(asked, 'spam', { verdict: 'deferred', reason: 'unchecked', detail: saw });
  const hold = unchecked === 'hold' ? 'unchecked' : undefined;
  asked.trail?.push({ rule: 'spam', result: hold === undefined ? 'pass' : 'held', saw });
  return { kind: 'pass', spam: undefined, hold };
}

/** Puts a verdict into words. */
function sawSpam({ score, flagged }: SpamVerdict): string {
  return `${flagged ? 'spam' : 'not spam'}${score === undefined ? '' : `, score ${score}`}`;
}
