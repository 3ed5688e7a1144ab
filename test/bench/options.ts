/** The command line of `npm run bench`. */
import { parseArgs } from 'node:util';
import { GROUPS } from './plan.ts';

/** What the caller asked for. */
export interface Options {
  readonly quick: boolean;
  readonly rounds: number;
  /** What a turn lasts; undefined where the caller does not say. */
  readonly seconds: number | undefined;
  /** Matched against GROUP/WORKLOAD, `memory`, `mint`, `mailbox` and `large`. */
  readonly only: RegExp | undefined;
  /** Names of the peers to take, all when empty. */
  readonly peers: readonly string[];
  /** The peer whose rate is divided by the others'. */
  readonly subject: string;
  readonly scratch: string | undefined;
  /** Where performance.md and performance.svg go; nowhere when `undefined`. */
  readonly out: string | undefined;
  /** The mailgw checkout under test. */
  readonly mailgwRoot: string | undefined;
  readonly date: string;
  readonly gate: boolean;
}

/** The text of --help. */
export const USAGE = `usage: npm run bench -- [options]

Measures mailgw against its peers, round by round, and reports ratios taken inside each round.

  --quick            under 90 seconds: fewer workloads, 3 short rounds; writes no report unless --out is given
  --rounds N         rounds per workload (default 5, quick 3)
  --seconds S        length of one peer's turn (default 1.5, 8 with PostgreSQL, quick 0.2)
  --only PATTERN     workloads whose GROUP/WORKLOAD matches the regular expression, e.g. 'fixed/s10' or '^memory';
                     groups: fixed, disk, discard, delivered, postgres, source, memory,
                     mint, mailbox, large; writes no report unless --out is given
  --peers A,B        only these: mailgw, mailgw-paused, mailgw-postgres, mailgw-postgres-three,
                     mailgw-postgres-three-each, python, naive, naive-post,
                     stock, prompt, dovecot, smtp-sink
  --subject NAME     the peer that is divided by the others (default mailgw, or the first of the group that is there)
  --mailgw DIR       the built mailgw checkout to test (default: this one)
  --scratch DIR      where databases and mailboxes go: the disk that is measured (default: the temporary directory,
                     or /var/tmp where that is in memory)
  --out DIR          where performance.md and performance.svg go (default docs, for a full run)
  --date DATE        the date in the report (default: today)
  --gate             exit 1 when a floor is missed
  --help             this text

BENCH_FSYNC_US in the environment sets another time for the fixed fsync than 1000 µs; with 20000 the latencies show how
many fsyncs each peer waits for.
`;

/** Reads the arguments; `undefined` asks for the usage text. Throws an Error that names a wrong option or value. */
export function readOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      only: { type: 'string' },
      peers: { type: 'string', default: '' },
      subject: { type: 'string', default: 'mailgw' },
      mailgw: { type: 'string' },
      scratch: { type: 'string' },
      out: { type: 'string' },
      date: { type: 'string' },
      gate: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const partial = values.quick || values.only !== undefined || values.peers !== '';
  return {
    quick: values.quick,
    rounds: Math.ceil(positive('rounds', values.rounds, values.quick ? 3 : 5)),
    seconds: values.seconds === undefined ? undefined : positive('seconds', values.seconds, 0),
    only: values.only === undefined ? undefined : new RegExp(values.only),
    peers: values.peers === '' ? [] : values.peers.split(',').map(peerName),
    subject: peerName(values.subject),
    scratch: values.scratch,
    out: values.out ?? (partial ? undefined : 'docs'),
    mailgwRoot: values.mailgw,
    date: values.date ?? new Date().toISOString().slice(0, 10),
    gate: values.gate,
  };
}

function peerName(name: string): string {
  const known = new Set(GROUPS.flatMap(({ peers }) => peers));
  if (!known.has(name))
    throw new Error(`no peer ${JSON.stringify(name)}; there are ${[...known].join(', ')}`);
  return name;
}

function positive(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!(value > 0 && value <= 1000))
    throw new Error(`--${name} wants a number up to 1000, not ${JSON.stringify(text)}`);
  return value;
}
