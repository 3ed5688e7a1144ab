// Several daemons on one PostgreSQL: what each knows of the others, and what becomes of one that dies, sleeps, or has a
// name that another one has.

import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type JsonAnswer, Repetitions } from '../../src/api/idempotency.ts';
import type { HostView } from '../../src/store/hosts.ts';
import type { HostTimes } from '../../src/store/postgres/hosts.ts';
import { openPostgresStore, type PostgresOptions } from '../../src/store/postgres/store.ts';
import type { Store } from '../../src/store/store.ts';
import { StoreError } from '../../src/store/store-error.ts';
import { thisMoment } from '../../src/system/moment.ts';
import { eventually } from '../support/eventually.ts';
import { accept, ids, newItem, queued } from '../support/item.ts';
import { type Postgres, postgresUnavailable, startPostgres } from '../support/postgres.ts';
import { DaemonProcess } from '../support/process.ts';
import { suiteScratch, testScratch } from '../support/scratch.ts';

const QUICK: HostTimes = { beatMs: 100, deadMs: 3000 };
/** Nobody is dead within a test. */
const SLOW: HostTimes = { beatMs: 100, deadMs: 600_000 };

const HOLDER = fileURLToPath(new URL('../support/store-holder.js', import.meta.url));

const due = (store: Store, limit = 100) => store.lease({ now: Date.now(), leaseMs: 600_000, limit });

const said = (process: DaemonProcess, what: string): Promise<string> =>
  eventually(
    () =>
      process
        .output()
        .split('\n')
        .find((line) => line.startsWith(what)),
    () => process.output(),
  );

const view = async (store: Store, name: string): Promise<HostView> =>
  (await store.listHosts(0)).find((host) => host.name === name)!;

const reaches = (store: Store, name: string, state: HostView['state']): Promise<HostView> =>
  eventually(
    async () => {
      const found = await view(store, name);
      return found.state === state ? found : undefined;
    },
    () => `${name} is not ${state}`,
  );

const leasable = (store: Store): Promise<string[]> =>
  eventually(
    async () => {
      const leased = ids(await due(store));
      return leased.length > 0 ? leased : undefined;
    },
    () => 'nothing is due',
  );

/** Opens a store as a daemon of a host. */
type Open = (
  t: TestContext,
  database: string,
  host: string,
  options?: Partial<PostgresOptions>,
) => Promise<Store>;

