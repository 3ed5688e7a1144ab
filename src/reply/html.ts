/**
 * What the writer of an HTML reply typed, as Markdown.
 *
 * Contract: parse5 builds the tree, html-walk.ts writes it as lines, and the rules that judge plain text (judge.ts)
 * judge those lines, helped by the marks that clients leave on the tree. The three parts are Markdown, escaped so
 * that what was plain stays plain; mentions and commands are a matter of the sink's policy (escape.ts).
 * Failure: none. Beyond a limit the tree built so far is used; if that shows nothing, the text between the tags.
 * Limits: 1 MiB of decoded HTML, 50,000 elements, 256 open elements (docs/how-it-works.md, Limits); all time is linear in these.
 */
import { type DefaultTreeAdapterMap, defaultTreeAdapter, parse, type TreeAdapter } from 'parse5';
import { type ExtractedReply, extractReply } from './extract.ts';
import type { WrittenLine } from './html-lines.ts';
import type { HtmlNode } from './html-tree.ts';
import { writeLines } from './html-walk.ts';
import { judgeLines, type Verdict } from './judge.ts';
import { makeLine } from './lines.ts';
import { escapeLineStart, escapeText } from './markdown-escape.ts';

const MAX_CHARS = 1024 * 1024;
const MAX_NODES = 50_000;
const MAX_OPEN = 256;

/** Thrown by the adapter to stop the parser at a limit; never leaves this file. */
class LimitReached extends Error {}

interface Parsed {
  readonly root: HtmlNode;
  readonly whole: boolean;
}

/** Parses up to the limits; nesting is what makes a parser slow, so it is counted while the tree is built. */
function parseWithin(html: string): Parsed {
  let [nodes, open] = [0, 0];
  let root: HtmlNode = { nodeName: '#document' };
  const adapter: TreeAdapter<DefaultTreeAdapterMap> = {
    ...defaultTreeAdapter,
    createDocument() {
      const document = defaultTreeAdapter.createDocument();
      root = document;
      return document;
    },
    createElement(tagName, namespace, attrs) {
      nodes += 1;
      if (nodes > MAX_NODES) throw new LimitReached('too many elements');
      return defaultTreeAdapter.createElement(tagName, namespace, attrs);
    },
    onItemPush() {
      open += 1;
      if (open > MAX_OPEN) throw new LimitReached('nested too deeply');
    },
    onItemPop() {
      open -= 1;
    },
  };
  try {
    parse(html, { treeAdapter: adapter });
    return { root, whole: true };
  } catch (error) {
    if (!(error instanceof LimitReached)) throw error;
    return { root, whole: false };
  }
}

function joinPart(lines: readonly WrittenLine[], verdicts: readonly Verdict[], kind: Verdict): string {
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

/** Whether Markdown would run two lines into one that the mail shows apart. */
function goesOn(line: WrittenLine, next: WrittenLine | undefined): boolean {
  if (next === undefined || line.code || next.code || line.markdown === '' || next.markdown === '')
    return false;
  if (/^[>\s]*$/.test(line.markdown) || /^[>\s]*$/.test(next.markdown)) return false;
  return !isMarkup(next.markdown) && !/^[>\s]*(?:#{1,6} |\||```|-{3}$)/.test(line.markdown);
}

function judgeWritten(written: readonly WrittenLine[]): ExtractedReply {
  const verdicts = judgeLines(written.map((line) => makeLine(line.plain, line.code, line.hint)));
  return {
    reply: joinPart(written, verdicts, 'reply'),
    quoted: joinPart(written, verdicts, 'quoted'),
    signature: joinPart(written, verdicts, 'signature'),
  };
}

const escapePlain = (text: string): string =>
  text
    .split('\n')
    .map((line) => escapeLineStart(escapeText(line.trim())))
    .join('\n');

/** The text between the tags, for a mail that no tree could be built of. */
function stripTags(html: string): ExtractedReply {
  const text = html
    .replace(/<(?:br|\/p|\/div|\/tr|\/li)\b[^<>]{0,200}>/gi, '\n')
    .replace(/<[^<>]{0,2000}>/g, '')
    .replace(/[ \t]+/g, ' ');
  const parts = extractReply(text);
  return {
    reply: escapePlain(parts.reply),
    quoted: escapePlain(parts.quoted),
    signature: escapePlain(parts.signature),
  };
}

/** Splits an HTML reply into what was typed, what is quoted and the signature, each as Markdown. */
export function htmlToMarkdown(html: string): ExtractedReply {
  const source = html.length > MAX_CHARS ? html.slice(0, MAX_CHARS) : html;
  const { root, whole } = parseWithin(source);
  const parts = judgeWritten(writeLines(root));
  if (whole || parts.reply !== '' || parts.quoted !== '') return parts;
  return stripTags(source);
}
