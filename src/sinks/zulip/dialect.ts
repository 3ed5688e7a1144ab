/**
 * Zulip's Markdown: Markdown written anew for an interpreter that knows no backslash.
 *
 * Contract: what was typed is what is read. A character that Zulip could take for a mark is written as an entity, which it
 * shows as the character and looks at after mentions, links and code. `*` alone marks emphasis; raw HTML is shown as it
 * is. Blocks of Zulip's own (spoiler, quote, math), commands at the beginning of a message and mentions do not arise.
 * Sources: zulip/zulip docs/subsystems/markdown.md; zerver/lib/markdown/__init__.py, build_inlinepatterns.
 */
import { createReader, isTooDeep } from '../platform/markdown.ts';

/** What of a text stays alive. */
export interface ZulipLife {
  readonly mentions: boolean;
}

const parser = createReader({});

type Token = ReturnType<typeof parser.parse>[number];

/** U+2060: joins what stands beside it, and shows nothing. */
const JOINER = '\u2060';

const ADDRESS = /(https?:\/\/[^\s<>"`]+)/i;

/** Fences that are no code in Zulip. */
const BLOCKS = /^(?:spoiler|quote|quoted|math|latex|tex)$/i;

/** Writes Markdown for Zulip. */
export function zulipMarkdown(markdown: string, life: ZulipLife): string {
  const writer = new Writer(life);
  if (isTooDeep(markdown)) return fenced({ content: markdown, info: '' });
  return writer.blocks(parser.parse(markdown, {})).join('\n\n');
}

/** Goes through the tokens of a text; a container's blocks are written first and then marked line by line. */
class Writer {
  readonly #life: ZulipLife;
  #at = 0;
  #tokens: readonly Token[] = [];

  constructor(life: ZulipLife) {
    this.#life = life;
  }

  blocks(tokens: readonly Token[]): string[] {
    this.#tokens = tokens;
    this.#at = 0;
    return this.#until(undefined);
  }

  #until(end: string | undefined): string[] {
    const written: string[] = [];
    for (;;) {
      const token = this.#tokens[this.#at];
      this.#at += 1;
      if (token === undefined || token.type === end) return written;
      const block = this.#block(token);
      if (block !== undefined) written.push(block);
    }
  }

  #block(token: Token): string | undefined {
    const end = token.type.replace('_open', '_close');
    switch (token.type) {
      case 'inline':
        return this.#inline(token.children ?? []);
      case 'paragraph_open':
        return this.#until(end).join('\n');
      case 'heading_open':
        return `${'#'.repeat(Number(token.tag.slice(1)))} ${this.#until(end).join(' ')}`;
      case 'blockquote_open':
        return this.#until(end).join('\n\n').replace(/^/gm, '> ');
      case 'bullet_list_open':
        return this.#items(end, () => '* ');
      case 'ordered_list_open': {
        const first = Number(token.attrGet('start') ?? 1);
        return this.#items(end, (at) => `${first + at}. `);
      }
      case 'table_open':
        return this.#table(end);
      case 'fence':
      case 'code_block':
        return fenced(token);
      case 'hr':
        return '---';
      default:
        return token.content === '' ? undefined : plain(token.content);
    }
  }

  #items(end: string, mark: (at: number) => string): string {
    const items: string[] = [];
    while (this.#tokens[this.#at]?.type === 'list_item_open') {
      this.#at += 1;
      const item = this.#until('list_item_close').join('\n');
      items.push(mark(items.length) + item.replace(/\n/g, '\n  '));
    }
    if (this.#tokens[this.#at]?.type === end) this.#at += 1;
    return items.join('\n');
  }

  #table(end: string): string {
    const rows: string[][] = [];
    for (;;) {
      const token = this.#tokens[this.#at];
      this.#at += 1;
      if (token === undefined || token.type === end) break;
      if (token.type === 'tr_open') rows.push([]);
      if (token.type === 'inline')
        rows.at(-1)?.push(this.#inline(token.children ?? []).replace(/\|/g, '&#124;'));
    }
    const lines = rows.map((cells) => `| ${cells.join(' | ')} |`);
    const rule = `|${'---|'.repeat(rows[0]?.length ?? 1)}`;
    return [lines[0] ?? '', rule, ...lines.slice(1)].join('\n');
  }

  /** Writes a line of text; code is set apart, so that nothing in it is taken for a mark. */
  #inline(tokens: readonly Token[]): string {
    const parts: { readonly text: string; readonly isCode: boolean }[] = [];
    let href: string | undefined;
    let label = 0;
    for (const token of tokens) {
      const say = (text: string, isCode = false): void => {
        parts.push({ text, isCode });
      };
      if (token.type === 'link_open') {
        href = webAddress(token.attrGet('href'));
        label = parts.length;
        if (href !== undefined) say('[');
      } else if (token.type === 'link_close') {
        if (href !== undefined) closeLink(parts, label, href);
        href = undefined;
      } else if (token.type === 'code_inline') say(code(token.content), true);
      else if (token.type === 'image') {
        const source = webAddress(token.attrGet('src'));
        const name = plain(token.content === '' ? (source ?? '') : token.content);
        say(source === undefined ? name : `[${name}](${source})`);
      } else say(MARKS[token.type] ?? plain(token.content, parts.length === 0 || endsLine(parts)));
    }
    return parts
      .map(({ text, isCode }, at) => (isCode ? text : this.#quiet(text, parts[at + 1]?.text)))
      .join('');
  }

  /** Keeps a mention from arising where a mark follows. */
  #quiet(text: string, next = ''): string {
    if (this.#life.mentions) return text;
    return /[@＠]_?$/.test(text) && next.startsWith('*') ? text + JOINER : text;
  }
}

const MARKS: Readonly<Record<string, string>> = {
  em_open: '*',
  em_close: '*',
  strong_open: '**',
  strong_close: '**',
  s_open: '~~',
  s_close: '~~',
  softbreak: '\n',
  hardbreak: '\n',
};

function endsLine(parts: readonly { readonly text: string }[]): boolean {
  return parts.at(-1)?.text.endsWith('\n') === true;
}

/** Ends a link; one whose text is its address is written as the address alone. */
function closeLink(parts: { text: string; isCode: boolean }[], from: number, href: string): void {
  const label = parts
    .slice(from + 1)
    .map(({ text }) => text)
    .join('');
  parts.splice(from);
  parts.push({ text: label === href || label === '' ? href : `[${label}](${href})`, isCode: false });
}

function webAddress(address: unknown): string | undefined {
  if (typeof address !== 'string' || !/^(?:https?:|mailto:)/i.test(address)) return undefined;
  return address.replace(/[()\s]/g, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** Writes plain text: entities for what could be a mark, within a line and at its beginning. */
function plain(text: string, isStart = false): string {
  const written = text
    .split(ADDRESS)
    .map((part, at) => (at % 2 === 1 ? part : escaped(part)))
    .join('');
  return isStart ? written.replace(OPENING, (mark) => entity(mark)) : written;
}

/** The beginning of a list, a quote, a heading, a rule, a table or a command, by its first character. */
const OPENING = /^(?:>|[-+](?=[\s-])|#(?=#{0,5}\s)|\||\/(?=[a-z])|\d(?=\d{0,8}[.)]\s))/i;

function escaped(text: string): string {
  return text
    .replace(/&(?=#?\w{1,32};)/g, '&amp;')
    .replace(/[*`]|~(?=~)|\$(?=\$)|:(?=[\w+-]{1,60}:)|!(?=(?:gr)?avatar\()|<(?=time:)|\](?=\()/g, entity);
}

function entity(char: string): string {
  return `&#${char.charCodeAt(0)};`;
}

function code(content: string): string {
  const most = Math.max(0, ...Array.from(content.matchAll(/`+/g), ([run]) => run.length));
  const ticks = '`'.repeat(most + 1);
  const room = content.startsWith('`') || content.endsWith('`') ? ' ' : '';
  return ticks + room + content + room + ticks;
}

function fenced({ content, info }: Pick<Token, 'content' | 'info'>): string {
  const most = Math.max(2, ...Array.from(content.matchAll(/`+/g), ([run]) => run.length));
  const ticks = '`'.repeat(most + 1);
  const language = /^[\w+#.-]+$/.test(info.trim()) && !BLOCKS.test(info.trim()) ? info.trim() : '';
  return `${ticks}${language}\n${content.replace(/\n$/, '')}\n${ticks}`;
}
