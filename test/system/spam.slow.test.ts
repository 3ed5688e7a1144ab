// Spam on its way through a real Postfix: judged by a real spamd, or by the header that a real milter wrote.

import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { type Daemon, type Row, type Settings, startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { replyMessage } from '../support/message.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import {
  lmtpSocketIn,
  type Postfix,
  postfixUnavailable,
  readExample,
  startPostfix,
} from '../support/postfix.ts';
import { DaemonProcess } from '../support/process.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';
import { ALICE, freshAddress } from '../support/site.ts';
import type { SubmissionResult } from '../support/smtp.ts';
import { GTUBE, spamdUnavailable, startSpamd, type TestSpamd } from '../support/spamd.ts';

const MILTER = '/usr/sbin/spamass-milter';
const skip = postfixUnavailable() || spamdUnavailable();
const skipMilter = skip || (existsSync(MILTER) ? false : 'unavailable: no spamass-milter');

interface Place {
  readonly postfix: Postfix;
  readonly daemon: Daemon;
  readonly platform: Platform;
}

async function startPlace(
  scratch: Scratch,
  spam: Settings[string],
  postfixSettings: Record<string, string> = {},
): Promise<Place> {
  const platform = await startPlatform(scratch);
  const daemon = await startDaemon(scratch, {
    sink: platform.sink,
    socket: lmtpSocketIn(scratch),
    settings: { lmtp: { group: 'postfix' }, spam },
  });
  await daemon.addUser(ALICE.user, ALICE.address);
  const postfix = await startPostfix(scratch, {
    settings: postfixSettings,
    tables: { header_checks: readExample('header_checks', scratch.path('postfix')) },
  });
  return { postfix, daemon, platform };
}

interface Sent {
  readonly thread: string;
  readonly result: SubmissionResult;
}

async function send({ postfix, daemon }: Place, body: string, lines: readonly string[] = []): Promise<Sent> {
  const { reply_to, thread } = await freshAddress(daemon);
  const data = [...lines, replyMessage({ to: reply_to, body })].join('\r\n');
  return { thread, result: await postfix.send({ from: ALICE.address, to: [reply_to], data }) };
}

async function arrive(place: Place, body: string, lines: readonly string[] = []): Promise<string> {
  const { thread, result } = await send(place, body, lines);
  assert.ok(result.queueId !== undefined, JSON.stringify(result));
  await place.postfix.done(result.queueId);
  return thread;
}

async function itemOf({ daemon }: Place, thread: string): Promise<Row> {
  const [item] = await daemon.ctl('queue', 'list', '--thread', thread);
  return (await daemon.ctl('queue', 'show', String(item?.id)))[0] ?? {};
}

async function spamOf(
  { platform }: Place,
  thread: string,
): Promise<{ score: number; flagged: boolean } | null> {
  const { data } = await platform.post((post) => post.data.thread === thread);
  return (data as unknown as { spam: { score: number; flagged: boolean } | null }).spam;
}

describe('spam, with spamd asked directly', { skip }, () => {
  it('is held; ham is posted with its score; what was held is posted once it is released', async (t) => {
    const scratch = testScratch(t);
    const spamd = await startSpamd(scratch, { allowTell: true });
    const place = await startPlace(scratch, { source: 'spamd', spamd: spamd.setting });
    const ham = await spamOf(place, await arrive(place, 'It works now, thank you.\n'));
    assert.equal(ham?.flagged, false);
    const thread = await arrive(place, `${GTUBE}\n`);
    const item = await itemOf(place, thread);
    assert.deepEqual([item.state, item.hold_reason], ['held', 'spam']);
    assert.ok(Number(item.spam_score) > 900);
    assert.match(place.daemon.log(), /"reason":"held".*"spam":"yes","spam_score":\d{3}/);
    await place.daemon.ctl('queue', 'release', '--ham', String(item.id));
    assert.equal((await spamOf(place, thread))?.flagged, true);
    assert.match(spamd.log(), /Tell: Setting local/);
  });

  it('is let in unchecked while spamd is down, unless the site wants it to wait', async (t) => {
    const scratch = testScratch(t);
    const spamd = await startSpamd(scratch);
    const place = await startPlace(scratch, { source: 'spamd', spamd: spamd.setting });
    await spamd.stop();
    assert.equal(await spamOf(place, await arrive(place, `${GTUBE}\n`)), null);
    assert.match(place.daemon.log(), /"spam":"unchecked"/);
    assert.match(place.daemon.log(), /"event":"spamd_failed"/);
  });

  it('waits in Postfix for spamd where the site wants that, and is judged then', async (t) => {
    const scratch = testScratch(t);
    const spamd = await startSpamd(scratch);
    const place = await startPlace(scratch, { source: 'spamd', spamd: spamd.setting, unchecked: 'defer' });
    await spamd.stop();
    const { thread, result } = await send(place, `${GTUBE}\n`);
    assert.ok(result.queueId !== undefined);
    await place.postfix.waitForLog(
      new RegExp(` ${result.queueId}: .*dsn=4\\.3\\.0, status=deferred .*451 4\\.3\\.0`),
    );
    assert.deepEqual(await place.daemon.ctl('queue', 'list', '--thread', thread), []);
    await spamd.start();
    await place.postfix.done(result.queueId);
    assert.equal((await itemOf(place, thread)).hold_reason, 'spam');
  });
});

