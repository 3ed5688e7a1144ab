/**
 * How well the extractor does on real replies, by folder, with the floors that it must reach.
 *
 * Contract: gives for every file of replies/ and html/, and for every folder of whole messages, the count, the exact matches, the token F1, the slowest
 * message and the failing ids, pooled figures last. A pair counts as exact when both sides agree after NFC and folding of white space; for HTML, whose
 * expected values are plain text and ours is Markdown, after the Markdown's marks are taken off as well.
 * Exceptions are counted apart, never as matches.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { htmlToMarkdown } from '../../src/reply/html/html.ts';
import { extractReply } from '../../src/reply/text/extract.ts';
import { EXCEPTIONS } from './exceptions.ts';
import { CORPORA, countWholeMessages, type FolderScore, scoreWholeMessages } from './messages.ts';

export interface Pair {
  readonly id: string;
  readonly input: string;
  readonly expected: string;
}

interface Score {
  readonly name: string;
  readonly count: number;
  readonly exact: number;
  readonly f1: number;
  readonly slowestMs: number;
  readonly failing: readonly string[];
  readonly excepted: number;
}

const FLOORS = { textExact: 0.92, textF1: 0.97, localisedExact: 0.97, htmlExact: 0.92 };
/** What must be right of the whole messages of a folder. */
const FOLDER_FLOORS: Readonly<Record<string, number>> = {
  mime: 1,
  automatic: 0.98,
  bounce: 0.98,
  ordinary: 1,
};
const LOCALISED = ['k9-en-de-fr', 'roundcube-en-de-fr'];

const isPair = (value: unknown): value is Pair =>
  typeof value === 'object' && value !== null && 'id' in value && 'input' in value && 'expected' in value;

function readPairs(file: string): Pair[] {
  const rows = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  return rows.map((row) => JSON.parse(row) as unknown).filter(isPair);
}

export const fold = (text: string): string => text.normalize('NFC').replace(/\s+/gu, ' ').trim();

/** Takes Markdown's marks off, so that it compares with plain text: emphasis, links, bullets, quotes, escapes. */
export function unmark(markdown: string): string {
  return markdown
    .replace(/^(?:>\s?)+/gm, '')
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/(?<!\\)(?:\*\*|[*_`])/g, '')
    .replace(/\\([!-/:-@[-`{-~])/g, '$1')
    .replace(/\\$/gm, '');
}

function f1(got: string, wanted: string): number {
  const [ours, theirs] = [got, wanted].map((text) => text.split(' ').filter(Boolean));
  if (ours === undefined || theirs === undefined || ours.length + theirs.length === 0) return 1;
  const left = new Map<string, number>();
  for (const token of theirs) left.set(token, (left.get(token) ?? 0) + 1);
  let common = 0;
  for (const token of ours) {
    const rest = left.get(token) ?? 0;
    if (rest > 0) common += 1;
    left.set(token, rest - 1);
  }
  return (2 * common) / (ours.length + theirs.length);
}

function score({ name, pairs }: PairFile, reply: (input: string) => string, scored: () => void): Score {
  let [exact, sum, slowestMs, excepted] = [0, 0, 0, 0];
  const failing: string[] = [];
  for (const pair of pairs) {
    scored();
    if (EXCEPTIONS[`${name}/${pair.id}`] !== undefined) {
      excepted += 1;
      continue;
    }
    const start = performance.now();
    const got = fold(reply(pair.input));
    slowestMs = Math.max(slowestMs, performance.now() - start);
    const wanted = fold(pair.expected);
    sum += f1(got, wanted);
    if (got === wanted) exact += 1;
    else failing.push(pair.id);
  }
  const count = pairs.length - excepted;
  return { name, count, exact, f1: count === 0 ? 1 : sum / count, slowestMs, failing, excepted };
}

function pool(name: string, scores: readonly Score[]): Score {
  const count = scores.reduce((sum, one) => sum + one.count, 0);
  return {
    name,
    count,
    exact: scores.reduce((sum, one) => sum + one.exact, 0),
    f1: count === 0 ? 1 : scores.reduce((sum, one) => sum + one.f1 * one.count, 0) / count,
    slowestMs: Math.max(0, ...scores.map((one) => one.slowestMs)),
    failing: [],
    excepted: scores.reduce((sum, one) => sum + one.excepted, 0),
  };
}

