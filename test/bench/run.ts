/**
 * `npm run bench`: measures the groups of plan.ts, prints their tables, and writes performance.md and performance.svg.
 *
 * Failure: a peer that is missing or fails is named and left out. Exit status: 0; under --gate 1 when a floor is missed
 * or could not be measured; 64 for a wrong option; 70 when the benchmark itself fails.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Bench } from './bench.ts';
import { largeTable, measureLarge } from './large.ts';
import { describeMachine } from './machine.ts';
import { mailboxTable, mailboxVerdicts, measureMailbox } from './mailbox.ts';
import { measureWorkload, type Rounds, warmUp } from './measure.ts';
import { FOOTPRINT_PEERS, type Footprint, footprint, QUICK_FOOTPRINT_PEERS } from './memory.ts';
import { measureMinting, mintTable } from './mint.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { GROUPS, type Group, type Workload } from './plan.ts';
import { plot } from './plot.ts';
import { stopStarted } from './process.ts';
import {
  asMarkdown,
  asText,
  floorTable,
  groupTable,
  type Measured,
  memoryTable,
  type Table,
  verdicts,
} from './report.ts';
import { hasSmtpSource } from './smtp-source.ts';

const USAGE_ERROR = 64;
const INTERNAL_ERROR = 70;
const INTERRUPTED = 130;
/** A durable peer cannot answer faster than the shim's fsync. */
const SHIM_MS = 1;

async function main(options: Options): Promise<number> {
  const bench = await Bench.open(options);
  const machine = describeMachine(bench.scratch, options.mailgwRoot ?? '.');
  console.log(machine.join('\n'));
  const measured: Measured[] = [];
  for (const group of GROUPS) measured.push(...(await measureGroup(bench, group, options)));
  const footprints = await measureMemory(bench, options);
  const minting = (options.only?.test('mint') ?? true) ? await measureMinting(options.quick) : undefined;
  const catching = (options.only?.test('mailbox') ?? true) ? await measureMailbox(options.quick) : undefined;
  if (catching !== undefined && 'missing' in catching) bench.note(`left out: mailbox: ${catching.missing}`);
  const large = (options.only?.test('large') ?? true) ? await measureLarge(options.quick) : undefined;
  if (large !== undefined && 'missing' in large) bench.note(`left out: large: ${large.missing}`);
  bench.close();

  const found = verdicts(measured);
  const caughtUp = catching === undefined || 'missing' in catching ? [] : mailboxVerdicts(catching);
  const floors = [...found, ...caughtUp];
  const groups = GROUPS.filter((group) => measured.some((one) => one.group === group));
  const tables = [
    ...(found.length > 0 ? [floorTable(found, measured)] : []),
    ...groups.map((group) => groupTable(group, measured, options.subject)),
    ...(footprints.length > 0 ? [memoryTable(footprints)] : []),
    ...(minting === undefined ? [] : [mintTable(minting)]),
    ...(catching === undefined || 'missing' in catching ? [] : [mailboxTable(catching)]),
    ...(large === undefined || 'missing' in large ? [] : [largeTable(large)]),
  ];
  console.log(`\n${tables.map(asText).join('\n')}`);
  for (const note of bench.notes) console.log(`note: ${note}`);
  if (options.out !== undefined) writeReport(options, options.out, machine, bench, tables, measured);
  return options.gate && (floors.length === 0 || floors.some(({ met }) => !met)) ? 1 : 0;
}

function isWanted(group: Group, workload: Workload, options: Options): boolean {
  const listed = !options.quick || group.quick.includes(workload.id);
  return listed && (options.only?.test(`${group.id}/${workload.id}`) ?? true);
}

async function measureGroup(bench: Bench, group: Group, options: Options): Promise<Measured[]> {
  const workloads = group.workloads.filter((workload) => isWanted(group, workload, options));
  if (workloads.length === 0 || !bench.hasDisk(group.disk)) return [];
  if (workloads.some(({ client }) => client === 'smtp-source') && !hasSmtpSource()) {
    bench.note(`left out: ${group.title}: no smtp-source (Debian: postfix)`);
    return [];
  }
  const started = await bench.startPeers(group.peers, group.disk);
  await warmUp(started.running, bench.sink);
  const measured: Measured[] = [];
  for (const workload of workloads) {
    if (started.running.size === 0) break;
    console.log(`${group.title}: ${workload.title}`);
    const pace = { rounds: options.rounds, seconds: secondsOf(options, group) };
    const rounds = await measureWorkload(started.running, workload, pace, bench.sink);
    measured.push({ group, workload, rounds });
    checkRounds(bench, group, workload, rounds);
  }
  await started.stop();
  return measured;
}

