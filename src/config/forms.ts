/** The forms of texts that settings take: domains and addresses, and patterns of files. */
import { foldDomain, parseForm, prefixFits, splitAddress } from '../mail/address.ts';
import type { MatchRule } from '../mail/disposition.ts';
import { NOTICE_KINDS, type NoticeKind } from '../mail/notice.ts';

/** Tells a domain. */
export const isDomain = (value: string): boolean =>
  value.length <= 253 && /^(?=.)[^\s@/:.]+(\.[^\s@/:.]+)*$/.test(foldDomain(value));

/** Tells what may stand before a token. */
export const isPrefix = (value: string): boolean => prefixFits(value) && /^[^\s@"<>()\\,;:[\]]*$/.test(value);

/** Tells a prefix, perhaps empty, and a domain. */
export const isForm = (value: string): boolean => {
  const { prefix, domain } = parseForm(value);
  return value.includes('@') && isPrefix(prefix) && isDomain(domain);
};

/** Tells an address that can stand in a field of ours as it is; empty is one too. */
export const isSender = (value: string): boolean =>
  value === '' ||
  (/^[\w.+=-]+@[^@]+$/.test(value) && value.length <= 254 && isDomain(splitAddress(value)?.domain ?? ''));

/** Tells an address without spaces and quotes. */
export const isMailAddress = (value: string): boolean => value !== '' && isSender(value);

/** Tells a rule by which replies without a token are matched. */
export const isMatchRule = (value: string): value is MatchRule =>
  value === 'message-id' || value === 'subject';

/** Tells the name of a field as RFC 5322 §2.2 has it. */
export const isFieldName = (value: string): boolean => /^[!-9;-~]{1,76}$/.test(value);

/** Tells `image/png`, `image/*` or `.exe`. */
export const isFilePattern = (value: string): boolean =>
  /^(?:[a-z0-9][\w.+-]*\/(?:\*|[\w.+-]+)|\.[^\s./\\]+)$/i.test(value);

/** Tells a kind of notice. */
export const isNoticeKind = (value: string): value is NoticeKind =>
  (NOTICE_KINDS as readonly string[]).includes(value);