describe('hosts of one PostgreSQL', { skip: postgresUnavailable() }, () => {
  const scratch = suiteScratch();
  let server: Postgres;

  before(async () => {
    server = await startPostgres(scratch);
  });

  after(() => scratch.close());

  async function open(
    t: TestContext,
    database: string,
    host: string,
    options: Partial<PostgresOptions> = {},
  ): Promise<Store> {
    const url = server.url(database);
    const store = await openPostgresStore({ url, mode: 'daemon', host, hostTimes: QUICK, ...options });
    let isOpen = true;
    const close = async (): Promise<void> => {
      if (isOpen) await store.close();
      isOpen = false;
    };
    testScratch(t).defer(close);
    return { ...store, close };
  }

  /** A process that has leased all that is due. */
  async function holder(
    t: TestContext,
    database: string,
    host: string,
    times = QUICK,
  ): Promise<DaemonProcess> {
    const own = testScratch(t);
    const args = [HOLDER, server.url(database), host, String(times.beatMs), String(times.deadMs)];
    const process = new DaemonProcess('node', args, own.path('holder'));
    own.defer(async () => {
      await process.end('SIGKILL');
    });
    await said(process, 'holds');
    return process;
  }

  it('see one another, with what each took, has leased and posted', async (t) => {
    const database = await server.database();
    const [one, two] = [await open(t, database, 'one'), await open(t, database, 'two')];
    const first = await queued(one, { thread: 'a' });
    await accept(two, [newItem({ thread: 'b' }), newItem({ thread: 'c' })]);
    const leased = await due(one, 1);
    const settlement = { kind: 'posted', at: Date.now() } as const;
    const [item] = leased;
    await one.settle([{ id: item!.id, attempts: item!.attempts, settlement }]);
    assert.equal((await due(two)).length, 2);
    const seen = (await two.listHosts(0)).map((host) => {
      return [host.name, host.state, host.taken, host.leased, host.posted];
    });
    assert.deepEqual(seen, [
      ['one', 'live', 1, 0, 1],
      ['two', 'live', 2, 2, 0],
    ]);
    assert.ok(ids(leased).includes(first));
    const { version, schemaVersion, clockMs } = await view(one, 'two');
    assert.match(version, /^\d/);
    assert.ok(schemaVersion >= 1 && Math.abs(clockMs) < 60_000);
  });

  it('give back what one that ended has left behind', async (t) => {
    const database = await server.database();
    const [one, two] = [
      await open(t, database, 'one', { hostTimes: SLOW }),
      await open(t, database, 'two', { hostTimes: SLOW }),
    ];
    const id = await queued(one);
    assert.deepEqual(ids(await due(one)), [id]);
    await one.close();
    assert.equal((await view(two, 'one')).state, 'stopped');
    assert.deepEqual(await leasable(two), [id]);
  });

  it('give back what one that was killed had leased, in the order of its threads', async (t) => {
    const database = await server.database();
    const two = await open(t, database, 'two');
    const [first, second] = [await queued(two, { thread: 'x' }), await queued(two, { thread: 'x' })];
    const process = await holder(t, database, 'one');
    assert.match(process.output(), new RegExp(`leased ${first} 1`));
    assert.deepEqual(await due(two), []);
    await process.end('SIGKILL');
    assert.deepEqual(await leasable(two), [first]);
    assert.equal((await view(two, 'one')).state, 'dead');
    assert.deepEqual(await due(two), [], `${second} waits for ${first}`);
  });

  it('ignore what one that slept says of leases that others have now, even after it leased again', async (t) => {
    const database = await server.database();
    const two = await open(t, database, 'two');
    const id = await queued(two);
    const process = await holder(t, database, 'one');
    globalThis.process.kill(process.pid, 'SIGSTOP');
    const [item] = await eventually(
      async () => {
        const leased = await due(two);
        return leased.length > 0 ? leased : undefined;
      },
      () => 'nothing is due',
    );
    assert.deepEqual([item!.id, item!.attempts], [id, 2]);
    globalThis.process.kill(process.pid, 'SIGCONT');
    globalThis.process.kill(process.pid, 'SIGUSR2');
    await said(process, 'settled');
    assert.equal((await two.get(id))?.state, 'leased');
    await reaches(two, 'one', 'live');
    const settlement = { kind: 'posted', at: Date.now() } as const;
    await two.settle([{ id, attempts: 2, settlement }]);
    assert.equal((await two.get(id))?.state, 'posted');
    assert.equal((await view(two, 'two')).posted, 1);
  });

  it('have a name each: a second one on a machine is refused, and after a kill takes over at once', async (t) => {
    const database = await server.database();
    const id = await queued(await open(t, database, 'tool', { mode: 'tool' }));
    const process = await holder(t, database, 'one', SLOW);
    await assert.rejects(open(t, database, 'one', { hostTimes: SLOW }), (error: unknown) => {
      assert.ok(error instanceof StoreError && error.kind === 'locked');
      assert.match(error.message, /store\.host = "one" is at work on this machine/);
      return true;
    });
    await process.end('SIGKILL');
    const again = await open(t, database, 'one', { hostTimes: SLOW });
    assert.deepEqual(ids(await due(again)), [id]);
  });

  it('have a name each on all machines: one that lives is left alone, one that does not is waited for', async (t) => {
    const database = await server.database();
    const process = await holder(t, database, 'one', SLOW);
    await process.end('SIGKILL');
    const sql = (text: string): Promise<string> => server.sql(text, database);
    await sql("UPDATE host SET machine = 'elsewhere'");
    const over = new AbortController();
    const beating = (async () => {
      while (!over.signal.aborted) await sql('UPDATE host SET seen_at = seen_at + 1');
    })();
    await assert.rejects(open(t, database, 'one', { hostTimes: SLOW }), /at work on another machine/);
    over.abort();
    await beating;
    const one = await open(t, database, 'one');
    assert.equal((await view(one, 'one')).state, 'live');
  });

  it('end where another run has the name', async (t) => {
    const database = await server.database();
    const broken = new Promise<Error>((resolve) => {
      void open(t, database, 'one', { onBroken: resolve }).then(async (one) => {
        assert.ok(one.isPresent());
        await server.sql("UPDATE host SET run = 'another'", database);
      });
    });
    assert.match((await broken).message, /store\.host "one": another daemon has taken over the name/);
  });

  it('are not present while no beat is answered, and are again', async (t) => {
    const database = await server.database();
    const one = await open(t, database, 'one', { hostTimes: { beatMs: 50, deadMs: 600 } });
    await server.sql('ALTER TABLE host RENAME TO away', database);
    const presence = (is: boolean): Promise<true> =>
      eventually(
        () => (one.isPresent() === is ? true : undefined),
        () => `present is not ${is}`,
      );
    const before = thisMoment();
    assert.ok(one.holds(before, 600_000));
    assert.equal(one.holds({ ...before, wall: before.wall - 5000 }, 5000), false, 'its lease is over');
    await presence(false);
    assert.equal(one.holds(before, 600_000), false);
    await server.sql('ALTER TABLE away RENAME TO host', database);
    await presence(true);
    assert.equal(one.holds(before, 600_000), false, 'others may have had it meanwhile');
    assert.ok(one.holds(thisMoment(), 600_000));
  });

  it('are forgotten by word of the operator, but not while they live', async (t) => {
    const database = await server.database();
    const two = await open(t, database, 'two', { hostTimes: SLOW });
    assert.deepEqual(await two.forgetHost('nobody'), { kind: 'unknown' });
    assert.equal((await two.forgetHost('two')).kind, 'live');
    const id = await queued(two);
    const process = await holder(t, database, 'one', SLOW);
    await process.end('SIGKILL');
    assert.equal((await two.forgetHost('one')).kind, 'live');
    // Or it would inherit what the dead one has.
    await two.close();
    await server.sql("UPDATE host SET seen_at = 0 WHERE name = 'one'", database);
    const tool = await open(t, database, 'tool', { mode: 'tool', hostTimes: SLOW });
    assert.deepEqual(await tool.forgetHost('one'), { kind: 'forgotten', givenBack: 1 });
    assert.deepEqual(ids(await due(tool)), [id]);
    assert.deepEqual(
      (await tool.listHosts()).map(({ name }) => name),
      ['two'],
    );
  });

  describeSharing(() => server, open);
});

