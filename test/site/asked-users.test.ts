// outbound.users = "ask": the site's own sink names who has an address, and a stranger of its notification gets one of ours.
import assert from 'node:assert/strict';
import { get, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { serveHttp } from '../support/loopback.ts';
import { replyMessage } from '../support/message.ts';
import { plainNotification } from '../support/outbound.ts';
import { testScratch } from '../support/scratch.ts';
import { startAsking } from './asking.ts';

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

/** A sink that asks a platform which may hang. */
const ASKING_MODULE = `
export const createSink = ({ url }) => ({
  deliver: async () => ({ kind: 'posted', diagnostic: '' }), close: async () => {},
  findUser: async (address, signal) => (await fetch(url, { signal })).text(),
});
`;

const RULE = { field: 'X-Tracker-Issue', thread: 'issue/{X-Tracker-Issue}' };

describe('outbound.users = "ask"', () => {
  it('adds whom the platform names, stamps their copy, and takes their answer', async (t) => {
    const { daemon, notify, noted } = await startAsking(t, testScratch(t), {
      source: MODULE,
      sinks: (module, notes) => ({ type: module, file: notes }),
      rule: RULE,
    });
    const stamped = (to: string, nth: number) => notify(plainNotification('42'), to, nth);
    const field = (await stamped('carol@example.com', 1)) ?? '';
    const replyTo = /<(reply\+[a-z2-7]{48}@[^>]+)>/.exec(field)?.[1] ?? assert.fail(field);
    const reply = replyMessage({
      to: replyTo,
      from: 'carol@example.com',
      body: 'It does.\n',
    });
    const client = await LmtpClient.open(t, daemon.socket);
    await client.deliver(reply, replyTo);
    const post = await eventually(
      () => noted().find(({ text }) => text !== undefined),
      () => daemon.log(),
    );
    assert.deepEqual(post, { user: 'carol', thread: 'issue/42', text: 'It does.' });
    assert.deepEqual((await daemon.ctl('user', 'show', 'carol'))[0]?.addresses, ['carol@example.com']);
    // Known by now: nobody is asked. A stranger, and one who cannot be asked about, get the mail as it came.
    await stamped('carol@example.com', 2);
    assert.equal(await stamped('stranger@example.com', 3), undefined);
    assert.equal(await stamped('broken@example.com', 4), undefined);
    const asked = noted().flatMap((line) => line.asked ?? []);
    assert.deepEqual(asked, ['carol@example.com', 'stranger@example.com', 'broken@example.com']);
    assert.match(daemon.log(), /stamp_failed.*the platform is down|the platform is down.*stamp_failed/);
  });

  it('lets a notification go out in time while the platform hangs, or dies, and stamps the next one', async (t) => {
    let answer: (response: ServerResponse) => void = () => undefined;
    const url = await serveHttp(t, (_request, response) => {
      answer(response);
    });
    const scratch = testScratch(t);
    const socketPath = scratch.path('metrics.sock');
    const { daemon, notify } = await startAsking(t, scratch, {
      source: ASKING_MODULE,
      sinks: (module) => ({ type: module, url }),
      rule: RULE,
      settings: { metrics: { listen: `unix:${socketPath}` } },
    });
    const stamped = (nth: number) => notify(plainNotification('42'), 'carol@example.com', nth);
    const begun = performance.now();
    assert.equal(await stamped(1), undefined);
    const took = performance.now() - begun;
    assert.ok(took >= 4900 && took < 20_000, `${took}`);
    assert.match(daemon.log(), /stamp_failed.*no answer within 5 s|no answer within 5 s.*stamp_failed/);
    answer = (response) => response.socket?.destroy();
    assert.equal(await stamped(2), undefined);
    answer = (response) => response.end('carol');
    assert.match((await stamped(3)) ?? '', /reply\+/);
    const page = await new Promise<string>((resolve, reject) => {
      get({ socketPath, path: '/metrics' }, (response) => {
        text(response).then(resolve, reject);
      }).on('error', reject);
    });
    for (const [what, count] of [
      ['late', 1],
      ['failed', 1],
      ['named', 1],
    ])
      assert.match(page, new RegExp(`^mailgw_asked_users_total\\{answer="${what}"\\} ${count}$`, 'm'));
  });
});
