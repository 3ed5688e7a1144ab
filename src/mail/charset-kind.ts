/** Charsets by what their bytes can be mistaken for. */

/** A kind of charset: `other` are those of single bytes with letters of their own. */
export type CharsetKind = 'latin' | 'thai' | 'other' | 'east-asian';

/** Gives the kind of a charset that node knows; any other counts as one of single bytes. */
export function charsetKind(name: string): CharsetKind {
  if (/^(gb18030|big5|euc-|shift_jis|iso-2022)/.test(name)) return 'east-asian';
  if (name === 'windows-874') return 'thai';
  return /^(windows-12(50|52|54|57|58)|iso-8859-(2|3|4|10|13|14|15|16)|macintosh)$/.test(name)
    ? 'latin'
    : 'other';
}
