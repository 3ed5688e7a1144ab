/** Text in the charsets that node can only read: their tables turned round. */
import { decodeWindows1252 } from '../../../src/mail/windows-1252.ts';

const tables = new Map<string, ReadonlyMap<string, Buffer>>();

/** Every character of a charset with one or two bytes, the first spelling of each. */
function tableOf(charset: string): ReadonlyMap<string, Buffer> {
  const known = tables.get(charset);
  if (known !== undefined) return known;
  const decoder = new TextDecoder(charset, { fatal: true });
  const table = new Map<string, Buffer>();
  const add = (...bytes: number[]): void => {
    const spelt = Buffer.from(bytes);
    try {
      const text = decoder.encoding === 'windows-1252' ? decodeWindows1252(spelt) : decoder.decode(spelt);
      if ([...text].length === 1 && !table.has(text)) table.set(text, spelt);
    } catch {
      // no character of the charset
    }
  };
  for (let byte = 0; byte < 256; byte++) add(byte);
  if (/^(gb|big5|euc|shift|ks_c)/.test(charset)) {
    for (let lead = 0xa1; lead < 0xff; lead++) for (let trail = 0x40; trail < 0xff; trail++) add(lead, trail);
    for (let lead = 0x81; lead < 0xa1; lead++) for (let trail = 0x40; trail < 0xff; trail++) add(lead, trail);
  }
  tables.set(charset, table);
  return table;
}

/** Encodes `text`; throws for a character that the charset lacks. */
export function encode(text: string, charset: string): Buffer {
  if (charset === 'utf-8') return Buffer.from(text);
  if (charset === 'utf-16le') return Buffer.from(text, 'utf16le');
  if (charset === 'utf-16be') return Buffer.from(text, 'utf16le').swap16();
  if (charset === 'iso-2022-jp') return toIso2022Jp(text);
  const table = tableOf(charset);
  return Buffer.concat(
    Array.from(text, (character) => {
      const bytes = table.get(character);
      if (bytes === undefined) throw new Error(`${charset} has no ${JSON.stringify(character)}`);
      return bytes;
    }),
  );
}

/** The bytes of EUC-JP without their high bits, between the sequences of JIS X 0208 and ASCII. */
function toIso2022Jp(text: string): Buffer {
  const runs = text.match(/[\0-\x7f]+|[^\0-\x7f]+/g) ?? [];
  return Buffer.concat(
    runs.map((run) =>
      /^[\0-\x7f]/.test(run)
        ? Buffer.from(run)
        : Buffer.concat([
            Buffer.from('\x1b$B'),
            encode(run, 'euc-jp').map((byte) => byte & 0x7f),
            Buffer.from('\x1b(B'),
          ]),
    ),
  );
}
