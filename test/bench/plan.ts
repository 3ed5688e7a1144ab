/**
 * What is compared with what: groups of peers on one kind of disk, their workloads, and the floors of the design.
 *
 * A floor is a ratio that mailgw must reach against a peer in the same round; beside it stands what a prototype of the
 * design, without limits, back-pressure and logging, once reached on two cores.
 */

/** One way of sending mail. */
export interface Workload {
  readonly id: string;
  readonly title: string;
  readonly sessions: number;
  readonly connection: 'kept' | 'each';
  readonly mailBytes: number;
  /** Our pipelining client, or Postfix's smtp-source, which does not pipeline. */
  readonly client: 'ours' | 'smtp-source';
  /** How many threads they go to in turn: within one they are in order. 20 by default. */
  readonly threads?: number;
}

/** Peers that are measured in turn, round by round. */
export interface Group {
  readonly id: string;
  readonly title: string;
  /** What the comparison means, for the report. */
  readonly about: string;
  readonly disk: 'fixed' | 'real';
  /** Which rate the ratios are taken of. */
  readonly metric: 'accepted' | 'delivered';
  /** What a turn lasts unless the caller says: longer where the rate of the first second is not the one that lasts. */
  readonly seconds?: number;
  readonly peers: readonly string[];
  /** The peer that is divided by the others, where it is another than the run's. */
  readonly subject?: string;
  readonly workloads: readonly Workload[];
  /** Ids of the workloads that a quick run takes. */
  readonly quick: readonly string[];
}

/** A ratio to be reached. */
export interface Floor {
  readonly group: string;
  readonly workload: string;
  readonly against: string;
  /** The peer that is to reach it, where it is another than mailgw on SQLite. */
  readonly subject?: string;
  readonly floor: number;
  /** Undefined where no prototype was measured. */
  readonly prototype?: number;
}

const KB = 1024;

function workload(
  id: string,
  title: string,
  sessions: number,
  connection: Workload['connection'],
  mailBytes: number,
  client: Workload['client'] = 'ours',
): Workload {
  return { id, title, sessions, connection, mailBytes, client };
}

const c1 = workload('c1-4k', '1 client, one mail per connection', 1, 'each', 4 * KB);
const wide = (narrow: Workload): Workload => ({
  ...narrow,
  id: `${narrow.id}-wide`,
  title: `${narrow.title}, 1,000 threads`,
  threads: 1000,
});

const c10 = workload('c10-4k', '10 clients, one mail per connection', 10, 'each', 4 * KB);
const s1 = workload('s1-4k', '1 session', 1, 'kept', 4 * KB);
const s10 = workload('s10-4k', '10 sessions', 10, 'kept', 4 * KB);
const s50 = workload('s50-4k', '50 sessions', 50, 'kept', 4 * KB);
const s10hundred = workload('s10-100k', '10 sessions, 100 KB', 10, 'kept', 100 * KB);
const s10mega = workload('s10-1m', '10 sessions, 1 MB', 10, 'kept', KB * KB);
const source10 = workload('source10-4k', 'smtp-source, 10 sessions', 10, 'kept', 4 * KB, 'smtp-source');
const sourceEach = workload(
  'source10-each-4k',
  'smtp-source, 10 clients, one mail per connection',
  10,
  'each',
  4 * KB,
  'smtp-source',
);

