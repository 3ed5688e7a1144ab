// Who has an address, asked of a platform over HTTP by a sink of the site's own: answers, silence, and who is taken in.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import type { LogEvent, LogFields } from '../../src/observe/log.ts';
import { Meter } from '../../src/observe/meter.ts';
import { loadSink } from '../../src/sinks/catalogue.ts';
import { AskedUsers } from '../../src/site/asked-users.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import type { Store } from '../../src/store/store.ts';
import { configOf, LEAST } from '../config/least.ts';
import { eventually } from '../support/eventually.ts';
import { serveHttp } from '../support/loopback.ts';
import { testScratch } from '../support/scratch.ts';

/** A sink that asks the platform, gives up where it is told to, and takes an empty answer for nobody. */
const ASKS = `
export const createSink = ({ url }) => ({
  deliver: async () => ({ kind: 'posted', diagnostic: '' }), close: async () => {},
  async findUser(address, signal) {
    const answer = await fetch(url + '?' + new URLSearchParams({ address }), { signal });
    if (!answer.ok) throw new Error('the platform says ' + answer.status);
    return (await answer.text()) || undefined;
  },
});
`;

/** One that heeds no signal, and never answers about the deaf. */
const DEAF = `
export const createSink = () => ({
  deliver: async () => ({ kind: 'posted', diagnostic: '' }), close: async () => {},
  findUser: (address) => address.startsWith('deaf') ? new Promise(() => {}) : undefined,
});
`;

interface Ground {
  readonly asked: AskedUsers;
  readonly store: Store;
  /** The questions that came, in order. */
  readonly questions: string[];
  /** The questions that wait, where the platform holds them back. */
  readonly held: Map<string, ServerResponse>;
  readonly told: (LogFields & { readonly event: LogEvent })[];
  /** Counts the answers so far. */
  counts(): Record<string, number>;
  /** Lets time pass. */
  pass(ms: number): void;
}

interface Platform {
  readonly source?: string;
  readonly askMs?: number;
  /** Says what is answered: a name, nobody, a status, or nothing yet for "hold". */
  readonly answer?: (address: string) => string | number | undefined;
}

async function open(t: TestContext, { source = ASKS, askMs, answer }: Platform = {}): Promise<Ground> {
  const scratch = testScratch(t);
  const questions: string[] = [];
  const held = new Map<string, ServerResponse>();
  const url = await serveHttp(t, (request, response) => {
    const address = new URL(request.url ?? '', 'http://x').searchParams.get('address') ?? '';
    questions.push(address);
    const given = answer?.(address);
    if (given === 'hold') held.set(address, response);
    else if (typeof given === 'number') response.writeHead(given).end();
    else response.end(given);
  });
  const module = scratch.path('sink.mjs');
  writeFileSync(module, source, { mode: 0o644 });
  const no = () => ({ ok: false, problem: 'none' }) as const;
  const loaded = await loadSink(
    { type: module, url },
    { now: Date.now, readSecretFile: no, readSecretText: no },
  );
  assert.ok(loaded.ok);
  const store = await openSqliteStore({ path: scratch.path('mailgw.db'), mode: 'tool' });
  scratch.defer(() => store.close());
  const told: Ground['told'] = [];
  const meter = new Meter();
  let now = Date.now();
  const findUser = loaded.sink.findUser?.bind(loaded.sink) ?? assert.fail('the sink finds nobody');
  const asked = new AskedUsers({
    ...{ config: configOf(LEAST), store, findUser, meter, now: () => now },
    log: (event, fields) => void told.push({ event, ...fields }),
    ...(askMs === undefined ? {} : { askMs }),
  });
  return {
    ...{ asked, store, questions, held, told },
    counts: () => {
      const samples = meter.samples('mailgw_asked_users_total').filter(({ value }) => value > 0);
      return Object.fromEntries(
        samples.map(({ labels, value }): [string, number] => [labels['answer'] ?? '', value]),
      );
    },
    pass: (ms) => {
      now += ms;
    },
  };
}

