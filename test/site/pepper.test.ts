// Another pepper than the store's: nothing is refused for good and nothing is minted, until the operator says so.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import Sqlite from 'better-sqlite3';
import { acceptPepper, pepperKnown } from '../../src/site/pepper.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import { runTool } from '../ctl/tool.ts';
import { LmtpWire } from '../fault/lmtp-wire.ts';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { NO_SINK } from '../support/intake.ts';
import { PolicyClient } from '../support/policy.ts';
import { readiness } from '../support/readiness.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';

interface Place {
  readonly scratch: Scratch;
  readonly daemon: Daemon;
  /** Addresses of alice's of both forms. */
  readonly addresses: readonly string[];
}

/** A daemon that has given addresses. */
async function place(t: TestContext): Promise<Place> {
  const scratch = testScratch(t);
  const settings = {
    metrics: { listen: `unix:${scratch.path('metrics.sock')}` },
    policy: { socket: scratch.path('policy.sock') },
  };
  const daemon = await startDaemon(scratch, { sink: NO_SINK, settings });
  await daemon.addUser('alice');
  const sealed = await daemon.mint({ user: 'alice', thread: 'a/b/1' });
  const bound = await daemon.mint({ user: 'alice', thread: 'a/b/1', bound: true });
  return { scratch, daemon, addresses: [sealed.reply_to, bound.reply_to] };
}

function writePepper({ scratch }: Place, pepper: string): void {
  writeFileSync(scratch.path('pepper'), pepper, { mode: 0o600 });
}

const newPepper = (): string => randomBytes(32).toString('base64');

/** What the daemon answers to each recipient. */
async function answers({ daemon }: Place, recipients: readonly string[]): Promise<string[]> {
  const wire = await LmtpWire.connect(daemon.socket);
  assert.ok(wire);
  try {
    const replies = await wire.begin(recipients);
    assert.ok(replies);
    return replies.recipients.map((reply) => reply.slice(0, 9));
  } finally {
    wire.close();
  }
}

const logged = ({ daemon }: Place, event: string): string[] =>
  daemon
    .log()
    .split('\n')
    .filter((line) => line.includes(`"event":"${event}"`));

