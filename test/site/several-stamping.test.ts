// Two platforms whose notifications are stamped: each is recognised as its own, and asked about its own users.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { fieldsOf, startMailbox } from '../support/mailbox.ts';
import { replyMessage } from '../support/message.ts';
import { testScratch } from '../support/scratch.ts';

/** A platform that knows its notifications by a field, and calls everybody by its own name. */
const MODULE = `
import { appendFileSync } from 'node:fs';
export function createSink({ file, field, called }) {
  const note = (line) => appendFileSync(file, JSON.stringify({ called, ...line }) + '\\n');
  return {
    async deliver({ user, thread }) {
      note({ user, thread });
      return { kind: 'posted', diagnostic: 'noted' };
    },
    recognise({ header }) {
      const found = header.fields.find(({ name }) => name === field);
      return found && { thread: 'topic/7', repliedTo: undefined };
    },
    async findUser(address) {
      note({ asked: address });
      return called + '-' + address.split('@')[0];
    },
    async close() {},
  };
}
`;

const notification = (...fields: string[]): string =>
  [
    'From: Platform <noreply@example.org>',
    'To: bob@example.com',
    'Subject: New',
    'Message-ID: <n1@example.org>',
  ]
    .concat(`Date: ${new Date().toUTCString().replace('GMT', '+0000')}`, fields, '', 'Hello', '')
    .join('\r\n');

describe('the notifications of two platforms', () => {
  it('are stamped for threads of their own, for users of their own; one that both take for theirs is not', async (t) => {
    const scratch = testScratch(t);
    const mailbox = await startMailbox(scratch);
    const [module, notes] = [scratch.path('sink.mjs'), scratch.path('notes.jsonl')];
    writeFileSync(module, MODULE, { mode: 0o644 });
    writeFileSync(notes, '');
    const outbound = scratch.path('outbound.sock');
    const sinkOf = (name: string) => {
      return { name, threads: `${name}/`, type: module, file: notes, field: `x-${name}`, called: name };
    };
    const daemon = await startDaemon(scratch, {
      sink: { url: 'http://127.0.0.1:9/', secret: '' },
      sinks: [sinkOf('forum'), sinkOf('wiki')],
      settings: {
        outbound: {
          ...{ socket: outbound, relay: mailbox.server, users: 'ask' },
          rule: [{ field: 'X-Elsewhere', thread: 'elsewhere/{X-Elsewhere}' }],
        },
      },
    });
    await daemon.ready();
    const replyTo = async (to: string, nth: number, ...fields: string[]): Promise<string | undefined> => {
      const client = await LmtpClient.open(t, outbound);
      const [answer] = await client.deliver(notification(...fields), to);
      assert.match(String(answer), /^250 /);
      const [field] = fieldsOf(await mailbox.nthMail(nth), 'Reply-To');
      return /reply\+[a-z2-7]{48}@[^>]+/.exec(field ?? '')?.[0];
    };
    const ofWiki = (await replyTo('bob@example.com', 1, 'X-Wiki: 1')) ?? assert.fail(daemon.log());
    const client = await LmtpClient.open(t, daemon.socket);
    await client.deliver(replyMessage({ to: ofWiki, from: 'bob@example.com' }), ofWiki);
    await eventually(
      () => readFileSync(notes, 'utf8').includes('"thread"') || undefined,
      () => daemon.log(),
    );
    assert.equal(await replyTo('eve@example.com', 2, 'X-Wiki: 1', 'X-Forum: 1'), undefined);
    assert.match(daemon.log(), /forum and wiki both take it for theirs/);
    assert.equal(await replyTo('eve@example.com', 3, 'X-Elsewhere: 1'), undefined);
    assert.match(daemon.log(), /"reason":"no-sink"/);
    assert.notEqual(await replyTo('eve@example.com', 4, 'X-Forum: 1'), undefined);
    assert.deepEqual(
      readFileSync(notes, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
      [
        { called: 'wiki', asked: 'bob@example.com' },
        { called: 'wiki', user: 'wiki-bob', thread: 'topic/7' },
        { called: 'forum', asked: 'eve@example.com' },
      ],
    );
  });
});
