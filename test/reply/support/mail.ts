/** Messages for the tests of reply/, written as they stand on the wire. */
import { ATTACHMENT_LIMITS, type AttachmentLimits } from '../../../src/mail/attachment-limits.ts';
import { parseMessage } from '../../../src/reply/parse.ts';
import type { ParsedReply, ParseOutcome } from '../../../src/reply/post.ts';

/** Header lines and a body, joined; the bytes of a Buffer body stay as they are. */
export function entity(headers: readonly string[], body: string | Buffer = ''): Buffer {
  const head = Buffer.from(headers.map((line) => `${line}\r\n`).join('') + '\r\n');
  return Buffer.concat([head, typeof body === 'string' ? Buffer.from(body.replace(/\r?\n/g, '\r\n')) : body]);
}

/** A multipart of `type`, such as `mixed` or `signed; micalg=pgp-sha256`. */
export function multipart(type: string, parts: readonly Buffer[], headers: readonly string[] = []): Buffer {
  const boundary = `=_${parts.length}_${parts.reduce((sum, part) => sum + part.length, 0)}`;
  const [subtype, ...params] = type.split(';');
  const contentType = [`multipart/${subtype ?? ''}`, ...params, ` boundary="${boundary}"`].join(';');
  const chunks = parts.flatMap((part) => [Buffer.from(`--${boundary}\r\n`), part, Buffer.from('\r\n')]);
  return entity(
    [...headers, `Content-Type: ${contentType}`],
    Buffer.concat([...chunks, Buffer.from(`--${boundary}--\r\n`)]),
  );
}

/** A text/plain part in UTF-8. */
export function plain(text: string, ...headers: string[]): Buffer {
  return entity(['Content-Type: text/plain; charset=utf-8', ...headers], text);
}

/** A text/html part in UTF-8. */
export function html(text: string, ...headers: string[]): Buffer {
  return entity(['Content-Type: text/html; charset=utf-8', ...headers], text);
}

/** A file in base64. */
export function file(type: string, content: Buffer | string, ...headers: string[]): Buffer {
  const encoded = Buffer.from(content).toString('base64').replace(/.{76}/g, '$&\r\n');
  return entity([`Content-Type: ${type}`, 'Content-Transfer-Encoding: base64', ...headers], encoded);
}

/** The smallest bytes that show a PNG. */
export const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');

const FIELDS = 'From: Alice <alice@example.com>\r\nSubject: Re: hello\r\n';

/** Parses an entity as a whole message of Alice's. */
export async function parse(
  root: Buffer,
  limits: Partial<AttachmentLimits> = {},
): Promise<Exclude<ParseOutcome, { kind: 'worker-died' }>> {
  return parseMessage(Buffer.concat([Buffer.from(FIELDS), root]), { ...ATTACHMENT_LIMITS, ...limits });
}

/** Parses what must come out as a post. */
export async function parsed(root: Buffer, limits: Partial<AttachmentLimits> = {}): Promise<ParsedReply> {
  const outcome = await parse(root, limits);
  if (outcome.kind !== 'parsed') throw new Error(`${outcome.kind}: ${outcome.reason}`);
  return outcome.reply;
}

/** The Markdown of what must come out as a post. */
export async function markdown(root: Buffer): Promise<string> {
  return (await parsed(root)).body.markdown;
}

/** Why a message is refused; the kind of its outcome when it is not. */
export async function refusal(root: Buffer): Promise<string> {
  const outcome = await parse(root);
  return outcome.kind === 'refused' ? outcome.reason : outcome.kind;
}