describe('a pepper that is not the one of the store', () => {
  it('is told at the start and by doctor, and every address is put off: 451', async (t) => {
    const where = await place(t);
    const { daemon, addresses } = where;
    writePepper(where, newPepper());
    await daemon.restart();
    assert.deepEqual(await answers(where, addresses), ['451 4.3.0', '451 4.3.0']);
    const policy = await PolicyClient.open(t, where.scratch.path('policy.sock'));
    assert.match(await policy.ask(addresses[0]!), /^451 4\.3\.0 /);
    const junk = await answers(where, ['nobody@reply.example.org', 'reply+x@reply.example.org']);
    assert.deepEqual(junk, ['550 5.1.1', '550 5.1.1'], 'what is no address of ours under any pepper');

    assert.equal(logged(where, 'pepper_unknown').length, 1, 'once, not for every address');
    assert.match(
      logged(where, 'pepper_unknown')[0]!,
      /"level":"error".*reply\.pepper_file: .*put that one back/,
    );
    assert.match(await readiness(where), /^503 reply\.pepper_file: /);
    const doctor = await daemon.tryCtl('doctor');
    assert.equal(doctor.code, 78);
    assert.match(doctor.stdout, /"check":"store\.pepper","status":"problem".*mailgw-ctl pepper accept/);
  });

  it('mints nothing, and neither shows nor keeps a pepper', async (t) => {
    const where = await place(t);
    const before = readFileSync(where.scratch.path('pepper'));
    // The daemon itself goes on with the one that it has, until it is told.
    await where.daemon.stop();
    writePepper(where, newPepper());
    const minted = await where.daemon.tryCtl('address', 'mint', '--user', 'alice', '--thread', 'a/b/2');
    assert.equal(minted.code, 78);
    assert.match(minted.stderr, /^mailgw-ctl: reply\.pepper_file: \S+pepper: holds the pepper [0-9a-f]{12} /);
    const rows = await where.daemon.ctl('pepper', 'list');
    assert.deepEqual(
      rows.map(({ in_force, in_file }) => [in_force, in_file]),
      [
        [true, false],
        [false, true],
      ],
    );
    const bytes = readFileSync(where.scratch.path('mailgw.db'));
    assert.equal(bytes.includes(Buffer.from(before.toString(), 'base64')), false);
  });

  it('is forgotten once the old one is back, with nothing lost', async (t) => {
    const where = await place(t);
    const pepper = readFileSync(where.scratch.path('pepper'), 'utf8');
    writePepper(where, newPepper());
    await where.daemon.restart();
    assert.deepEqual(await answers(where, where.addresses), ['451 4.3.0', '451 4.3.0']);
    writePepper(where, pepper);
    await where.daemon.restart();
    assert.deepEqual(await answers(where, where.addresses), ['250 2.1.5', '250 2.1.5']);
    assert.equal(await readiness(where), '200 ok');
  });

  it('counts from the moment that the operator accepts it, without a restart', async (t) => {
    const where = await place(t);
    const { daemon, addresses } = where;
    writePepper(where, newPepper());
    await daemon.restart();
    const asked = await daemon.tryCtl('pepper', 'accept');
    assert.equal(asked.code, 64);
    assert.match(asked.stderr, /every address .* is void, of all 1 users.*--yes does it/);
    assert.deepEqual(await answers(where, addresses), ['451 4.3.0', '451 4.3.0']);

    assert.equal((await daemon.ctl('pepper', 'accept', '--yes'))[0]?.accepted, true);
    assert.deepEqual(await answers(where, addresses), ['550 5.1.1', '550 5.1.1']);
    assert.equal(await readiness(where), '200 ok');
    assert.equal(logged(where, 'pepper_accepted').length, 1);
    const { reply_to: fresh } = await daemon.mint({ user: 'alice', thread: 'a/b/1' });
    assert.deepEqual(await answers(where, [fresh]), ['250 2.1.5']);
    assert.equal((await daemon.ctl('pepper', 'accept'))[0]?.accepted, false);
  });

  it('may be an earlier one: that is a change as well', async (t) => {
    const where = await place(t);
    const pepper = readFileSync(where.scratch.path('pepper'), 'utf8');
    writePepper(where, newPepper());
    await where.daemon.ctl('pepper', 'accept', '--yes');
    writePepper(where, pepper);
    await where.daemon.restart();
    assert.deepEqual(await answers(where, where.addresses), ['451 4.3.0', '451 4.3.0']);
    assert.match(logged(where, 'pepper_unknown')[0]!, /an earlier one, of /);
  });

  it('is named by init, where it makes one beside a store', async (t) => {
    const where = await place(t);
    rmSync(where.scratch.path('pepper'));
    const { code, stderr } = await runTool(['--config', where.daemon.config, 'init']);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /note: \S+pepper is new, and \S+mailgw\.db is not: .*mailgw-ctl pepper accept/);
    await where.daemon.restart();
    assert.deepEqual(await answers(where, where.addresses), ['451 4.3.0', '451 4.3.0']);
  });

  it('that a reload brings refuses nobody for good', async (t) => {
    const where = await place(t);
    writePepper(where, newPepper());
    process.kill(where.daemon.pid, 'SIGHUP');
    await eventually(
      () => (/"event":"(reloaded|reload_refused)"/.test(where.daemon.log()) ? true : undefined),
      () => where.daemon.log(),
    );
    for (const answer of await answers(where, where.addresses)) assert.match(answer, /^(250|451)/);
  });
});

describe('the first pepper of a store', () => {
  it('is whichever the daemon starts with: a store from before it was kept, too', async (t) => {
    const where = await place(t);
    await where.daemon.stop();
    const database = new Sqlite(where.scratch.path('mailgw.db'));
    database.exec('DELETE FROM pepper');
    database.close();
    await where.daemon.start();
    assert.deepEqual(await answers(where, where.addresses), ['250 2.1.5', '250 2.1.5']);
    assert.equal((await where.daemon.ctl('pepper', 'list')).length, 1);
  });

  it('is the only one that is known, whoever asks', async (t) => {
    const scratch = testScratch(t);
    const store = await openSqliteStore({ path: scratch.path('mailgw.db'), mode: 'tool' });
    scratch.defer(() => store.close());
    const [one, other] = ['one', 'other'].map((file) => ({ bytes: randomBytes(32), file }));
    assert.ok(one && other);
    assert.equal(await pepperKnown(store, [one]), true, 'a store without any');
    await acceptPepper(store, one.bytes, Date.now());
    assert.deepEqual([await pepperKnown(store, [one]), await pepperKnown(store, [other])], [true, false]);
  });
});
