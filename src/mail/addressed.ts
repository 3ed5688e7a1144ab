/**
 * Whether the author wrote to a reply address: its token stands in To or Cc.
 *
 * Mail that was signed once can be sent again by whoever has it, unaltered and to any recipient; signers sign To and
 * Cc, the envelope nobody does. So only a reply that names the address in its header was meant for its thread; that a
 * signature covers the field is another question (signature-room.ts).
 * Contract: the one To and the one Cc count, each where every reader reads the same addresses in it: a repeated field,
 * a group, a syntax error or a control character makes a field say nothing. A token counts in the local part of an
 * address in one of the given forms, and nowhere else: somebody may have a mailbox `reply+TOKEN@` a domain of their
 * own, or a display name that shows the address, and get an answer to it that is signed.
 * Standards: RFC 5322 §3.6.3, RFC 6376 §5.4.1. Limits: as of mailbox.ts; the time is linear in both fields.
 */
import { matchRecipient, type ReplyAddressForm } from './address.ts';
import { type Header, headerValues } from './header.ts';
import { addressesOf, namedMailbox } from './mailbox.ts';

const FIELDS = ['to', 'cc'] as const;

/** Names the fields, To or Cc, whose addresses of these `forms` hold the token (in lower case). */
export function fieldsNaming(
  header: Header,
  token: string,
  forms: readonly ReplyAddressForm[],
): readonly (typeof FIELDS)[number][] {
  return fieldsTo(header, (address) => {
    const match = matchRecipient(forms, address);
    return match.kind === 'token' && match.token === token;
  });
}

/** Names the fields, To or Cc, in which stands an address of ours. */
export function fieldsTo(
  header: Header,
  isOurs: (address: string) => boolean,
): readonly (typeof FIELDS)[number][] {
  return FIELDS.filter((name) => {
    const [value, ...more] = headerValues(header, name);
    if (value === undefined || more.length > 0) return false;
    if (addressesOf(value).some(isOurs)) return true;
    // Some clients repeat the address as its name.
    const named = namedMailbox(value, isOurs);
    return named !== undefined && isOurs(named.address);
  });
}
