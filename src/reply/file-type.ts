/**
 * What a file is by its first bytes, beside what the sender says it is.
 *
 * Contract: bytes that show a type win over the declared one; a declared type that would show itself and does not
 * is not believed (application/octet-stream); a declared type without a mark of its own is kept. Never throws.
 * Limits: the formats that people attach, by marks within the first 512 bytes; containers (ZIP, OLE) are told apart by the
 * names in them (container-type.ts).
 */
import { containerType } from './container-type.ts';

interface Mark {
  readonly type: string;
  readonly bytes: Buffer;
  readonly offset?: number;
}

const mark = (type: string, hex: string, offset = 0): Mark => ({
  type,
  bytes: Buffer.from(hex, 'hex'),
  offset,
});

const MARKS: readonly Mark[] = [
  mark('image/png', '89504e470d0a1a0a'),
  mark('image/jpeg', 'ffd8ff'),
  mark('image/gif', '474946383961'),
  mark('image/gif', '474946383761'),
  mark('image/tiff', '49492a00'),
  mark('image/tiff', '4d4d002a'),
  mark('image/x-icon', '00000100'),
  mark('application/pdf', '255044462d'),
  mark('application/postscript', '252150532d'),
  mark('application/zip', '504b0304'),
  mark('application/zip', '504b0506'),
  mark('application/gzip', '1f8b08'),
  mark('application/x-bzip2', '425a68'),
  mark('application/x-xz', 'fd377a585a00'),
  mark('application/zstd', '28b52ffd'),
  mark('application/x-7z-compressed', '377abcaf271c'),
  mark('application/vnd.rar', '526172211a07'),
  mark('application/x-tar', '7573746172', 257),
  mark('application/x-ole-storage', 'd0cf11e0a1b11ae1'),
  mark('application/rtf', '7b5c727466'),
  mark('application/vnd.microsoft.portable-executable', '4d5a'),
  mark('application/x-executable', '7f454c46'),
  mark('application/wasm', '0061736d'),
  mark('audio/mpeg', '494433'),
  mark('audio/flac', '664c6143'),
  mark('audio/ogg', '4f676753'),
  mark('video/x-matroska', '1a45dfa3'),
];

const EXTENSIONS: Readonly<Record<string, string>> = {
  'text/plain': '.txt',
  'text/html': '.html',
  'text/calendar': '.ics',
  'text/vcard': '.vcf',
  'text/csv': '.csv',
  'message/rfc822': '.eml',
  'image/jpeg': '.jpg',
  'image/svg+xml': '.svg',
  'audio/mpeg': '.mp3',
  'audio/basic': '.au',
  'application/gzip': '.gz',
  'application/postscript': '.ps',
  'application/pkcs7-mime': '.p7m',
  'application/msword': '.doc',
};

/** Two-letter marks are weak: text may begin with them. They count only before bytes that no text has. */
const WEAK_MARK_BYTES = 2;

/** Tells the type of `content`. */
export function detectType(content: Buffer, declared: string): string {
  const shown = shownType(content);
  if (shown === undefined) return wouldShow(declared) ? 'application/octet-stream' : declared;
  return believesDeclared(shown, declared) ? declared : shown;
}

/** Types of plain text that nothing runs. Any text may be of each, so the declared type says which. */
const INERT_TEXT = new Set([
  ...['text/csv', 'text/tab-separated-values', 'text/markdown', 'text/x-log', 'text/x-diff', 'text/x-patch'],
  ...[
    'application/json',
    'application/x-ndjson',
    'application/yaml',
    'text/yaml',
    'message/rfc822',
    'text/calendar',
    'text/vcard',
  ],
]);

/**
 * Tells the type that counts for what a site allows: what the bytes show, no matter what is declared. Undefined where
 * they show nothing. Of a container and of plain text the declared type says which of its kind.
 */
export function allowedType(content: Buffer, declared: string): string | undefined {
  const shown = shownType(content);
  if (shown !== undefined) return believesDeclared(shown, declared) ? declared : shown;
  if (!isPlainText(content)) return undefined;
  return INERT_TEXT.has(declared) ? declared : 'text/plain';
}

/** What a name's extension promises, where its bytes must show it. */
const PROMISED: Readonly<Record<string, RegExp>> = {
  ...{
    '.pdf': /^application\/pdf$/,
    '.png': /^image\/png$/,
    '.jpg': /^image\/jpeg$/,
    '.jpeg': /^image\/jpeg$/,
    '.gif': /^image\/gif$/,
  },
  ...{
    '.webp': /^image\/webp$/,
    '.bmp': /^image\/bmp$/,
    '.tif': /^image\/tiff$/,
    '.tiff': /^image\/tiff$/,
    '.svg': /^image\/svg/,
    '.heic': /^image\/heic$/,
  },
  ...{
    '.html': /^text\/html$/,
    '.htm': /^text\/html$/,
    '.zip': /^application\/zip$/,
    '.gz': /gzip|tgz|tar$/,
    '.tgz': /gzip|tgz|tar$/,
  },
  ...{
    '.docx': /zip$|openxml/,
    '.xlsx': /zip$|openxml/,
    '.pptx': /zip$|openxml/,
    '.odt': /zip$|oasis/,
    '.ods': /zip$|oasis/,
    '.odp': /zip$|oasis/,
  },
  ...{
    '.doc': /ole|msword/,
    '.xls': /ole|excel/,
    '.ppt': /ole|powerpoint/,
    '.rtf': /rtf$/,
    '.mp4': /^video\/|^audio\//,
    '.wav': /^audio\/wav$/,
  },
};