const nameOf = async ({ asked }: Ground, address: string): Promise<string | undefined> =>
  (await asked.find(address))?.name;

/** Waits until the platform holds a question back. */
const heldOne = ({ held, questions }: Ground): Promise<[string, ServerResponse]> =>
  eventually(
    () => [...held].at(0),
    () => questions.join('\n'),
  );

async function add({ store }: Ground, name: string, ...addresses: string[]): Promise<void> {
  await store.addUser({ name, addresses, salt: Buffer.alloc(32, 7), now: Date.now() });
}

describe('who has an address, as the platform says', () => {
  it('is taken in with that address, which stands behind those that we know', async (t) => {
    const ground = await open(t, { answer: (address) => address.split('@')[0] });
    await add(ground, 'alice', 'home@example.org', 'a@example.org');
    const addresses = async (name: string) => (await ground.store.userByName(name))?.addresses;
    assert.equal(await nameOf(ground, 'alice@example.com'), 'alice');
    assert.deepEqual(await addresses('alice'), ['home@example.org', 'a@example.org', 'alice@example.com']);
    const bob = await ground.asked.find('bob@example.com');
    assert.deepEqual([bob?.name, bob?.enabled, bob?.salts.length], ['bob', true, 1]);
    assert.deepEqual(await addresses('bob'), ['bob@example.com']);
    assert.deepEqual(ground.told, [
      { event: 'user_named', user: 'alice', address: 'alice@example.com' },
      { event: 'user_named', user: 'bob', address: 'bob@example.com' },
    ]);
    assert.deepEqual(ground.counts(), { named: 2 });
  });

  it('is asked once by copies that come together, however they spell it', async (t) => {
    const ground = await open(t, { answer: () => 'hold' });
    const copies = ['carol@example.com', 'CAROL@Example.com', 'carol@EXAMPLE.com'].map((address) =>
      nameOf(ground, address),
    );
    await heldOne(ground);
    ground.held.get('carol@example.com')?.end('carol');
    assert.deepEqual(await Promise.all(copies), ['carol', 'carol', 'carol']);
    assert.equal(ground.questions.length, 1);
    assert.deepEqual((await ground.store.userByName('carol'))?.addresses, ['carol@example.com']);
    assert.deepEqual(ground.counts(), { named: 1 });
  });

  it('is nobody for a minute, and then asked again; an error is no answer', async (t) => {
    let answer: string | number | undefined;
    const ground = await open(t, { answer: () => answer });
    assert.equal(await nameOf(ground, 'dora@example.com'), undefined);
    answer = 'dora';
    ground.pass(59_000);
    assert.equal(await nameOf(ground, 'Dora@example.com'), undefined);
    assert.equal(ground.questions.length, 1);
    ground.pass(1001);
    assert.equal(await nameOf(ground, 'dora@example.com'), 'dora');
    answer = 503;
    assert.equal(await nameOf(ground, 'emil@example.com'), undefined);
    answer = 'emil';
    assert.equal(await nameOf(ground, 'emil@example.com'), 'emil');
    assert.deepEqual(ground.counts(), { named: 2, unknown: 1, failed: 1 });
    const failed = ground.told.filter(({ event }) => event === 'stamp_failed');
    assert.deepEqual(
      failed.map(({ reason }) => reason),
      ['who has an address: the platform says 503'],
    );
  });

  it('takes no address from anybody, not one that was registered while the platform was asked', async (t) => {
    const ground = await open(t, { answer: () => 'hold' });
    const thief = nameOf(ground, 'mine@example.com');
    await heldOne(ground);
    await add(ground, 'owner', 'MINE@example.com');
    ground.held.get('mine@example.com')?.end('thief');
    assert.equal(await thief, undefined);
    assert.deepEqual(
      (await ground.store.listUsers()).map(({ name }) => name),
      ['owner'],
    );
    assert.deepEqual(ground.told, [
      {
        ...{ event: 'user_refused', user: 'thief', address: 'mine@example.com' },
        reason: 'user "owner" has the address by now',
      },
    ]);
    assert.deepEqual(ground.counts(), { refused: 1 });
  });

  it('brings nobody back who was disabled or removed, and believes no name that cannot be one', async (t) => {
    const names: Record<string, string> = {
      'disabled@example.com': 'disabled',
      'removed@example.com': 'removed',
      'odd@example.com': ' odd ',
    };
    const ground = await open(t, { answer: (address) => names[address] });
    await add(ground, 'disabled', 'd@example.com');
    await ground.store.setUser('disabled', { enabled: false });
    await add(ground, 'removed', 'r@example.com');
    await ground.store.removeUser('removed', Date.now());
    assert.equal((await ground.asked.find('disabled@example.com'))?.enabled, false);
    assert.equal(await ground.asked.find('removed@example.com'), undefined);
    assert.equal(await ground.asked.find('odd@example.com'), undefined);
    assert.deepEqual(
      (await ground.store.listUsers()).map(({ name }) => name),
      ['disabled'],
    );
    assert.deepEqual(ground.counts(), { named: 1, refused: 2 });
    // What could not be taken in is not asked for with every notification.
    await ground.asked.find('removed@example.com');
    assert.equal(ground.questions.length, 3);
  });

  it('is not asked about an address that no user can have', async (t) => {
    const ground = await open(t, { answer: () => 'eve' });
    for (const address of ['x@reply.example.org', 'no address', '', 'a@b@c\u0000'])
      assert.equal(await nameOf(ground, address), undefined, address);
    assert.deepEqual(ground.questions, []);
  });

  it('asks a few at a time, and all in turn', async (t) => {
    const ground = await open(t, { answer: () => 'hold' });
    const all = Array.from({ length: 20 }, (_, n) => nameOf(ground, `user${n}@example.com`));
    for (let answered = 0; answered < 20; answered += 1) {
      const [address, response] = await heldOne(ground);
      assert.ok(ground.questions.length <= answered + 8, `${ground.questions.length} at ${answered}`);
      ground.held.delete(address);
      response.end(address.split('@')[0]);
    }
    assert.deepEqual(
      await Promise.all(all),
      Array.from({ length: 20 }, (_, n) => `user${n}`),
    );
  });

  for (const [what, source] of [
    ['hangs', ASKS],
    ['hangs in a module that heeds no signal', DEAF],
  ] as const)
    it(`holds nobody up for longer than its time where it ${what}, and is asked again`, async (t) => {
      const answer = (address: string) => (address.startsWith('deaf') ? 'hold' : undefined);
      const ground = await open(t, { source, answer, askMs: 300 });
      const begun = performance.now();
      const all = Array.from({ length: 20 }, (_, n) => nameOf(ground, `deaf${n}@example.com`));
      assert.deepEqual(new Set(await Promise.all(all)), new Set([undefined]));
      const took = performance.now() - begun;
      assert.ok(took >= 290 && took < 5000, `${took}`);
      assert.equal(ground.told.length, 20);
      const reasons = new Set(ground.told.map(({ reason }) => reason));
      assert.deepEqual(
        [...reasons].map((reason) => String(reason).replace('who has an address: ', '')).toSorted(),
        ['no answer within 0.3 s', 'other questions to the platform have not been answered'],
      );
      assert.equal(await nameOf(ground, 'other@example.com'), undefined);
      assert.deepEqual(ground.counts(), { late: 20, unknown: 1 });
    });

  it('remembers ten thousand who are nobody, and forgets the first of them for one more', async (t) => {
    const count = `
      export const createSink = () => ({
        asked: new Map(),
        deliver: async () => ({ kind: 'posted', diagnostic: '' }), close: async () => {},
        findUser(address) {
          this.asked.set(address, (this.asked.get(address) ?? 0) + 1);
          return this.asked.get(address) > 1 ? address.split('@')[0] : undefined;
        },
      });`;
    const ground = await open(t, { source: count });
    for (let n = 0; n <= 10_000; n += 1) await ground.asked.find(`u${n}@example.com`);
    assert.equal(await nameOf(ground, 'u1@example.com'), undefined);
    assert.equal(await nameOf(ground, 'u0@example.com'), 'u0');
  });
});
