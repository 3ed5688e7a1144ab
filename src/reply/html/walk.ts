/**
 * From an HTML tree to lines, each as plain text for the judge and as Markdown for the post.
 *
 * Contract: walks with its own stack, so that no depth overflows; below `MAX_DEPTH` structure is ignored and text is
 * kept. White space is folded as a browser folds it (`pre` apart); style, script, head and hidden pictures are
 * dropped. A blockquote's lines carry `> ` in both forms, which lets the rules for plain text judge them.
 */

import { cleanLine, cleanText } from '../../mail/clean-text.ts';
import { BLOCKS, DROPPED, PARAGRAPHS } from './blocks.ts';
import { isHidden } from './hidden.ts';
import { type Leave, LineWriter, type WrittenLine } from './lines.ts';
import { escapeTarget, isSafeTarget } from './link-target.ts';
import { type Style, UNSTYLED } from './markdown.ts';
import { escapeLabel } from './markdown-escape.ts';
import { isText } from './pre.ts';
import { announces, type Mark, markOf } from './quotes.ts';
import { type Survey, surveyTree } from './survey.ts';
import { attribute, type HtmlNode, styleOf } from './tree.ts';

const MAX_DEPTH = 600;

/** The way in which an element is left. */
interface End {
  readonly leaveTag: Leave | undefined;
  readonly leaveMark: Leave | undefined;
  readonly isBlock: boolean;
  readonly margin: boolean;
}

const NO_BLOCK: End = { leaveTag: undefined, leaveMark: undefined, isBlock: false, margin: false };

/** An element whose children are being written. */
interface Frame {
  readonly children: readonly HtmlNode[];
  /** The child that is next. */
  next: number;
  readonly style: Style;
  readonly inQuote: boolean;
  readonly end: End;
}

/** Walks a tree and writes its lines. */
class Walk {
  readonly #writer = new LineWriter();
  /** The elements that are open; their number is the depth. */
  readonly #frames: Frame[] = [];
  readonly #root: HtmlNode;
  #surveyed: Survey | undefined;

  constructor(root: HtmlNode) {
    this.#root = root;
  }

