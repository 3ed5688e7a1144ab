/**
 * What the writer of an HTML reply typed, as Markdown.
 *
 * Contract: parse5 builds the tree, walk.ts writes it as lines, and the rules that judge plain text (judge.ts)
 * judge those lines, helped by the marks that clients leave on the tree. The three parts are Markdown, escaped so
 * that what was plain stays plain; mentions and commands are a matter of the sink's policy (escape.ts).
 * Failure: none. Beyond a limit the text between the tags is kept without its form, and `formless` says how much.
 * Limits: 1 MiB of decoded HTML, 50,000 elements, 600 open elements (docs/how-it-works.md, Limits); all time is
 * linear in these.
 */
import { type DefaultTreeAdapterMap, defaultTreeAdapter, parse, type TreeAdapter } from 'parse5';
import { cleanText } from '../../mail/clean-text.ts';
import { decodeEntities } from '../../mail/entities.ts';
import { findMarkers, type JudgedLine, judgedLines } from '../text/digest.ts';
import type { ExtractedReply } from '../text/extract.ts';
import { type Judgement, judgeLines, type LinePart } from '../text/judge.ts';
import { type Known, type KnownOriginal, prepareKnown } from '../text/known.ts';
import { makeLine } from '../text/lines.ts';
import { rowsOf, type WrittenLine } from './lines.ts';
import { escapeLineStart, escapeText } from './markdown-escape.ts';
import type { HtmlNode } from './tree.ts';
import { writeLines } from './walk.ts';

const MAX_CHARS = 1024 * 1024;
const MAX_NODES = 50_000;
/** People's programs nest some hundred elements; an end tag that fits none of the open ones is looked for in all of them. */
const MAX_OPEN = 600;

/** What stands before letters behind `<` makes an end tag, a comment or text. */
const LETTER_A = 65;

/** Thrown by the adapter to stop the parser at a limit; never leaves this file. */
class LimitReached extends Error {}

/** The counts that are kept while a tree is built. */
interface Building {
  /** Where the last start tag ended, as far as the parser tells. */
  end: number;
  nodes: number;
  open: number;
  root: HtmlNode;
  /** No limit was reached. */
  isWhole: boolean;
}

const begun = (): Building => ({ end: 0, nodes: 0, open: 0, root: { nodeName: '#document' }, isWhole: true });

/** The tree under way: parse5 builds one in one go, and an adapter made anew for each would take a tenth of its time. */
let building = begun();

/** Builds a tree that stops where it reaches a limit. */
const boundedAdapter: TreeAdapter<DefaultTreeAdapterMap> = {
  ...defaultTreeAdapter,
  createDocument: () => {
    const document = defaultTreeAdapter.createDocument();
    building.root = document;
    return document;
  },
  createElement: (tagName, namespace, attrs) => {
    building.nodes += 1;
    if (building.nodes > MAX_NODES) throw new LimitReached('too many elements');
    return defaultTreeAdapter.createElement(tagName, namespace, attrs);
  },
  onItemPush: () => {
    building.open += 1;
    if (building.open > MAX_OPEN) throw new LimitReached('nested too deeply');
  },
  onItemPop: () => {
    building.open -= 1;
  },
  setNodeSourceCodeLocation: (_node, location) => {
    building.end = Math.max(building.end, location?.endOffset ?? 0);
  },
  updateNodeSourceCodeLocation: () => undefined,
};

/** Parses as far as the limits allow. */
function build(html: string, located: boolean): Building {
  const built = begun();
  building = built;
  try {
    parse(html, { treeAdapter: boundedAdapter, sourceCodeLocationInfo: located });
  } catch (error) {
    if (!(error instanceof LimitReached)) throw error;
    built.isWhole = false;
  } finally {
    building = begun(); // so that no tree outlives its mail
  }
  return built;
}

/** Parses to a tree, and gives the source that is left where a limit stopped it. */
function parseWithin(html: string): { readonly root: HtmlNode; readonly rest: string } {
  if (!hasManyTags(html)) {
    const tree = build(html, false);
    if (tree.isWhole) return { root: tree.root, rest: '' };
  }
  // Only then is it worth its time to know where the parser was.
  const located = build(html, true);
  return { root: located.root, rest: located.isWhole ? '' : html.slice(located.end) };
}

