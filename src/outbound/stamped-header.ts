/**
 * The header of a stamped copy: Reply-To is the reply address, From as well where the site wants it.
 *
 * Contract: every Reply-To goes, one comes in its place (behind From where there was none); of From the address alone is
 * another, its name stays as it is written. All other bytes stay.
 */
import type { Header, HeaderField } from '../mail/header.ts';
import { editHeader, type FieldEdit } from '../mail/header-edit.ts';
import { parseFrom } from '../mail/mailbox.ts';

/** Makes the header; undefined where From cannot be given another address without a doubt. */
export function stampedHeader(
  bytes: Buffer,
  header: Header,
  replyAddress: string,
  from: 'keep' | 'reply-address',
): Buffer | undefined {
  const place = header.fields.findIndex(({ name }) => name === 'reply-to');
  const replyTo = `Reply-To: <${replyAddress}>`;
  const rewritten: string[] = [];
  const stamped = editHeader(bytes, header, ({ name }, index, raw): FieldEdit => {
    if (name === 'reply-to') return index === place ? { fields: [replyTo] } : 'drop';
    if (name !== 'from') return 'keep';
    const written = from === 'keep' ? undefined : otherAddress(raw, replyAddress);
    if (written !== undefined) rewritten.push(written);
    if (written === undefined) return place === -1 ? { after: replyTo } : 'keep';
    return { fields: place === -1 ? [written, replyTo] : [written] };
  });
  return from === 'keep' || rewritten.length === 1 ? stamped : undefined;
}

/** Writes a From field with another address; the line end of the last line is left out. */
function otherAddress(raw: Buffer, address: string): string | undefined {
  const text = raw.toString('utf8');
  if (text.includes('\ufffd')) return undefined;
  const field = text.replace(/\r?\n$/, '');
  const colon = field.indexOf(':') + 1;
  const open = field.lastIndexOf('<');
  const close = field.lastIndexOf('>');
  const bare = /^\s*([^\s"()<>]+)(?=\s*(?:\([^()]*\)\s*)?$)/.exec(field.slice(colon));
  const written =
    open > colon && close > open
      ? `${field.slice(0, open)}<${address}${field.slice(close)}`
      : bare?.[1] === undefined
        ? undefined
        : field.slice(0, colon) + field.slice(colon).replace(bare[1], () => address);
  if (written === undefined) return undefined;
  const read = parseFrom(written.slice(colon).replaceAll(/\r?\n/g, '').trim());
  return read.ok && read.mailbox.address === address ? written : undefined;
}

/** The fields that a signature covers, in lower case; undefined where it does not say. */
function signedFields({ value }: HeaderField): readonly string[] | undefined {
  const names = /(?:^|;)[ \t]*h[ \t]*=([^;]*)/i.exec(value)?.[1];
  return names?.split(':').map((name) => name.trim().toLowerCase());
}

/** Tells whether somebody has signed what a stamp would change. */
export function isSigned({ fields }: Header, from: 'keep' | 'reply-address'): boolean {
  const changed = from === 'keep' ? ['reply-to'] : ['reply-to', 'from'];
  return fields.some((field) => {
    if (field.name !== 'dkim-signature') return false;
    const signed = signedFields(field);
    return signed === undefined || changed.some((name) => signed.includes(name));
  });
}
