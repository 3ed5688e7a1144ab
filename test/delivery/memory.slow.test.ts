// Large replies at a slow platform, through the real daemon: what they cost in memory, and that all get through.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import { startDaemon } from '../support/daemon.ts';
import { enqueue, newItem, START } from '../support/dispatch.ts';
import { eventually } from '../support/eventually.ts';
import { replyWithAttachment } from '../support/message.ts';
import { peakRssBytes } from '../support/proc.ts';
import { testScratch } from '../support/scratch.ts';

const MIB = 1024 * 1024;
const LARGE = 16;
const MOST_BYTES = 250_000_000;

/** Has all replies posted by a fresh daemon; its peak of resident memory. */
async function peakOf(t: TestContext): Promise<number> {
  const scratch = testScratch(t);
  const order: string[] = [];
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      order.push(String(request.headers['idempotency-key']));
      // The answer is what is slow: the post is held until then.
      setTimeout(() => response.writeHead(201).end(), 300);
    });
  });
  server.listen(0, '127.0.0.1');
  scratch.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  await eventually(
    () => server.address() ?? undefined,
    () => 'the platform',
  );
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const daemon = await startDaemon(scratch, {
    sink: { url: `http://127.0.0.1:${port}/`, secret: 'whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX' },
    settings: { attachments: { max_file: '20MiB' }, delivery: { parse_timeout: '20s' } },
  });
  const store = await openSqliteStore({ path: scratch.path('mailgw.db'), mode: 'tool' });
  scratch.defer(() => store.close());
  await store.setPaused(true);
  const message = replyWithAttachment({ to: 'someone' }, 'large.bin', randomBytes(17 * MIB));
  for (let n = 0; n < LARGE; n++) {
    const name = `large-${n}`;
    await store.accept([newItem(name, `thread/${name}`, START)], Buffer.from(message));
  }
  for (let n = 0; n < 20; n++) await enqueue(store, `small-${n}`, `thread/small/${n}`, START + 1);
  const before = peakRssBytes(daemon.pid);
  await store.setPaused(false);
  const all = (): true | undefined => (order.length >= LARGE + 20 ? true : undefined);
  await eventually(
    all,
    () => `${order.length} posts: ${order.join(' ')}\n${daemon.log().slice(-2000)}`,
    120_000,
  );
  const peak = peakRssBytes(daemon.pid);
  t.diagnostic(`VmHWM before ${Math.round(before / 1e6)} MB, in the end ${Math.round(peak / 1e6)} MB`);
  assert.equal(new Set(order).size, LARGE + 20);
  const lastSmall = order.findLastIndex((id) => id.startsWith('small'));
  assert.ok(lastSmall < 30, `the last small one was number ${lastSmall}`);
  return peak;
}

describe('sixteen replies of 24 MB at a platform that takes its time', () => {
  it('stay below 250 MB of resident memory; small ones pass by, and all are posted', async (t) => {
    // A peak is what was needed and what was not collected yet, which on a busy machine is more: the lower of two counts.
    const first = await peakOf(t);
    const peak = first < MOST_BYTES ? first : Math.min(first, await peakOf(t));
    assert.ok(peak < MOST_BYTES, `${Math.round(peak / 1e6)} MB`);
  });
});
