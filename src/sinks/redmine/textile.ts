/**
 * Textile as a dialect: Markdown in the form that Redmine keeps its notes in.
 *
 * Contract: what was typed is what is read: Redmine's macros, links, headings, tables, images and whatever else it knows
 * come only from Markdown that says so. Nothing of the text is lost; where Textile has no form for a place, such as marks in
 * the middle of a word, the words stay without it. Line breaks stay. An image is the link to it.
 * Limits: a list's item holds paragraphs, code and lists; other blocks in it become lines.
 */
import { createReader, isTooDeep } from '../platform/markdown.ts';
import { type Around, escapeTextile, type Live, SPAN_MARKS, verbatim } from './textile-text.ts';

const parser = createReader({ breaks: true, linkify: true });
// Addresses stay as they were typed; what a link may not hold is encoded below.
parser.normalizeLink = (url) => url;

type Token = ReturnType<typeof parser.parse>[number];

/** A block or a span with what is in it. */
interface Node {
  readonly token: Token;
  readonly children: readonly Node[];
}

const NOTHING_LIVE: Live = { mentions: false, references: false };

/** Writes Markdown as Redmine's Textile. */
export function textile(markdown: string, live: Live = NOTHING_LIVE): string {
  if (isTooDeep(markdown)) return codeBlock({ content: markdown, info: '' });
  return blocks(treeOf(parser.parse(markdown, {})), live)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}

/** Gives the tokens as a tree. */
function treeOf(tokens: readonly Token[]): Node[] {
  const top: Node[] = [];
  const open: Node[][] = [top];
  for (const token of tokens) {
    if (token.nesting === -1) {
      open.pop();
      continue;
    }
    const children = token.nesting === 1 ? [] : treeOf(token.children ?? []);
    open.at(-1)?.push({ token, children });
    if (token.nesting === 1) open.push(children);
  }
  return top;
}

/** A block's lines; one of code holds line ends. */
type Lines = readonly string[];

function blocks(nodes: readonly Node[], live: Live): Lines[] {
  return nodes.map((node) => block(node, live)).filter((lines) => lines.length > 0);
}

/** Writes a block; HTML in the Markdown is text here, since the parser is told to take none. */
function block(node: Node, live: Live): Lines {
  const { token, children } = node;
  switch (token.type) {
    case 'heading_open':
      return heading(node, live);
    case 'blockquote_open':
      return blocks(children, live)
        .flatMap((lines, at) => (at === 0 ? lines : ['', ...lines]))
        .map((line) => `> ${line}`.trimEnd());
    case 'bullet_list_open':
    case 'ordered_list_open':
      return list(node, '', live);
    case 'fence':
    case 'code_block':
      return [codeBlock(token)];
    case 'hr':
      return ['---'];
    case 'table_open':
      return table(node, live);
    default:
      return inlineOf(children, live).split('\n');
  }
}

/** Stands where Textile shows a mark that has no words behind it; it shows nothing. */
const NO_WORDS = '&#8203;';

function heading({ token, children }: Node, live: Live): Lines {
  const words = inlineOf(children, live, ' ').replaceAll('\n', ' ');
  return [`${token.tag}. ${words || NO_WORDS}`];
}

/** Writes the text of a block. */
function inlineOf(nodes: readonly Node[], live: Live, before = ''): string {
  return nodes
    .map(({ token, children }) =>
      token.type === 'inline' ? paragraph(children, live, before) : inlineOf(children, live, before),
    )
    .join('');
}

/** Writes a list; one that does not begin with 1 keeps its numbers as text. */
function list({ token, children }: Node, above: string, live: Live): string[] {
  const isOrdered = token.type === 'ordered_list_open';
  const start = Number(token.attrGet('start') ?? 1);
  const marks = `${above}${isOrdered ? '#' : '*'}`;
  return children.flatMap((item, at) => {
    const lines = item.children.flatMap((child) => itemLines(child, marks, live));
    const isNested = /_list_open$/.test(item.children[0]?.token.type ?? '');
    const [first = '', ...more] = isNested ? ['', ...lines] : lines;
    if (isOrdered && start !== 1) return [`${start + at}. ${first}`, ...more];
    return [`${marks} ${first || NO_WORDS}`, ...more];
  });
}

