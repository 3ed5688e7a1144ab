// A file system that runs full under the real daemon: what it answers, what it keeps, how it recovers.

import assert from 'node:assert/strict';
import { rmSync, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type Daemon, type Row, type Settings, startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { newMessageId, replyMessage } from '../support/message.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { runOk } from '../support/process.ts';
import { roundsOf } from '../support/rounds.ts';
import { testScratch } from '../support/scratch.ts';
import { fillUp, mountTmpfs, tmpfsUnavailable } from '../support/tmpfs.ts';

const MIB = 1024 * 1024;

/** What is to be filled, of which a short run takes less. */
const LARGE_DISK = roundsOf(128, 72) * MIB;
const DISK = roundsOf(96, 72) * MIB;
const SMALL_DISK = roundsOf(64, 40) * MIB;
const TWO_LOOKS_MS = 2200;
const FULL = '452 4.3.1 insufficient system storage';

interface Stage {
  readonly t: TestContext;
  readonly daemon: Daemon;
  readonly platform: Platform;
  readonly disk: string;
  readonly address: string;
}

/** A daemon whose store is alone on a tmpfs, and whose platform is down. */
async function stage(t: TestContext, bytes: number, settings: Settings[string]): Promise<Stage> {
  const scratch = testScratch(t);
  const platform = await startPlatform(scratch);
  platform.answerAlways(503);
  const disk = await mountTmpfs(scratch, 'disk', bytes);
  const daemon = await startDaemon(scratch, {
    sink: platform.sink,
    settings: {
      store: { path: join(disk, 'mailgw.db'), ...settings },
      delivery: { retry_first: '1s', retry_longest: '1s' },
    },
  });
  await daemon.addUser('alice');
  const { reply_to: address } = await daemon.mint({ user: 'alice', thread: 'test/thread/1' });
  return { t, daemon, platform, disk, address };
}

const message = (address: string, bytes: number): string =>
  replyMessage({ to: address, messageId: newMessageId(), body: `${'x'.repeat(70)}\n`.repeat(bytes / 71) });

/** Sends messages until one is refused; the ids of those accepted, and the refusal with the command it answered. */
async function fill(
  { t, daemon, address }: Stage,
  bytes: number,
): Promise<{ ids: string[]; refusal: string; command: 'MAIL' | 'end of data' }> {
  const client = await LmtpClient.open(t, daemon.socket);
  const ids: string[] = [];
  for (;;) {
    const mail = await client.say('MAIL FROM:<alice@example.com>');
    if (!mail.startsWith('250')) return { ids, refusal: mail, command: 'MAIL' };
    await client.sayAll(`RCPT TO:<${address}>`, 'DATA');
    client.write(`${message(address, bytes)}\r\n.\r\n`);
    const reply = await client.reply();
    const id = /^250 2\.0\.0 queued as (\S+)/.exec(reply)?.[1];
    if (id === undefined) return { ids, refusal: reply, command: 'end of data' };
    ids.push(id);
  }
}

/** The reply to MAIL on a new connection. */
async function mailReply({ t, daemon }: Stage): Promise<string> {
  const client = await LmtpClient.open(t, daemon.socket);
  const reply = await client.say('MAIL FROM:<alice@example.com>');
  client.vanish();
  return reply;
}

async function itemsById(daemon: Daemon): Promise<Map<unknown, Row>> {
  return new Map((await daemon.ctl('queue', 'list')).map((row) => [row.id, row]));
}

/** Waits until MAIL is answered 250; the milliseconds that took. */
async function recovered(here: Stage): Promise<number> {
  const since = performance.now();
  await eventually(
    async () => ((await mailReply(here)).startsWith('250') ? true : undefined),
    () => here.daemon.log().split('\n').slice(-5).join('\n'),
    15_000,
  );
  return performance.now() - since;
}

async function allPosted({ daemon, platform }: Stage, ids: readonly string[]): Promise<void> {
  await eventually(
    async () => ((await daemon.ctl('stats'))[0]?.posted === ids.length ? true : undefined),
    () => `${ids.length} posted items\n${daemon.log().split('\n').slice(-5).join('\n')}`,
    60_000,
  );
  assert.deepEqual(
    platform.posts.map((post) => post.data.id),
    ids,
    'each once, in the order of arrival',
  );
}

describe('a disk that runs full', { skip: tmpfsUnavailable() }, () => {
  it('is refused at MAIL below the low-water mark, and recovers when delivery has made room', async (t) => {
    const here = await stage(t, LARGE_DISK, { low_water: '32MiB' });
    const ids: string[] = [];
    do {
      const { ids: more, refusal, command } = await fill(here, MIB);
      assert.deepEqual([refusal, command], [FULL, 'MAIL']);
      ids.push(...more);
      await delay(TWO_LOOKS_MS); // the first refusals go by an estimate
    } while ((await mailReply(here)) !== FULL);
    const { bavail, bsize } = await statfs(here.disk);
    assert.ok(bavail * bsize < 32 * MIB, 'not before the mark');
    assert.ok(bavail * bsize > 8 * MIB, `the mark leaves room: ${bavail * bsize}`);
    const items = await itemsById(here.daemon);
    for (const id of ids) assert.ok(Number(items.get(id)?.bytes) > MIB - 100);
    const bytesFull = statSync(join(here.disk, 'mailgw.db')).size;
    assert.equal(items.size, ids.length, 'nothing but what was acknowledged');

    here.platform.answerAlways(201);
    await allPosted(here, ids);
    await recovered(here);
    assert.ok(statSync(join(here.disk, 'mailgw.db')).size < bytesFull, 'space went back to the file system');
    assert.match(here.daemon.log(), /space_low[^]*space_back/);
    assert.equal(await here.daemon.stop(), 'exit 0');
  });

  it('goes on delivering while somebody else has taken the last byte, and recovers within 5 s', async (t) => {
    const here = await stage(t, DISK, { low_water: '32MiB' });
    const client = await LmtpClient.open(t, here.daemon.socket);
    const ids: string[] = [];
    for (let n = 0; n < 20; n++) {
      const [reply = ''] = await client.deliver(message(here.address, 50_000), here.address);
      ids.push(reply.replace('250 2.0.0 queued as ', ''));
    }
    const file = join(here.disk, 'somebody-elses');
    fillUp(file);
    await eventually(
      async () => ((await mailReply(here)) === FULL ? true : undefined),
      () => 'a refusal',
      5000,
    );
    here.platform.answerAlways(201);
    await here.platform.nthPost(ids.length, 30_000);
    assert.equal(await mailReply(here), FULL, 'still refused');
    rmSync(file);
    assert.ok((await recovered(here)) < 5000);
    await allPosted(here, ids);
    assert.equal(
      (await fill({ ...here, daemon: here.daemon }, 50_000).catch(() => undefined)) === undefined,
      false,
    );
  });

  it('repeats the refusal to pipelined RCPTs, and keeps the session', async (t) => {
    const here = await stage(t, 32 * MIB, { low_water: '64MiB' });
    const client = await LmtpClient.open(t, here.daemon.socket);
    const rcpt = `RCPT TO:<${here.address}>\r\n`;
    client.write(`MAIL FROM:<alice@example.com>\r\n${rcpt.repeat(15)}DATA\r\nRSET\r\n`);
    assert.deepEqual(await client.replies(16), new Array(16).fill(FULL));
    assert.match(await client.reply(), /^503 5\.5\.1 /);
    assert.match(await client.reply(), /^250 2\.0\.0 /);
    assert.equal(await client.say('QUIT'), '221 2.0.0 bye');
  });

  it('is 452 at the end of data where no mark was set, with nothing lost and nothing half kept', async (t) => {
    const here = await stage(t, SMALL_DISK, { low_water: '0B' });
    const { ids, refusal, command } = await fill(here, 300_000);
    assert.deepEqual([refusal, command], [FULL, 'end of data']);
    assert.deepEqual([...(await itemsById(here.daemon)).keys()], ids);
    await here.daemon.kill9();
    await here.daemon.start();
    assert.deepEqual([...(await itemsById(here.daemon)).keys()], ids, 'after a crash on the full disk, too');
    here.platform.answerAlways(201);
    await runOk('mount', ['-o', `remount,size=${128 * MIB}`, here.disk]);
    await allPosted(here, ids);
    assert.match(await mailReply(here), /^250 /);
  });
});
