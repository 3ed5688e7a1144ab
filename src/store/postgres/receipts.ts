/** Receipts in PostgreSQL: passMessage, passCall. */
import type { Receipts } from '../receipts.ts';
import type { Ground } from './ground.ts';
import { unbuilt } from './unbuilt.ts';

/** Gives the port. */
export function receiptPort(_ground: Ground): Receipts {
  return unbuilt<Receipts>(['passMessage', 'passCall']);
}