function linesOf(one: Score): string[] {
  const percent = one.count === 0 ? 100 : (100 * one.exact) / one.count;
  const all = one.count + one.excepted;
  const excepted =
    one.excepted > 0
      ? `  (${one.excepted} excepted; ${((100 * one.exact) / all).toFixed(1)} % of all ${all})`
      : '';
  const figures =
    `${one.name.padEnd(24)} ${String(one.exact).padStart(4)}/${String(one.count).padEnd(4)} ${percent.toFixed(1).padStart(5)} %` +
    `  F1 ${one.f1.toFixed(3)}  slowest ${one.slowestMs.toFixed(2)} ms${excepted}`;
  return one.failing.length > 0 ? [figures, `    failing: ${one.failing.join(', ')}`] : [figures];
}

/** One file of pairs. */
export interface PairFile {
  readonly name: string;
  readonly pairs: readonly Pair[];
}

export function readFolder(folder: string): PairFile[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((file) => file.endsWith('.jsonl'));
  return files.map((file) => ({
    name: path.basename(file, '.jsonl'),
    pairs: readPairs(path.join(folder, file)),
  }));
}

function below(one: Score, exact: number, leastF1: number): string[] {
  if (one.count === 0) return [];
  const problems = [];
  if (one.exact / one.count < exact) problems.push(`${one.name}: exact match is below ${100 * exact} %`);
  if (one.f1 < leastF1) problems.push(`${one.name}: F1 is below ${leastF1}`);
  return problems;
}

/** The scores in lines for people, and every floor that was missed. */
export interface Report {
  readonly lines: readonly string[];
  readonly problems: readonly string[];
}

/** What to say where there are none. */
export const NO_CORPORA = `corpus: no corpora at ${CORPORA}; nothing was scored (MAILGW_CORPORA names their folder)`;

function folderLines({ name, count, right, slowestMs, failing, excepted }: FolderScore): string[] {
  const figures =
    `${name.padEnd(24)} ${String(right).padStart(4)}/${String(count).padEnd(4)} ${((100 * right) / count).toFixed(1).padStart(5)} %` +
    `            slowest ${slowestMs.toFixed(2)} ms${excepted > 0 ? `  (${excepted} excepted)` : ''}`;
  return failing.length > 0 ? [figures, `    failing: ${failing.join(', ')}`] : [figures];
}

function folderProblems({ name, count, right }: FolderScore): string[] {
  const floor = FOLDER_FLOORS[name] ?? 1;
  return right / count < floor ? [`${name}: fewer than ${100 * floor} % are right`] : [];
}

/** Scores every folder, and tells how far it has come; undefined when there are no corpora. */
export async function scoreCorpora(
  progress: (done: number, total: number) => void = () => undefined,
): Promise<Report | undefined> {
  if (!existsSync(path.join(CORPORA, 'replies'))) return undefined;
  const [textFiles, htmlFiles] = [
    readFolder(path.join(CORPORA, 'replies')),
    readFolder(path.join(CORPORA, 'html')),
  ];
  const pairs = [...textFiles, ...htmlFiles].reduce((sum, file) => sum + file.pairs.length, 0);
  const total = pairs + countWholeMessages();
  let done = 0;
  const scored = (): void => {
    done += 1;
    progress(done, total);
  };
  const texts = textFiles.map((file) => score(file, (input) => extractReply(input).reply, scored));
  const html = htmlFiles.map((file) => score(file, (input) => unmark(htmlToMarkdown(input).reply), scored));
  const isLocalised = ({ name }: Score): boolean => LOCALISED.includes(name);
  const developers = pool(
    'text, developers',
    texts.filter((one) => !isLocalised(one)),
  );
  const localised = pool('text, localised', texts.filter(isLocalised));
  const pages = pool('html', html);
  const folders = await scoreWholeMessages(scored);
  return {
    lines: [
      ...[...texts, ...html].flatMap(linesOf),
      '',
      ...[developers, localised, pages].flatMap(linesOf),
      '',
      ...folders.flatMap(folderLines),
    ],
    problems: [
      ...folders.flatMap(folderProblems),
      ...below(developers, FLOORS.textExact, FLOORS.textF1),
      ...below(localised, FLOORS.localisedExact, 0),
      ...below(pages, FLOORS.htmlExact, 0),
    ],
  };
}
