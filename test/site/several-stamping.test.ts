// Two platforms whose notifications are stamped: each is recognised as its own, and asked about its own users.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { replyMessage } from '../support/message.ts';
import { testScratch } from '../support/scratch.ts';
import { startAsking } from './asking.ts';

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
    const { daemon, notify, noted } = await startAsking(t, testScratch(t), {
      source: MODULE,
      sinks: (module, notes) =>
        ['forum', 'wiki'].map((name) => {
          return { name, threads: `${name}/`, type: module, file: notes, field: `x-${name}`, called: name };
        }),
      rule: { field: 'X-Elsewhere', thread: 'elsewhere/{X-Elsewhere}' },
    });
    const replyTo = async (to: string, nth: number, ...fields: string[]): Promise<string | undefined> => {
      const field = await notify(notification(...fields), to, nth);
      return /reply\+[a-z2-7]{48}@[^>]+/.exec(field ?? '')?.[0];
    };
    const ofWiki = (await replyTo('bob@example.com', 1, 'X-Wiki: 1')) ?? assert.fail(daemon.log());
    const client = await LmtpClient.open(t, daemon.socket);
    await client.deliver(replyMessage({ to: ofWiki, from: 'bob@example.com' }), ofWiki);
    await eventually(
      () => noted().some(({ thread }) => thread !== undefined) || undefined,
      () => daemon.log(),
    );
    assert.equal(await replyTo('eve@example.com', 2, 'X-Wiki: 1', 'X-Forum: 1'), undefined);
    assert.match(daemon.log(), /forum and wiki both take it for theirs/);
    assert.equal(await replyTo('eve@example.com', 3, 'X-Elsewhere: 1'), undefined);
    assert.match(daemon.log(), /"reason":"no-sink"/);
    assert.notEqual(await replyTo('eve@example.com', 4, 'X-Forum: 1'), undefined);
    assert.deepEqual(noted(), [
      { called: 'wiki', asked: 'bob@example.com' },
      { called: 'wiki', user: 'wiki-bob', thread: 'topic/7' },
      { called: 'forum', asked: 'eve@example.com' },
    ]);
  });
});
