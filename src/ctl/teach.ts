/** Teaching spamd about items of the queue, for `spam learn` and for the actions of `queue` that say what an item was. */

import { badInput, EXIT, Fault } from '../actions/fault.ts';
import type { Config } from '../config/config.ts';
import { endpointText } from '../config/kinds.ts';
import { openSpamd } from '../gate/spam-policy.ts';
import type { SpamClass, SpamdFailure } from '../gate/spamd.ts';
import type { Contents, ItemView } from '../store/item.ts';

/** Teaches spamd what an item was: whether it learned something, or knew. A Fault when it cannot be taught. */
export type Teach = (item: ItemView, as: SpamClass) => Promise<'learned' | 'known'>;

/** A teacher of the configured spamd, whatever the source of verdicts is: the site's filter may be the same spamd. */
export function openTeach({ spam }: Config, store: Contents): Teach {
  const spamd = openSpamd(spam);
  return async ({ id, state }, as) => {
    const content = await store.content(id);
    if (content === undefined) throw badInput(`item ${id}: is ${state} and its message is not kept`);
    const result = await spamd.learn(content, as);
    if (result.ok) return result.value;
    const problem = spamdFault(spam, result).problems.join('; ');
    throw new Fault(EXIT.unavailable, `item ${id}: spamd was not taught: ${problem}`);
  };
}

/** What is wrong with spamd, and the way out. */
export function spamdFault(spam: Config['spam'], { kind, reason }: SpamdFailure): Fault {
  const advice = {
    unreachable: 'is spamd running, and is spam.spamd right?',
    deadline: 'is spamd busy or hung? spam.spamd_timeout is the time that it gets',
    broken: 'is spam.spamd really a spamd?',
    refused: reason.includes('TELL') ? 'start spamd with --allow-tell' : "look at spamd's log",
  }[kind];
  return new Fault(EXIT.unavailable, `spam.spamd: ${endpointText(spam.spamd)}: ${reason}; ${advice}`);
}
