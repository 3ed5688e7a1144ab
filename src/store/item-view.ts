/** An item's row as a store reads it, and as the operator sees it. */
import type { ItemView } from './item.ts';

/** A type with null in place of undefined, as databases give it. */
export type Nullable<T> = {
  readonly [K in keyof T]-?: undefined extends T[K] ? Exclude<T[K], undefined> | null : T[K];
};

/** The fields of an item that the operator sees. */
export const VIEW_FIELDS = [
  'id',
  'state',
  'user',
  'thread',
  'bounce',
  'messageId',
  'reversePath',
  'repliedToAt',
  'receivedAt',
  'attempts',
  'dueAt',
  'leaseUntil',
  'settledAt',
  'holdReason',
  'spamScore',
  'lastDiagnostic',
  'bytes',
  'lane',
] as const satisfies readonly (keyof ItemView)[];

/** Gives an item as the operator sees it. */
export function toItemView(row: Nullable<ItemView>): ItemView {
  return {
    ...row,
    bounce: row.bounce ?? undefined,
    messageId: row.messageId ?? undefined,
    dueAt: row.dueAt ?? undefined,
    leaseUntil: row.leaseUntil ?? undefined,
    settledAt: row.settledAt ?? undefined,
    holdReason: row.holdReason ?? undefined,
    spamScore: row.spamScore ?? undefined,
    lastDiagnostic: row.lastDiagnostic ?? undefined,
    lane: row.lane ?? undefined,
  };
}
