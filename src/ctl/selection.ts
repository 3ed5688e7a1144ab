/** The filters that select items of the queue: the same options for listing, counting and acting. */

import type { Selection } from '../actions/items.ts';
import { ITEM_STATES } from '../store/item.ts';
import type { Input, OptionSpec } from './command.ts';

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
  { flags: '--sink <name>', doc: 'only items of this sink, where there are several; "none" are for no sink' },
  {
    flags: '--since <time>',
    doc: 'only items received since then (with "retry --state posted": posted since then), such as 2026-11-19 or 3d',
  },
];

/** For commands that show items. */
export const OPEN_OPTION: OptionSpec = { flags: '--open', doc: 'only items that are not posted' };

/** Tells whether any of the filters was given. */
export function isSelective(input: Input): boolean {
  const texts = ['user', 'thread', 'sink', 'since'].map((name) => input.text(name));
  return input.list('state').length > 0 || texts.some((text) => text !== undefined);
}

/** Takes the selection from the options. */
export function selectionOf(input: Input): Selection {
  return {
    states: input.list('state'),
    isOpen: input.flag('open'),
    user: input.text('user'),
    thread: input.text('thread'),
    sink: input.text('sink'),
    since: input.text('since'),
  };
}
