/**
 * The body of a post as Request Tracker takes it: HTML, files in base64, and a mark by which it is found again.
 *
 * Contract: the mark is a parameter of the text's Content-Type (RFC 2045 §5.1), which is stored with the text, is searchable, is
 * shown to nobody and is in no mail. Files come out byte for byte as they went in: a text that is not UTF-8 goes as
 * bytes, since Request Tracker would guess at its charset and convert it, and so does a message, which it would take apart.
 */

import type { SinkPolicy } from '../../reply/escape.ts';
import type { Post, PostAttachment } from '../../reply/post.ts';
import { draftText, type TextForm } from '../platform/draft.ts';
import { html } from '../platform/html.ts';

/** The members of a post, the same for a reply and for a new ticket. */
export interface MessageBody {
  readonly Content: string;
  readonly ContentType: string;
  readonly Attachments?: readonly FileBody[];
}

/** A file. */
export interface FileBody {
  readonly FileName: string;
  readonly FileType: string;
  readonly FileContent: string;
}

const BYTES = 'application/octet-stream';

/** Gives the mark of a post as it stands in the stored header. */
export function markOf(post: Post): string {
  return `mailgw-post="${post.id.replace(/[^\w.-]/g, '-')}"`;
}

/** Makes the form of the texts; `attribution` is empty where the user posts. */
export function textForm(policy: SinkPolicy, attribution: string): TextForm {
  return { dialect: html, policy, attribution };
}

/** Makes the body of a post; `refused` are the files that it goes without, and names. */
export function messageBody(
  post: Post,
  form: TextForm,
  refused: readonly PostAttachment[] = [],
): MessageBody {
  const draft = draftText(post, form, refused);
  const text = draft.ok ? draft.text : '';
  const files = post.attachments.filter((file) => !refused.includes(file));
  return {
    // Without a text Request Tracker would store no Content-Type, and no mark.
    Content: text === '' ? '<p></p>' : text,
    ContentType: `text/html; ${markOf(post)}`,
    ...(files.length === 0 ? {} : { Attachments: files.map(fileBody) }),
  };
}

function fileBody({ filename, contentType, content }: PostAttachment): FileBody {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  return {
    FileName: /^[A-Za-z0-9][\w.() -]{1,60}$/.test(filename) ? filename : encodedName(filename),
    FileType: typeFor(contentType, bytes),
    // A file of no bytes: an empty text is taken for a member that is missing.
    FileContent: bytes.length === 0 ? '=' : bytes.toString('base64'),
  };
}

/** Writes a name as encoded words (RFC 2047), which Request Tracker decodes: it takes other characters for bytes. */
function encodedName(filename: string): string {
  const words: string[] = [];
  let word = '';
  for (const character of filename) {
    if (Buffer.byteLength(word + character) > 42) {
      words.push(word);
      word = '';
    }
    word += character;
  }
  return [...words, word].map((each) => `=?UTF-8?B?${Buffer.from(each).toString('base64')}?=`).join(' ');
}

function typeFor(contentType: string, bytes: Buffer): string {
  if (/^(?:message|multipart)\//i.test(contentType)) return BYTES;
  if (!/^text\//i.test(contentType)) return contentType;
  const isUtf8 = Buffer.from(bytes.toString('utf8')).equals(bytes) && !bytes.includes(0);
  return isUtf8 ? `${contentType}; charset=utf-8` : BYTES;
}
