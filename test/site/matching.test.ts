// Replies without a token on the real daemon: every way a notification goes out, and what people are told of the match.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import Sqlite from 'better-sqlite3';
import { startApi } from '../api/api.ts';
import { type Settings, startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { fieldsOf, startMailbox } from '../support/mailbox.ts';
import { replyMessage } from '../support/message.ts';
import { plainNotification } from '../support/outbound.ts';
import { startPlatform } from '../support/platform.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';

const ADDRESS = 'noreply@reply.example.org';
const THREAD = 'acme/site/issue/7';
const SENDER = { policy: 'strict', authserv_id: 'mx.example.org' } as const;
const ON: Settings = { matching: { by: ['message-id', 'subject'] }, sender: SENDER };
const PASS =
  'Authentication-Results: mx.example.org; dmarc=pass header.from=example.com\r\nReceived: from out.example.com by mx.example.org (Postfix) with ESMTPS id 4Xabc\r\n';
const ORDER = { user: 'alice', thread: THREAD, subject: 'The roof leaks', text: 'Again.' };
const TEXT = 'Which hinges shall I take for the shed?\nThe small ones are sold out already.';

/** A reply to the address without a token, as the site's filter hands it on. */
const reply = (message: {
  readonly inReplyTo?: string;
  readonly subject?: string;
  readonly body?: string;
}): string => PASS + replyMessage({ to: ADDRESS, ...message });

async function start(t: TestContext, settings: Settings = ON) {
  const mailbox = await startMailbox(testScratch(t));
  const house = await startApi(t, { ...settings, outbound: { relay: mailbox.server } });
  await house.daemon.addUser('alice');
  return { ...house, mailbox, lmtp: await LmtpClient.open(t, house.daemon.socket) };
}

/** The rows of who was notified. */
function notifiedIn(scratch: Scratch): { readonly message_id: string; readonly thread: string }[] {
  const database = new Sqlite(scratch.path('mailgw.db'), { readonly: true });
  try {
    return database.prepare('SELECT message_id, thread FROM notified').all() as ReturnType<typeof notifiedIn>;
  } finally {
    database.close();
  }
}

/** The last verdict in the log. */
function lastVerdict(log: string): Record<string, unknown> {
  const lines = log.split('\n').filter((line) => line.includes('"event":"verdict"'));
  return JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown>;
}

describe('a reply without a token', () => {
  it('is posted where the notification that mailgw sent was about, and told with its rule', async (t) => {
    const { all, daemon, platform, mailbox, lmtp } = await start(t);
    const { json } = await all.ask('POST', '/v1/notifications', { body: ORDER });
    const mail = await mailbox.nthMail(1);
    assert.equal(fieldsOf(mail, 'From')[0]?.includes(ADDRESS), true);
    await lmtp.deliver(reply({ inReplyTo: json.message_id }), ADDRESS);
    const first = await platform.nthPost(1);
    assert.deepEqual([first.data.thread, first.data.user], [THREAD, 'alice']);
    await lmtp.deliver(reply({ subject: 'AW: The roof leaks', body: 'By subject.\n' }), ADDRESS);
    assert.equal((await platform.nthPost(2)).data.thread, THREAD);
    const told = await eventually(
      () => {
        const verdict = lastVerdict(daemon.log());
        return verdict.matched === 'subject' ? verdict : undefined;
      },
      () => daemon.log(),
    );
    assert.deepEqual([told.reason, told.user, told.thread], ['queued', 'alice', THREAD]);
    const [trace] = await daemon.ctl('trace', first.data.id);
    assert.equal(trace?.matched, 'message-id');
    const [received] = trace.way as { detail: string }[];
    assert.match(
      received?.detail ?? '',
      /without a token, matched by message-id; sender policy strict: pass/,
    );
    await daemon.stop();
    const [stats] = await daemon.ctl('stats');
    const causes = (stats?.verdicts as { reason: string; cause: string | null }[])
      .filter(({ reason }) => reason === 'queued')
      .map(({ cause }) => cause);
    assert.deepEqual(causes.sort(), ['matched by message-id', 'matched by subject']);
  });

  it('knows the words and the context that were given with the address of a notification', async (t) => {
    const { all, platform, lmtp } = await start(t);
    const original = { subject: 'Hinges', from: 'Bob Builder <bob@example.org>', text: TEXT };
    const body = { user: 'alice', thread: THREAD, context: { comment: 7 }, original };
    const { json } = await all.ask('POST', '/v1/addresses', { body });
    // In no language that anybody knows, and without a mark.
    const quoted = `In brass.\n\nBob Builder skribis:\n${TEXT}\n`;
    await lmtp.deliver(reply({ inReplyTo: json.message_id, body: quoted }), ADDRESS);
    const { data } = await platform.nthPost(1);
    const { context } = data as { readonly context?: unknown };
    assert.deepEqual([data.body.markdown, context], ['In brass.', { comment: 7 }]);
    await lmtp.deliver(reply({ subject: 'Re: hinges', body: quoted.replace('brass', 'steel') }), ADDRESS);
    assert.equal((await platform.nthPost(2)).data.body.markdown, 'In steel.');
  });

  it('is to a notification of a platform that has not heard of mailgw, which is noted as it is stamped', async (t) => {
    const scratch = testScratch(t);
    const [platform, mailbox] = [await startPlatform(scratch), await startMailbox(scratch)];
    const outbound = scratch.path('outbound.sock');
    const address = 'tracker@example.org';
    const daemon = await startDaemon(scratch, {
      sink: platform.sink,
      settings: {
        sender: SENDER,
        matching: { by: ['message-id'], addresses: [address] },
        outbound: {
          ...{ socket: outbound, relay: mailbox.server },
          rule: [{ field: 'X-Tracker-Issue', thread: 'issue/{X-Tracker-Issue}' }],
        },
      },
    });
    await daemon.addUser('alice');
    await daemon.ready();
    const way = await LmtpClient.open(t, outbound);
    mailbox.dataReply = '451 4.3.0 later';
    const [putOff] = await way.deliver(plainNotification('41'), 'alice@example.com');
    assert.match(String(putOff), /^451 /);
    mailbox.dataReply = '250 2.0.0 taken';
    const [answer] = await way.deliver(plainNotification('42'), 'alice@example.com');
    assert.match(String(answer), /^250 /);
    assert.deepEqual(
      notifiedIn(scratch)
        .map(({ thread }) => thread)
        .sort(),
      ['issue/41', 'issue/42'],
      'before it was answered',
    );
    const stamped = mailbox.mails.at(-1) ?? assert.fail('no mail');
    const [id] = fieldsOf(stamped, 'Message-ID');
    const lmtp = await LmtpClient.open(t, daemon.socket);
    await lmtp.deliver(PASS + replyMessage({ to: address, inReplyTo: String(id).trim() }), address);
    assert.equal((await platform.nthPost(1)).data.thread, 'issue/42');
  });

  it('waits for the operator, who reads where it may belong', async (t) => {
    const { all, daemon, platform, lmtp } = await start(t);
    for (const thread of ['t/1', 't/2'])
      assert.equal((await all.ask('POST', '/v1/notifications', { body: { ...ORDER, thread } })).status, 202);
    await lmtp.deliver(reply({ subject: 'Re: The roof leaks' }), ADDRESS);
    const [held] = await daemon.ctl('queue', 'list');
    const [item] = await daemon.ctl('queue', 'show', String(held?.id));
    assert.deepEqual([item?.state, item?.hold_reason, item?.thread], ['held', 'several-threads', 't/2']);
    assert.match(String(item?.last_diagnostic), /may be to t\/2 or t\/1; released it goes to t\/2/);
    await daemon.ctl('queue', 'release', String(item?.id));
    assert.equal((await platform.nthPost(1)).data.thread, 't/2');
  });

  it('is rehearsed by check, and its address explained', async (t) => {
    const { all, daemon, scratch } = await start(t);
    const { json } = await all.ask('POST', '/v1/notifications', { body: ORDER });
    const file = scratch.path('reply.eml');
    writeFileSync(file, reply({ inReplyTo: json.message_id }));
    const rows = await daemon.ctl('check', file, '--to', ADDRESS);
    const message = rows.find(({ step }) => step === 'message');
    assert.match(String(message?.detail), new RegExp(`^thread: ${THREAD}; matched by message-id;`));
    assert.equal(rows.at(-1)?.step, 'post');
    const [explained] = await daemon.ctl('address', 'explain', ADDRESS);
    assert.equal(explained?.verdict, 'without-token');
  });

  it('to nothing is refused where its author alone hears of it, and never posted', async (t) => {
    const { daemon, platform, lmtp } = await start(t);
    await lmtp.say('MAIL FROM:<eve@example.net>');
    assert.equal(await lmtp.say(`RCPT TO:<${ADDRESS}>`), '250 2.1.5 recipient OK');
    await lmtp.say('RSET');
    await lmtp.deliver(reply({ subject: 'Re: The roof leaks' }), ADDRESS);
    const verdict = await eventually(
      () => {
        const found = lastVerdict(daemon.log());
        return found.reason === 'unmatched' ? found : undefined;
      },
      () => daemon.log(),
    );
    assert.equal(verdict.level, 'info');
    assert.equal(platform.posts.length, 0);
  });
});

describe('where nothing is matched', () => {
  it('nobody is remembered, the address is refused, and no code of it is loaded', async (t) => {
    const scratch = testScratch(t);
    const platform = await startPlatform(scratch);
    const covered = scratch.path('loaded');
    const daemon = await startDaemon(scratch, {
      sink: platform.sink,
      environment: { NODE_V8_COVERAGE: covered },
      settings: { sender: SENDER },
    });
    await daemon.addUser('alice');
    const { reply_to: token, message_id: id } = await daemon.mint({ user: 'alice', thread: THREAD });
    const lmtp = await LmtpClient.open(t, daemon.socket);
    await lmtp.say('MAIL FROM:<alice@example.com>');
    assert.match(await lmtp.say(`RCPT TO:<${ADDRESS}>`), /^550 5\.1\.1 /);
    await lmtp.say('RSET');
    await lmtp.deliver(PASS + replyMessage({ to: token, inReplyTo: id }), token);
    await platform.nthPost(1);
    await daemon.stop();
    assert.deepEqual(notifiedIn(scratch), []);
    const loaded = readdirSync(covered).map((name) => readFileSync(`${covered}/${name}`, 'utf8'));
    const isLoaded = (file: string): boolean => loaded.some((text) => text.includes(`/dist/src/${file}"`));
    assert.equal(isLoaded('gate/judging.js'), true);
    for (const file of ['gate/matching.js', 'site/notified.js', 'mail/subject-key.js'])
      assert.equal(isLoaded(file), false, file);
  });
});

describe('who was notified', () => {
  it('is one row for a notification that is asked for again under its key', async (t) => {
    const { all, scratch } = await start(t);
    const headers = { 'idempotency-key': 'comment 17' };
    const answers = await Promise.all(
      [1, 2, 3].map(() => all.ask('POST', '/v1/notifications', { body: ORDER, headers })),
    );
    const id = answers[0]?.json.message_id.replaceAll(/[<>]/g, '');
    assert.deepEqual(notifiedIn(scratch), [{ message_id: id, thread: THREAD }]);
  });
});
