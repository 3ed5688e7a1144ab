/**
 * A look through a tree before it is walked: what an element must know of its descendants.
 *
 * Contract: one pass with its own stack, linear in the number of nodes.
 */
import { BLOCKS, DROPPED } from './blocks.ts';
import type { HtmlNode } from './tree.ts';

/** Elements that hold a blockquote, and tables that hold only data. */
export interface Survey {
  readonly quoting: ReadonlySet<HtmlNode>;
  readonly data: ReadonlySet<HtmlNode>;
  /** There is text outside every `pre`. */
  readonly outsidePre: boolean;
}

interface Frame {
  readonly node: HtmlNode;
  readonly parent: Frame | undefined;
  readonly table: Table | undefined;
  readonly pre: boolean;
}

/** A table as far as it has been seen. */
interface Table {
  readonly node: HtmlNode;
  /** It has a heading cell. */
  headed: boolean;
  /** It holds more than lines: other tables, lists, pictures. It lays out the page. */
  mixed: boolean;
  /** The number of cells in each row. */
  readonly rows: number[];
}

const MOST_CELLS = 40;
const LAYOUT = new Set(['img', 'input', 'button']);

/** Looks through the tree. */
export function surveyTree(root: HtmlNode): Survey {
  const survey = new Surveyor();
  const stack: Frame[] = [{ node: root, parent: undefined, table: undefined, pre: false }];
  for (let frame = stack.pop(); frame !== undefined; frame = stack.pop()) survey.visit(frame, stack);
  return survey.result();
}

class Surveyor {
  readonly #quoting = new Set<HtmlNode>();
  readonly #tables: Table[] = [];
  #outsidePre = false;

  /** Takes note of a node and puts its children on the stack. */
  visit(frame: Frame, stack: Frame[]): void {
    const tag = frame.node.tagName ?? '';
    if (tag === 'blockquote') this.#quote(frame);
    if (frame.table !== undefined) noteIn(frame.table, tag);
    const table = tag === 'table' ? this.#open(frame) : frame.table;
    const pre = frame.pre || tag === 'pre' || DROPPED.has(tag);
    for (const child of frame.node.childNodes ?? []) {
      if (child.tagName !== undefined) stack.push({ node: child, parent: frame, table, pre });
      else if (!pre && child.value !== undefined && /\S/.test(child.value)) this.#outsidePre = true;
    }
  }

  result(): Survey {
    const data = new Set(this.#tables.filter(isData).map(({ node }) => node));
    return { quoting: this.#quoting, data, outsidePre: this.#outsidePre };
  }

  #quote(frame: Frame): void {
    for (let up = frame.parent; up !== undefined && !this.#quoting.has(up.node); up = up.parent)
      this.#quoting.add(up.node);
  }

  #open(frame: Frame): Table {
    const table = { node: frame.node, headed: false, mixed: false, rows: [] };
    if (frame.table !== undefined) frame.table.mixed = true;
    this.#tables.push(table);
    return table;
  }
}

function noteIn(table: Table, tag: string): void {
  if (tag === 'tr') table.rows.push(0);
  if (tag === 'td' || tag === 'th') {
    // Rows are visited from the last to the first, each before its cells.
    const row = table.rows.length - 1;
    if (row >= 0) table.rows[row] = (table.rows[row] ?? 0) + 1;
  }
  if (tag === 'th') table.headed = true;
  if (LAYOUT.has(tag)) table.mixed = true;
  if (BLOCKS.has(tag) && !/^(?:tr|p|div|body|html|caption)$/.test(tag)) table.mixed = true;
}

/** Headings make data, and so do two rows or more of the same number of cells, two at least. */
function isData({ headed, mixed, rows }: Table): boolean {
  if (mixed) return false;
  if (headed) return true;
  const cells = rows[0] ?? 0;
  return rows.length >= 2 && cells >= 2 && cells <= MOST_CELLS && rows.every((count) => count === cells);
}
