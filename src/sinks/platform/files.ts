/**
 * The files of a post on their way to a platform that takes them one by one: bodies that are not copied, and what becomes of
 * those that the platform does not take.
 */
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import type { PostAttachment } from '../../reply/post.ts';
import { type Content, outcomeOf } from './client.ts';

/** Bytes in one piece of a large file. */
const PIECE_BYTES = 256 * 1024;

/** The files that the platform took, and those that it did not take. */
export interface Taken<T> {
  readonly taken: readonly T[];
  readonly refused: readonly PostAttachment[];
}

/**
 * Hands files over one by one. One that is refused for itself is left out, and the post goes without it; what asks for time,
 * or is wrong for all of them, is thrown.
 */
export async function handOver<T>(
  files: readonly PostAttachment[],
  give: (file: PostAttachment) => Promise<T>,
): Promise<Taken<T>> {
  const taken: T[] = [];
  const refused: PostAttachment[] = [];
  for (const file of files) {
    try {
      taken.push(await give(file));
    } catch (error) {
      if (outcomeOf(error).kind !== 'failed') throw error;
      refused.push(file);
    }
  }
  return { taken, refused };
}

/** Makes the body of a file alone. */
export function fileContent(file: PostAttachment, type = file.contentType): Content {
  return { type, bytes: file.content.byteLength, body: () => Readable.from(piecesOf(file)) };
}

/** Makes a body of multipart/form-data: the fields, then a file under the name of its field (RFC 7578). */
export function multipart(
  fields: Readonly<Record<string, string>>,
  files: readonly { readonly field: string; readonly file: PostAttachment }[],
): Content {
  const boundary = `mailgw-${randomBytes(18).toString('base64url')}`;
  const heads = files.map(({ field, file }) =>
    Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; name="${field}"; filename="${quoted(file.filename)}"\r\nContent-Type: ${file.contentType}\r\n\r\n`,
    ),
  );
  const begin = Buffer.from(
    Object.entries(fields)
      .map(
        ([name, value]) =>
          `--${boundary}\r\nContent-Disposition: form-data; name="${quoted(name)}"\r\n\r\n${value}\r\n`,
      )
      .join(''),
  );
  const end = Buffer.from(`--${boundary}--\r\n`);
  const bytes = files.reduce(
    (sum, { file }, at) => sum + (heads[at]?.length ?? 0) + file.content.byteLength + 2,
    begin.length + end.length,
  );
  function* pieces(): Generator<Buffer> {
    yield begin;
    for (const [at, { file }] of files.entries()) {
      yield heads[at] ?? Buffer.alloc(0);
      yield* piecesOf(file);
      yield Buffer.from('\r\n');
    }
    yield end;
  }
  return {
    type: `multipart/form-data; boundary=${boundary}`,
    bytes,
    body: () => Readable.from(pieces(), { objectMode: false }),
  };
}

function* piecesOf({ content }: PostAttachment): Generator<Buffer> {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
}

/** Writes a name within quotes as browsers do (HTML, multipart/form-data). */
function quoted(name: string): string {
  return name.replaceAll('"', '%22').replace(/[\r\n]/g, (end) => (end === '\r' ? '%0D' : '%0A'));
}
