// The largest message that the defaults take, through the real daemon: what it costs in memory, and that it arrives.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { startDaemon } from '../support/daemon.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { replyMessage, replyWithAttachment } from '../support/message.ts';
import { startPlatform } from '../support/platform.ts';
import { peakRssBytes, rssBytes } from '../support/proc.ts';
import { testScratch } from '../support/scratch.ts';

const MIB = 1024 * 1024;
const MOST_BYTES = 200_000_000;

/** Two files as large as an attachment may be; in base64 they make a message of just under 25 MiB. */
const FILES = [randomBytes(9 * MIB), randomBytes(9 * MIB)];

function largeMessage(to: string): string {
  const boundary = 'part-of-a-test';
  const parts = FILES.map((file) =>
    [
      `--${boundary}`,
      'Content-Type: application/octet-stream; name="large.bin"',
      'Content-Disposition: attachment; filename="large.bin"',
      'Content-Transfer-Encoding: base64',
      '',
      file.toString('base64').replaceAll(/.{76}/g, '$&\n'),
    ].join('\n'),
  );
  return replyMessage({
    to,
    headers: [`Content-Type: multipart/mixed; boundary="${boundary}"`],
    body: [`--${boundary}`, '', 'See the files.', ...parts, `--${boundary}--`, ''].join('\n'),
  });
}

async function send(t: TestContext, socket: string, address: string, message: string): Promise<string> {
  const client = await LmtpClient.connect(t, socket);
  await client.reply();
  await client.say('LHLO client.example.com');
  await client.sayAll(`MAIL FROM:<alice@example.com> SIZE=${message.length}`, `RCPT TO:<${address}>`, 'DATA');
  client.write(message);
  client.write('\r\n.\r\n');
  return client.reply();
}

describe('a message of 25 MiB', () => {
  it('stays below 200 MB of resident memory, from the socket to the platform', async (t) => {
    const scratch = testScratch(t);
    const platform = await startPlatform(scratch);
    const daemon = await startDaemon(scratch, { sink: platform.sink });
    await daemon.addUser('alice');
    const { reply_to: address } = await daemon.mint({ user: 'alice', thread: 'large' });
    const small = await send(
      t,
      daemon.socket,
      address,
      replyWithAttachment({ to: address }, 'a', Buffer.from('a')),
    );
    assert.match(small, /^250/);
    await platform.nthPost(1);
    const before = peakRssBytes(daemon.pid);

    await daemon.ctl('queue', 'pause');
    const message = largeMessage(address);
    assert.ok(message.length > 24 * MIB && message.length < 25 * MIB, String(message.length));
    assert.match(await send(t, daemon.socket, address, message), /^250/);
    const accepted = peakRssBytes(daemon.pid);
    await daemon.ctl('queue', 'resume');
    const { data } = await platform.nthPost(2);
    const posted = peakRssBytes(daemon.pid);

    const shown = [before, accepted, posted, rssBytes(daemon.pid)]
      .map((bytes) => Math.round(bytes / 1e6))
      .join(', ');
    t.diagnostic(`VmHWM in MB before, accepted, posted, and RSS now: ${shown}`);
    assert.deepEqual(
      data.attachments.map((attachment) => attachment.sha256),
      FILES.map((file) => createHash('sha256').update(file).digest('hex')),
    );
    assert.ok(posted < MOST_BYTES, `before, accepted, posted, now: ${shown} MB`);
  });
});
