/**
 * A form as a provider posts it: the octets of the fields that are asked for, and nothing of the others.
 *
 * Contract: a field's value is what came, octet by octet, whatever charset or name of a file the form gives it: a raw
 * message may stand in either kind of part. What is longer than its bound is cut there, and says so. A field that
 * comes twice is no field.
 * Failure: a problem in words that hold nothing of the form.
 * Standards: RFC 7578 (multipart/form-data), WHATWG URL §5.1 (application/x-www-form-urlencoded).
 * Limits: {@link LIMITS}; linear in the size.
 */
import { once } from 'node:events';
import { Busboy, type BusboyFileStream, type BusboyInstance } from '@fastify/busboy';
import type { Call } from './provider.ts';
import { onlyField } from './provider.ts';

/** Bounds of a form: parts of all kinds, and header fields and octets of a part's header. */
export const LIMITS = { parts: 200, headerPairs: 16, headerSize: 8 * 1024 } as const;

/** Octets of a name in an urlencoded form. */
const NAME_BYTES = 256;

/** The fields that are wanted by their names, each with the bytes that are kept of it. */
export type Wanted = Readonly<Record<string, number>>;

/** A field's value. */
export interface FieldValue {
  readonly bytes: Buffer;
  /** It is longer, and the rest is not kept. */
  readonly isCut: boolean;
}

/** The wanted fields that are there, or what is wrong with the form. */
export type FormRead =
  | { readonly ok: true; readonly fields: ReadonlyMap<string, FieldValue> }
  | { readonly ok: false; readonly problem: string };

const MULTIPART = /^multipart\/form-data\s*;/i;
const URLENCODED = /^application\/x-www-form-urlencoded\s*(?:;|$)/i;

/** Reads a form. */
export async function readForm(call: Call, wanted: Wanted): Promise<FormRead> {
  const type = onlyField(call, 'content-type') ?? '';
  const fields = new Fields(wanted);
  if (MULTIPART.test(type)) await readMultipart(call, type, fields);
  else if (URLENCODED.test(type)) await readUrlencoded(call, fields);
  else return { ok: false, problem: 'the content type is not of a form' };
  return fields.result();
}

/** Gives a field as text; undefined where it is not there, or cut. */
export function textOf(fields: ReadonlyMap<string, FieldValue>, name: string): string | undefined {
  const value = fields.get(name);
  return value === undefined || value.isCut ? undefined : value.bytes.toString('utf8');
}

/** The fields as they are gathered. */
class Fields {
  readonly #wanted: ReadonlyMap<string, number>;
  readonly #found = new Map<string, FieldValue>();
  #problem: string | undefined;

  constructor(wanted: Wanted) {
    this.#wanted = new Map(Object.entries(wanted));
  }

  /** Begins a field: gives what gathers its octets, or undefined for one that nobody wants. */
  begin(name: string | undefined): Gathering | undefined {
    const most = name === undefined ? undefined : this.#wanted.get(name);
    return most === undefined ? undefined : new Gathering(most);
  }

