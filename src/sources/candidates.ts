/**
 * Whom a message was for, where no envelope says it: the addresses of its header.
 *
 * Contract: first the fields in which the delivering server wrote the envelope recipient, in the order in which the source
 * names them, then To and Cc. Each address once; never one of References, since a thread that was forwarded would make a
 * right of it. Limits: at most {@link MOST_CANDIDATES}.
 */
import { type Header, headerValues } from '../mail/header.ts';
import { addressesOf } from '../mail/mailbox.ts';

/** Fields in which servers write the envelope recipient. */
export const RECIPIENT_HEADERS = [
  'Delivered-To',
  'X-Original-To',
  'Envelope-To',
  'X-Delivered-To',
  'X-Envelope-To',
] as const;

/** Addresses that are looked at. */
const MOST_CANDIDATES = 200;

/** Lists the addresses that a message may be for. */
export function candidatesOf(header: Header, recipientHeaders: readonly string[]): readonly string[] {
  const fields = [...recipientHeaders.map((name) => name.toLowerCase()), 'to', 'cc'];
  const values = fields.flatMap((name) => headerValues(header, name));
  return [...new Set(values.flatMap((value) => addressesOf(value)))].slice(0, MOST_CANDIDATES);
}
