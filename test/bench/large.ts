/**
 * What a large store costs: accepting, leasing and settling in a PostgreSQL with a million posted rows, and 100,000 items that
 * wait behind a thousand stuck threads, beside one that is empty.
 *
 * Contract: two databases of one server on the real disk, asked in turn, some of each at a time, so that what the machine does
 * meanwhile falls on both. The rows are made by SQL and then analysed, as autovacuum would have done. Failure: without
 * PostgreSQL it is left out.
 */
import type { Settle } from '../../src/store/leases.ts';
import { openPostgresStore } from '../../src/store/postgres/store.ts';
import type { Store } from '../../src/store/store.ts';
import { newItem } from '../support/item.ts';
import { type Postgres, postgresUnavailable, startPostgres } from '../support/postgres.ts';
import { Scratch } from '../support/scratch.ts';
import type { Table } from './report.ts';

const STEPS = ['accept', 'lease', 'settle'] as const;

type Step = (typeof STEPS)[number];

/** Milliseconds of each step, by the store that took them. */
export interface Large {
  readonly posted: number;
  readonly waiting: number;
  readonly empty: Readonly<Record<Step, readonly number[]>>;
  readonly full: Readonly<Record<Step, readonly number[]>>;
}

const [POSTED, WAITING, STUCK] = [1_000_000, 100_000, 1000];
const [TURNS, MAILS_A_TURN, WARM_UP] = [40, 50, 5];

/** The largest ratio of the full store's 99th percentile to the empty one's that the design wants. */
const MOST = 1.5;

/** Measures; a quick run has a tenth of the rows and turns. Gives why it was left out, where it was. */
export async function measureLarge(isQuick: boolean): Promise<Large | { readonly missing: string }> {
  const missing = postgresUnavailable();
  if (missing !== false) return { missing };
  const share = isQuick ? 10 : 1;
  const [posted, waiting] = [POSTED / share, WAITING / share];
  const scratch = new Scratch();
  try {
    const settings = ['shared_buffers=256MB', 'max_wal_size=8GB'];
    const server = await startPostgres(scratch, { syncs: true, settings });
    const empty = await open(scratch, server);
    const full = await open(scratch, server);
    await server.sql(fill(posted, waiting), full.name);
    await server.sql('VACUUM ANALYZE', full.name);
    await server.sql('CHECKPOINT');
    const found = { posted, waiting, empty: steps(), full: steps() };
    for (let turn = -WARM_UP; turn < TURNS / share; turn++) {
      await take(empty.store, turn < 0 ? steps() : found.empty);
      await take(full.store, turn < 0 ? steps() : found.full);
    }
    return found;
  } finally {
    scratch.note({ passed: true });
    await scratch.close();
  }
}

const steps = (): Record<Step, number[]> => ({ accept: [], lease: [], settle: [] });

async function open(
  scratch: Scratch,
  server: Postgres,
): Promise<{ readonly name: string; readonly store: Store }> {
  const name = await server.database();
  const store = await openPostgresStore({ url: server.url(name), mode: 'daemon', host: 'bench' });
  scratch.defer(() => store.close());
  return { name, store };
}

/** Gives the SQL that makes the rows: what was posted within a day, and stuck threads that are tried again in an hour. */
function fill(posted: number, waiting: number): string {
  const now = Date.now();
  const columns = `id, state, head, user_name, thread, replied_to_at, reverse_path, received_at, due_at, settled_at,
    attempts, worker_deaths, bytes, sender_policy, sender_result`;
  return `INSERT INTO item (${columns})
    SELECT 'p' || n, 'posted', false, 'u' || n % 500, 'old/' || n % 50000, 0, '', n, NULL, ${now - 86_400_000} + n, 1, 0, 100,
      'off', 'none' FROM generate_series(1, ${posted}) AS n;
  INSERT INTO dedupe SELECT sha256(('p' || n)::bytea), 'p' || n, n FROM generate_series(1, ${posted}) AS n;
  INSERT INTO item (${columns})
    SELECT 'w' || n, 'waiting', n <= ${STUCK}, 'u' || n % 500, 'stuck/' || n % ${STUCK}, 0, '', n, ${now + 3_600_000} + n,
      NULL, 1, 0, 100, 'off', 'none' FROM generate_series(1, ${waiting}) AS n;
  INSERT INTO content SELECT item_number, 0, 'x' FROM item WHERE state = 'waiting';`;
}

let threads = 0;

/** Has a store take some mails, one after the other, and writes down what each step took. */
async function take(store: Store, into: Record<Step, number[]>): Promise<void> {
  const timed = async <T>(step: Step, run: () => Promise<T>): Promise<T> => {
    const begun = performance.now();
    const value = await run();
    into[step].push(performance.now() - begun);
    return value;
  };
  for (let mail = 0; mail < MAILS_A_TURN; mail++) {
    const item = newItem({ thread: `t/${threads++ % 5000}` });
    await timed('accept', () => store.accept([item], Buffer.alloc(3000)));
    const now = Date.now();
    const leased = await timed('lease', () => store.lease({ now, leaseMs: 60_000, limit: 1 }));
    const settles = leased.map(
      ({ id, attempts }): Settle => ({ id, attempts, settlement: { kind: 'posted', at: now } }),
    );
    if (settles[0]?.id !== item.id) throw new Error('what was accepted was not what was leased');
    await timed('settle', () => store.settle(settles));
  }
}

const quantile = (times: readonly number[], part: number): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length * part)] ?? Number.NaN;

/** The figures beside what the design wants. */
export function largeTable({ posted, waiting, empty, full }: Large): Table {
  const rows = STEPS.flatMap((step) =>
    ([0.5, 0.99] as const).map((part) => {
      const [of, beside] = [quantile(full[step], part), quantile(empty[step], part)];
      const wanted = part === 0.99 && step !== 'settle' ? `at most ${MOST}` : '–';
      return [
        `${step}, p${part * 100} ms`,
        beside.toFixed(2),
        of.toFixed(2),
        (of / beside).toFixed(2),
        wanted,
      ];
    }),
  );
  return {
    title: 'A large store in PostgreSQL',
    about: `${posted} posted rows, and ${waiting} items that wait behind ${STUCK} stuck threads, beside an empty database of the same server; one mail at a time, on the real disk.`,
    head: ['', 'empty', 'large', 'large ÷ empty', 'wanted'],
    textColumns: 1,
    rows,
  };
}
