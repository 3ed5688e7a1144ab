/**
 * A notice: mail of ours to a user about their own reply, as text and as what it repeats of that reply.
 *
 * Contract: everything that came from the reply is made harmless here, once: one line where it stands in a header, no
 * control or bidirectional character, no encoded-word, bounded; message ids are ids or nothing. A template's
 * placeholders are a closed set; an unknown one is a problem by name, never an empty place in somebody's mail.
 * Standards: RFC 5322 §2.1.1 and §3.6.4, RFC 2047 (nothing here may look like an encoded-word), RFC 3282.
 */
import { plainLine } from './encoded-word.ts';
import { fieldText } from './field-words.ts';
import { type Header, headerValue, headerValues } from './header.ts';
import { normaliseMessageId, splitIds } from './message-id.ts';
import { placeName } from './reserved.ts';

/**
 * What a notice can be about: the address had expired, nothing was typed, attachments were left out, the message could
 * not be read, the platform refused the post, it could not be reached in time, the sender policy dropped the reply for
 * want of proof, a reply to several posts does not say which it answers, or the message was too large to be read.
 */
export const NOTICE_KINDS = [
  'expired',
  'empty',
  'attachment',
  'unreadable',
  'refused',
  'undelivered',
  'dropped',
  'unclear',
  'oversize',
] as const;

/** Kinds that came after the first release: a site's own languages may lack their texts. */
export const LATER_KINDS: readonly NoticeKind[] = ['dropped', 'unclear', 'oversize'];

/** The subject of one notice. */
export type NoticeKind = (typeof NOTICE_KINDS)[number];

/** The parts of a reply that a notice about it repeats. */
export interface NoticeDraft {
  /** The reply's From address, for comparison with the user's registered ones; never written to as it is. */
  readonly from: string;
  readonly subject: string;
  /** Without brackets. */
  readonly messageId: string | undefined;
  /** The reply's own References and In-Reply-To, without brackets, oldest first. */
  readonly references: readonly string[];
  /** The language that the reply's header names, such as `de`. */
  readonly language: string | undefined;
  readonly thread: string;
  readonly receivedAt: number;
  /** Why, in the platform's words; perhaps empty. */
  readonly reason: string;
  /** Names of attachments that were left out. */
  readonly files: readonly string[];
  /** The labels of the posts that could be meant; a draft of an older version has none. */
  readonly posts?: readonly string[] | undefined;
  /** What they typed; undefined when it was not read. */
  readonly text: string | undefined;
}

/** The part of a draft that the reply's header does not give. */
export type NoticeMatter = Pick<NoticeDraft, 'thread' | 'receivedAt' | 'reason' | 'files' | 'posts' | 'text'>;

const MAX_LINE_CHARS = 200;
const MAX_FILES = 20;
const MAX_REFERENCES = 20;
const MAX_ID_OCTETS = 250;

/** Drafts a notice about the reply with this header, sent from the address `from`; `mask` hides tokens. */
export function draftNotice(
  header: Header,
  from: string,
  matter: NoticeMatter,
  mask: (text: string) => string,
): NoticeDraft {
  const id = normaliseMessageId(headerValue(header, 'message-id') ?? '');
  const named = [...headerValues(header, 'references'), ...headerValues(header, 'in-reply-to')];
  const references = [...new Set(named.flatMap(splitIds).filter(isMessageId))];
  return {
    from,
    subject: noticeLine(mask(fieldText(header, 'subject'))),
    messageId: id !== undefined && isMessageId(id) ? id : undefined,
    references: references.slice(-MAX_REFERENCES),
    language: languageOf(header),
    thread: noticeLine(placeName(matter.thread)),
    receivedAt: matter.receivedAt,
    reason: noticeLine(mask(matter.reason)),
    ...(matter.posts === undefined ? {} : { posts: matter.posts.map((label) => noticeLine(mask(label))) }),
    files: matter.files.slice(0, MAX_FILES).map((name) => noticeLine(mask(name))),
    text: matter.text === undefined ? undefined : noticeText(matter.text),
  };
}

/** Makes one printable line that no reader decodes into something else. */
export function noticeLine(text: string): string {
  const line = harmless(plainLine(text.slice(0, MAX_LINE_CHARS * 20)));
  const characters = Array.from(line);
  return characters.length <= MAX_LINE_CHARS ? line : `${characters.slice(0, MAX_LINE_CHARS - 1).join('')}…`;
}

