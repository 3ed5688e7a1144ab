/**
 * What the text of a mail says where its Subject alone leaves a doubt: a person's answer, a machine's notice.
 *
 * Contract: `readText` gives the text that a reader sees first; `typedAbove` what stands above the quote in it;
 * `isReceiptText` knows a read receipt by its form, in any language; `isCalendarReply` a click on "accept".
 * Failure: no text gives an empty one, which proves nothing.
 * Standards: RFC 5545 §3.7.2 and RFC 6047 §2.4 for calendars.
 * Limits: the first 64 KiB of the body, of the text 16 KiB; one level of parts within parts.
 */

import { type Header, headerValue } from './header.ts';
import { bodyWindow, decodedText, directParts, mediaType, type Part, parameter } from './parts.ts';

const MAX_TEXT_LENGTH = 16 * 1024;
const MAX_RECEIPT_LINES = 12;
const ANSWERING_METHOD = /^(?:reply|counter|declinecounter)$/i;
const METHOD_LINE = /^METHOD:(?:REPLY|COUNTER|DECLINECOUNTER)[ \t]*$/im;
const QUOTE_MARK =
  /^[ \t]{0,3}>|<blockquote\b|class="?(?:x_)?(?:gmail_quote|yahoo_quoted|moz-cite-prefix|protonmail_quote)|id="?(?:x_)?divRplyFwdMsg/im;
/** A frame, a rule, or the labels of an original with its author's address first. */
const ORIGINAL =
  /^(?:-{3,20} ?[^\n-]{3,60} ?-{3,20}|_{20,80})[ \t]*$|^[^\s:：<>][^:：<>\n]{0,20}[:：][^\n@]{0,120}@[^\n]{1,200}\n(?:[^\s:：<>][^:：<>\n]{0,20}[:：][^\n]{1,300}\n){2}/mu;
const LABEL_LINE = /^[ \t]{0,8}[*•]?[ \t]{0,3}[^\s:：][^:：]{0,30}[:：][ \t]*\S/u;
const TIME = /\d{1,2}[:.٫]\d{2}|[٠-٩۰-۹०-९]{1,2}:[٠-٩۰-۹०-९]{2}|\d{1,2}[時时시]/u;

/** Reads the first text of a message: its own, or that of its first text part. */
export function readText(raw: Uint8Array, header: Header): string {
  const part = firstText({ header, type: typeOf(header), body: bodyWindow(raw, header) });
  return part === undefined ? '' : decodedText(part.header, part.body).slice(0, MAX_TEXT_LENGTH);
}

function typeOf(header: Header): string {
  return mediaType(headerValue(header, 'content-type') ?? 'text/plain');
}

function firstText(part: Part, depth = 0): Part | undefined {
  if (/^text\/(?:plain|html)$/.test(part.type)) return part;
  if (!part.type.startsWith('multipart/') || depth > 2) return undefined;
  for (const child of partsOf(part)) {
    const found = firstText(child, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

function partsOf({ header, body }: Part): Generator<Part> {
  return directParts(body, headerValue(header, 'content-type') ?? '');
}

/** Cuts the text at the first mark of a quote or an original; gives all of it where there is none. */
export function aboveOriginal(text: string): string {
  const starts = [QUOTE_MARK, ORIGINAL].map((mark) => text.search(mark)).filter((start) => start !== -1);
  return starts.length === 0 ? text : text.slice(0, Math.min(...starts));
}

/**
 * Gives the text that somebody typed above the original; `undefined` where there is no original, or nothing above it.
 */
export function typedAbove(text: string): string | undefined {
  const written = aboveOriginal(text);
  if (written.length === text.length) return undefined;
  const above = withoutTags(written).trimEnd();
  // The line that announces the quote is none that anybody typed.
  const typed = above.endsWith(':') ? above.replace(/(?:^|\n)[^\n]*$/, '') : above;
  return typed.trim() === '' ? undefined : typed;
}

/** Takes HTML's tags out of a text; blocks become lines. */
export function withoutTags(text: string): string {
  return text
    .replace(/<(?:br|p|div|tr|li)\b[^<>]{0,500}>/gi, '\n')
    .replace(/<[^<>]{0,500}>/g, ' ')
    .replaceAll('&nbsp;', ' ');
}

/**
 * Tells whether the text is a receipt and nothing more: a short opening, the labels of the message that was read, the
 * answered `subject` among them, and the time of reading.
 */
export function isReceiptText(text: string, subject: string): boolean {
  const lines = withoutTags(text)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (lines.length > MAX_RECEIPT_LINES) return false;
  const first = lines.findIndex(isLabel);
  if (first < 0 || first > 2) return false;
  const rest = lines.slice(first);
  const labels = rest.slice(0, lengthOfRun(rest));
  const end = rest.slice(labels.length);
  const namesSubject = labels.some((line) => subject !== '' && line.includes(subject.slice(0, 40)));
  return labels.length >= 2 && namesSubject && end.length > 0 && end.length <= 3 && TIME.test(end.join(' '));
}

const isLabel = (line: string): boolean => LABEL_LINE.test(line);

function lengthOfRun(lines: readonly string[]): number {
  const end = lines.findIndex((line) => !isLabel(line) || TIME_BEFORE_COLON.test(line));
  return end < 0 ? lines.length : end;
}

// "was read on 5 March 2024 14:07" has a colon, and is no label.
const TIME_BEFORE_COLON = /^[^:：]*\d{1,2}[:：]\d/u;

/** Tells whether a calendar program answers an invitation, as the message itself or as another form of its text. */
export function isCalendarReply(raw: Uint8Array, header: Header): boolean {
  const whole: Part = { header, type: typeOf(header), body: bodyWindow(raw, header) };
  if (whole.type === 'text/calendar') return isAnswer(whole);
  if (!whole.type.startsWith('multipart/')) return false;
  const parts = [...partsOf(whole)];
  const isAlternative = whole.type === 'multipart/alternative';
  if (isAlternative && parts.some(isInlineAnswer)) return true;
  const nested = parts.filter(({ type }) => type === 'multipart/alternative');
  if (nested.some((part) => [...partsOf(part)].some(isInlineAnswer))) return true;
  // A person's text beside the calendar is the person's; a calendar alone in its wrapping is nobody's.
  return parts.some(isInlineAnswer) && readText(raw, header).trim() === '';
}

function isInlineAnswer(part: Part): boolean {
  const disposition = headerValue(part.header, 'content-disposition') ?? '';
  return part.type === 'text/calendar' && !/^\s*attachment/i.test(disposition) && isAnswer(part);
}

function isAnswer({ header, body }: Part): boolean {
  const method = parameter(headerValue(header, 'content-type') ?? '', 'method');
  return method === undefined
    ? METHOD_LINE.test(decodedText(header, body).slice(0, MAX_TEXT_LENGTH))
    : ANSWERING_METHOD.test(method);
}
