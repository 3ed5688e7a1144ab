/**
 * The spam filter: what it says of a message, and what it is to learn of an item.
 *
 * Failure: a Fault when spamd does not answer, or refuses; it names what spamd said.
 */

import { endpointText } from '../config/kinds.ts';
import { openSpamd, openSpamPolicy } from '../gate/spam-policy.ts';
import type { SpamClass, SpamdFailure } from '../gate/spamd.ts';
import { scanHeader } from '../mail/header.ts';
import { judgeScore } from '../mail/spam.ts';
import type { Config } from '../site/config.ts';
import type { Contents, ItemView } from '../store/item.ts';
import { badInput, EXIT, Fault } from './fault.ts';
import { contentOf } from './items.ts';

/** A teacher of spamd: tells it what an item was, and says whether it learned something, or knew. */
export type Teach = (item: ItemView, as: SpamClass) => Promise<'learned' | 'known'>;

/** Makes a teacher of the configured spamd, whatever the source of verdicts is: the site's filter may be the same spamd. */
export function openTeach({ spam }: Config, store: Contents): Teach {
  const spamd = openSpamd(spam);
  return async (item, as) => {
    const result = await spamd.learn(await contentOf(store, item), as);
    if (result.ok) return result.value;
    const problem = spamdFault(spam, result).problems.join('; ');
    throw new Fault(EXIT.unavailable, `item ${item.id}: spamd was not taught: ${problem}`);
  };
}

/** Says what is wrong with spamd, and the way out. */
function spamdFault(spam: Config['spam'], { kind, reason }: SpamdFailure): Fault {
  const advice = {
    unreachable: 'is spamd running, and is spam.spamd right?',
    deadline: 'is spamd busy or hung? spam.spamd_timeout is the time that it gets',
    broken: 'is spam.spamd really a spamd?',
    refused: reason.includes('TELL') ? 'start spamd with --allow-tell' : "look at spamd's log",
  }[kind];
  return new Fault(EXIT.unavailable, `spam.spamd: ${endpointText(spam.spamd)}: ${reason}; ${advice}`);
}

/** The opinion of a filter about a message; null where it has none. */
export type SpamOpinion = {
  readonly source: 'spamd' | 'header';
  readonly flagged: boolean | null;
  readonly score: number | null;
  readonly threshold: number | null;
  /** The rules of spamd that matched. */
  readonly symbols: readonly string[] | null;
  readonly verdict: 'pass' | Config['spam']['action'] | Config['spam']['unchecked'];
};

/** Asks the configured source about a message as the daemon does; nothing is written. */
export async function checkSpam(spam: Config['spam'], raw: Uint8Array): Promise<SpamOpinion> {
  return spam.source === 'spamd' ? await checkBySpamd(spam, raw) : await checkByHeader(spam, raw);
}

/** Asks whether spamd is there. */
export async function pingSpamd(spam: Config['spam']): Promise<void> {
  const result = await openSpamd(spam).ping();
  if (!result.ok) throw spamdFault(spam, result);
}

async function checkBySpamd(spam: Config['spam'], raw: Uint8Array): Promise<SpamOpinion> {
  const result = await openSpamd(spam).symbols(raw);
  if (!result.ok) throw spamdFault(spam, result);
  const { score, threshold, symbols } = result.value;
  const { flagged } = judgeScore({ score, flagged: result.value.flagged }, spam.threshold);
  return {
    source: 'spamd',
    flagged,
    score,
    threshold: spam.threshold ?? threshold,
    symbols,
    verdict: flagged ? spam.action : 'pass',
  };
}

async function checkByHeader(spam: Config['spam'], raw: Uint8Array): Promise<SpamOpinion> {
  const policy = openSpamPolicy(spam);
  if (policy === undefined) {
    throw new Fault(EXIT.configuration, 'spam.source: is "off"; there is no filter to ask');
  }
  const scan = scanHeader(raw);
  if (!scan.ok) throw badInput(`the message has no header that could be read: ${scan.problem}`);
  const answer = await policy.ask(scan.header, raw);
  const isChecked = !('unchecked' in answer);
  return {
    source: 'header',
    flagged: isChecked ? answer.flagged : null,
    score: isChecked ? (answer.score ?? null) : null,
    threshold: spam.threshold ?? null,
    symbols: null,
    verdict: isChecked ? (answer.flagged ? spam.action : 'pass') : spam.unchecked,
  };
}
