/** The filters that select items of the queue: the same options for listing, counting and acting. */

import { usage } from '../actions/fault.ts';
import type { ItemFilter } from '../store/desk.ts';
import { ITEM_STATES, type ItemState } from '../store/item.ts';
import type { Input, OptionSpec } from './command.ts';
import { readState } from './item.ts';
import { readSince } from './terminal/time.ts';

/** The options. */
export const SELECTION_OPTIONS: readonly OptionSpec[] = [
  {
    flags: '--state <state>',
    doc: `only items in this state (${ITEM_STATES.join(', ')}); may be given several times`,
    repeats: true,
    values: ITEM_STATES,
  },
  { flags: '--user <user>', doc: 'only items of this user' },
  { flags: '--thread <locator>', doc: 'only items of this thread' },
  {
    flags: '--since <time>',
    doc: 'only items received since then (with "retry --state posted": posted since then), such as 2026-11-19 or 3d',
  },
];

/** For commands that show items. */
export const OPEN_OPTION: OptionSpec = { flags: '--open', doc: 'only items that are not posted' };

/** Whether any of the filters was given. */
export function isSelective(input: Input): boolean {
  const texts = ['user', 'thread', 'since'].map((name) => input.text(name));
  return input.list('state').length > 0 || texts.some((text) => text !== undefined);
}

/** What the options select; `states` are those meant when none is named. */
export function readSelection(input: Input, states?: readonly ItemState[]): ItemFilter {
  const named = input.list('state').map((text) => readState('--state', text));
  if (input.flag('open') && named.length > 0) throw usage('expected either --open or --state');
  const open = input.flag('open') ? ITEM_STATES.filter((state) => state !== 'posted') : states;
  return {
    state: named.length > 0 ? [...new Set(named)] : open,
    user: input.text('user'),
    thread: input.text('thread'),
    since: readSince(input.text('since')),
  };
}
