// outbound.users = "ask": the site's own sink names who has an address, and a stranger of its notification gets one of ours.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { fieldsOf, startMailbox } from '../support/mailbox.ts';
import { replyMessage } from '../support/message.ts';
import { plainNotification } from '../support/outbound.ts';
import { testScratch } from '../support/scratch.ts';

/** A sink that knows one person, keeps what it is asked, and appends what it is given. */
const MODULE = `
import { appendFileSync } from 'node:fs';
export function createSink({ file }) {
  const note = (line) => appendFileSync(file, JSON.stringify(line) + '\\n');
  return {
    async deliver({ user, thread, body }) {
      note({ user, thread, text: body.markdown });
      return { kind: 'posted', diagnostic: 'noted' };
    },
    async findUser(address) {
      note({ asked: address });
      if (address === 'broken@example.com') throw new Error('the platform is down');
      return address === 'carol@example.com' ? 'carol' : undefined;
    },
    async close() {},
  };
}
`;

describe('outbound.users = "ask"', () => {
  it('adds whom the platform names, stamps their copy, and takes their answer', async (t) => {
    const scratch = testScratch(t);
    const mailbox = await startMailbox(scratch);
    const [module, notes] = [scratch.path('sink.mjs'), scratch.path('notes.jsonl')];
    writeFileSync(module, MODULE, { mode: 0o644 });
    writeFileSync(notes, '');
    const outbound = scratch.path('outbound.sock');
    const daemon = await startDaemon(scratch, {
      sink: { url: 'http://127.0.0.1:9/', secret: '' },
      change: (settings) => ({
        ...settings,
        sink: { type: module, file: notes },
        outbound: {
          socket: outbound,
          relay: mailbox.server,
          users: 'ask',
          rule: [{ field: 'X-Tracker-Issue', thread: 'issue/{X-Tracker-Issue}' }],
        },
      }),
    });
    await daemon.ready();
    const lines = (): Record<string, unknown>[] =>
      readFileSync(notes, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    const notify = async (to: string, nth: number): Promise<string | undefined> => {
      const client = await LmtpClient.open(t, outbound);
      const [answer] = await client.deliver(plainNotification('42'), to);
      assert.match(String(answer), /^250 /);
      return fieldsOf(await mailbox.nthMail(nth), 'Reply-To')[0];
    };
    const field = (await notify('carol@example.com', 1)) ?? '';
    const replyTo = /<(reply\+[a-z2-7]{48}@[^>]+)>/.exec(field)?.[1] ?? assert.fail(field);
    const reply = replyMessage({
      to: replyTo,
      from: 'carol@example.com',
      body: 'It does.\n',
    });
    const client = await LmtpClient.open(t, daemon.socket);
    await client.deliver(reply, replyTo);
    const post = await eventually(
      () => lines().find(({ text }) => text !== undefined),
      () => daemon.log(),
    );
    assert.deepEqual(post, { user: 'carol', thread: 'issue/42', text: 'It does.' });
    assert.deepEqual((await daemon.ctl('user', 'show', 'carol'))[0]?.addresses, ['carol@example.com']);
    // Known by now: nobody is asked. A stranger, and one who cannot be asked about, get the mail as it came.
    await notify('carol@example.com', 2);
    assert.equal(await notify('stranger@example.com', 3), undefined);
    assert.equal(await notify('broken@example.com', 4), undefined);
    const asked = lines().flatMap((line) => line.asked ?? []);
    assert.deepEqual(asked, ['carol@example.com', 'stranger@example.com', 'broken@example.com']);
    assert.match(daemon.log(), /stamp_failed.*the platform is down|the platform is down.*stamp_failed/);
  });
});