  add(name: string, gathering: Gathering): void {
    if (this.#found.has(name)) this.fail(`the field "${name}" comes twice`);
    else this.#found.set(name, gathering.value());
  }

  fail(problem: string): void {
    this.#problem ??= problem;
  }

  result(): FormRead {
    return this.#problem === undefined
      ? { ok: true, fields: this.#found }
      : { ok: false, problem: this.#problem };
  }
}

/** The octets of one field. */
class Gathering {
  readonly #most: number;
  readonly #pieces: Uint8Array[] = [];
  #bytes = 0;
  #isCut = false;

  constructor(most: number) {
    this.#most = most;
  }

  add(piece: Uint8Array): void {
    const room = this.#most - this.#bytes;
    const kept = piece.length > room ? piece.subarray(0, room) : piece;
    if (kept.length < piece.length) this.#isCut = true;
    if (kept.length === 0) return;
    this.#pieces.push(kept);
    this.#bytes += kept.length;
  }

  value(): FieldValue {
    return { bytes: Buffer.concat(this.#pieces, this.#bytes), isCut: this.#isCut };
  }
}

async function readMultipart({ body }: Call, type: string, fields: Fields): Promise<void> {
  let parser: BusboyInstance;
  try {
    parser = new Busboy({
      headers: { 'content-type': type },
      // Fields would be decoded, and every octet counts.
      isPartAFile: () => true,
      limits: { ...LIMITS, files: LIMITS.parts },
    });
  } catch {
    fields.fail('the content type has no boundary');
    return;
  }
  const gatherPart = (name: string | undefined, part: BusboyFileStream): void => {
    const gathering = fields.begin(name);
    part.on('error', () => {
      fields.fail('a part of the form is broken off');
    });
    if (gathering === undefined || name === undefined) {
      part.resume();
      return;
    }
    part.on('data', (piece: Uint8Array) => {
      gathering.add(piece);
    });
    part.once('end', () => {
      fields.add(name, gathering);
    });
  };
  parser.on('file', gatherPart);
  for (const limit of ['partsLimit', 'filesLimit'] as const) {
    parser.on(limit, () => {
      fields.fail(`the form has more than ${LIMITS.parts} parts`);
    });
  }
  await feed(body, parser).catch(() => {
    fields.fail('the form is broken off, or none');
  });
}

/** Hands a body to a parser, as fast as it takes it. */
async function feed(body: Call['body'], parser: BusboyInstance): Promise<void> {
  const finished = once(parser, 'finish');
  finished.catch(() => undefined); // heard below, unless the body fails first
  for await (const piece of body.read()) {
    if (parser.destroyed) break;
    if (!parser.write(piece)) await Promise.race([once(parser, 'drain'), finished]);
  }
  parser.end();
  await finished;
}

const AMPERSAND = 0x26;
const EQUALS = 0x3d;

/** Reads an urlencoded form, of which only octets are told: `+` is a space, and `%XX` an octet. */
async function readUrlencoded({ body }: Call, fields: Fields): Promise<void> {
  let pairs = 0;
  const pair = new Pair(fields);
  for await (const piece of body.read()) {
    let start = 0;
    for (let at = 0; at < piece.length; at++) {
      const octet = piece[at];
      if (octet === AMPERSAND) {
        pair.add(piece.subarray(start, at));
        pair.end();
        pairs += 1;
        start = at + 1;
        if (pairs > LIMITS.parts) {
          fields.fail(`the form has more than ${LIMITS.parts} fields`);
          return;
        }
      } else if (octet === EQUALS && pair.isName) {
        pair.add(piece.subarray(start, at));
        pair.value();
        start = at + 1;
      }
    }
    pair.add(piece.subarray(start));
  }
  pair.end();
}

/** One pair of an urlencoded form, as it comes. */
class Pair {
  readonly #fields: Fields;
  readonly #decoder = new PercentDecoder();
  #name = '';
  #gathering: Gathering | undefined;
  isName = true;

  constructor(fields: Fields) {
    this.#fields = fields;
  }

  add(piece: Uint8Array): void {
    const octets = this.#decoder.decode(piece);
    if (!this.isName) this.#gathering?.add(octets);
    else if (this.#name.length <= NAME_BYTES) this.#name += octets.toString('latin1', 0, NAME_BYTES + 1);
  }

  /** Ends the name; what comes is the value. */
  value(): void {
    this.#decoder.end();
    this.isName = false;
    this.#gathering = this.#fields.begin(this.#name);
  }

  end(): void {
    this.#gathering?.add(this.#decoder.end());
    if (this.#gathering !== undefined) this.#fields.add(this.#name, this.#gathering);
    this.#decoder.end();
    this.#name = '';
    this.#gathering = undefined;
    this.isName = true;
  }
}

const PERCENT = 0x25;
const PLUS = 0x2b;
const SPACE = 0x20;

/** Decodes octets that come in pieces; what is no escape stays as it is. */
class PercentDecoder {
  #held = Buffer.alloc(0);

  decode(piece: Uint8Array): Buffer {
    const source = this.#held.length === 0 ? piece : Buffer.concat([this.#held, piece]);
    this.#held = Buffer.alloc(0);
    const decoded = Buffer.allocUnsafe(source.length);
    let length = 0;
    for (let at = 0; at < source.length; at++) {
      const octet = source[at] ?? 0;
      if (octet === PERCENT && at + 2 >= source.length) {
        this.#held = Buffer.from(source.subarray(at));
        break;
      }
      const high = octet === PERCENT ? nibble(source[at + 1]) : -1;
      const low = octet === PERCENT ? nibble(source[at + 2]) : -1;
      if (high >= 0 && low >= 0) {
        decoded[length++] = high * 16 + low;
        at += 2;
      } else {
        decoded[length++] = octet === PLUS ? SPACE : octet;
      }
    }
    return decoded.subarray(0, length);
  }

  /** Gives what was held back, which is no escape. */
  end(): Buffer {
    const held = this.#held;
    this.#held = Buffer.alloc(0);
    return held;
  }
}

function nibble(octet: number | undefined): number {
  const digit = Number.parseInt(String.fromCharCode(octet ?? 0), 16);
  return Number.isNaN(digit) ? -1 : digit;
}
