/**
 * The recording in README.md: what `npm run demo` and some commands of mailgw-ctl print, really run. `npm run docs`
 * writes it anew when its shape has changed; a test holds the shape.
 *
 * Contract: nothing is invented: steps and lines are left out, which "…" marks, and long lines are cut.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from '../support/eventually.ts';
import { DaemonProcess, repositoryRoot, run } from '../support/process.ts';
import { Scratch } from '../support/scratch.ts';
import { fenced, readSection, replaceSection } from './sections.ts';

/** Where the recording is. */
export const README = join(repositoryRoot, 'README.md');

/** The name of its part. */
export const RECORDING = 'recording';

/** Steps of the demonstration that the recording shows, by their numbers. */
const STEPS: readonly number[] = [3, 4, 5, 6];

/** Columns; longer lines are cut. */
const WIDTH = 112;

/** Lines of a quotation from which on it is left out: a message as a whole. */
const LONG_QUOTATION = 6;

const WITHIN_MS = 60_000;

/** Runs the demonstration and the commands in a scratch directory, and gives the recording. */
export async function record(scratch: Scratch): Promise<string> {
  const program = join(repositoryRoot, 'dist', 'test', 'demo', 'demo.js');
  const environment = { TMPDIR: scratch.directory, COLUMNS: String(WIDTH) };
  const args = [program, '--keep'];
  const demo = new DaemonProcess(process.execPath, args, scratch.path('output'), environment);
  scratch.defer(async () => {
    await demo.end('SIGINT');
  });
  const invited = /^ {2}\S+mailgw-ctl --config (\S+) queue list$[^]*^ {2}tail /m;
  const look = (): string | undefined => {
    if (demo.ended !== undefined) throw new Error(`${demo.ended}\n${demo.output()}`);
    return invited.exec(demo.output())?.[1];
  };
  const config = await eventually(look, () => demo.output(), WITHIN_MS);
  const told = demo.output();
  const id = /idempotency-key +(\w+)/.exec(told)?.[1] ?? '';
  const shown = ['$ npm run demo', ...excerpt(told), '…', ...(await showCommand(config, ['trace', id]))];
  return shown.map(cut).join('\n');
}

async function showCommand(config: string, words: readonly string[]): Promise<string[]> {
  const tool = join(repositoryRoot, 'bin', 'mailgw-ctl');
  const columns = `COLUMNS=${WIDTH}`;
  const result = await run('env', [columns, process.execPath, tool, '--config', config, ...words]);
  if (result.code !== 0) throw new Error(`${words.join(' ')}: ${result.stdout}${result.stderr}`);
  return [`$ mailgw-ctl ${words.join(' ')}`, ...result.stdout.trimEnd().split('\n')];
}

/** The chosen steps, with long quotations shortened. */
function excerpt(told: string): string[] {
  const [, ...steps] = told.split(/^(?=\d+\. )/m);
  const lines: string[] = [];
  let before = 0;
  for (const step of steps) {
    const number = Number.parseInt(step, 10);
    if (!STEPS.includes(number)) continue;
    if (number !== before + 1) lines.push('…');
    lines.push(...shorten(step.trimEnd().split('\n')));
    before = number;
  }
  return lines;
}

function shorten(lines: readonly string[]): string[] {
  const isQuoted = (line: string): boolean => line.startsWith('   |');
  const isLong = lines.filter(isQuoted).length >= LONG_QUOTATION;
  const kept: string[] = [];
  for (const line of lines.filter((each) => each !== '')) {
    if (!isLong || !isQuoted(line)) kept.push(line);
    else if (kept.at(-1) !== '   | …') kept.push('   | …');
  }
  return kept;
}

const cut = (line: string): string => (line.length > WIDTH ? `${line.slice(0, WIDTH - 1)}…` : line);

/** What is another one every time, and what stands for it. */
const MASKS: readonly (readonly [RegExp, string])[] = [
  [/\b[a-z2-7]{48}(?=@)/g, 'TOKEN'],
  [/\b[0-9a-v]{24}\b/g, 'ITEM'],
  [/mgw_[\w-]+/g, 'API_TOKEN'],
  [/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'UUID'],
  [/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME'],
  [/issue\/7\/\d{10}\.[a-z2-7]{8}(?=@)/g, 'issue/7/SECONDS.NONCE'],
  [/On \w{3}, \w{3} \d+, \d{4} at .{7,9} (?=Bob)|On \w{3}, \w{3} \d+, \d{4} at [\d: APM]+,/g, 'DAY'],
  [/session=\w+…/g, 'SESSION'],
  [/127\.0\.0\.1:\d+/g, 'HOST'],
  [/\(\d+ octets\)|\b\d+ bytes/g, 'SIZE'],
];

/** A recording without what is another one every time. */
export const shapeOf = (recording: string): string =>
  MASKS.reduce((text, [pattern, mask]) => text.replace(pattern, mask), recording);

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const scratch = new Scratch();
  const made = fenced('text', await record(scratch));
  scratch.note({ passed: true });
  await scratch.close();
  const page = readFileSync(README, 'utf8');
  if (shapeOf(readSection(page, RECORDING)) !== shapeOf(made)) {
    writeFileSync(README, replaceSection(page, RECORDING, made));
  }
}