/** Tells whether there seem to be more elements than the limit, so that the parser will be stopped. */
function hasManyTags(html: string): boolean {
  if (html.length < MAX_NODES * '<p>'.length) return false;
  let tags = 0;
  for (let at = html.indexOf('<'); at !== -1 && tags <= MAX_NODES; at = html.indexOf('<', at + 1))
    if (html.charCodeAt(at + 1) >= LETTER_A) tags += 1;
  return tags > MAX_NODES;
}

function joinPart(lines: readonly WrittenLine[], verdicts: readonly LinePart[], kind: LinePart): string {
  const rows: string[] = [];
  lines.forEach((line, at) => {
    if (verdicts[at] !== kind) return;
    const next = verdicts[at + 1] === kind ? lines[at + 1] : undefined;
    if (line.markdown === '' && !line.code && rows[rows.length - 1] === '') return;
    rows.push(goesOn(line, next) ? `${line.markdown}  ` : line.markdown);
  });
  return rows.join('\n').replace(/^\n+/, '').trimEnd();
}

const isMarkup = (markdown: string): boolean =>
  /^[>\s]*(?:#{1,6} |\||```|-{3}$|[-+*] |\d+\. )/.test(markdown);

/** Tells whether Markdown would run two lines into one that the mail shows apart. */
function goesOn(line: WrittenLine, next: WrittenLine | undefined): boolean {
  if (next === undefined || line.code || next.code || line.markdown === '' || next.markdown === '')
    return false;
  if (/^[>\s]*$/.test(line.markdown) || /^[>\s]*$/.test(next.markdown)) return false;
  return !isMarkup(next.markdown) && !/^[>\s]*(?:#{1,6} |\||```|-{3}$)/.test(line.markdown);
}

function judgeWritten(
  written: readonly WrittenLine[],
  known: KnownOriginal,
  formless: number,
  labels: readonly string[] | undefined,
): ConvertedReply {
  const markers =
    labels === undefined
      ? []
      : findMarkers(
          written.map(({ plain }) => plain),
          labels,
        );
  const lines = written.map((line, at) => makeLine(line.plain, line.code || markers[at] === true, line.hint));
  const judgement = judgeLines(lines, known);
  const { verdicts, cuts } = judgement;
  return {
    reply: joinPart(written, verdicts, 'reply'),
    quoted: joinPart(written, verdicts, 'quoted'),
    signature: joinPart(written, verdicts, 'signature'),
    cuts,
    formless,
    ...(labels === undefined ? {} : { lines: linesOf(written, judgement) }),
  };
}

/** Gives the lines with their verdicts, each with the break that it needs before the next. */
function linesOf(written: readonly WrittenLine[], judgement: Judgement): JudgedLine[] {
  const lines = written.map((line, at) => ({
    plain: line.plain,
    text: `${line.markdown}${goesOn(line, written[at + 1]) ? '  ' : ''}\n`,
  }));
  return judgedLines(lines, judgement);
}

/** Cuts the lines between the tags, for what lies beyond a limit. */
function linesWithoutForm(html: string): WrittenLine[] {
  const text = decodeEntities(
    html
      .replace(/<(?:style|script)\b[^<]{0,20000}<\/(?:style|script)>/gi, ' ')
      .replace(/<(?:br|\/p|\/div|\/tr|\/li|\/h\d)\b[^<>]{0,200}>/gi, '\n')
      .replace(/<[^<>]{0,2000}>/g, '')
      .replace(/[ \t\u00a0]+/g, ' ')
      .replace(/\n[ \n]*\n/g, '\n\n'),
  );
  return rowsOf(cleanText(text)).map((line) => ({
    plain: line.trim(),
    markdown: escapeLineStart(escapeText(line.trim())),
    code: false,
  }));
}

/** An HTML reply in three parts, each as Markdown. */
export interface ConvertedReply extends ExtractedReply {
  /** How many characters of the source lay beyond a limit: their text is kept, their form is not. */
  readonly formless: number;
}

/**
 * Splits an HTML reply into what was typed, what is quoted and the signature, each as Markdown; `known` is what is
 * known of the original, `labels` are those of a digest.
 */
export function htmlToMarkdown(html: string, known?: Known, labels?: readonly string[]): ConvertedReply {
  const source = html.length > MAX_CHARS ? html.slice(0, MAX_CHARS) : html;
  const { root, rest } = parseWithin(source);
  const written = writeLines(root);
  const lines = rest === '' ? written : written.concat(linesWithoutForm(rest));
  return judgeWritten(lines, prepareKnown(known), rest.length, labels);
}