/** Gives the length of a turn: what the caller says, or the group. */
const secondsOf = ({ seconds, quick }: Options, group?: Group): number =>
  seconds ?? (quick ? 0.2 : (group?.seconds ?? 1.5));

/** Notes every wrong answer, and a durable peer that the shim did not slow. */
function checkRounds(bench: Bench, group: Group, workload: Workload, rounds: Rounds): void {
  for (const [peer, samples] of rounds) {
    const where = `${peer}, ${group.id}/${workload.id}`;
    for (const problem of new Set(samples.flatMap(({ problems }) => problems)))
      bench.note(`${where}: ${problem}`);
    const durable = bench.peers.get(peer)?.durable === true;
    if (group.disk === 'fixed' && durable && samples.some(({ p50Ms }) => p50Ms < SHIM_MS)) {
      bench.note(`${where}: answers sooner than the fsync of 1 ms: no fsync before its 250`);
    }
  }
}

async function measureMemory(bench: Bench, options: Options): Promise<Footprint[]> {
  if (!(options.only?.test('memory') ?? true)) return [];
  console.log('Memory and start');
  const found: Footprint[] = [];
  for (const peer of options.quick ? QUICK_FOOTPRINT_PEERS : FOOTPRINT_PEERS) {
    const taken = await footprint(bench, peer);
    if (taken !== undefined) found.push(taken);
  }
  return found;
}

function writeReport(
  options: Options,
  directory: string,
  machine: readonly string[],
  bench: Bench,
  tables: readonly Table[],
  measured: readonly Measured[],
): void {
  const list = (lines: readonly string[]) => lines.map((line) => `- ${line}\n`).join('');
  const peers = [...bench.peers.values()].map(({ name, label }) => `**${name}**: ${label}`);
  const command = [
    'npm run bench',
    ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : []),
  ].join(' ');
  const lengths = [...new Set(GROUPS.map((group) => secondsOf(options, group)))];
  const text = `# Performance

Written by \`${command}\` on ${options.date}; not edited by hand. Rounds: ${options.rounds}, of about ${lengths.join(' to ')} s for each peer and workload, the
peers in turn within each round, after 4,000 mails or 6 s of them for each process. Every ratio is taken inside one round; shown are the median and, in brackets, the least
and the greatest. Rates are of this machine at that hour and mean nothing elsewhere; the ratios are what to look at.
What bounds each row: [where the time goes](where-the-time-goes.md).

![Mails per second against sessions](performance.svg)

## What was measured, on what

${list(machine)}
${list(peers)}
Our client pipelines as Postfix does: MAIL, RCPT and DATA in one write, the mail after the 354, the next mail after the
end-of-data reply; QUIT behind the dot where a connection carries one mail. Mails are replies of 4 KB unless said
otherwise, larger ones with an attachment, each with its own Message-ID. CPU is that of the server's processes with all
their threads until everything accepted is delivered, where the peer delivers.

${bench.notes.length > 0 ? `Noted during the run:\n\n${list(bench.notes)}\n` : ''}${tables.map(asMarkdown).join('\n')}`;
  mkdirSync(directory, { recursive: true });
  writeFileSync(path.join(directory, 'performance.md'), text);
  writeFileSync(path.join(directory, 'performance.svg'), plot(measured));
  console.log(`written: ${path.join(directory, 'performance.md')}, performance.svg`);
}

async function start(): Promise<number> {
  let options: Options | undefined;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return USAGE_ERROR;
  }
  if (options === undefined) {
    console.log(USAGE);
    return 0;
  }
  return main(options);
}

// Leaving by process.exit removes the scratch directory and kills what is left of the peers (bench.ts).
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void stopStarted().finally(() => process.exit(INTERRUPTED)));
}
try {
  process.exit(await start());
} catch (error) {
  console.error(error);
  await stopStarted();
  process.exit(INTERNAL_ERROR);
}
