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
import { LineWriter, type WrittenLine } from './lines.ts';
import { escapeTarget } from './link-target.ts';
import type { Run } from './markdown.ts';
import { escapeLabel } from './markdown-escape.ts';
import { isText } from './pre.ts';
import { announces, type Mark, markOf } from './quotes.ts';
import { type Survey, surveyTree } from './survey.ts';
import { attribute, type HtmlNode, styleOf } from './tree.ts';

const MAX_DEPTH = 600;
const LEAVES_NOTHING = (): void => undefined;

type Style = Omit<Run, 'text' | 'raw'>;

interface Frame {
  readonly node: HtmlNode;
  readonly style: Style;
  readonly inQuote: boolean;
  readonly depth: number;
  readonly leave?: () => void;
}

/** Walks a tree and writes its lines. */
class Walk {
  readonly #writer = new LineWriter();
  readonly #stack: Frame[] = [];
  readonly #survey: Survey;
  readonly #root: HtmlNode;

  constructor(root: HtmlNode) {
    this.#root = root;
    this.#survey = surveyTree(root);
  }

  lines(): WrittenLine[] {
    this.#stack.push({ node: this.#root, style: {}, inQuote: false, depth: 0 });
    for (let frame = this.#stack.pop(); frame !== undefined; frame = this.#stack.pop()) {
      if (frame.leave !== undefined) frame.leave();
      else this.#enter(frame);
    }
    return this.#writer.finish();
  }

  #enter(frame: Frame): void {
    const { node, style } = frame;
    if (node.value !== undefined) {
      // Entities may stand for anything, and what is escaped must not change afterwards.
      this.#writer.text(cleanText(node.value), style);
      return;
    }
    const tag = node.tagName ?? '';
    if (DROPPED.has(tag) || isHidden(node)) return;
    if (frame.depth >= MAX_DEPTH || tag === '') {
      this.#children(frame, style, frame.inQuote);
      return;
    }
    if (tag === 'br') this.#writer.breakLine();
    else if (tag === 'img') this.#image(node, style);
    else if (tag === 'hr') this.#rule(node);
    else this.#element(frame, tag);
  }

  #rule(node: HtmlNode): void {
    this.#writer.rule();
    if (markOf(node, false) === 'opening') this.#writer.hintNext('intro');
  }

  #element(frame: Frame, tag: string): void {
    const mark = this.#mark(frame);
    const margin = PARAGRAPHS.has(tag) && !/MsoNormal|MsoPlainText/.test(attribute(frame.node, 'class'));
    if (BLOCKS.has(tag)) this.#writer.endLine(margin);
    const leaveMark = this.#openMark(BLOCKS.has(tag) || mark !== 'signature' ? mark : undefined);
    const leaveTag = this.#open(frame.node, tag);
    this.#leaveWith(frame, () => {
      leaveTag();
      leaveMark();
      if (BLOCKS.has(tag)) this.#writer.endLine(margin);
    });
    this.#children(frame, restyle(frame, tag), frame.inQuote || mark === 'quote');
  }

  /**
   * A marked quote without a blockquote inside is quoted as a whole, if it begins as an original does: clients leave
   * the mark behind.
   */
  #mark(frame: Frame): Mark | undefined {
    const mark = markOf(frame.node, frame.inQuote);
    if (mark !== 'quote' || this.#survey.quoting.has(frame.node)) return mark;
    return announces(frame.node) ? 'cite' : undefined;
  }

  #openMark(mark: Mark | undefined): () => void {
    const writer = this.#writer;
    if (mark === 'signature') return writer.signature();
    if (mark === 'cite' || mark === 'citation' || mark === 'blockquote') return writer.quote(mark);
    if (mark === 'quote') writer.hintNext('container');
    if (mark === 'opening') writer.hintNext('intro');
    if (mark === 'forward') writer.hintNext('forward');
    if (mark === 'rule') writer.rule();
    return LEAVES_NOTHING;
  }

  #open(node: HtmlNode, tag: string): () => void {
    const writer = this.#writer;
    if (tag === 'ul' || tag === 'ol')
      return writer.list(tag === 'ol' ? Number(attribute(node, 'start') || 1) : undefined);
    if (tag === 'li') return writer.item();
    if (tag !== 'pre' && styleOf(node).includes('white-space:pre')) return writer.keepLines(BLOCKS.has(tag));
    if (tag === 'pre') return this.#isPlainMail(node) ? writer.keepLines(true) : writer.fence();
    if (/^h[1-6]$/.test(tag)) writer.heading(Number(tag.charAt(1)));
    if (tag === 'table' && this.#survey.data.has(node)) return writer.table();
    if (tag === 'td' || tag === 'th') return writer.cell();
    if (tag === 'tr') return writer.row();
    return LEAVES_NOTHING;
  }

  /** A whole mail in one `pre`, the quotes that Thunderbird puts into one, and prose are text and not code. */
  #isPlainMail(node: HtmlNode): boolean {
    return !this.#survey.outsidePre || isText(node);
  }

  #leaveWith(frame: Frame, leave: () => void): void {
    const { node, style, inQuote, depth } = frame;
    this.#stack.push({ node, style, inQuote, depth, leave });
  }

  #children(frame: Frame, style: Style, inQuote: boolean): void {
    const children = frame.node.childNodes ?? [];
    for (let at = children.length - 1; at >= 0; at -= 1) {
      const node = children[at];
      if (node !== undefined) this.#stack.push({ node, style, inQuote, depth: frame.depth + 1 });
    }
  }

  #image(node: HtmlNode, style: Style): void {
    if (isPixel(node)) return;
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

/** A picture of a point or two is there to report that the mail was opened. */
function isPixel(node: HtmlNode): boolean {
  const sizes = [attribute(node, 'width'), attribute(node, 'height')].map((size) =>
    Number.parseInt(size, 10),
  );
  if (sizes.some((size) => size <= 2)) return true;
  return /(?:^|;)(?:max-)?(?:width|height):[012](?:px)?(?:;|!|$)/.test(styleOf(node));
}

function restyle(frame: Frame, tag: string): Style {
  const { style, node } = frame;
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
    case 'a':
      return { ...style, href: cleanLine(attribute(node, 'href')) || undefined };
    default:
      return style;
  }
}

/** The lines of a tree, in order. */
export const writeLines = (root: HtmlNode): WrittenLine[] => new Walk(root).lines();
