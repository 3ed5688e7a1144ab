/**
 * The body of a post as Request Tracker takes it: HTML, files in base64, and a mark by which it is found again.
 *
 * Contract: the mark is a parameter of the text's Content-Type (RFC 2045 §5.1), which is stored with the text, is searchable, is
 * shown to nobody and is in no mail. Files come out byte for byte as they went in: a text that is not UTF-8 goes as
 * bytes, since Request Tracker would guess at its charset and convert it, and so does a message, which it would take apart.
 * A body is made piece by piece while it is sent: large files cost no memory beyond their own.
 */

import { Readable } from 'node:stream';
import type { SinkPolicy } from '../../reply/escape.ts';
import type { Post, PostAttachment } from '../../reply/post.ts';
import type { Content } from '../platform/client.ts';
import { draftText, type TextForm } from '../platform/draft.ts';
import { html } from '../platform/html.ts';

/** The members of a post that are text, the same for a reply and for a new ticket. */
export interface TextMembers {
  readonly Content: string;
  readonly ContentType: string;
}

/** Bytes of a file in one piece: whole groups of base64. */
const PIECE_BYTES = 3 * 16 * 1024;

const BYTES = 'application/octet-stream';

/** Gives the mark of a post as it stands in the stored header. */
export function markOf(post: Post): string {
  return `mailgw-post="${post.id.replace(/[^\w.-]/g, '-')}"`;
}

/** Makes the form of the texts; `attribution` is empty where the user posts. */
export function textForm(policy: SinkPolicy, attribution: string): TextForm {
  return { dialect: html, policy, attribution };
}

/** Makes the text of a post; `refused` are the files that it goes without, and names. */
export function textMembers(
  post: Post,
  form: TextForm,
  refused: readonly PostAttachment[] = [],
): TextMembers {
  const text = draftText(post, form, refused);
  return {
    // Without a text Request Tracker would store no Content-Type, and no mark.
    Content: text === '' ? '<p></p>' : text,
    ContentType: `text/html; ${markOf(post)}`,
  };
}

/** Makes the body of a request of its members and its files. */
export function bodyOf(members: object, files: readonly PostAttachment[]): Content {
  const text = JSON.stringify(members);
  if (files.length === 0) {
    const whole = Buffer.from(text);
    return { type: 'application/json', bytes: whole.length, body: () => whole };
  }
  const begin = `${text.slice(0, -1)},"Attachments":[`;
  const heads = files.map((file, at) => `${at === 0 ? '' : ','}${fileHead(file)}`);
  const texts = [begin, ...heads, ...files.map(() => '"}'), ']}'];
  const bytes =
    texts.reduce((sum, part) => sum + Buffer.byteLength(part), 0) +
    files.reduce((sum, file) => sum + base64Chars(file), 0);
  function* pieces(): Generator<string> {
    yield begin;
    for (const [at, file] of files.entries()) {
      yield heads[at] ?? '';
      yield* base64Pieces(file);
      yield '"}';
    }
    yield ']}';
  }
  return { type: 'application/json', bytes, body: () => Readable.from(pieces(), { objectMode: false }) };
}

/** Writes the members of a file up to its content. */
function fileHead(file: PostAttachment): string {
  const { filename, contentType } = file;
  const head = {
    FileName: /^[A-Za-z0-9][\w.() -]{1,60}$/.test(filename) ? filename : encodedName(filename),
    FileType: typeFor(contentType, bytesOf(file)),
    FileContent: '',
  };
  return JSON.stringify(head).slice(0, -2);
}

const bytesOf = ({ content }: PostAttachment): Buffer =>
  Buffer.from(content.buffer, content.byteOffset, content.byteLength);

/** A file of no bytes in base64: an empty text is taken for a member that is missing. */
const NOTHING = '=';

function base64Chars({ content: { byteLength } }: PostAttachment): number {
  return byteLength === 0 ? NOTHING.length : 4 * Math.ceil(byteLength / 3);
}

function* base64Pieces(file: PostAttachment): Generator<string> {
  const bytes = bytesOf(file);
  if (bytes.length === 0) yield NOTHING;
  for (let at = 0; at < bytes.length; at += PIECE_BYTES)
    yield bytes.toString('base64', at, Math.min(at + PIECE_BYTES, bytes.length));
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
