/**
 * What an operator does with items of the queue: retry, hold, release, drop.
 *
 * Contract: an item that stays as it is, is no failure: the result says why, and what to do about it.
 * Failure: a Fault for an item whose user was removed, or about which spamd could not be taught.
 */
import type { SpamClass } from '../gate/spamd.ts';
import type { Session } from '../site/session.ts';
import type { OperatorAction, OperatorResult } from '../store/desk.ts';
import { ITEM_STATES, type ItemState } from '../store/item.ts';
import type { Store } from '../store/store.ts';
import { EXIT, Fault, usage } from './fault.ts';
import { readSelection, type Selection } from './items.ts';
import type { Teach } from './spam.ts';

/** An action on items, and the rules of it. */
export interface Operation {
  readonly action: OperatorAction;
  /** To which items it can be done, in words. */
  readonly applies: string;
  /** The states meant by a selection that names none. */
  readonly states: readonly ItemState[];
  /** What spamd may be taught along with it, and the states of items to which it can be done. */
  readonly teaches?: { readonly as: SpamClass; readonly states: readonly ItemState[] };
}

/** The actions. */
export const OPERATIONS = {
  retry: {
    action: 'retry',
    applies: 'only ready, waiting, failed and posted items can be tried again',
    states: ['waiting', 'failed'],
  },
  hold: {
    action: 'hold',
    applies: 'only ready, waiting and failed items can be held',
    states: ['ready', 'waiting', 'failed'],
  },
  release: {
    action: 'release',
    applies: 'only held items can be released, but for a probe of doctor',
    states: ['held'],
    teaches: { as: 'ham', states: ['held'] },
  },
  drop: {
    action: 'drop',
    applies:
      'an item that is being posted cannot be dropped; "mailgw-ctl queue pause" keeps new attempts from starting',
    states: ['ready', 'waiting', 'held', 'failed'],
    teaches: { as: 'spam', states: ITEM_STATES.filter((state) => state !== 'leased') },
  },
} as const satisfies Readonly<Record<OperatorAction, Operation>>;

/**
 * The reason why an item was left alone, and what to do about it; `copy` where another copy of the reply is there.
 */
export interface Left {
  readonly left: string;
  readonly advice: string;
  readonly copy?: { readonly of: string; readonly state: ItemState };
}

/** Finds the items that match and can be acted upon; `gone` is how many cannot, because their messages are not kept. */
export async function findMatching(
  { config, store }: Session,
  { action, states }: Operation,
  selection: Selection,
): Promise<{ readonly ids: readonly string[]; readonly gone: number }> {
  const filter = readSelection(config, selection, states);
  const named = [filter.state ?? []].flat();
  if (action !== 'retry' || !named.includes('posted')) return { ids: await store.ids(filter), gone: 0 };
  if (named.length > 1 || filter.since === undefined)
    throw usage(
      'queue retry --state posted: expected --since and no other state: it posts again what the platform has taken since then',
    );
  // What counts is when the platform took it, however long it had waited before.
  const posted = { ...filter, since: undefined, settledSince: filter.since };
  const [all, ids] = await Promise.all([store.ids(posted), store.ids({ ...posted, hasContent: true })]);
  return { ids, gone: all.length - ids.length };
}

/** Acts on one item, and has spamd taught first: the state that the item is in now, or why it was left alone. */
export async function operate(
  store: Store,
  { action, applies, teaches }: Operation,
  id: string,
  teach: Teach | undefined,
): Promise<ItemState | 'dropped' | Left> {
  // Before the action: it may be the end of the message.
  const item = teach === undefined ? undefined : await store.get(id);
  if (item !== undefined && teaches?.states.includes(item.state) === true) await teach?.(item, teaches.as);
  const result = await store.operate(action, id, Date.now());
  switch (result.kind) {
    case 'done':
      return result.state;
    case 'not-applicable':
      return { left: `is ${result.state}`, advice: applies };
    case 'no-user':
      throw new Fault(EXIT.badInput, [
        `item ${id}: its user "${result.user}" was removed, and whoever has that name now is somebody else; "mailgw-ctl user restore ${result.user}" brings user and reply back within 30 days, "mailgw-ctl queue drop ${id}" removes the item`,
      ]);
    case 'no-content':
      return { left: 'is posted', advice: 'its message is not kept any more: store.keep_content' };
    case 'duplicate':
      return leftAsCopy(id, result);
    case 'unknown':
      return { left: 'is gone meanwhile', advice: '"mailgw-ctl queue list" shows what there is' };
  }
}

/** Says of an item that another copy of the reply is there. */
function leftAsCopy(id: string, { of, was, state }: Extract<OperatorResult, { kind: 'duplicate' }>): Left {
  const copy = { of, state: was };
  const fate = state === undefined ? 'was posted' : `is ${stateInWords(state)}`;
  const left = `stays ${was}: another copy of this reply, item ${of}, ${fate}`;
  if (state === 'failed')
    return { copy, left, advice: `"mailgw-ctl queue retry ${of}" has that one tried again` };
  if (state === 'held')
    return { copy, left, advice: `"mailgw-ctl queue release ${of}" lets that one be posted` };
  return { copy, left, advice: `"mailgw-ctl queue drop ${id}" removes this copy` };
}

/** Names a state as people say it. */
export const stateInWords = (state: string): string => (state === 'ready' ? 'ready to be posted' : state);
