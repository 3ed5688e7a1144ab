/** The settings that every source has whose mail does not come by the site's own Postfix: its name, and what of its mail is believed. */
import * as kind from '../config/kinds.ts';
import { RECIPIENT_HEADERS } from './candidates.ts';

const FIELD_NAME = /^[!-9;-~]{1,100}$/;

/** The columns of a source's table. */
export const SOURCE_COLUMNS = {
  name: kind.text(
    undefined,
    'What the source is called in logs, metrics and commands.',
    'letters of a to z, digits, "-" and "_", at most 32, a letter or a digit first',
    (name) => /^[a-z0-9][a-z0-9_-]{0,31}$/.test(name),
  ),
  authservId: kind.text(
    '',
    'The authserv-id under which the filter of this mailbox or provider writes Authentication-Results, such as `"mx.google.com"`; `"none"` is the form of Exchange Online, which has none. Empty believes nobody: with `sender.policy = "strict"` nothing is posted then.',
  ),
  ownReceived: kind.integer(
    0,
    0,
    20,
    'How many Received fields of the provider stand above its Authentication-Results, at the most; the topmost Authentication-Results alone counts. `mailgw-ctl source test` shows them. A number that is too large lets a sender write the results where the provider wrote none.',
  ),
  ownHosts: kind.texts(
    [],
    'Hosts by which the provider takes mail from outside, as they stand behind `by` in its Received, or a domain above them, such as `"mx.google.com"`: nothing counts that stands further down than the topmost Received of theirs, whatever `own_received` is. Empty leaves it to the number alone.',
    'a host name',
    (name) => /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(name),
  ),
  recipientHeaders: kind.texts(
    [...RECIPIENT_HEADERS],
    'Fields in which the provider writes the envelope recipient, the best first; To and Cc come last.',
    'the name of a header field',
    (name) => FIELD_NAME.test(name),
  ),
  spamHeaders: kind.texts(
    [],
    'Fields in which the provider says that a mail is spam, such as `"X-Spam-Flag"`; empty asks nobody. What becomes of spam says `[spam]`.',
    'the name of a header field',
    (name) => FIELD_NAME.test(name),
  ),
} as const;

/** The part of a source's table that is every such source's. */
export interface SourceConfig {
  readonly name: string;
  readonly authservId: string;
  readonly ownReceived: number;
  readonly ownHosts: readonly string[];
  readonly recipientHeaders: readonly string[];
  readonly spamHeaders: readonly string[];
}

/** The part of the configuration that bounds the messages of every source: `lmtp.max_message`. */
export interface MessageLimit {
  readonly lmtp: { readonly maxMessageBytes: number };
}
