// docs/examples/cloudflare-email-worker.js: run as Cloudflare runs it, by the documented interface of its messages, against
// the real source.
//
// The interface was read in developers.cloudflare.com/email-routing/email-workers/runtime-api (ForwardableEmailMessage).
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { message } from '../gate/gate.ts';
import { eventually } from '../support/eventually.ts';
import { freshReply, itemsOf, startIntake } from '../support/intake.ts';
import { serveHttp } from '../support/loopback.ts';
import { repositoryRoot } from '../support/process.ts';
import { testScratch } from '../support/scratch.ts';
import { freePort, type Listening, listenTo } from '../support/webhook-source.ts';

/** A message as the platform hands it to a worker. */
interface Message {
  readonly from: string;
  readonly to: string;
  readonly headers: Headers;
  readonly raw: ReadableStream<Uint8Array>;
  readonly rawSize: number;
  setReject(reason: string): void;
  forward(to: string): Promise<void>;
}

interface Worker {
  email(message: Message, env: { MAILGW_URL: string; MAILGW_SECRET: string }, ctx: object): Promise<void>;
}

const { default: worker } = (await import(
  pathToFileURL(join(repositoryRoot, 'docs/examples/cloudflare-email-worker.js')).href
)) as { default: Worker };

const SECRET = `whsec_${randomBytes(32).toString('base64')}`;

/** What became of a mail at Cloudflare: taken, refused for good with a reason, or kept by the sender's server. */
type Fate = 'taken' | 'temporary' | { readonly rejected: string };

async function run(url: string, from: string, to: string, raw: Uint8Array, secret = SECRET): Promise<Fate> {
  let rejected: string | undefined;
  const handed: Message = {
    from,
    to,
    headers: new Headers({ subject: 'Re: hello' }),
    raw: new Blob([raw]).stream() as ReadableStream<Uint8Array>,
    rawSize: raw.length,
    setReject: (reason) => {
      rejected = reason;
    },
    forward: () => Promise.reject(new Error('nobody asked for that')),
  };
  try {
    await worker.email(handed, { MAILGW_URL: url, MAILGW_SECRET: secret }, { waitUntil: () => undefined });
  } catch {
    assert.equal(rejected, undefined, 'what is temporary must not be rejected as well');
    return 'temporary';
  }
  return rejected === undefined ? 'taken' : { rejected };
}

async function openRaw(t: TestContext, inbound = ''): Promise<Listening & { readonly url: string }> {
  const file = testScratch(t).path('secret');
  writeFileSync(file, `${SECRET}\n`, { mode: 0o600 });
  const table = `[[webhook]]\nname = "cloudflare"\nkind = "raw"\nsecret_file = "${file}"\n`;
  const listening = await listenTo(t, table, inbound);
  return { ...listening, url: `${listening.origin}/in/cloudflare` };
}

describe('the Email Worker for Cloudflare', () => {
  it('hands mail on octet by octet, with its envelope, and once however often it runs', async (t) => {
    const { url, test } = await openRaw(t);
    const address = await test.sealed();
    const raw = Buffer.concat([message(), Buffer.from([0xff, 0, 0x0d, 0x0a, 0x80])]);
    for (let round = 0; round < 3; round += 1)
      assert.equal(await run(url, 'alice@example.com', address, raw), 'taken');
    const items = await test.store.list({});
    assert.equal(items.length, 1);
    const stored = await test.store.content(items[0]?.id ?? '');
    assert.deepEqual(Buffer.from(stored ?? []), raw);
  });

  it('brings mail of the null sender, and of one that HTTP has no letters for', async (t) => {
    const { url, test } = await openRaw(t);
    assert.equal(await run(url, 'ålice@example.com', await test.sealed(), message()), 'taken');
    assert.equal((await test.store.list({})).length, 1);
    assert.equal(await run(url, '', await test.sealed(), message()), 'taken');
  });

  it('lets the sender try again while mailgw is down, or another secret is set', async (t) => {
    const { url, test, source } = await openRaw(t);
    const address = await test.sealed();
    const other = `whsec_${randomBytes(32).toString('base64')}`;
    assert.equal(await run(url, 'alice@example.com', address, message(), other), 'temporary');
    assert.equal(await run(`${url}x`, 'alice@example.com', address, message()), 'temporary');
    await source.stop(0);
    assert.equal(await run(url, 'alice@example.com', address, message()), 'temporary');
    assert.deepEqual(await test.store.list({}), []);
    for (const status of [202, 204, 301, 400, 401, 403, 404, 408, 422, 429, 500, 502, 503]) {
      const proxy = await serveHttp(t, (_, response) => response.writeHead(status, { location: '/' }).end());
      assert.equal(await run(proxy, 'alice@example.com', address, message()), 'temporary', String(status));
    }
  });

  it('refuses for good what is larger than any mail may be', async (t) => {
    const { url, test } = await openRaw(t, 'max_body = "1KiB"\nmax_message = "1KiB"');
    const raw = message([], `${'x'.repeat(5000)}\r\n`);
    const fate = await run(url, 'alice@example.com', await test.sealed(), raw);
    assert.deepEqual(fate, { rejected: 'The message is too large' });
  });

  it('hands mail to a daemon as it runs', async (t) => {
    const scratch = testScratch(t);
    writeFileSync(scratch.path('worker.secret'), `${SECRET}\n`, { mode: 0o600 });
    const listen = `127.0.0.1:${await freePort()}`;
    const webhook = { name: 'cloudflare', kind: 'raw', secret_file: scratch.path('worker.secret') };
    // The section's brackets and these are the two of `[[webhook]]`.
    const { store, alice, daemon } = await startIntake(scratch, {
      inbound: { listen },
      '[webhook]': webhook,
    });
    const listens = (): true | undefined => (daemon.log().includes('"service":"inbound"') ? true : undefined);
    await eventually(listens, () => daemon.log());
    const { id, text } = freshReply();
    const url = `http://${listen}/in/cloudflare`;
    const raw = Buffer.from(text.replace(/\r?\n/g, '\r\n'));
    assert.equal(await run(url, 'alice@example.com', alice, raw), 'taken', daemon.log());
    assert.equal((await itemsOf(store, id)).length, 1);
  });
});
