/**
 * A message of a mailbox as the gate takes it.
 *
 * Contract: the candidates stand in its header. The reverse-path is that of Return-Path, where the server has written one
 * field of that name; else it is the author's address, since an empty one would make a bounce of every reply. Limits: who
 * relies on Return-Path needs a server that removes the fields of senders.
 */
import { matchRecipient, type ReplyAddressForm } from '../../mail/address.ts';
import { type Header, headerValues, scanHeader } from '../../mail/header.ts';
import { senderOf } from '../../mail/mailbox.ts';
import { candidatesOf } from '../candidates.ts';
import type { ImapConfig } from './settings.ts';

/** The path of a message that names nobody: it is no bounce, and no address of anybody's. */
const NOBODY = 'unknown@invalid';

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
  forms: readonly ReplyAddressForm[],
): ReadMessage {
  const scan = scanHeader(raw);
  if (!scan.ok) return { reversePath: NOBODY, candidates: [], isOurs: false };
  const candidates = candidatesOf(scan.header, recipientHeaders);
  const isOurs = candidates.some((each) => matchRecipient(forms, each).kind === 'token');
  return { reversePath: reversePathOf(scan.header), candidates, isOurs };
}

function reversePathOf(header: Header): string {
  const [path, ...others] = headerValues(header, 'return-path');
  const written = path === undefined || others.length > 0 ? undefined : /^\s*<([^<>]*)>\s*$/.exec(path)?.[1];
  if (written !== undefined) return written.trim();
  const author = senderOf(header);
  return author.ok ? author.mailbox.address : NOBODY;
}
