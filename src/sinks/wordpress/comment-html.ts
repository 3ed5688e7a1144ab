/**
 * The HTML of a comment: what WordPress shows as it was typed, whoever posts it.
 *
 * Contract: of elements there are em, strong, s, code, blockquote and a, which every role may use; a role without them
 * loses the rest of its HTML on the way in (wp_filter_kses). WordPress itself makes paragraphs of empty lines, breaks of
 * line ends, and links of addresses (wpautop, make_clickable). A quotation mark stays one: its notifications show the text
 * with `&lt;`, `&gt;` and `&amp;` undone, and nothing else.
 * An administrator's comment is not filtered at all: what keeps a script out is that all HTML here is our own.
 * Limits: on pages WordPress sets quotation marks, dashes and smileys its own way, as in all that is typed there.
 */
import { html } from '../platform/html.ts';

/** A blank that is not collapsed, and begins no line of HTML. */
const BLANK = '\u00a0';

/** Elements that stay, within a line. */
const INLINE = new Set(['em', 'strong', 's', 'code']);

/** Elements of a table that only hold others, or end with the next one. */
const ROWS = new Set(['thead', 'tbody', 'tr', 'th', 'td']);

const TITLE = /^h[1-6]$/;

/** A list that is open: the number of its next item, or none. */
interface OpenList {
  next: number | undefined;
}

/** Writes Markdown as the HTML of a comment. */
export function commentHtml(markdown: string): string {
  const writer = new Writer();
  const tokens = html(markdown).split(/(<[^>]*>)/);
  for (const [at, token] of tokens.entries()) {
    if (!token.startsWith('<')) writer.text(token);
    else if (/^<a\b/.test(token)) writer.link(token, tokens[at + 1] ?? '', tokens[at + 2] ?? '');
    else writer.tag(token);
  }
  return writer.out.trim();
}

/** The text so far, and what is open in it. */
class Writer {
  out = '';
  /** Line ends that are due before the next text. */
  #gap = 0;
  #isFirst = true;
  #isCode = false;
  #linkEnd = '';
  #cells = 0;
  readonly #lists: OpenList[] = [];

  text(token: string): void {
    if (this.#isCode) this.#code(token);
    // Line ends between elements are the renderer's: those of the text are breaks.
    else this.#write(token.replaceAll('\n', '').replaceAll('&quot;', '"'));
  }

  /** Begins a link; one that shows its own address is left to WordPress, and only the web and mail are linked to. */
  link(tag: string, text: string, end: string): void {
    const address = /href="([^"]*)"/.exec(tag)?.[1] ?? '';
    const isBare = address === text && end === '</a>';
    const isLinked = /^(?:https?|mailto):/i.test(address);
    this.#linkEnd = isLinked ? '</a>' : ` (${address})`;
    if (isBare) this.#linkEnd = '';
    // The words that WordPress adds: what it has then is what we sent, and a repetition is known by it.
    else if (isLinked) this.#write(`<a href="${address}" rel="nofollow ugc">`);
  }

  tag(token: string): void {
    const [, close = '', name = ''] = /^<(\/?)([a-z]+[1-6]?)/.exec(token) ?? [];
    if (close === '') this.#open(name, token);
    else this.#close(name);
  }

  #open(name: string, token: string): void {
    switch (name) {
      case 'br':
        this.#write('\n');
        return;
      case 'hr':
        this.#paragraph('* * *');
        this.#block(2);
        return;
      case 'pre':
        this.#block(2);
        this.#isCode = true;
        return;
      case 'blockquote':
        this.#paragraph('<blockquote>');
        this.#isFirst = true;
        return;
      case 'ul':
      case 'ol':
        this.#block(this.#lists.length > 0 ? 1 : 2);
        this.#lists.push({ next: name === 'ul' ? undefined : Number(/\d+/.exec(token)?.[0] ?? '1') });
        return;
      case 'li':
        this.#item();
        return;
      case 'tr':
        this.#block(1);
        this.#cells = 0;
        return;
      case 'th':
      case 'td':
        this.#write(this.#cells++ > 0 ? ' | ' : '');
        return;
      default:
        if (INLINE.has(name)) this.#write(this.#isCode ? '' : `<${name}>`);
        else if (!ROWS.has(name)) this.#paragraph(TITLE.test(name) ? '<strong>' : '');
    }
  }

  #close(name: string): void {
    switch (name) {
      case 'a':
        this.out += this.#linkEnd;
        return;
      case 'pre':
        this.#isCode = false;
        this.#block(2);
        return;
      case 'blockquote':
        this.out += '</blockquote>';
        this.#block(2);
        return;
      case 'ul':
      case 'ol':
        this.#lists.pop();
        this.#block(this.#lists.length > 0 ? 1 : 2);
        return;
      case 'li':
        this.#block(1);
        return;
      default:
        if (INLINE.has(name)) this.out += this.#isCode ? '' : `</${name}>`;
        else if (!ROWS.has(name)) this.#endParagraph(TITLE.test(name) ? '</strong>' : '');
    }
  }

  /** Begins an item: its mark, and the depth of its list in blanks. */
  #item(): void {
    this.#block(1);
    const list = this.#lists.at(-1);
    const mark = list?.next === undefined ? '•' : `${list.next}.`;
    if (list?.next !== undefined) list.next += 1;
    this.#write(`${BLANK.repeat(2 * Math.max(0, this.#lists.length - 1))}${mark} `);
    this.#isFirst = true;
  }

  /** Writes lines of code, each an element of its own: an empty line would end it. */
  #code(token: string): void {
    if (token === '') return;
    const lines = token.replace(/\n$/, '').replaceAll('&quot;', '"').split('\n');
    const kept = lines.map((line) => (line === '' ? BLANK : line.replace(/^ | (?= )/g, BLANK)));
    this.#write(kept.map((line) => `<code>${line}</code>`).join('\n'));
  }

  #paragraph(beginning: string): void {
    this.#block(2);
    this.#write(beginning);
  }

  #endParagraph(end: string): void {
    this.out += end;
    this.#block(2);
  }

  /** Asks for so many line ends before what follows. */
  #block(lineEnds: number): void {
    if (!this.#isFirst) this.#gap = Math.max(this.#gap, lineEnds);
  }

  #write(text: string): void {
    if (text === '') return;
    this.out += '\n'.repeat(this.#gap) + text;
    this.#gap = 0;
    this.#isFirst = false;
  }
}
