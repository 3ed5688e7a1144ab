/**
 * Markdown for one line of styled text.
 *
 * Contract: what was plain stays plain. A character is escaped only where Markdown would read it as markup, so that
 * ordinary prose comes out as it went in. Links are written only to addresses a reader may follow; where the text
 * of a link shows another host than its target, the target's host stands beside it.
 * Limits: linear in the length of the line.
 */

/** A stretch of text in one style; `href` is the target of the link it belongs to. */
export interface Run {
  readonly text: string;
  readonly bold?: boolean;
  readonly italic?: boolean;
  readonly strike?: boolean;
  readonly code?: boolean;
  readonly href?: string | undefined;
  /** The text is Markdown already, such as an image, and is not escaped. */
  readonly raw?: boolean;
  /** The text stands in a table, whose bars it must not draw. */
  readonly cell?: boolean;
}

const URL_TEXT = /(https?:\/\/[^\s<>"]+)/;
const SAFE_TARGET = /^(?:https?:\/\/|mailto:|tel:)/i;

/** Escapes what Markdown would read inside a line. */
function escapeInline(text: string): string {
  const slashed = text.replace(/\\(?=[!-/:-@[-`{-~])/g, '\\\\');
  const linked = /\][([:]/.test(text)
    ? slashed.replace(/\[(?=[^\]\n]{0,200}\](?:[([]|:\s))/g, '\\[')
    : slashed;
  return linked
    .replace(/`/g, '\\`')
    .replace(/\*(?=\S)|(?<=\S)\*/g, '\\*')
    .replace(/(?<![\p{L}\p{N}])_(?=\S)|(?<=\S)_(?![\p{L}\p{N}])/gu, '\\_')
    .replace(/~~/g, '\\~~')
    .replace(/<(?=[A-Za-z/!?])(?![^\s<>@]{1,64}@[^\s<>@]{1,255}>)(?!https?:\/\/[^\s<>]*>)/g, '\\<')
    .replace(/&(?=#?\w{2,31};)/g, '\\&');
}

/** Escapes plain text for use inside a line; bare addresses of the web stay as they are. */
export function escapeText(text: string): string {
  if (!/[\\`*_~[<&]/.test(text)) return text;
  return text
    .split(URL_TEXT)
    .map((part, at) => (at % 2 === 1 ? part : escapeInline(part)))
    .join('');
}

/** Escapes what Markdown would read at the start of a line: headings, quotes, bullets, rules, fences. */
export function escapeLineStart(line: string): string {
  if (/^#{1,6}(?:\s|$)/.test(line) || /^[>|]/.test(line) || /^[-+*](?:\s|$)/.test(line)) return `\\${line}`;
  if (/^(?:[-*_=]\s*){2,}$/.test(line) || line.startsWith('~~~')) return `\\${line}`;
  return line.replace(/^(\d{1,9})([.)])(?=\s|$)/, '$1\\$2');
}

function codeSpan(text: string): string {
  const longest = (text.match(/`+/g) ?? []).reduce((most, run) => Math.max(most, run.length), 0);
  const fence = '`'.repeat(longest + 1);
  const pad = text.startsWith('`') || text.endsWith('`') ? ' ' : '';
  return `${fence}${pad}${text}${pad}${fence}`;
}

const hostOf = (url: string): string =>
  /^(?:https?:\/\/)?(?:www\.)?([^/?#\s:]+)/i.exec(url)?.[1]?.toLowerCase() ?? '';
const bareUrl = (url: string): string => url.replace(/^(?:https?:\/\/|mailto:|tel:)/i, '').replace(/\/$/, '');
const looksLikeUrl = (text: string): boolean =>
  /^(?:https?:\/\/|www\.)\S+$|^[\w-]+(?:\.[\w-]+)+(?:\/\S*)?$/i.test(text);

/** The target of a link in the form Markdown can hold. */
export function escapeTarget(href: string): string {
  return href.replace(/[\s()<>\\"]/g, (char) =>
    encodeURIComponent(char).replace('(', '%28').replace(')', '%29'),
  );
}

function linkOf(text: string, shown: string, href: string): string {
  const plain = text.trim();
  if (!SAFE_TARGET.test(href) || plain === '') return shown;
  if (bareUrl(plain) === bareUrl(href))
    return /^mailto:|^tel:/i.test(href) || /^https?:/i.test(plain) ? plain : href;
  const link = `[${shown}](${escapeTarget(href)})`;
  const foreign = looksLikeUrl(plain) && hostOf(plain) !== hostOf(href);
  return foreign ? `${link} (${hostOf(bareUrl(href))})` : link;
}

const isWord = (char: string | undefined): boolean => char !== undefined && /[\p{L}\p{N}]/u.test(char);
const isPunctuation = (char: string | undefined): boolean => char !== undefined && /[\p{P}\p{S}]/u.test(char);

/** Puts `mark` around text where CommonMark §6.2 would read it as emphasis; elsewhere the text stays bare. */
function emphasise(
  text: string,
  mark: string,
  before: string | undefined,
  after: string | undefined,
): string {
  const inner = text.trim();
  if (inner === '') return text;
  const lead = text.slice(0, text.indexOf(inner));
  const tail = text.slice(lead.length + inner.length);
  const opens = lead !== '' || !isWord(before) || !isPunctuation(inner.at(0));
  const closes = tail !== '' || !isWord(after) || !isPunctuation(inner.at(-1));
  return opens && closes ? `${lead}${mark}${inner}${mark}${tail}` : text;
}

function styled(run: Run, text: string, before: string | undefined, after: string | undefined): string {
  let shown = text;
  if (run.strike === true) shown = emphasise(shown, '~~', before, after);
  if (run.italic === true) shown = emphasise(shown, '*', before, after);
  if (run.bold === true) shown = emphasise(shown, '**', before, after);
  return shown;
}

const sameStyle = (a: Run, b: Run): boolean =>
  a.bold === b.bold &&
  a.italic === b.italic &&
  a.strike === b.strike &&
  a.code === b.code &&
  a.href === b.href &&
  a.raw === b.raw;

/** Joins neighbours of one style, so that each mark is written once. */
function mergeRuns(runs: readonly Run[]): Run[] {
  const merged: Run[] = [];
  for (const run of runs) {
    const last = merged.at(-1);
    if (last !== undefined && sameStyle(last, run))
      merged[merged.length - 1] = { ...last, text: last.text + run.text };
    else merged.push(run);
  }
  return merged;
}

/** One line of runs as Markdown, without what only the start of a line needs. */
export function renderRuns(runs: readonly Run[]): string {
  const merged = mergeRuns(runs);
  const parts = merged.map((run, at) => {
    if (run.code === true) return run.text.trim() === '' ? run.text : codeSpan(run.text);
    const plain = run.raw === true ? run.text : escapeText(run.text);
    const text = run.cell === true ? plain.replaceAll('|', '\\|') : plain;
    const shown = styled(run, text, merged[at - 1]?.text.at(-1), merged[at + 1]?.text.at(0));
    return run.href === undefined ? shown : linkOf(run.text, shown, run.href);
  });
  return parts.join('');
}