  /**
   * Gives the survey of the tree, made when first asked: only marked quotes, tables and preformatted text ask for it.
   */
  get #survey(): Survey {
    this.#surveyed ??= surveyTree(this.#root);
    return this.#surveyed;
  }

  lines(): WrittenLine[] {
    this.#push(this.#root, UNSTYLED, false, NO_BLOCK);
    for (let frame = this.#frames.at(-1); frame !== undefined; frame = this.#frames.at(-1)) {
      const node = frame.children[frame.next];
      frame.next += 1;
      if (node === undefined) this.#leave(frame);
      else this.#enter(node, frame);
    }
    return this.#writer.finish();
  }

  #push(node: HtmlNode, style: Style, inQuote: boolean, end: End): void {
    this.#frames.push({ children: node.childNodes ?? [], next: 0, style, inQuote, end });
  }

  #leave({ end: { leaveTag, leaveMark, isBlock, margin } }: Frame): void {
    this.#frames.pop();
    leaveTag?.();
    leaveMark?.();
    if (isBlock) this.#writer.endLine(margin);
  }

  #enter(node: HtmlNode, { style, inQuote }: Frame): void {
    if (node.value !== undefined) {
      // Entities may stand for anything, and what is escaped must not change afterwards.
      this.#writer.text(cleanText(node.value), style);
      return;
    }
    const tag = node.tagName;
    if (tag === undefined || DROPPED.has(tag)) return;
    const css = styleOf(node);
    if (isHidden(node, css)) return;
    if (this.#frames.length >= MAX_DEPTH) this.#push(node, style, inQuote, NO_BLOCK);
    else if (tag === 'br') this.#writer.breakLine();
    else if (tag === 'img') this.#image(node, style, css);
    else if (tag === 'hr') this.#rule(node, css);
    else this.#element(node, tag, css, style, inQuote);
  }

  #rule(node: HtmlNode, css: string): void {
    this.#writer.rule();
    if (markOf(node, false, css) === 'opening') this.#writer.hintNext('intro');
  }

  #element(node: HtmlNode, tag: string, css: string, style: Style, inQuote: boolean): void {
    const mark = this.#mark(node, inQuote, css);
    const isBlock = BLOCKS.has(tag);
    const margin = PARAGRAPHS.has(tag) && !/MsoNormal|MsoPlainText/.test(attribute(node, 'class'));
    if (isBlock) this.#writer.endLine(margin);
    const leaveMark = isBlock || mark !== 'signature' ? this.#openMark(mark) : undefined;
    const leaveTag = this.#open(node, tag, css, isBlock);
    const end = { leaveTag, leaveMark, isBlock, margin };
    this.#push(node, restyle(node, tag, style), inQuote || mark === 'quote', end);
  }

  /**
   * Marks a quote. A marked one without a blockquote inside is quoted as a whole, if it begins as an original does:
   * clients leave the mark behind.
   */
  #mark(node: HtmlNode, inQuote: boolean, css: string): Mark | undefined {
    const mark = markOf(node, inQuote, css);
    if (mark !== 'quote' || this.#survey.quoting.has(node)) return mark;
    return announces(node) ? 'cite' : undefined;
  }

  #openMark(mark: Mark | undefined): Leave | undefined {
    const writer = this.#writer;
    if (mark === 'signature') return writer.signature();
    if (mark === 'cite' || mark === 'citation' || mark === 'blockquote') return writer.quote(mark);
    if (mark === 'quote') writer.hintNext('container');
    if (mark === 'opening') writer.hintNext('intro');
    if (mark === 'forward') writer.hintNext('forward');
    if (mark === 'rule') writer.rule();
    return undefined;
  }

  /** Opens what an element is, and within it text that keeps its line ends, where its style asks for that. */
  #open(node: HtmlNode, tag: string, css: string, isBlock: boolean): Leave | undefined {
    const leave = this.#openElement(node, tag);
    if (tag === 'pre' || !css.includes('white-space:pre')) return leave;
    const leaveKept = this.#writer.keepLines(isBlock);
    return () => {
      leaveKept();
      leave?.();
    };
  }

  #openElement(node: HtmlNode, tag: string): Leave | undefined {
    const writer = this.#writer;
    if (tag === 'ul' || tag === 'ol')
      return writer.list(tag === 'ol' ? Number(attribute(node, 'start') || 1) : undefined);
    if (tag === 'li') return writer.item();
    if (tag === 'pre') return this.#isPlainMail(node) ? writer.keepLines(true) : writer.fence();
    if (/^h[1-6]$/.test(tag)) writer.heading(Number(tag.charAt(1)));
    if (tag === 'table' && this.#survey.data.has(node)) return writer.table();
    if (tag === 'td' || tag === 'th') writer.cell();
    if (tag === 'tr') return writer.row();
    return undefined;
  }

  /**
   * Tells whether a `pre` is text and not code: a whole mail in one `pre`, the quotes that Thunderbird puts into one,
   * and prose.
   */
  #isPlainMail(node: HtmlNode): boolean {
    return !this.#survey.outsidePre || isText(node);
  }

  #image(node: HtmlNode, style: Style, css: string): void {
    if (isPixel(node, css)) return;
    const alt = cleanText(attribute(node, 'alt')).replace(/\s+/g, ' ').trim();
    const source = cleanLine(attribute(node, 'src'));
    if (/^\p{Extended_Pictographic}/u.test(alt)) this.#writer.text(alt, style);
    else if (/^(?:cid:|https?:\/\/)/i.test(source)) {
      this.#writer.raw(
        `![${escapeLabel(alt)}](${escapeTarget(source)})`,
        alt === '' ? '[image]' : alt,
        style,
      );
    } else if (alt !== '') this.#writer.text(alt, style);
  }
}

/** Tells whether a picture is a point or two in size: it is there to report that the mail was opened. */
function isPixel(node: HtmlNode, css: string): boolean {
  const sizes = [attribute(node, 'width'), attribute(node, 'height')].map((size) =>
    Number.parseInt(size, 10),
  );
  if (sizes.some((size) => size <= 2)) return true;
  return /(?:^|;)(?:max-)?(?:width|height):[012](?:px)?(?:;|!|$)/.test(css);
}

function restyle(node: HtmlNode, tag: string, style: Style): Style {
  switch (tag) {
    case 'b':
    case 'strong':
      return attribute(node, 'class').includes('gmail_sendername') ? style : { ...style, bold: true };
    case 'i':
    case 'em':
      return { ...style, italic: true };
    case 's':
    case 'del':
    case 'strike':
      return { ...style, strike: true };
    case 'code':
    case 'tt':
    case 'kbd':
    case 'samp':
      return { ...style, code: true };
    case 'a': {
      // Of a link that nobody may follow the text is left.
      const href = cleanLine(attribute(node, 'href'));
      return { ...style, href: isSafeTarget(href) ? href : undefined };
    }
    default:
      return style;
  }
}

/** Writes the lines of a tree, in order. */
export const writeLines = (root: HtmlNode): WrittenLine[] => new Walk(root).lines();
