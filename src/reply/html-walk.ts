/**
 * From an HTML tree to lines, each as plain text for the judge and as Markdown for the post.
 *
 * Contract: walks with its own stack, so that no depth overflows; below `MAX_DEPTH` structure is ignored and text is
 * kept. White space is folded as a browser folds it (`pre` apart); style, script, head and hidden pictures are
 * dropped. A blockquote's lines carry `> ` in both forms, which lets the rules for plain text judge them.
 */

import { cleanLine, cleanText } from '../mail/clean-text.ts';
import { LineWriter, type WrittenLine } from './html-lines.ts';
import { type Mark, markOf } from './html-quotes.ts';
import { attribute, type HtmlNode, styleOf } from './html-tree.ts';
import { escapeTarget } from './link-target.ts';
import type { Run } from './markdown.ts';
import { escapeLabel } from './markdown-escape.ts';

const MAX_DEPTH = 200;

const DROPPED = new Set([
  'style',
  'script',
  'head',
  'title',
  'template',
  'noscript',
  'object',
  'iframe',
  'svg',
  'math',
  'select',
  'textarea',
  'audio',
  'video',
]);
const PARAGRAPHS = new Set([
  'p',
  'ul',
  'ol',
  'dl',
  'table',
  'pre',
  'blockquote',
  'h1',
  'h2',
  'h3',
  'h4',
  'h5',
  'h6',
  'fieldset',
  'figure',
]);
const BLOCKS = new Set([
  ...PARAGRAPHS,
  ...[
    'div',
    'section',
    'article',
    'header',
    'footer',
    'main',
    'nav',
    'aside',
    'address',
    'center',
    'form',
    'dd',
    'dt',
    'li',
    'tr',
    'caption',
    'hr',
    'body',
    'html',
  ],
]);

type Style = Omit<Run, 'text' | 'raw'>;

interface Frame {
  readonly node: HtmlNode;
  readonly style: Style;
  readonly inQuote: boolean;
  readonly depth: number;
  readonly leave?: () => void;
}

/** Elements that hold a blockquote, and tables that hold only data. */
interface Survey {
  readonly quoting: ReadonlySet<HtmlNode>;
  readonly data: ReadonlySet<HtmlNode>;
  /** There is text outside every `pre`. */
  readonly outsidePre: boolean;
}

interface SurveyFrame {
  readonly node: HtmlNode;
  readonly parent: SurveyFrame | undefined;
  readonly table: SurveyFrame | undefined;
  readonly pre: boolean;
}

/** Looks through the tree once, for what an element must know of its descendants. */
function survey(root: HtmlNode): Survey {
  const quoting = new Set<HtmlNode>();
  const data = new Set<HtmlNode>();
  const stack: SurveyFrame[] = [{ node: root, parent: undefined, table: undefined, pre: false }];
  let outsidePre = false;
  for (let frame = stack.pop(); frame !== undefined; frame = stack.pop()) {
    const { node } = frame;
    if (node.tagName === 'blockquote') {
      for (let up = frame.parent; up !== undefined && !quoting.has(up.node); up = up.parent)
        quoting.add(up.node);
    }
    if (node.tagName === 'th') data.add(frame.table?.node ?? node);
    if (
      node.tagName !== undefined &&
      BLOCKS.has(node.tagName) &&
      !/^(?:tr|p|div|body|html)$/.test(node.tagName)
    ) {
      if (frame.table !== undefined && node.tagName !== 'caption') data.delete(frame.table.node);
    }
    const table = node.tagName === 'table' ? frame : frame.table;
    const pre = frame.pre || node.tagName === 'pre' || DROPPED.has(node.tagName ?? '');
    for (const child of node.childNodes ?? []) {
      if (child.tagName !== undefined) stack.push({ node: child, parent: frame, table, pre });
      else if (!pre && child.value !== undefined && /\S/.test(child.value)) outsidePre = true;
    }
  }
  return { quoting, data, outsidePre };
}

/** Walks a tree and writes its lines. */
class Walk {
  readonly #writer = new LineWriter();
  readonly #stack: Frame[] = [];
  readonly #survey: Survey;
  readonly #root: HtmlNode;

  constructor(root: HtmlNode) {
    this.#root = root;
    this.#survey = survey(root);
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
    if (markOf(node, false) === 'opening') this.#writer.hintNext();
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

  /** A marked quote without a blockquote inside is quoted as a whole. */
  #mark(frame: Frame): Mark | undefined {
    const mark = markOf(frame.node, frame.inQuote);
    if (mark !== 'quote') return mark;
    return this.#survey.quoting.has(frame.node) ? 'quote' : 'cite';
  }

  #openMark(mark: Mark | undefined): () => void {
    const writer = this.#writer;
    if (mark === 'signature') return writer.signature();
    if (mark === 'cite') return writer.quote(undefined);
    if (mark === 'citation' || mark === 'blockquote') return writer.quote(mark);
    if (mark === 'quote' || mark === 'opening') writer.hintNext();
    if (mark === 'rule') writer.rule();
    return () => undefined;
  }

  #open(node: HtmlNode, tag: string): () => void {
    const writer = this.#writer;
    if (tag === 'ul' || tag === 'ol')
      return writer.list(tag === 'ol' ? Number(attribute(node, 'start') || 1) : undefined);
    if (tag === 'li') return writer.item();
    if (tag !== 'pre' && BLOCKS.has(tag) && styleOf(node).includes('white-space:pre'))
      return writer.keepLines();
    if (tag === 'pre') return this.#isPlainMail(node) ? writer.keepLines() : writer.fence();
    if (/^h[1-6]$/.test(tag)) writer.heading(Number(tag.charAt(1)));
    if (tag === 'table' && this.#survey.data.has(node)) return writer.table();
    if (tag === 'td' || tag === 'th') return writer.cell();
    if (tag === 'tr') return writer.row();
    return () => undefined;
  }

  /** A whole mail in one `pre`, and the quotes that Thunderbird puts into one, are text and not code. */
  #isPlainMail(node: HtmlNode): boolean {
    return !this.#survey.outsidePre || /moz-quote-pre|moz-signature/.test(attribute(node, 'class'));
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

function isHidden(node: HtmlNode): boolean {
  const style = styleOf(node);
  return style !== '' && /display:none|mso-hide:all|visibility:hidden/.test(style);
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
