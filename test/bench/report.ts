/**
 * The benchmark's tables, once as data for terminal and Markdown alike: floors, one table per group, memory.
 *
 * Contract: a ratio is the subject's rate over the peer's in the same round; shown are the median and, in brackets, the
 * least and the greatest round. A figure that could not be had is a dash.
 */
import type { Rounds, Sample } from './measure.ts';
import type { Footprint } from './memory.ts';
import { FLOORS, type Floor, type Group, type Workload } from './plan.ts';
import { type Spread, spread } from './stats.ts';

/** A measured workload of a group. */
export interface Measured {
  readonly group: Group;
  readonly workload: Workload;
  readonly rounds: Rounds;
}

/** A table with a head line. */
export interface Table {
  readonly title: string;
  readonly about: string;
  readonly head: readonly string[];
  /** How many columns, from the left, hold text; the others hold figures. */
  readonly textColumns: number;
  readonly rows: readonly (readonly string[])[];
}

/** One floor beside what was measured. */
export interface Verdict {
  readonly floor: Floor;
  readonly subject: string;
  readonly ratio: Spread;
  readonly met: boolean;
}

const MIB = 1024 * 1024;
const SUBJECTS_OF_FLOORS = ['mailgw', 'mailgw-paused'];

/** The rate that the group compares. */
export function rateOf(group: Group, sample: Sample): number {
  return group.metric === 'delivered' ? sample.deliveredPerSecond : sample.acceptedPerSecond;
}

/** The subject's rate over the peer's, round by round. */
export function ratio(measured: Measured, subject: string, peer: string): Spread | undefined {
  const ours = measured.rounds.get(subject);
  const theirs = measured.rounds.get(peer);
  if (ours === undefined || theirs === undefined) return undefined;
  return spread(
    ours.map((sample, round) => {
      const other = theirs[round];
      return other === undefined
        ? Number.NaN
        : rateOf(measured.group, sample) / rateOf(measured.group, other);
    }),
  );
}

/** Every floor of which both sides were measured. */
export function verdicts(all: readonly Measured[]): Verdict[] {
  return FLOORS.flatMap((floor) =>
    (floor.subject === undefined ? SUBJECTS_OF_FLOORS : [floor.subject]).flatMap((subject) => {
      const measured = all.find(
        ({ group, workload }) => group.id === floor.group && workload.id === floor.workload,
      );
      const found = measured === undefined ? undefined : ratio(measured, subject, floor.against);
      return found === undefined ? [] : [{ floor, subject, ratio: found, met: found.median >= floor.floor }];
    }),
  );
}

/** The table of floors. */
export function floorTable(found: readonly Verdict[], all: readonly Measured[]): Table {
  const rows = found.map(({ floor, subject, ratio: measured, met }) => {
    const at = all.find(({ group, workload }) => group.id === floor.group && workload.id === floor.workload);
    return [
      `${floor.group}: ${at?.workload.title ?? floor.workload}`,
      subject,
      floor.against,
      decimal(floor.floor),
      decimal(floor.prototype ?? Number.NaN),
      times(measured),
      met ? 'met' : 'MISSED',
    ];
  });
  return {
    title: 'Floors',
    about: 'Ratios that the design promises, beside what its prototype reached and what was measured now.',
    head: ['workload', 'subject', 'against', 'floor', 'prototype', 'measured', ''],
    textColumns: 3,
    rows,
  };
}

/** The table of a group: a line per workload and peer. */
export function groupTable(group: Group, all: readonly Measured[], wantedSubject: string): Table {
  const own = all.filter((measured) => measured.group === group);
  const present = [...new Set(own.flatMap(({ rounds }) => [...rounds.keys()]))];
  const wanted = group.subject ?? wantedSubject;
  const subject = present.includes(wanted) ? wanted : (present[0] ?? '');
  const rows = own.flatMap((measured) =>
    [...measured.rounds].map(([peer, samples]) => row(measured, peer, samples, subject)),
  );
  return {
    title: group.title,
    about: group.about,
    head: [
      'workload',
      'peer',
      'accepted/s',
      'delivered/s',
      'p50 ms',
      'p99 ms',
      'CPU µs/mail',
      'RSS MiB',
      `${subject} ÷ peer`,
    ],
    textColumns: 2,
    rows,
  };
}

function row(measured: Measured, peer: string, samples: readonly Sample[], subject: string): string[] {
  const median = (figure: (sample: Sample) => number) => spread(samples.map(figure)).median;
  const against = peer === subject ? undefined : ratio(measured, subject, peer);
  return [
    measured.workload.title,
    peer,
    range(spread(samples.map((sample) => sample.acceptedPerSecond))),
    whole(median((sample) => sample.deliveredPerSecond)),
    decimal(median((sample) => sample.p50Ms)),
    decimal(median((sample) => sample.p99Ms)),
    whole(median((sample) => sample.cpuUsPerMail)),
    whole(median((sample) => sample.rssBytes) / MIB),
    against === undefined ? '' : times(against),
  ];
}

/** The table of memory and start. */
export function memoryTable(footprints: readonly Footprint[]): Table {
  return {
    title: 'Memory and start',
    about:
      'Fresh processes on the real disk. For mailgw the design promises: start under 250 ms, 1,000 idle connections under 40 KB each, a mail of 25 MiB and 10,000 queued mails each under 200 MB.',
    head: [
      'peer',
      'start ms',
      'idle MiB',
      'KB/idle connection',
      '25 MiB mail, peak MiB',
      '10,000 queued, MiB',
    ],
    textColumns: 1,
    rows: footprints.map((found) => [
      found.peer,
      whole(found.startMs),
      whole(found.idleRssBytes / MIB),
      decimal(found.bytesPerConnection / 1000),
      whole(found.largeMailPeakBytes / MIB),
      whole(found.queuedRssBytes / MIB),
    ]),
  };
}

/** The table as aligned text. */
export function asText(table: Table): string {
  const lines = [table.head, ...table.rows];
  const widths = table.head.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  const text = lines.map((line) =>
    line
      .map((cell, column) =>
        column < table.textColumns ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
  return `${table.title}\n${text.join('\n')}\n`;
}

/** The table as a Markdown section. */
export function asMarkdown(table: Table): string {
  const rule = table.head.map((_, column) => (column < table.textColumns ? '---' : '---:'));
  const lines = [table.head, rule, ...table.rows].map((line) => `| ${line.join(' | ')} |`);
  return `## ${table.title}\n\n${table.about}\n\n${lines.join('\n')}\n`;
}

function whole(value: number): string {
  return Number.isFinite(value) ? Math.round(value).toLocaleString('en') : '–';
}

function decimal(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return Math.abs(value) >= 100 ? whole(value) : value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

function range(found: Spread): string {
  return Number.isFinite(found.median)
    ? `${whole(found.median)} (${whole(found.min)}–${whole(found.max)})`
    : '–';
}

function times(found: Spread): string {
  return Number.isFinite(found.median)
    ? `${decimal(found.median)} (${decimal(found.min)}–${decimal(found.max)})`
    : '–';
}
