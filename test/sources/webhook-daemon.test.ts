// Providers' calls to the real daemon: on the listener of the HTTP interface or on one of its own, over a reload, and through
// a kill -9 between the verification of a call and its answer.

import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import Sqlite from 'better-sqlite3';
import { type Daemon, type Settings, startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { replyMessage } from '../support/message.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';
import { EMAIL, resendTable, serveResend } from './resend-api.ts';
import { secretFile, sendCall } from './webhook-bench.ts';
import { newSecret, rawCall, resendEvent, signStandard, type WireCall } from './webhook-calls.ts';

interface Site {
  readonly scratch: Scratch;
  readonly daemon: Daemon;
  readonly platform: Platform;
  readonly socket: string;
  readonly secret: string;
  readonly address: string;
  /** A genuine call with a new mail to the address. */
  readonly call: () => WireCall;
}

/** A table of raw mail. */
const rawTable = (scratch: Scratch, secret: string): string =>
  `[[webhook]]\nname = "raw"\nkind = "raw"\nsecret_file = "${secretFile(scratch, 'raw.secret', secret)}"\n`;

async function startSite(
  t: TestContext,
  section: 'api' | 'inbound',
  tables: (scratch: Scratch, secret: string) => Promise<string> | string = rawTable,
): Promise<Site> {
  const scratch = testScratch(t);
  const platform = await startPlatform(scratch);
  const socket = scratch.path('http.sock');
  const secret = newSecret();
  const settings: Settings = { [section]: { listen: `unix:${socket}` } };
  const options = { sink: platform.sink, settings, tables: await tables(scratch, secret) };
  const daemon = await startDaemon(scratch, options);
  await daemon.ready();
  await daemon.addUser('alice');
  const { reply_to: address } = await daemon.mint({ user: 'alice', thread: 'test/thread/1' });
  const call = (): WireCall => {
    const raw = Buffer.from(replyMessage({ to: address }));
    return signStandard(rawCall('/in/raw', { raw, to: [address] }), secret, Date.now());
  };
  return { scratch, daemon, platform, socket, secret, address, call };
}

describe('calls of providers', () => {
  it('are taken on the listener of the HTTP interface, which answers all other paths', async (t) => {
    const { socket, platform, call, daemon } = await startSite(t, 'api');
    assert.equal((await sendCall(socket, call())).status, 200);
    await platform.nthPost(1);
    const forged = { ...call(), body: Buffer.from('x') };
    assert.equal((await sendCall(socket, forged)).status, 401);
    const api = await sendCall(socket, {
      method: 'GET',
      path: '/v1/sources',
      fields: [],
      body: Buffer.alloc(0),
    });
    assert.equal(api.status, 401);
    assert.match(api.text, /Authorization: Bearer/);
    assert.equal((await sendCall(socket, { ...call(), path: '/in/other' })).status, 404);
    assert.match(daemon.log(), /"source":"raw","kind":"forged".*"event":"call_refused"/);
  });

  it('are taken on a listener of their own, which has nothing else', async (t) => {
    const { socket, platform, call, daemon } = await startSite(t, 'inbound');
    assert.equal((await sendCall(socket, call())).status, 200);
    await platform.nthPost(1);
    const other = await sendCall(socket, {
      method: 'GET',
      path: '/v1/sources',
      fields: [],
      body: Buffer.alloc(0),
    });
    assert.equal(other.status, 404);
    assert.equal(await daemon.stop(), 'exit 0');
  });

  it('are taken from the reload on that brings the first provider', async (t) => {
    const { socket, platform, call, daemon, scratch, secret } = await startSite(t, 'api', () => '');
    assert.equal((await sendCall(socket, call())).status, 404);
    appendFileSync(daemon.config, rawTable(scratch, secret));
    await daemon.ctl('reload');
    await eventually(
      async () => ((await sendCall(socket, call())).status === 200 ? true : undefined),
      () => daemon.log(),
    );
    await platform.nthPost(1);
  });

  it('are put off when the file of a secret is gone, and taken when it is back', async (t) => {
    const { socket, call, daemon, scratch, secret } = await startSite(
      t,
      'inbound',
      (scratch) =>
        `[[webhook]]\nname = "raw"\nkind = "raw"\nsecret_file = "${scratch.path('late.secret')}"\n`,
    );
    assert.equal((await sendCall(socket, call())).status, 503);
    secretFile(scratch, 'late.secret', secret);
    await daemon.restart();
    await daemon.ready();
    assert.equal((await sendCall(socket, call())).status, 200);
  });
});

describe('a kill -9 between the verification of a call and its answer', () => {
  it('leaves one post once the provider has tried again', async (t) => {
    const scratchOfApi = testScratch(t);
    const api = await serveResend(t, scratchOfApi);
    const site = await startSite(t, 'inbound', (scratch, secret) => resendTable(scratch, api, secret));
    const { daemon, socket, secret, platform, address } = site;
    api.raw = Buffer.from(replyMessage({ to: address }));
    const event = (): WireCall =>
      signStandard(resendEvent('/in/resend', EMAIL, { to: [address] }), secret, Date.now(), {
        prefix: 'svix',
        id: 'msg_1',
      });
    // Verified, and waiting for its mail: at the API, then at the download.
    for (const path of ['/emails/', '/raw/']) {
      const asked = new Promise<void>((resolve) => {
        api.instead = (request) => {
          if (!(request.url ?? '').startsWith(path)) return false;
          resolve();
          return true;
        };
      });
      const answer = sendCall(socket, event());
      await asked;
      await daemon.kill9();
      assert.equal((await answer).status, undefined);
      await daemon.start();
      await daemon.ready();
    }
    delete api.instead;
    assert.equal((await sendCall(socket, event())).status, 200);
    // Committed, and the answer lost: the provider cannot know.
    await daemon.kill9();
    await daemon.start();
    await daemon.ready();
    assert.equal((await sendCall(socket, event())).status, 200);
    await platform.nthPost(1);
    assert.equal(await daemon.stop(), 'exit 0');
    const store = new Sqlite(site.scratch.path('mailgw.db'), { readonly: true });
    t.after(() => store.close());
    const states = store.prepare('SELECT state, count(*) AS count FROM item GROUP BY state').all();
    assert.deepEqual(states, [{ state: 'posted', count: 1 }]);
  });
});
