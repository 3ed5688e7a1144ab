/**
 * Items of the queue by name and by selection, for showing, counting and operating alike.
 *
 * Contract: an item is named by its id or a unique beginning of it. What is shown of one has its tokens hidden first.
 */
import { NO_LANE } from '../mail/lane.ts';
import type { Config } from '../site/config.ts';
import { lanesOf } from '../site/sinks.ts';
import type { ItemFilter } from '../store/desk.ts';
import { type Contents, ITEM_STATES, type ItemState, type ItemView } from '../store/item.ts';
import type { Store } from '../store/store.ts';
import { badInput, invalid, unknown, usage } from './fault.ts';
import { readSince } from './time.ts';

/** The choice of items by an operator; each condition as it was given, and undefined or empty where it was not. */
export interface Selection {
  readonly states: readonly string[];
  /** Only items that are not posted. */
  readonly isOpen: boolean;
  readonly user: string | undefined;
  readonly thread: string | undefined;
  /** The name of a sink, or "none" for what is no sink's. */
  readonly sink: string | undefined;
  /** A time in any form that times are read in. */
  readonly since: string | undefined;
}

/** Characters of an id that are enough to name an item, as long as no other begins with them. */
const LEAST_PREFIX = 6;

/** Hides the tokens in an object's texts: mail of strangers, and what a sink said of it, may hold one. */
export function hideTokens<T extends object>(shown: T, mask: (text: string) => string): T {
  const entries = Object.entries(shown).map(([key, value]: [string, unknown]) => [
    key,
    typeof value === 'string' ? mask(value) : value,
  ]);
  return Object.fromEntries(entries) as T;
}

/** Finds the item with this id, or whose id alone begins with it. */
export async function findItem(store: Store, name: string): Promise<ItemView> {
  const exact = await store.get(name);
  if (exact !== undefined) return exact;
  const near = name.length < LEAST_PREFIX ? [] : await store.ids({ startsWith: name });
  const [only, another] = near;
  if (only !== undefined && another !== undefined)
    throw invalid(
      'id',
      `item "${name}": ${near.length} items begin so, ${only} and ${another} among them; give more of the id`,
    );
  const item = only === undefined ? undefined : await store.get(only);
  if (item === undefined)
    throw unknown('id', `item "${name}": there is no such item; "mailgw-ctl queue list" shows them`);
  return item;
}

/** Reads a state by its name. */
function readState(text: string): ItemState {
  const state = ITEM_STATES.find((known) => known === text);
  if (state === undefined)
    throw invalid('state', `--state "${text}": is not one of ${ITEM_STATES.join(', ')}`);
  return state;
}

/** Finds the lane of a sink by its name; undefined where all items are of the only one. */
function readSink(config: Pick<Config, 'sinks'>, name: string | undefined): string | undefined {
  const lanes = lanesOf(config);
  const known = [...config.sinks.map((sink) => sink.name), NO_LANE];
  if (name !== undefined && !known.includes(name))
    throw invalid('sink', `--sink "${name}": is not one of ${known.join(', ')}`);
  return lanes.length === 0 && name !== NO_LANE ? undefined : name;
}

/** Says what a selection selects; `states` are those meant when none is named. */
export function readSelection(
  config: Pick<Config, 'sinks'>,
  given: Selection,
  states?: readonly ItemState[],
): ItemFilter {
  const named = given.states.map(readState);
  if (given.isOpen && named.length > 0) throw usage('expected either --open or --state');
  const open = given.isOpen ? ITEM_STATES.filter((state) => state !== 'posted') : states;
  return {
    state: named.length > 0 ? [...new Set(named)] : open,
    user: given.user,
    thread: given.thread,
    lane: readSink(config, given.sink),
    since: readSince(given.since),
  };
}

/** Reads an item's message as it was received. */
export async function contentOf(store: Contents, { id, state }: ItemView): Promise<Uint8Array> {
  const content = await store.content(id);
  if (content === undefined) throw unknown('id', `item ${id}: is ${state} and its message is not kept`);
  return content;
}

/** Reads how many things are to be listed. */
export function readLimit(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw badInput(`--limit "${text}": is not a whole number from 1 to 999999999`);
  return Number(text);
}