/** Starts spamass-milter on a spamd; how to stop it, and the milter as Postfix names it. */
async function startMilter(
  scratch: Scratch,
  spamd: TestSpamd,
): Promise<{ address: string; stop(): Promise<void> }> {
  assert.ok('path' in spamd.place);
  mkdirSync(scratch.path('milter'));
  const socket = scratch.path('milter', 'sock');
  const milter = new DaemonProcess(
    MILTER,
    ['-p', socket, '--', '-U', spamd.place.path],
    scratch.path('milter.log'),
  );
  const stop = async (): Promise<void> => {
    if (milter.ended === undefined) await milter.end('SIGTERM');
  };
  scratch.defer(stop);
  await eventually(
    () => (existsSync(socket) ? true : undefined),
    () => milter.output(),
  );
  chmodSync(socket, 0o666);
  return { address: `unix:${socket}`, stop };
}

async function placeWithMilter(t: TestContext, settings: Record<string, string> = {}) {
  const scratch = testScratch(t);
  const milter = await startMilter(scratch, await startSpamd(scratch));
  const filtered = { smtpd_milters: milter.address, milter_default_action: 'tempfail', ...settings };
  return { milter, place: await startPlace(scratch, { source: 'header' }, filtered) };
}

const FORGED = ['X-Spam-Status: No, score=-99.0 required=5.0', 'X-Spam-Flag: NO'];

/** What a message has of the filter when it arrives. */
async function fieldsOf(place: Place, thread: string): Promise<string[]> {
  const [content] = await place.daemon.ctl('queue', 'cat', String((await itemOf(place, thread)).id));
  const text = Buffer.from(String(content?.content_base64), 'base64').toString('latin1');
  return text.split('\r\n').filter((line) => /^X-Spam-(Status|Flag)/.test(line));
}

describe('spam, by the header of a filter in front', { skip: skipMilter }, () => {
  it('is held whatever the sender says of it; ham is posted with the score of the filter', async (t) => {
    const { place, milter } = await placeWithMilter(t);
    const ham = await spamOf(place, await arrive(place, 'It works now, thank you.\n', FORGED.slice(0, 1)));
    assert.ok(ham !== null && !ham.flagged && ham.score > -99, JSON.stringify(ham));
    // Twice, since the milter replaces only the topmost.
    for (const forged of [[], FORGED, [...FORGED, ...FORGED]]) {
      const thread = await arrive(place, `${GTUBE}\n`, forged);
      assert.equal((await itemOf(place, thread)).hold_reason, 'spam', `${forged.length} forged`);
    }
    await milter.stop();
    const { result } = await send(place, 'It works now.\n');
    assert.match(String(result.data?.code ?? result.mail.code), /^4/, JSON.stringify(result));
  });

  it('has no fields but those of the filter with postfix-examples/header_checks', async (t) => {
    const checks = 'regexp:$config_directory/header_checks';
    const { place, milter } = await placeWithMilter(t, {
      header_checks: checks,
      milter_default_action: 'accept',
    });
    const thread = await arrive(place, `${GTUBE}\n`, [...FORGED, ...FORGED]);
    const fields = await fieldsOf(place, thread);
    assert.equal(fields.length, 2, fields.join('\n'));
    assert.ok(
      fields.every((field) => /: yes/i.test(field)),
      fields.join('\n'),
    );
    // The filter is down and Postfix lets mail in: nothing is left of what the sender says.
    await milter.stop();
    assert.equal(await spamOf(place, await arrive(place, 'It works now.\n', FORGED)), null);
  });
});
