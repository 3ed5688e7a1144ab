// What "hold" keeps of mail that the sender policy does not let through, said as "discard" says it.

import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { startDaemon } from '../support/daemon.ts';
import { NO_SINK } from '../support/intake.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { suiteScratch } from '../support/scratch.ts';

const RECEIVED = 'Received: from out.example.com by mx.example.org';
const pass = (domain: string): string =>
  `Authentication-Results: mx.example.org; dmarc=pass header.from=${domain}`;

/** A line of the log. */
interface Line {
  readonly event: string;
  readonly level: string;
  readonly reason: string;
  readonly detail?: string;
  readonly cause?: string;
}

describe('a reply that the sender policy holds', { concurrency: false }, () => {
  const scratch = suiteScratch();
  after(() => scratch.close());

  it('has the cause in its verdict, in the counts and in the item', async (t) => {
    const sender = { policy: 'strict', authserv_id: 'mx.example.org', spoofed: 'hold' };
    const settings = { sender, log: { level: 'info', format: 'json' } };
    const daemon = await startDaemon(scratch, { sink: NO_SINK, settings });
    await daemon.addUser('alice', 'alice@example.com');
    const address = (await daemon.mint({ user: 'alice', thread: 'a/b' })).reply_to;
    const client = await LmtpClient.open(t, daemon.socket);
    const cases = [
      [[RECEIVED], 'no-results', 'no Authentication-Results at all'],
      [
        [pass('example.com'), RECEIVED, 'From: eve@example.com'],
        'not-registered',
        "From is none of the user's addresses",
      ],
      [[pass('example.net'), RECEIVED], 'failed', 'DMARC judged another domain than example.com'],
    ] as const;
    for (const [lines, text] of cases) {
      const author = lines.some((line) => line.startsWith('From:')) ? [] : ['From: alice@example.com'];
      const [reply] = await client.deliver(
        [...lines, ...author, `To: ${address}`, '', text].join('\r\n'),
        address,
      );
      assert.match(reply ?? '', /^250 2\.0\.0 queued as/);
    }
    await client.deliver(
      [RECEIVED, `To: ${address}`, 'From: alice@example.com', '', 'no-results'].join('\r\n'),
      address,
    );
    const items = await daemon.ctl('queue', 'list', '--state', 'held');
    assert.equal(await daemon.stop(), 'exit 0');

    const lines = daemon.log().trim().split('\n');
    const verdicts = lines.map((line) => JSON.parse(line) as Line).filter(({ event }) => event === 'verdict');
    assert.deepEqual(
      verdicts.map(({ level, reason, cause, detail }) => [level, reason, cause, detail]),
      [
        ...cases.map(([, cause, detail]) => ['info', 'held', cause, detail]),
        ['info', 'duplicate', undefined, undefined],
      ],
    );
    assert.deepEqual(
      items.map((item) => item.last_diagnostic),
      cases.map(([, , detail]) => detail),
    );
    const [stats] = await daemon.ctl('stats');
    const counts = stats?.verdicts as readonly { readonly reason: string; readonly cause: string | null }[];
    assert.deepEqual(
      counts.filter(({ reason }) => reason === 'held').map(({ cause }) => cause),
      ['failed', 'no-results', 'not-registered'],
    );
  });
});
