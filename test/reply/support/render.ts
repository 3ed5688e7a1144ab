// Markdown as platforms render it: by CommonMark's reference implementation, and by GitHub's own in batches.

import { spawnSync } from 'node:child_process';
import { Parser } from 'commonmark';
import { type DefaultTreeAdapterMap, parseFragment } from 'parse5';

/** What a reader gets of a rendered text. */
export interface Rendered {
  /** The text in the pieces in which it stands between elements: patterns of platforms are applied to each. */
  readonly texts: readonly string[];
  /** All of it, blanks folded. */
  readonly text: string;
  /** Where links and images lead. */
  readonly targets: readonly string[];
  /** Elements that no Markdown makes: raw HTML, or images where none were meant. */
  readonly active: readonly string[];
}

/** Folds blanks as a browser does. */
export const fold = (text: string): string => text.replace(/\s+/g, ' ').trim();

/** Renders by commonmark.js. */
export function renderCommonMark(markdown: string): Rendered {
  const texts: string[] = [];
  const targets: string[] = [];
  const active: string[] = [];
  let text = '';
  let links = 0;
  const walker = new Parser().parse(markdown).walker();
  for (let step = walker.next(); step !== null; step = walker.next()) {
    const { entering, node } = step;
    if (node.type === 'link') links += entering ? 1 : -1;
    if (!entering) {
      if (['paragraph', 'heading', 'item'].includes(node.type)) text += '\n';
      continue;
    }
    if (node.type === 'link' || node.type === 'image') targets.push(node.destination ?? '');
    if (node.type === 'html_inline' || node.type === 'html_block' || node.type === 'image')
      active.push(node.type);
    if (node.type === 'softbreak' || node.type === 'linebreak') text += '\n';
    if (node.literal === null || node.type.startsWith('html')) continue;
    text += node.type === 'code_block' ? `${node.literal}\n` : node.literal;
    if (node.type === 'text' && links === 0) texts.push(node.literal);
  }
  return { texts: joinNeighbours(texts), text: fold(text), targets, active };
}

/** commonmark.js cuts text at every character that might have been markup. */
const joinNeighbours = (texts: readonly string[]): string[] => [texts.join('')];

const SEPARATOR = '<hr class="separator">';
const MADE_BY_MARKDOWN = new Set(
  'p br em strong del code pre a ul ol li h1 h2 h3 h4 h5 h6 blockquote hr table thead tbody tr th td'.split(
    ' ',
  ),
);

/** Whether this machine has cmark-gfm. */
export const hasGfm = spawnSync('cmark-gfm', ['--version']).status === 0;

/** Renders many texts by cmark-gfm, with tables, strikethrough and autolinks, as GitHub does. */
export function renderGfm(markdowns: readonly string[]): Rendered[] {
  const extensions = ['table', 'strikethrough', 'autolink', 'tasklist'].flatMap((name) => ['-e', name]);
  const input = markdowns.join(`\n\n${SEPARATOR}\n\n`);
  const { stdout } = spawnSync('cmark-gfm', ['--unsafe', ...extensions], {
    input,
    encoding: 'utf8',
    maxBuffer: 1024 ** 3,
  });
  return stdout.split(`${SEPARATOR}\n`).map(readHtml);
}

type Node = DefaultTreeAdapterMap['node'];

function readHtml(html: string): Rendered {
  const texts: string[] = [];
  const targets: string[] = [];
  const active: string[] = [];
  let text = '';
  const visit = (node: Node, isProse: boolean): void => {
    if (node.nodeName === '#text' && 'value' in node) {
      text += node.value;
      if (isProse) texts.push(node.value);
      return;
    }
    if (node.nodeName === '#comment') active.push('comment');
    if ('attrs' in node) {
      const attributes = new Map(node.attrs.map(({ name, value }) => [name, value]));
      const known = ['href', 'align', 'start', 'class', 'title'];
      if (!MADE_BY_MARKDOWN.has(node.tagName)) active.push(node.tagName);
      active.push(...[...attributes.keys()].filter((name) => !known.includes(name)));
      if (node.tagName === 'a') targets.push(attributes.get('href') ?? '');
    }
    const isText = isProse && !['a', 'code', 'pre'].includes(node.nodeName);
    if ('childNodes' in node) for (const child of node.childNodes) visit(child, isText);
    if (/^(?:p|br|li|h\d|td|th|pre)$/.test(node.nodeName)) text += '\n';
  };
  visit(parseFragment(html), true);
  return { texts, text: fold(text), targets, active };
}
