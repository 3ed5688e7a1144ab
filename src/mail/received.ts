/**
 * The queue id that Postfix gave a message, read from the Received field that it put on top.
 *
 * Contract: pure; the time is linear in the size of the field, of which the first {@link MAX_CHARS} are read. Only the
 * topmost field counts: what stands below it somebody else may have written. What is not Postfix's own form, as
 * another filter's field on top, gives nothing.
 * Standards: RFC 5321 §4.4 (the `id` clause), RFC 5322 §3.2.2 (comments).
 */
import { type Header, headerValue } from './header.ts';

/** Characters of a Received field that are read; Postfix's have a few hundred. */
const MAX_CHARS = 2000;

/** Postfix's short queue ids are hexadecimal, its long ones letters without vowels and digits. */
const QUEUE_ID = /^[0-9A-Za-z]{6,24}$/;

const TAB = 0x09;
const SPACE = 0x20;
const OPEN = 0x28;
const CLOSE = 0x29;
const SEMICOLON = 0x3b;
const BACKSLASH = 0x5c;

/** Reads the queue id of the topmost Received field; undefined when it names none. */
export function postfixQueueId(header: Header): string | undefined {
  const value = headerValue(header, 'received');
  const id = value === undefined ? undefined : wordAfterId(value);
  return id !== undefined && QUEUE_ID.test(id) ? id : undefined;
}

/** Reads the word after `id`, which follows `by`, outside of comments and before the date. */
function wordAfterId(value: string): string | undefined {
  const end = Math.min(value.length, MAX_CHARS);
  let awaited: 'by' | 'id' | 'any' = 'by';
  let depth = 0;
  let start = -1;
  // One pass over the character codes: words are cut out only where they may matter, for every message comes here.
  for (let index = 0; index <= end; index++) {
    const code = index === end ? SEMICOLON : value.charCodeAt(index);
    const isBreak = code === SPACE || code === TAB || code === OPEN || code === SEMICOLON;
    if (depth === 0 && !isBreak) {
      if (start === -1) start = index;
    } else if (depth === 0 && start !== -1) {
      if (awaited === 'any') return value.slice(start, index);
      if (index - start === 2 && value.startsWith(awaited, start)) awaited = awaited === 'by' ? 'id' : 'any';
      start = -1;
    }
    if (code === BACKSLASH) index++;
    else if (code === OPEN) depth++;
    else if (code === CLOSE && depth > 0) depth--;
    else if (code === SEMICOLON && depth === 0) return undefined;
  }
  return undefined;
}
