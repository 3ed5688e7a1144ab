/** The operator's actions on an item: from which states each applies, and what it leads to. */
import type { OperatorAction, OperatorResult } from './desk.ts';
import type { ItemState } from './item.ts';
import type { ItemColumns } from './item-columns.ts';

/** From which states an operator's action applies, and the state that it leads to. */
export const ACTIONS: Readonly<
  Record<OperatorAction, { readonly from: readonly ItemState[]; readonly to: 'ready' | 'held' | 'dropped' }>
> = {
  retry: { from: ['ready', 'waiting', 'failed', 'posted'], to: 'ready' },
  hold: { from: ['ready', 'waiting', 'failed'], to: 'held' },
  release: { from: ['held'], to: 'ready' },
  drop: { from: ['ready', 'waiting', 'held', 'failed', 'posted'], to: 'dropped' },
};

/** The fields that an action needs to know of its item. */
export const OPERATED = [
  'itemNumber',
  'id',
  'state',
  'user',
  'userNumber',
  'orderedBy',
  'holdReason',
  'receivedAt',
  'contentKept',
  'senderResult',
  'fingerprint',
  'written',
] as const satisfies readonly (keyof ItemColumns<unknown>)[];

/** An item as far as its own row decides about an action. */
interface OperatedItem {
  readonly state: ItemState;
  readonly holdReason: string | null;
  readonly isContentKept: boolean;
}

/** Says why an action does not apply to an item, as far as its own row tells. */
export function refusalBy(action: OperatorAction, item: OperatedItem): OperatorResult | undefined {
  const { from, to } = ACTIONS[action];
  const { state, holdReason, isContentKept } = item;
  // What doctor sent is never posted.
  const isProbe = action === 'release' && holdReason === 'probe';
  if (isProbe || !from.includes(state)) return { kind: 'not-applicable', state };
  return to === 'ready' && state === 'posted' && !isContentKept ? { kind: 'no-content' } : undefined;
}

/**
 * Tells whether an action makes an item a post that it was not before: then another copy may stand for it. What is open
 * goes its way, and what was posted goes it again under its own id: neither is a new post.
 */
export function isNewPost(action: OperatorAction, state: ItemState): boolean {
  return ACTIONS[action].to === 'ready' && (state === 'held' || state === 'failed');
}
