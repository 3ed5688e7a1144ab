// The pages of the documentation, taken apart: blocks of code, code within a line, links, and the anchors to link to.
//
// Limits: knows the Markdown that our pages use, fenced and indented blocks, inline links, `#` headings; no HTML.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../support/process.ts';

/** A page; `name` is its path from the repository's root. */
export interface Page {
  readonly name: string;
  readonly lines: readonly string[];
}

/** A block of code; `line` is the number of its first line of code. */
export interface Block {
  readonly page: string;
  readonly line: number;
  /** What stands behind the fence; `sh` for an indented block of commands. */
  readonly language: string;
  readonly lines: readonly string[];
}

/** Something within a line of prose. */
export interface Span {
  readonly page: string;
  readonly line: number;
  readonly text: string;
}

/** A fence: the language, and further words that are for others. */
const FENCE = /^(\s*)```(\S*)(?: [\w ]*)?$/;

/** Every page of prose that people read, by its path. */
export const PAGE_NAMES: readonly string[] = [
  ...['README.md', 'SECURITY.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'postfix-examples/README.md'],
  ...readdirSync(join(repositoryRoot, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];

/** Reads a page. */
export function readPage(name: string): Page {
  return { name, lines: readFileSync(join(repositoryRoot, name), 'utf8').split('\n') };
}

/** The blocks of a page, and its prose: the lines outside the blocks, empty where those are. */
export function takeApart(page: Page): {
  readonly blocks: readonly Block[];
  readonly prose: readonly string[];
} {
  const blocks: Block[] = [];
  const prose: string[] = [];
  let open: { language: string; indent: number; from: number; lines: string[] } | undefined;
  const close = (): void => {
    if (open !== undefined)
      blocks.push({ page: page.name, line: open.from, language: open.language, lines: open.lines });
    open = undefined;
  };
  for (const [index, line] of page.lines.entries()) {
    const [, indent = '', language = ''] = FENCE.exec(line) ?? [];
    const isFence = FENCE.test(line);
    if (open !== undefined && open.indent >= 0) {
      if (isFence) close();
      else open.lines.push(line.slice(open.indent));
    } else if (isFence) {
      close();
      open = { language, indent: indent.length, from: index + 2, lines: [] };
    } else if (/^ {4}\S/.test(line) && (open !== undefined || page.lines[index - 1] === '')) {
      open ??= { language: 'sh', indent: -1, from: index + 1, lines: [] };
      open.lines.push(line.slice(4));
    } else {
      close();
      prose.push(line);
      continue;
    }
    prose.push('');
  }
  close();
  return { blocks, prose };
}

/** Everything in lines of prose that the first group of `pattern` matches. */
function spansOf(name: string, prose: readonly string[], pattern: RegExp): Span[] {
  return prose.flatMap((line, index) =>
    Array.from(line.matchAll(pattern), ([, text = '']) => ({ page: name, line: index + 1, text })),
  );
}

/** Code within the lines of a page; its tables' escaped bars as they are meant. */
export function codeSpans(page: Page): Span[] {
  const found = spansOf(page.name, takeApart(page).prose, /`([^`]+)`/g);
  return found.map((span) => ({ ...span, text: span.text.replaceAll('\\|', '|') }));
}

/** Where a page's links and pictures lead. */
export function links(page: Page): Span[] {
  const prose = takeApart(page).prose.map((line) => line.replace(/`[^`]*`/g, '``'));
  return spansOf(page.name, prose, /\]\(([^()\s]+)\)/g);
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchors(page: Page): Set<string> {
  const headings = takeApart(page).prose.filter((line) => /^#{1,6} /.test(line));
  return new Set(
    headings.map((line) =>
      line
        .replace(/^#+ /, '')
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replace(/ /g, '-'),
    ),
  );
}
