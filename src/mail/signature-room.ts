/**
 * What a signature leaves to those through whose hands a mail goes: fields that it does not cover, text below its `l=`.
 *
 * A filter says that a signature of the author's domain holds, and not what it covers. So where a pass may rest on a
 * signature, every DKIM-Signature that may be the one has to cover what matters.
 * Contract: whoever adds a field to a signed mail cannot take a signature away, so that looking at all of them errs on
 * one side only. A signature may be the one where its d= and the author's domain end in the same two labels, which is
 * never less than what DMARC takes for one organization.
 * Standards: RFC 6376 §3.5 (h=, l=), §8.2; RFC 7489 §3.1.1. Limits: linear in the header.
 */
import { type Header, headerValues } from './header.ts';
import { canonicalDomain } from './mailbox.ts';

const TAG = /^([A-Za-z]\w*)=(.*)$/;
const WHITE_SPACE = /\s+/g;

/** Reads the tags of one signature, without white space; of a repeated one the first. */
function tagsOf(value: string): Map<string, string> {
  const tags = new Map<string, string>();
  for (const part of value.replaceAll(WHITE_SPACE, '').split(';')) {
    const [, name, text] = TAG.exec(part) ?? [];
    if (name !== undefined && text !== undefined && !tags.has(name.toLowerCase()))
      tags.set(name.toLowerCase(), text);
  }
  return tags;
}

const organization = (domain: string): string => domain.split('.').slice(-2).join('.');

/**
 * Names, for the log, what a signature for `from` leaves open: all of `fields`, of which one would do, or text below;
 * `what` is what the fields hold.
 */
export function roomInSignatures(
  header: Header,
  from: string,
  fields: readonly string[],
  what = 'this reply address',
): string | undefined {
  for (const value of headerValues(header, 'dkim-signature')) {
    const tags = tagsOf(value);
    const domain = canonicalDomain(tags.get('d') ?? '');
    if (domain === undefined || organization(domain) !== organization(from)) continue;
    const covered = (tags.get('h') ?? '').toLowerCase().split(':');
    if (!fields.some((name) => covered.includes(name)))
      return `the signature of ${domain} does not cover ${fields.join(' or ')}, where somebody else may have put ${what}`;
    if (tags.has('l')) return `the signature of ${domain} covers the beginning of the text alone (l=)`;
  }
  return undefined;
}