/** Every comparison, in the order of the report. */
export const GROUPS: readonly Group[] = [
  {
    id: 'fixed',
    title: 'Accepted, every fsync 1 ms',
    about:
      'Each durable peer on the same disk: fsync and fdatasync sleep 1 ms. The comparison that repeats to a few per cent; its rates say nothing about a real disk.',
    disk: 'fixed',
    metric: 'accepted',
    peers: ['mailgw', 'mailgw-paused', 'dovecot', 'python', 'naive'],
    workloads: [s1, s10, s50, c10, s10hundred, s10mega],
    quick: ['s1-4k', 's10-4k', 's50-4k', 'c10-4k'],
  },
  {
    id: 'disk',
    title: 'Accepted, the real disk',
    about: 'The same on the real disk, whose fsync varies from run to run and often from round to round.',
    disk: 'real',
    metric: 'accepted',
    peers: ['mailgw', 'mailgw-paused', 'dovecot', 'python', 'naive'],
    workloads: [s1, s10, s50, c10, s10hundred, s10mega],
    quick: ['s10-4k', 's50-4k'],
  },
  {
    id: 'discard',
    title: 'Accepted, against servers that throw the mail away',
    about:
      'mailgw, which syncs every mail to the real disk, against servers that promise nothing: what its durability costs, and what the greeting delay of smtp-server costs.',
    disk: 'real',
    metric: 'accepted',
    peers: ['mailgw', 'mailgw-paused', 'stock', 'prompt', 'smtp-sink'],
    workloads: [c1, s10, s50],
    quick: ['c1-4k', 's10-4k'],
  },
  {
    id: 'delivered',
    title: 'Delivered to the HTTP sink, every fsync 1 ms',
    about: 'From the first MAIL to the last POST that the sink has read.',
    disk: 'fixed',
    metric: 'delivered',
    peers: ['mailgw', 'naive-post'],
    workloads: [s10, s50, s10hundred],
    quick: ['s10-4k', 's50-4k'],
  },
  {
    id: 'postgres',
    title: 'Accepted into PostgreSQL, every fsync 1 ms',
    about:
      'A daemon on a private PostgreSQL beside the same on SQLite, both delivering while they accept; and three daemons that share one database and the machine with it, once with a third of the sessions each and once with all of them each. The CPU is that of daemons and server together.',
    disk: 'fixed',
    metric: 'accepted',
    seconds: 8,
    peers: ['mailgw', 'mailgw-postgres', 'mailgw-postgres-three', 'mailgw-postgres-three-each'],
    subject: 'mailgw-postgres',
    workloads: [s1, s10, wide(s10), s50, wide(s50)],
    quick: ['s10-4k', 's50-4k'],
  },
  {
    id: 'source',
    title: "Accepted, sent by Postfix's smtp-source, the real disk",
    about:
      'A second client, not ours: it does not pipeline. Its start is in the figures, and it tells no latency.',
    disk: 'real',
    metric: 'accepted',
    peers: ['mailgw', 'mailgw-paused', 'dovecot', 'naive', 'smtp-sink'],
    workloads: [source10, sourceEach],
    quick: [],
  },
];

function floor(group: string, workloadId: string, against: string, least: number, prototype: number): Floor {
  return { group, workload: workloadId, against, floor: least, prototype };
}

/** Every ratio that the design promises. */
export const FLOORS: readonly Floor[] = [
  floor('fixed', 's1-4k', 'python', 1.7, 1.9),
  floor('fixed', 's10-4k', 'python', 6, 8.5),
  floor('fixed', 's50-4k', 'python', 20, 34),
  floor('fixed', 'c10-4k', 'python', 6, 8.8),
  floor('fixed', 's1-4k', 'naive', 1.1, 1.3),
  floor('fixed', 's10-4k', 'naive', 4.5, 6),
  floor('fixed', 's50-4k', 'naive', 14, 23),
  floor('fixed', 'c10-4k', 'naive', 5, 7),
  floor('disk', 's10-4k', 'dovecot', 2.5, 3.7),
  floor('disk', 's50-4k', 'dovecot', 6, 9.9),
  floor('discard', 'c1-4k', 'stock', 100, 100),
  floor('discard', 's10-4k', 'prompt', 0.35, 0.5),
  floor('discard', 's50-4k', 'prompt', 0.35, 0.5),
  floor('delivered', 's10-4k', 'naive-post', 7, 10),
  floor('delivered', 's50-4k', 'naive-post', 10, 14),
  { group: 'postgres', workload: 's10-4k', against: 'mailgw', subject: 'mailgw-postgres', floor: 0.6 },
  { group: 'postgres', workload: 's50-4k', against: 'mailgw', subject: 'mailgw-postgres', floor: 0.6 },
  { group: 'postgres', workload: 's10-4k-wide', against: 'mailgw', subject: 'mailgw-postgres', floor: 0.6 },
  { group: 'postgres', workload: 's50-4k-wide', against: 'mailgw', subject: 'mailgw-postgres', floor: 0.6 },
  // Each as busy as the one. With a third of its sessions each they commit batches of a third: docs/scaling.md.
  {
    group: 'postgres',
    workload: 's50-4k-wide',
    against: 'mailgw-postgres',
    subject: 'mailgw-postgres-three-each',
    floor: 1,
  },
];
