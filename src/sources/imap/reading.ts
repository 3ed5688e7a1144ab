/**
 * A message of a mailbox as the gate takes it.
 *
 * Contract: the candidates stand in its header, and so does the reverse-path, as far as the provider wrote it.
 */

import type { SourceRules } from '../../gate/rules.ts';
import { matchRecipient, type ReplyAddressForm } from '../../mail/address.ts';
import { scanHeader } from '../../mail/header.ts';
import { candidatesOf } from '../candidates.ts';
import { reversePathOf, UNKNOWN_PATH } from '../reverse-path.ts';
import type { ImapConfig } from './settings.ts';

/** A message, read. */
export interface ReadMessage {
  readonly reversePath: string;
  readonly candidates: readonly string[];
  /** Whether it is for an address of ours by its form. Only then something becomes of it in its folder. */
  readonly isOurs: boolean;
}

/** Reads a message, or its header alone. */
export function readMessage(
  raw: Uint8Array,
  { recipientHeaders }: Pick<ImapConfig, 'recipientHeaders'>,
  rules: SourceRules,
  forms: readonly ReplyAddressForm[],
): ReadMessage {
  const scan = scanHeader(raw);
  if (!scan.ok) return { reversePath: UNKNOWN_PATH, candidates: [], isOurs: false };
  const candidates = candidatesOf(scan.header, recipientHeaders);
  return {
    reversePath: reversePathOf(scan.header, rules),
    candidates,
    isOurs: candidates.some((each) => matchRecipient(forms, each).kind === 'token'),
  };
}
