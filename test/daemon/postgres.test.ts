// mailgwd and mailgw-ctl on a store in PostgreSQL, as a site configures it: a reply goes its way, an outage of the database puts
// mail off and loses nothing, and what keeps a start from succeeding is said in one line.

import assert from 'node:assert/strict';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { LmtpWire } from '../fault/lmtp-wire.ts';
import { runProcess } from '../support/command.ts';
import { type Daemon, type Settings, startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { newMessageId, replyMessage } from '../support/message.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { type Postgres, postgresUnavailable, startPostgres } from '../support/postgres.ts';
import type { RunResult } from '../support/process.ts';
import { readiness } from '../support/readiness.ts';
import { type Scratch, suiteScratch, testScratch } from '../support/scratch.ts';

const skip = postgresUnavailable();

/** Delivers a message on a connection of its own; the answer at its end, or to the recipient. */
async function deliver(daemon: Daemon, address: string, messageId = newMessageId()): Promise<string> {
  const wire = await LmtpWire.connect(daemon.socket);
  const replies = await wire?.begin([address]);
  if (wire === undefined || replies?.isDataWanted !== true) {
    wire?.close();
    return replies?.recipients[0] ?? 'no answer';
  }
  const [reply = 'no answer'] = await wire.finish(replyMessage({ to: address, messageId }), 1, true);
  return reply;
}

/** Waits until the platform has taken so many posts. */
async function posted(platform: Platform, daemon: Daemon, count: number): Promise<void> {
  await eventually(
    () => (platform.posts.length >= count ? true : undefined),
    () => `${platform.posts.length} of ${count} posts\n${daemon.log()}`,
  );
}

const count = (text: string, event: string): number => text.split(`"event":"${event}"`).length - 1;

/** A daemon on a database of its own. */
interface Started {
  readonly daemon: Daemon;
  readonly platform: Platform;
  readonly url: string;
}

type Start = (own: Scratch, settings?: Settings) => Promise<Started>;

describe('mailgwd on PostgreSQL', { skip }, () => {
  const scratch = suiteScratch();
  let server: Postgres;

  before(async () => {
    server = await startPostgres(scratch);
  });
  after(() => scratch.close());

  /** Starts a daemon on a database of its own. */
  const start: Start = async (own, settings = {}) => {
    const platform = await startPlatform(own);
    const url = server.url(await server.database());
    const store = { url, host: 'one' };
    const daemon = await startDaemon(own, { sink: platform.sink, settings: { store, ...settings } });
    return { daemon, platform, url };
  };

  it('posts a reply, keeps what it has over a restart, and has no file of a database', async (t) => {
    const own = testScratch(t);
    const { daemon, platform } = await start(own);
    await daemon.addUser('alice');
    const { reply_to: address } = await daemon.mint({ user: 'alice', thread: 'a/b/1' });
    const messageId = newMessageId();
    assert.match(await deliver(daemon, address, messageId), /^250 /);
    await posted(platform, daemon, 1);
    assert.equal(platform.posts[0]?.data.thread, 'a/b/1');
    assert.equal(await daemon.stop(), 'exit 0');
    await daemon.start();
    assert.match(await deliver(daemon, address, messageId), /^250 /);
    assert.match(await deliver(daemon, address), /^250 /);
    await posted(platform, daemon, 2);
    assert.equal(platform.posts.length, 2, 'the message that came again is not posted again');
    assert.equal(existsSync(own.path('mailgw.db')), false);
    assert.equal(existsSync(own.path('mailgw.db.sock')), true);
    const mapped = readFileSync(`/proc/${daemon.pid}/maps`, 'utf8');
    assert.equal(mapped.includes('better_sqlite3'), false, 'the other adapter is not loaded');
  });

  it('puts mail off while the database is away, and goes on by itself with nothing lost or doubled', async (t) => {
    const own = testScratch(t);
    const alone = await startPostgres(own);
    const platform = await startPlatform(own);
    const daemon = await startDaemon(own, {
      sink: platform.sink,
      settings: {
        store: { url: alone.url(await alone.database()), host: 'one' },
        metrics: { listen: `unix:${own.path('metrics.sock')}` },
      },
    });
    await daemon.addUser('alice');
    const { reply_to: address } = await daemon.mint({ user: 'alice', thread: 'a/b/1' });
    assert.match(await deliver(daemon, address), /^250 /);
    await posted(platform, daemon, 1);
    const open = await LmtpWire.connect(daemon.socket);
    assert.equal((await open?.begin([address]))?.isDataWanted, true);
    await alone.stop();
    const messageId = newMessageId();
    const message = replyMessage({ to: address, messageId });
    assert.match((await open?.finish(message, 1, true))?.[0] ?? '', /^4\d\d /, 'at the end of data');
    assert.match(await deliver(daemon, address, messageId), /^4\d\d /, 'at the recipient');
    await eventually(
      async () =>
        (await readiness({ scratch: own, daemon })).startsWith('503 the store fails: ') ? true : undefined,
      () => daemon.log(),
    );
    await eventually(
      () => (count(daemon.log(), 'dispatch_failed') > 0 ? true : undefined),
      () => daemon.log(),
    );
    const refused = await daemon.tryCtl('user', 'list');
    assert.equal(refused.code, 69);
    assert.match(
      refused.stderr,
      /^mailgw-ctl: store\.url: [^\n]*; mail waits in Postfix until it answers\n$/,
    );
    await alone.start();
    await eventually(
      async () => ((await deliver(daemon, address, messageId)).startsWith('250 ') ? true : undefined),
      () => daemon.log(),
    );
    await posted(platform, daemon, 2);
    assert.match(await deliver(daemon, address, messageId), /^250 /);
    assert.match(await deliver(daemon, address), /^250 /);
    await posted(platform, daemon, 3);
    assert.deepEqual(
      platform.requests.map(({ idempotencyKey }) => idempotencyKey).length,
      new Set(platform.posts.map(({ data }) => data.id)).size,
    );
    await eventually(
      async () => ((await readiness({ scratch: own, daemon })).startsWith('200') ? true : undefined),
      () => daemon.log(),
    );
    assert.ok(
      count(daemon.log(), 'dispatch_failed') <= 4,
      'an outage is told once by each who looks for work',
    );
    assert.equal(await daemon.stop(), 'exit 0');
  });

  it('does not start where the database does not let it in, and says so in one line without the password', async (t) => {
    const own = testScratch(t);
    const { daemon } = await start(own);
    await daemon.stop();
    const config = readFileSync(daemon.config, 'utf8');
    const port = server.port;
    await server.sql("CREATE ROLE mailgw LOGIN PASSWORD 'swordfish'");
    const hba = join(server.data, 'pg_hba.conf');
    const trust = readFileSync(hba, 'utf8');
    writeFileSync(hba, `host all mailgw 127.0.0.1/32 scram-sha-256\n${trust}`);
    await server.sql('SELECT pg_reload_conf()');
    writeFileSync(own.path('password'), 'hunter2\n', { mode: 0o600 });
    const startWith = async (url: string, ...lines: string[]): Promise<readonly [string, string]> => {
      const section = `[store]\nurl = "${url}"\n${lines.join('\n')}\n`;
      writeFileSync(
        daemon.config,
        config.replace(/^\[store\]\n(url.*\n)?/m, section).replace(/^url.*\n(?=host)/m, ''),
      );
      const before = daemon.log().length;
      const ended = await daemon.startToEnd();
      const told = daemon.log().slice(before).split('\n');
      return [ended, told.filter((line) => line.includes('mailgwd: ')).join('\n')];
    };
    const password = `password_file = "${own.path('password')}"`;
    const cases: readonly (readonly [string, readonly string[], string, RegExp])[] = [
      [
        `postgresql://mailgw@127.0.0.1:${port}/mailgw_1`,
        [password],
        'exit 78',
        /password authentication failed/,
      ],
      [`postgresql://postgres@127.0.0.1:${port}/nowhere`, [], 'exit 78', /database "nowhere" does not exist/],
      ['postgresql://postgres@127.0.0.1:9/mailgw_1', [], 'exit 69', /ECONNREFUSED/],
    ];
    for (const [url, lines, exit, what] of cases) {
      const [ended, told] = await startWith(url, ...lines);
      assert.equal(ended, exit, told);
      assert.match(told, /^(<3>)?mailgwd: store\.url: [^\n]*$/);
      assert.match(told, what);
      assert.doesNotMatch(daemon.log(), /hunter2|swordfish/);
    }
    chmodSync(own.path('password'), 0o644);
    const [ended, told] = await startWith(`postgresql://mailgw@127.0.0.1:${port}/mailgw_1`, password);
    assert.equal(ended, 'exit 78');
    assert.match(told, /store\.password_file: .* lets group or world in/);
    writeFileSync(hba, trust);
    await server.sql('SELECT pg_reload_conf()');
  });

  it('is the only one at its place, and under its name', async (t) => {
    const own = testScratch(t);
    const { daemon, platform, url } = await start(own);
    const other = testScratch(t);
    const rival = startDaemon(other, { sink: platform.sink, settings: { store: { url, host: 'one' } } });
    await assert.rejects(rival, /store\.host = \\?"one\\?" is at work on this machine/);
    const second = testScratch(t);
    const beside = startDaemon(second, {
      sink: platform.sink,
      settings: { store: { url, host: 'two', path: own.path('mailgw.db') } },
    });
    await assert.rejects(beside, /mailgw\.db is in use by another mailgwd/);
    assert.equal(await daemon.stop(), 'exit 0');
  });

  describeTools(() => server, start);
});

/** What tools have to do with it: mailgw-ctl beside the daemon and without it, as root, and init. */
function describeTools(server: () => Postgres, start: Start): void {
  it('is worked on by mailgw-ctl, whose commands on a file name what does it there', async (t) => {
    const own = testScratch(t);
    const { daemon, platform } = await start(own, { api: { listen: `unix:${own.path('api.sock')}` } });
    await daemon.addUser('alice');
    const { reply_to: address } = await daemon.mint({ user: 'alice', thread: 'a/b/1' });
    const messageId = newMessageId();
    assert.match(await deliver(daemon, address, messageId), /^250 /);
    await posted(platform, daemon, 1);
    await worksByTool(daemon, 'bob', messageId);
    await daemon.stop();
    await worksByTool(daemon, 'carol', messageId);
    for (const [command, instead] of [
      [['backup', own.path('copy')], 'pg_dump'],
      [['restore', own.path('none')], 'pg_restore'],
      [['vacuum'], 'VACUUM'],
    ] as const) {
      const { code, stderr } = await daemon.tryCtl('db', ...command);
      assert.equal(code, 64, stderr);
      assert.match(
        stderr,
        new RegExp(`^mailgw-ctl: store\\.url: .*: the store is in PostgreSQL; .*${instead}`),
      );
    }
    const doctor = await daemon.tryCtl('doctor');
    assert.match(doctor.stdout, /"check":"database\.reachable","status":"ok"/);
    assert.doesNotMatch(doctor.stdout, /"check":"store\.(integrity|files|space)"/);
  });

  it('is asked by root as the user of the daemon, to whom the directory belongs', async (t) => {
    const own = testScratch(t);
    const { daemon } = await start(own);
    await daemon.stop();
    const state = own.path('state');
    mkdirSync(state);
    const { uid, gid } = statSync(server().data);
    chownSync(state, uid, gid);
    const hba = join(server().data, 'pg_hba.conf');
    const trust = readFileSync(hba, 'utf8');
    writeFileSync(hba, `local mailgw_peer all peer\n${trust}`);
    await server().sql('CREATE DATABASE mailgw_peer');
    await server().sql('SELECT pg_reload_conf()');
    try {
      const config = readFileSync(daemon.config, 'utf8')
        .replace(/^path = .*$/m, `path = "${state}/mailgw.db"`)
        .replace(/^url = "postgresql.*$/m, `url = "${server().url('mailgw_peer')}"`);
      writeFileSync(daemon.config, config);
      const { code, stderr } = await runProcess(['--config', daemon.config, 'user', 'list']);
      assert.equal(code, 0, stderr);
      chownSync(state, 0, 0);
      const refused = await runProcess(['--config', daemon.config, 'user', 'list']);
      assert.equal(refused.code, 78);
      assert.match(refused.stderr, /Peer authentication failed/);
    } finally {
      writeFileSync(hba, trust);
      await server().sql('SELECT pg_reload_conf()');
    }
  });

  it('is named in the file that init writes, and nothing is written with a URL that means nothing', async (t) => {
    const own = testScratch(t);
    const init = (url: string): Promise<RunResult> =>
      runProcess(['init', '--domain', 'reply.example.org', '--directory', own.path('site'), '--store', url]);
    const refused = await init('postgresql://mailgw:hunter2@db/mail');
    assert.equal(refused.code, 65);
    assert.match(
      refused.stderr,
      /^mailgw-ctl: store\.url: a password in the URL would be read by everybody; /,
    );
    assert.equal(existsSync(own.path('site')), false);
    const made = await init('postgresql://mailgw@db.example.org/mail');
    assert.equal(made.code, 0, made.stderr);
    const file = readFileSync(own.path('site/mailgw.toml'), 'utf8');
    assert.match(file, /^url = "postgresql:\/\/mailgw@db\.example\.org\/mail"$/m);
  });
}

/** Runs a command of each kind. */
async function worksByTool(daemon: Daemon, user: string, messageId: string): Promise<void> {
  await daemon.addUser(user);
  await daemon.ctl('user', 'set', user, '--address', `${user}@example.net`);
  assert.equal((await daemon.ctl('user', 'show', user)).length, 1);
  await daemon.ctl('salt', 'rotate', user);
  const { reply_to: address } = await daemon.mint({ user, thread: 'a/b/1' });
  assert.equal((await daemon.ctl('address', 'explain', address)).length, 1);
  await daemon.ctl('token', 'create', user, '--scope', 'read');
  for (const command of [
    ['queue', 'list'],
    ['queue', 'pause'],
    ['queue', 'resume'],
    ['stats'],
    ['trace', messageId],
    ['token', 'list'],
    ['source', 'list'],
    ['notification', 'list'],
    ['notice', 'list'],
    ['salt', 'list'],
    ['db', 'prune'],
  ])
    await daemon.ctl(...command);
  await daemon.ctl('user', 'remove', user, '--yes');
  await daemon.ctl('user', 'restore', user);
}