/**
 * Tells whether the bytes of a file may be what its extension promises. Where an extension promises nothing, plain
 * text or nothing known may be behind it.
 */
export function mayBe(extension: string, shown: string | undefined): boolean {
  const promised = PROMISED[extension];
  if (promised !== undefined) return shown !== undefined && promised.test(shown);
  return shown !== 'text/html' && shown !== 'image/svg+xml' && !/executable/.test(shown ?? '');
}

/**
 * Tells whether the bytes are text in UTF-8, or in a charset of one byte a character, as far as its beginning shows.
 */
function isPlainText(content: Buffer): boolean {
  const start = content.toString('latin1', 0, 4096);
  return !/[\0-\x08\x0e-\x1a\x1c-\x1f]/.test(start);
}

function shownType(content: Buffer): string | undefined {
  for (const { type, bytes, offset = 0 } of MARKS) {
    const found = content.subarray(offset, offset + bytes.length).equals(bytes);
    if (found && (bytes.length > WEAK_MARK_BYTES || content.subarray(0, 512).includes(0)))
      return containerType(content, type);
  }
  return riffType(content) ?? boxType(content) ?? bitmapType(content) ?? markupType(content);
}

/** Knows a Windows bitmap by its header: two letters alone are a weak mark. */
function bitmapType(content: Buffer): string | undefined {
  if (content.toString('latin1', 0, 2) !== 'BM' || content.length < 26) return undefined;
  const isHeader = [12, 40, 52, 56, 64, 108, 124].includes(content.readUInt32LE(14));
  return isHeader && content.readUInt32LE(6) === 0 ? 'image/bmp' : undefined;
}

function riffType(content: Buffer): string | undefined {
  if (content.toString('latin1', 0, 4) !== 'RIFF') return undefined;
  const form = content.toString('latin1', 8, 12);
  return { WEBP: 'image/webp', WAVE: 'audio/wav', 'AVI ': 'video/x-msvideo' }[form];
}

/** Knows ISO base media files: MP4 and its many relatives. */
function boxType(content: Buffer): string | undefined {
  if (content.toString('latin1', 4, 8) !== 'ftyp') return undefined;
  const brand = content.toString('latin1', 8, 12);
  if (/^(heic|heix|mif1|hevc)/.test(brand)) return 'image/heic';
  if (brand === 'avif') return 'image/avif';
  if (brand === 'qt  ') return 'video/quicktime';
  return brand === 'M4A ' ? 'audio/mp4' : 'video/mp4';
}

/** Knows markup that a browser would take for such, whatever it is called (WHATWG MIME Sniffing §7.1). */
function markupType(content: Buffer): string | undefined {
  const head = content.subarray(0, 4096);
  // Of UTF-16 every other byte is NUL here.
  const start = head
    .toString('latin1')
    .replace(/^(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)/, '')
    .replaceAll('\0', '')
    .trimStart()
    .toLowerCase();
  const body = start.replace(
    /^(?:<\?xml[^>]{0,500}\?>|<!--[^]{0,2000}?-->|<!doctype svg[^>]{0,500}>|\s)+/,
    '',
  );
  if (/^<svg[\s>]/.test(body)) return 'image/svg+xml';
  if (
    /^(?:<!--|<(?:!doctype html|html|head|body|script|iframe|style|title|table|div|font|h1|br|p|a|b|img|svg|form|object|embed|meta|link)[\s>/])/.test(
      body,
    )
  )
    return 'text/html';
  return /^<\?xml[^>]*>/.test(start) && /<svg[\s>]/.test(start) ? 'image/svg+xml' : undefined;
}

/** Types whose every file carries its mark, so that a file without it is something else. */
function wouldShow(declared: string): boolean {
  return /^image\/(png|jpeg|jpg|gif|webp|heic|avif)$/.test(declared);
}

/** Formats that live inside another, which is all the first bytes can show. */
function believesDeclared(shown: string, declared: string): boolean {
  switch (shown) {
    case 'application/gzip':
      return /^application\/(x-gtar|x-tgz|x-compressed-tar|x-gzip)/.test(declared);
    case 'audio/ogg':
      return /^(video|application)\/ogg$/.test(declared);
    case 'video/x-matroska':
      return /^(video|audio)\/webm$/.test(declared);
    case 'video/mp4':
      return /^(audio|video)\//.test(declared);
    case 'text/html':
      return declared === 'application/xhtml+xml';
    default:
      return false;
  }
}

/** Gives a file name's extension for a type, with its dot; empty when none is known. */
export function extensionOf(contentType: string): string {
  const known = EXTENSIONS[contentType];
  if (known !== undefined) return known;
  const subtype = contentType.slice(contentType.indexOf('/') + 1);
  return /^[a-z0-9]{2,5}$/.test(subtype) ? `.${subtype}` : '.bin';
}