/** What hosts have of one another beside leases: bells, and mailboxes. */
function describeSharing(server: () => Postgres, open: Open): void {
  it('ring for one another when something is due, and after a bell was cut', async (t) => {
    const database = await server().database();
    const [one, two] = [await open(t, database, 'one'), await open(t, database, 'two')];
    const rings = { one: 0, two: 0 };
    one.onDue(() => {
      rings.one += 1;
    });
    two.onDue(() => {
      rings.two += 1;
    });
    const listening = `application_name = 'mailgw daemon two' AND query LIKE 'LISTEN%'`;
    const listeners = (): Promise<string> =>
      server().sql(`SELECT count(*) FROM pg_stat_activity WHERE ${listening}`, database);
    const rung = async (make: () => Promise<unknown>): Promise<void> => {
      const before = rings.two;
      await eventually(
        async () => {
          await make();
          return rings.two > before ? true : undefined;
        },
        () => 'nobody rings',
      );
    };
    // Until one has noticed two, and two listens.
    await rung(() => queued(one));
    const tool = await open(t, database, 'tool', { mode: 'tool' });
    const held = await queued(tool, { hold: 'spam' });
    const before = rings.two;
    assert.equal((await tool.operate('release', held, Date.now())).kind, 'done');
    await eventually(
      () => (rings.two > before ? true : undefined),
      () => 'the release was not heard of',
    );
    await eventually(
      async () => ((await listeners()) === '1' ? true : undefined),
      () => 'two does not listen',
    );
    await server().sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${listening}`, database);
    const cut = rings.two;
    await eventually(
      () => (rings.two > cut ? true : undefined),
      () => 'two does not listen again',
    );
    await rung(() => queued(one));
  });

  it('carry out what came under one key once: the other hears that it is under way, or the answer', async (t) => {
    const database = await server().database();
    const [one, two] = [await open(t, database, 'one'), await open(t, database, 'two')];
    const [here, there] = [new Repetitions(), new Repetitions()];
    let count = 0;
    let end: (answer: JsonAnswer) => void = () => undefined;
    const begun = new Promise<void>((resolve) => {
      void here
        .once(one, 'k', { a: 1 }, () => {
          count += 1;
          resolve();
          return new Promise<JsonAnswer>((done) => {
            end = done;
          });
        })
        .catch(() => undefined);
    });
    await begun;
    const again = (): Promise<JsonAnswer> =>
      there.once(two, 'k', { a: 1 }, () => {
        count += 1;
        return Promise.resolve({ status: 201, body: 'two' });
      });
    await assert.rejects(again(), /still being carried out/);
    end({ status: 201, body: 'one' });
    const answer = await eventually(
      () => again().catch(() => undefined),
      () => 'no answer',
    );
    assert.deepEqual(answer, { status: 201, body: 'one', isReplayed: true });
    assert.equal(count, 1);
    // What may be tried again leaves the key free; a host that died leaves it until the claim ends.
    const passing = (): Promise<JsonAnswer> => Promise.resolve({ status: 503, body: '' });
    assert.equal((await here.once(one, 'p', {}, passing)).status, 503);
    assert.equal((await there.once(two, 'p', {}, passing)).status, 503);
    assert.ok(await one.claimKey({ key: 'dead', claimer: 'x' }, 0));
    await assert.rejects(there.once(two, 'dead', {}, passing), /still being carried out/);
    await server().sql(
      "UPDATE api_answer SET answered_at = answered_at - 60000 WHERE key = 'dead'",
      database,
    );
    assert.equal((await there.once(two, 'dead', {}, passing)).status, 503);
  });

  it('own a mailbox one at a time: it moves when its owner has not renewed it', async (t) => {
    const database = await server().database();
    const [one, two] = [await open(t, database, 'one'), await open(t, database, 'two')];
    const now = Date.now();
    const claim = (store: Store, owner: string, at: number): Promise<string> =>
      store.claimMailbox({ source: 'support', owner, now: at, leaseMs: 60_000 });
    assert.equal(await claim(one, 'one', now), 'one');
    assert.equal(await claim(two, 'two', now + 59_000), 'one');
    assert.equal(await claim(two, 'two', now + 60_500), 'two');
    assert.equal(await claim(one, 'one', now + 60_600), 'two');
  });
}
