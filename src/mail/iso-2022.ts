/**
 * The charsets of seven bits that switch by escape sequences: ISO-2022-JP with all its sets, ISO-2022-KR, HZ.
 *
 * Contract: `hasEscapes` tells them by their sequences, whatever a label says; `decodeIso2022` never shows one. Every
 * run of a set is decoded as the same characters in an eight-bit charset that node has: node knows neither JIS X 0212
 * here, nor ISO-2022-KR, nor HZ. What does not fit becomes U+FFFD. Never throws; linear.
 * Standards: RFC 1468, RFC 2237 (JIS X 0212), RFC 1554 (ISO-2022-JP-2), RFC 1557, RFC 1843.
 */
import { decodeLoosely } from './charset-name.ts';

/** A character set by the charset and the bytes in which node knows its characters. */
type CharacterSet = 'ascii' | 'roman' | 'kana' | 'jis-0208' | 'jis-0212' | 'gb-2312' | 'ks-1001';

const SETS: Readonly<Record<string, CharacterSet>> = {
  '(B': 'ascii',
  '(J': 'roman',
  '(H': 'roman',
  '(I': 'kana',
  $B: 'jis-0208',
  '$@': 'jis-0208',
  '$(B': 'jis-0208',
  '$(@': 'jis-0208',
  '$(D': 'jis-0212',
  $A: 'gb-2312',
  '$(A': 'gb-2312',
  '$(C': 'ks-1001',
};

/** A sequence, with what ISO-2022-KR and -CN say of the set that SO switches to; SO and SI; a line end. */
const SWITCH = /\x1b(\$\([ABCD@]|\$[AB@]|\([BHIJ]|\$\)[AC])|[\x0e\x0f]|\r?\n/g;

/** Tells whether the bytes have a sequence that switches to the characters of East Asia. */
export function hasEscapes(bytes: Uint8Array): boolean {
  if (bytes.indexOf(0x1b) === -1) return false;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  return /\x1b(?:\$\(?[ABCD@]|\$\)[AC]|\([IJ])/.test(text);
}

/** Decodes bytes of seven bits by their sequences. */
export function decodeIso2022(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  let result = '';
  let set: CharacterSet = 'ascii';
  let shifted: CharacterSet = 'ascii';
  let end = 0;
  for (const match of text.matchAll(SWITCH)) {
    result += decodeSet(text.slice(end, match.index), set);
    end = match.index + match[0].length;
    const [written, sequence] = match;
    if (sequence === '$)A') shifted = 'gb-2312';
    else if (sequence === '$)C') shifted = 'ks-1001';
    else if (sequence !== undefined) set = SETS[sequence] ?? 'ascii';
    else if (written === '\x0e') set = shifted;
    else if (written === '\x0f') set = 'ascii';
    else {
      // Every line begins in ASCII, also where the sender forgot to switch back (RFC 1468).
      set = 'ascii';
      result += written;
    }
  }
  return result + decodeSet(text.slice(end), set);
}

/** Decodes HZ: `~{` and `~}` switch, `~~` is a tilde, a tilde at a line end joins the lines. */
export function decodeHz(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  return text.replace(/~\{((?:[!-}][!-~])*)(?:~\}|$|(?=[\r\n]))|~~|~\r?\n/gm, (written, run?: string) =>
    run === undefined ? (written === '~~' ? '~' : '') : decodeSet(run, 'gb-2312'),
  );
}

function decodeSet(run: string, set: CharacterSet): string {
  if (run === '') return '';
  switch (set) {
    case 'ascii':
      return decodeLoosely(Buffer.from(run, 'latin1'), 'windows-1252');
    case 'roman':
      return run.replaceAll('\\', '¥').replaceAll('~', '‾');
    case 'kana':
      return decodeLoosely(raised(run, 1, 0x8e), 'euc-jp');
    case 'jis-0208':
      return decodeLoosely(raised(run, 2), 'euc-jp');
    case 'jis-0212':
      return decodeLoosely(raised(run, 2, 0x8f), 'euc-jp');
    case 'gb-2312':
      return decodeLoosely(raised(run, 2), 'gb18030');
    case 'ks-1001':
      return decodeLoosely(raised(run, 2), 'euc-kr');
  }
}

/** Sets the high bits of characters of `size` bytes and puts `prefix` before each; all else stays as it is. */
function raised(run: string, size: 1 | 2, prefix?: number): Buffer {
  const bytes: number[] = [];
  for (let at = 0; at < run.length; ) {
    const code = run.charCodeAt(at);
    if (code < 0x21 || code > 0x7e) {
      bytes.push(code & 0x7f);
      at++;
      continue;
    }
    if (prefix !== undefined) bytes.push(prefix);
    for (const stop = at + size; at < stop && at < run.length; at++) bytes.push(run.charCodeAt(at) | 0x80);
  }
  return Buffer.from(bytes);
}