/** Makes lines of printable text. */
function noticeText(text: string): string {
  return harmless(
    text
      .replace(/\r\n?|[\u2028\u2029]/g, '\n')
      .replace(/[^\P{Cc}\n\t]|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, ''),
  );
}

/** Removes what is left to be decoded after decoding, or would not survive UTF-8. */
function harmless(text: string): string {
  return text.replaceAll('=?', '= ?').replace(/\p{Cs}/gu, '\ufffd');
}

/** Tells whether a field of ours can carry the id as it is (RFC 5322 §3.6.4; a little more is in use). */
function isMessageId(id: string): boolean {
  return id.length <= MAX_ID_OCTETS && /^[\x21-\x3b\x3d\x3f-\x7e]+@[\x21-\x3b\x3d\x3f-\x7e]+$/.test(id);
}

/** Reads the first language of Content-Language, which some clients write, or of Accept-Language, which others do. */
function languageOf(header: Header): string | undefined {
  for (const name of ['content-language', 'accept-language']) {
    const primary = /^\s*([a-z]{2,3})\b/i.exec(headerValue(header, name) ?? '')?.[1];
    if (primary !== undefined) return primary.toLowerCase();
  }
  return undefined;
}

// ---- Texts ------------------------------------------------------------------------------------------------------

/** The placeholders of a text, in braces there. */
export const PLACEHOLDERS = ['subject', 'thread', 'received', 'reason', 'files', 'posts', 'text'] as const;

type Placeholder = (typeof PLACEHOLDERS)[number];

/** A text with placeholders: the notice's subject and its body. */
export interface NoticeTemplate {
  readonly subject: string;
  readonly body: string;
}

/** A template, or what is wrong with the text. */
export type TemplateRead =
  | { readonly ok: true; readonly template: NoticeTemplate }
  | { readonly ok: false; readonly problem: string };

const PLACEHOLDER = /\{([^{}\s]*)\}/g;

/** Reads a text: `Subject: …` on its first line, an empty line, the body. */
export function readTemplate(source: string): TemplateRead {
  const text = source.replace(/^\ufeff/, '').replaceAll('\r\n', '\n');
  const [, subject, body] = /^Subject:[ \t]*(\S[^\n]*)\n[ \t]*\n([^]*\S[^]*)$/.exec(text) ?? [];
  if (subject === undefined || body === undefined) {
    return { ok: false, problem: 'does not begin with "Subject: …", an empty line and a text' };
  }
  const known: readonly string[] = PLACEHOLDERS;
  const unknown = [...text.matchAll(PLACEHOLDER)].find(([, name = '']) => !known.includes(name));
  if (unknown !== undefined) {
    const expected = PLACEHOLDERS.map((name) => `{${name}}`).join(', ');
    return { ok: false, problem: `holds the unknown placeholder ${unknown[0]}; expected ${expected}` };
  }
  return { ok: true, template: { subject: subject.trim(), body } };
}

/** What stands for a text that was not read: the reply itself, which goes along. */
export const ORIGINAL_NAME = 'message.eml';

/** Fills a template in; a line that holds nothing but an empty value is left out. */
export function renderNotice(
  template: NoticeTemplate,
  draft: NoticeDraft,
): { readonly subject: string; readonly text: string } {
  const values: Readonly<Record<Placeholder, string>> = {
    subject: draft.subject,
    thread: draft.thread,
    received: `${new Date(draft.receivedAt).toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    reason: draft.reason,
    files: draft.files.map((name) => `- ${name}`).join('\n'),
    posts: (draft.posts ?? []).map((label, at) => `>>${at + 1}  ${label}`).join('\n'),
    text: draft.text === undefined ? `[${ORIGINAL_NAME}]` : quote(draft.text),
  };
  const fill = (text: string): string =>
    text.replace(PLACEHOLDER, (_, name: string) => values[name as Placeholder]);
  const lines = template.body.split('\n').flatMap((line) => {
    const filled = fill(line);
    return filled.trim() === '' && line.trim() !== '' ? [] : [filled];
  });
  const text = lines
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
  return { subject: noticeLine(fill(template.subject)), text: `${text}\n` };
}

function quote(text: string): string {
  if (text.trim() === '') return '';
  return text
    .trimEnd()
    .split('\n')
    .map((line) => (line === '' ? '>' : `> ${line}`))
    .join('\n');
}
