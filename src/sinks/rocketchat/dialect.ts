/**
 * Markdown in Rocket.Chat's dialect, which has no way to escape a mark.
 *
 * Contract: what is read is what was meant. A word whose marks would make it bold, struck through or a spoiler stands as code,
 * where marks are text; a joiner, which nobody sees, keeps the start of a line and a bracket from being a block or a link.
 * Lists within lists, and tables, become lines. Linear in the length of the text, but for the depth of nested elements.
 * Limits: an odd backtick of a text stays as it is, and pairs with another one on its line.
 */
import { html } from '../platform/html.ts';

const JOINER = '\u2060';

/** An element, or a text. */
type Node = string | { readonly tag: string; readonly href: string; readonly children: Node[] };

/** A stretch of a line: text that is to stay as it is, or marks of ours. */
interface Piece {
  readonly text: string;
  readonly isLiteral: boolean;
}

const VOID = new Set(['br', 'hr']);
const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', amp: '&' };

/** Writes Markdown for Rocket.Chat. */
export function rocketChatText(markdown: string): string {
  return blocksOf(treeOf(html(markdown))).join('\n\n');
}

/** Reads the HTML that our renderer writes, whose elements are all closed. */
function treeOf(text: string): Node[] {
  const root: Node[] = [];
  const open = [{ tag: '', children: root }];
  for (const [, end, tag = '', href = '', plain] of text.matchAll(
    /<(\/?)([a-z]\w*)(?:\s+(?:href="([^"]*)"|[^>]*?))?[^>]*>|([^<]+)/g,
  )) {
    const { children } = open.at(-1) ?? { children: root };
    if (plain !== undefined) children.push(decoded(plain));
    else if (end === '/') open.pop();
    else {
      const element = { tag, href: decoded(href), children: [] };
      children.push(element);
      if (!VOID.has(tag)) open.push(element);
    }
  }
  return root;
}

function decoded(text: string): string {
  return text.replace(/&(lt|gt|quot|amp);/g, (_, name: string) => ENTITIES[name] ?? '');
}

const isBlock = (node: Node): boolean =>
  typeof node !== 'string' && /^(?:p|h\d|ul|ol|pre|blockquote|table|hr|li)$/.test(node.tag);

/** Writes each block; between them is an empty line. */
function blocksOf(nodes: readonly Node[]): string[] {
  return nodes.filter(isBlock).map(blockOf);
}

/** Writes a block by its element; a heading deeper than the four that Rocket.Chat knows is its fourth. */
function blockOf(node: Node): string {
  if (typeof node === 'string') return linesOf([node]);
  const { tag, children } = node;
  switch (tag) {
    case 'ul':
    case 'ol':
      return children.filter(isBlock).map(itemOf(tag)).join('\n');
    case 'pre':
      return `\`\`\`\n${textOf(children).replace(/\n$/, '').replaceAll('```', `\`${JOINER}\`\``)}\n\`\`\``;
    case 'blockquote':
      return blocksOf(children).join('\n\n').replace(/^/gm, '> ');
    case 'table':
      return rowsOf(children).join('\n');
    case 'hr':
      return '---';
    case 'p':
      return linesOf(children);
    default:
      return `${'#'.repeat(Math.min(4, Number(tag.slice(1))))} ${textOf(children).replaceAll('\n', ' ')}`;
  }
}

/** Writes an item of a list; what is nested stands indented below it. */
function itemOf(list: string): (item: Node, at: number) => string {
  return (item, at) => {
    if (typeof item === 'string') return '';
    const mark = list === 'ol' ? `${at + 1}. ` : '- ';
    const own = linesOf(item.children.filter((child) => !isBlock(child)));
    const [head, ...below] = [own, ...blocksOf(item.children)].filter((text) => text !== '');
    return [mark + (head ?? ''), ...below.map((text) => text.replace(/^/gm, '  '))].join('\n');
  };
}

function rowsOf(nodes: readonly Node[]): string[] {
  return nodes.flatMap((node) => {
    if (typeof node === 'string') return [];
    if (node.tag !== 'tr') return rowsOf(node.children);
    const cells = node.children.flatMap((cell) => (typeof cell === 'string' ? [] : [linesOf(cell.children)]));
    return [cells.join(' | ')];
  });
}

function textOf(nodes: readonly Node[]): string {
  return nodes
    .map((node) => (typeof node === 'string' ? node : node.tag === 'br' ? '\n' : textOf(node.children)))
    .join('');
}

/** Writes the lines of a paragraph. */
function linesOf(nodes: readonly Node[]): string {
  return lineUp(nodes.flatMap((node) => piecesOf(node, '')))
    .map(lineOf)
    .filter((line) => line.trim() !== '')
    .join('\n');
}

/** Gives the stretches of a node; a line break closes the marks around it and opens them anew. */
function piecesOf(node: Node, marks: string): Piece[] {
  const own = (text: string): Piece => ({ text, isLiteral: false });
  // Line ends of the renderer's own follow each break.
  if (typeof node === 'string') return [{ text: node.replace(/^\n/, ''), isLiteral: true }];
  const { tag, href, children } = node;
  const mark = { strong: '*', em: '_', s: '~' }[tag];
  if (tag === 'br') return [own(`${Array.from(marks).reverse().join('')}\n${marks}`)];
  if (tag === 'code') return [own(codeOf(textOf(children)))];
  const inside = children.flatMap((child) => piecesOf(child, marks + (mark ?? '')));
  if (mark !== undefined) return [own(mark), ...inside, own(mark)];
  if (tag !== 'a') return inside;
  const label = textOf(children);
  return label === href ? [own(href)] : [own(`[${label.replace(/[[\]\n]/g, ' ')}](${href})`)];
}

const codeOf = (text: string): string => (text.includes('`') ? text : `\`${text}\``);

/** Cuts stretches into lines. */
function lineUp(pieces: readonly Piece[]): Piece[][] {
  const lines: Piece[][] = [[]];
  for (const { text, isLiteral } of pieces)
    for (const [at, part] of text.split('\n').entries()) {
      if (at > 0) lines.push([]);
      lines.at(-1)?.push({ text: part, isLiteral });
    }
  return lines;
}

/** Writes a line in whose literal stretches nothing is a mark. */
function lineOf(pieces: readonly Piece[]): string {
  const literal = pieces.map(({ text, isLiteral }) => (isLiteral ? text : '')).join(' ');
  const whole = pieces.map(({ text }) => text).join('');
  const isTwice = (mark: string): boolean =>
    literal.includes(mark) && whole.indexOf(mark) !== whole.lastIndexOf(mark);
  const marks = ['*', '~', '||'].filter(isTwice);
  // A low line after a letter or a digit opens nothing.
  const isWrapped = (word: string): boolean =>
    marks.some((mark) => word.includes(mark)) || (isTwice('_') && /(?:^|[^A-Za-z0-9])_/.test(word));
  const guarded = (text: string): string =>
    text
      .split(/(\s+)/)
      .map((word) => (isWrapped(word) ? codeOf(word) : broken(word)))
      .join('');
  const line = pieces.map(({ text, isLiteral }) => (isLiteral ? guarded(text) : text)).join('');
  const [first] = pieces.filter(({ text }) => text !== '');
  return first?.isLiteral === true && /^(?:>|#{1,4}\s|[-*]\s|\d+\.\s|```|\|\|)/.test(line)
    ? JOINER + line
    : line;
}

/** Breaks what would be a link, or a time, in a word. */
function broken(word: string): string {
  return word.replaceAll('](', `]${JOINER}(`).replace(/<(?=[\w+.:-]{1,32}[:.|])/g, `<${JOINER}`);
}
