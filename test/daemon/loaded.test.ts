// What a daemon loads: the code of what is configured, and of nothing else.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { ApiClient } from '../support/api.ts';
import { type Settings, startDaemon } from '../support/daemon.ts';
import { freePort } from '../support/free-port.ts';
import { NO_SINK } from '../support/intake.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { loadedScripts } from '../support/loaded-scripts.ts';
import { replyMessage } from '../support/message.ts';
import { testScratch } from '../support/scratch.ts';

/** Packages, and files of ours, that only some sites need. Of nodemailer smtp-server takes a part. */
const LATE = {
  api: [
    'fastify',
    'typebox',
    'ajv',
    'find-my-way',
    'src/api/server',
    'src/api/routes',
    'src/api/event-stream',
  ],
  others: [
    'imapflow',
    'pg',
    '@fastify/busboy',
    'prom-client',
    'nodemailer/dist/esm/nodemailer',
    'nodemailer/dist/cjs/nodemailer',
    'src/sources/imap/open',
    'src/sources/webhook/open',
  ],
} as const;

/** Runs a daemon that takes one reply; the files that it had loaded when it ended, by their paths below dist/ or node_modules/. */
async function loadedBy(
  t: TestContext,
  settings: Settings = {},
  ask?: () => Promise<void>,
): Promise<string[]> {
  const scratch = testScratch(t);
  // V8 writes down every script that ran when the process ends.
  const environment = { NODE_V8_COVERAGE: scratch.path('scripts') };
  const daemon = await startDaemon(scratch, { sink: NO_SINK, settings, environment });
  await daemon.addUser('alice');
  const { reply_to: to } = await daemon.mint({ user: 'alice', thread: 'acme/7' });
  const lmtp = await LmtpClient.open(t, daemon.socket);
  assert.match(String((await lmtp.deliver(replyMessage({ to }), to))[0]), /^250 /);
  await ask?.();
  assert.equal(await daemon.stop(), 'exit 0');
  return loadedScripts(scratch.path('scripts'));
}

/** Those of some names that are among what was loaded: files, and folders with anything in them. */
const among = (loaded: readonly string[], names: readonly string[]): string[] =>
  names.filter((name) => loaded.some((each) => each === name || each.startsWith(`${name}/`)));

describe('a daemon', () => {
  it('without [api], [[imap]], [[webhook]], [metrics], a database and anything to send has loaded nothing of theirs', async (t) => {
    const loaded = await loadedBy(t);
    assert.deepEqual(among(loaded, ['smtp-server', 'better-sqlite3', 'src/daemon/serve']).length, 3);
    assert.deepEqual(among(loaded, [...LATE.api, ...LATE.others]), []);
  });

  it('with [api] has loaded the HTTP interface, and nothing more of what it does not need', async (t) => {
    const port = await freePort();
    const loaded = await loadedBy(t, { api: { listen: `127.0.0.1:${port}` } }, async () => {
      await new ApiClient({ port }).learn();
    });
    assert.deepEqual(among(loaded, [...LATE.api, ...LATE.others]), LATE.api);
  });
});