/**
 * Writes what stands in an item of a list. Textile has no quotation in an item: there it is told by the sign before
 * its lines.
 */
function itemLines(node: Node, marks: string, live: Live): readonly string[] {
  switch (node.token.type) {
    case 'bullet_list_open':
    case 'ordered_list_open':
      return list(node, marks, live);
    case 'fence':
    case 'code_block':
      return [codeBlock(node.token)];
    case 'blockquote_open':
      return node.children.flatMap((child) => itemLines(child, marks, live)).map((line) => `&gt; ${line}`);
    case 'paragraph_open':
      return inlineOf(node.children, live, ' ').split('\n');
    default:
      return inlineOf(node.children, live).split('\n');
  }
}

/** Writes code. What would end it, or is replaced even in it, is parted by a joiner that shows nothing. */
function codeBlock({ content, info }: Pick<Token, 'content' | 'info'>): string {
  const code = content
    .replace(/\n+$/, '')
    .replace(/<(?=\/?(?:pre|code|kbd|notextile|redpre|!--))/gi, '<\u2060')
    .replace(/x%(?=x%)/g, 'x%\u2060')
    .replace(/:(?=redsh#)/g, ':\u2060')
    .replace(/\{(?=\{)/g, '{\u2060');
  const language = /^[a-z][a-z0-9]*$/i.exec(info.trim())?.[0];
  if (language === undefined) return `<pre>\n${code}\n</pre>`;
  return `<pre><code class="${language}">\n${code}\n</code></pre>`;
}

/** Writes a table, a line for each row: a cell cannot have several. */
function table({ children }: Node, live: Live): string[] {
  const rows = children.flatMap((part) => part.children);
  return rows.map(({ children: cells }) => {
    const written = cells.map(({ token, children: content }) => {
      const text = inlineOf(content, live, ' ').replaceAll('\n', ' ');
      return `${token.type === 'th_open' ? '_. ' : ' '}${text} `;
    });
    return `|${written.join('|')}|`;
  });
}

/** A paragraph under way: what has been written of it, and what it is made of. */
interface Writing {
  readonly pieces: string[];
  /** The last character; nothing at the start of a line. */
  last: string;
  readonly paired: ReadonlySet<string>;
  readonly live: Live;
}

function paragraph(nodes: readonly Node[], live: Live, before: string): string {
  const whole = plainOf(nodes);
  const counted = Array.from(`${SPAN_MARKS}@`).filter((mark) => whole.split(mark).length > 2);
  const paired = new Set([...counted, ...spanMarksOf(nodes)]);
  const writing: Writing = { pieces: [], last: before, paired, live };
  writeSpans(nodes, writing, '', false);
  return writing.pieces.join('').replace(/ +$/gm, '');
}

function put(writing: Writing, text: string): void {
  if (text === '') return;
  writing.pieces.push(text);
  writing.last = text.endsWith('\n') ? '' : text.slice(-1);
}

/** Lists the marks that the spans of a paragraph will have; a backtick stands for code. */
function spanMarksOf(nodes: readonly Node[]): string[] {
  return nodes.flatMap(({ token, children }) => {
    const mark = token.type === 'code_inline' ? '`' : (MARKS[token.type] ?? '');
    return [...(mark === '' ? [] : [mark]), ...spanMarksOf(children)];
  });
}

/** Spans ahead in which the next blank is looked for. */
const NEAR = 3;

const MARKS: Readonly<Record<string, string>> = { strong_open: '*', em_open: '_', s_open: '-' };

/** Gives the words of spans. */
function plainOf(nodes: readonly Node[]): string {
  return nodes
    .map(({ token, children }) => {
      if (token.type === 'softbreak' || token.type === 'hardbreak') return '\n';
      return children.length > 0 && token.type !== 'image' ? plainOf(children) : token.content;
    })
    .join('');
}

/** Writes spans; `after` is what follows them. */
function writeSpans(nodes: readonly Node[], writing: Writing, after: string, isWithin: boolean): void {
  for (const [at, node] of nodes.entries()) {
    const follows = plainOf(nodes.slice(at + 1, at + 1 + NEAR)) + after;
    const { token, children } = node;
    switch (token.type) {
      case 'softbreak':
      case 'hardbreak':
        put(writing, '\n');
        break;
      case 'strong_open':
      case 'em_open':
      case 's_open':
        writeMarked(MARKS[token.type] ?? '', children, writing, follows, isWithin);
        break;
      case 'code_inline':
        writeCode(token.content, writing, follows, isWithin);
        break;
      case 'link_open':
        writeLink(String(token.attrGet('href') ?? ''), children, writing, follows, isWithin);
        break;
      case 'image': {
        const source = String(token.attrGet('src') ?? '');
        writeLink(source, token.content === '' ? [] : children, writing, follows, isWithin);
        break;
      }
      default:
        writeText(token.content, writing, follows, isWithin);
    }
  }
}

function writeText(text: string, writing: Writing, follows: string, isWithin: boolean): void {
  const { paired, live } = writing;
  const before = writing.last;
  const around: Around = { before, after: firstOf(follows), paired, isWithin, live };
  put(writing, escapeTextile(before === '' ? text.trimStart() : text, around));
}

/** Writes a span between marks, where marks can stand: not within a word. */
function writeMarked(
  mark: string,
  nodes: readonly Node[],
  writing: Writing,
  follows: string,
  isWithin: boolean,
): void {
  const words = plainOf(nodes);
  const stands =
    !isWithin &&
    /^[\s(]?$/.test(writing.last) &&
    /^(?![\p{L}\p{N}])[\s\p{P}]?$/u.test(firstOf(follows)) &&
    /^(?:[\p{L}\p{N}]|\S.*\S)$/su.test(words);
  if (!stands) {
    writeSpans(nodes, writing, follows, isWithin);
    return;
  }
  put(writing, mark);
  writeSpans(nodes, writing, mark, true);
  put(writing, mark);
}

function writeCode(code: string, writing: Writing, follows: string, isWithin: boolean): void {
  const stands = !isWithin && !/\w/.test(writing.last) && !/\w/.test(firstOf(follows)) && code.trim() !== '';
  put(writing, stands ? `@${verbatim(code)}@` : verbatim(code));
  // What follows comes to stand behind a tag.
  if (stands) writing.last = '>';
}

const CLEAN_URL = /^https?:\/\/[A-Za-z0-9][A-Za-z0-9.-]*(?::\d+)?(?:[/?#][\w\-./%+~,:=&?#]*)?$/;

/** Writes a link; its words where they are the address, or where nothing can be linked, and then the address too. */
function writeLink(
  href: string,
  nodes: readonly Node[],
  writing: Writing,
  follows: string,
  isWithin: boolean,
): void {
  const label = plainOf(nodes).replaceAll('\n', ' ').trim();
  const url = href.replace(/[^\w\-./:?=&%#~+,;]/gu, (char) =>
    encodeURIComponent(char).replace(/[!'()*]/, percent),
  );
  // Redmine keeps an ampersand as a mark of its own, in which an address would end.
  const isWeb = CLEAN_URL.test(url) && !url.includes('x%x') && !/[&%][^\w/]*$/.test(url);
  const run = /^\S*/.exec(follows)?.[0] ?? '';
  const endsHere = /^(?:[.,:)']{0,3}|\?)$/.test(run) || (isWithin && /^[*_-]$/.test(run));
  const isItself = label === '' || label === href || `mailto:${label}` === href;
  if (isItself && url === href && isWeb && endsHere && /^[\s(]?$/.test(writing.last)) {
    put(writing, href);
    return;
  }
  if (isItself || !isWeb) {
    const shown = isItself
      ? label || href
      : /^(?:https?|mailto|ftp):/i.test(href)
        ? `${label} (${href})`
        : label;
    writeText(shown, writing, follows, isWithin);
    return;
  }
  const { paired, live } = writing;
  const words = escapeTextile(label, { before: '"', after: '"', paired, isWithin: true, live });
  put(writing, `"${words}":${url}${endsHere ? '' : ' '}`);
}

const percent = (char: string): string => `%${char.charCodeAt(0).toString(16).toUpperCase()}`;

/** Gives the first character of what follows, nothing at the end of a line. */
const firstOf = (text: string): string => /^[^\n]/u.exec(text)?.[0] ?? '';
