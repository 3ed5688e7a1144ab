// The commands that the pages show, word by word as a shell would read them.
//
// Limits: knows what our pages write: quotes, comments, `;`, `&&`, pipes, redirections, `$(…)`, lines that go on.

import type { Block, Span } from './pages.ts';

/** A command on a page; `text` is the line that it stands on. */
export interface Shown {
  readonly page: string;
  readonly line: number;
  readonly text: string;
  readonly words: readonly string[];
}

/** Pages whose commands a test of their own follows word for word. */
export const OWN_TEST: Readonly<Record<string, string>> = {
  'docs/quick-start.md': 'test/system/quick-start.slow.test.ts',
  'docs/api.md': 'test/api/page.test.ts',
  'docs/sending.md': 'test/docs/sending-walk.test.ts',
};

/** Where a command is, for messages. */
export const whereIs = ({ page, line, text }: Shown): string => `${page}:${line}: ${text}`;

const TOKEN =
  /\s+|#.*|'([^']*)'|"([^"]*)"|\$\(([^)]*)\)|(\|\|?|&&?|;)|(\d?>>?|<)\s*\S+|(?:[^\s'";|&<>$]|\$(?!\())+/gy;

/** The commands of one line of a shell, those within `$(…)` too; throws where it cannot be read. */
export function readLine(line: string): string[][] {
  const inner: string[][] = [];
  const commands: string[][] = [];
  let words: string[] = [];
  let isWordOpen = false;
  let at = 0;
  for (const match of line.matchAll(TOKEN)) {
    if (match.index !== at) break;
    at += match[0].length;
    const [text, single, double, substituted, operator, redirection] = match;
    if (/^\s/.test(text)) isWordOpen = false;
    else if (text.startsWith('#') && !isWordOpen) continue;
    else if (operator !== undefined) {
      commands.push(words);
      words = [];
      isWordOpen = false;
    } else if (redirection === undefined) {
      if (substituted !== undefined) inner.push(...readLine(substituted));
      const part = single ?? double ?? text;
      if (isWordOpen) words[words.length - 1] = `${words.at(-1) ?? ''}${part}`;
      else words.push(part);
      isWordOpen = true;
    }
  }
  if (at !== line.length) throw new Error(`cannot read ${JSON.stringify(line.slice(at))} of ${line}`);
  return [...inner, ...commands, words]
    .filter((each) => each.length > 0)
    .map(withoutAssignments)
    .filter((each) => each.length > 0);
}

/** `NAME=value` before a command. */
function withoutAssignments(words: readonly string[]): string[] {
  const first = words.findIndex((word) => !/^[A-Za-z_]\w*=/.test(word));
  return first === -1 ? [] : words.slice(first);
}

/** Whether a line ends within single quotes, and goes on. */
const isQuoteOpen = (line: string): boolean =>
  (line.replace(/"[^"]*"|(?:^|\s)#.*$/g, '').match(/'/g)?.length ?? 0) % 2 === 1;

/** The commands of a block. */
export function commandsOf({ page, line, lines }: Block): Shown[] {
  const shown: Shown[] = [];
  let text = '';
  let from = line;
  for (const [index, each] of lines.entries()) {
    if (text === '') from = line + index;
    text = text === '' ? each : `${text} ${each.trim()}`;
    if (/(?:\\|\||&&)$/.test(text) || isQuoteOpen(text)) {
      text = text.replace(/\\$/, '');
      continue;
    }
    const whole = text;
    shown.push(...readLine(whole).map((words) => ({ page, line: from, text: whole, words })));
    text = '';
  }
  return shown;
}

/** The command in a code span, with `[…]` for what may be left out and `a|b` for either. */
export function commandIn({ page, line, text }: Span): Shown {
  const plain = text
    .replace(/\[[^\]]*\]/g, '')
    .replace(/(\w)(?:\|[\w-]+)+/g, (all) => all.split('|')[0] ?? '');
  const [words = []] = readLine(plain.trim());
  return { page, line, text, words };
}
