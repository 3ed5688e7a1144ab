// Every refusal of the real daemon: one line in its log, one count in `stats`, and nobody's secrets in either.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { startDaemon } from '../support/daemon.ts';
import { NO_SINK } from '../support/intake.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { suiteScratch } from '../support/scratch.ts';

const PASS = [
  'Authentication-Results: mx.example.org; dmarc=pass header.from=private.example',
  'Received: from a by mx.example.org',
];
const BODY = 'nobody-but-alice-may-read-this';
const ALICE = 'alice.secret@private.example';
const EVE = 'eve.secret@evil.example';
const PATH = 'bounces.secret@evil.example';

/** What the daemon logs of a recipient. */
interface Logged {
  readonly event: string;
  readonly level: string;
  readonly verdict: string;
  readonly reason: string;
  readonly detail?: string;
  /** Why a reply counts as spoofed. */
  readonly cause?: string;
}

/** A line of `stats`; null where there is no cause. */
interface Counted {
  readonly verdict: string;
  readonly reason: string;
  readonly cause: string | null;
  readonly count: number;
}

describe('refusals', { concurrency: false }, () => {
  const scratch = suiteScratch();
  after(() => scratch.close());

  it('are logged and counted one by one, without token, address or text above debug level', async (t) => {
    const settings = {
      sender: { policy: 'strict', authserv_id: 'mx.example.org' },
      lmtp: { max_message: '64KiB', max_bad_commands: 100, max_recipients: 2 },
      log: { level: 'info', format: 'json' },
    };
    const daemon = await startDaemon(scratch, { sink: NO_SINK, settings });
    await daemon.addUser('alice', ALICE);
    await daemon.addUser('gone');
    const mint = async (user: string, rest: object = {}): Promise<string> =>
      (await daemon.mint({ user, thread: 'a/b', ...rest })).reply_to;
    const address = await mint('alice');
    const bound = await mint('alice', { bound: true });
    const expired = await mint('alice', { repliedTo: '2020-01-01T00:00:00Z' });
    const disabled = await mint('gone');
    await daemon.ctl('user', 'disable', 'gone');
    const token = address.slice('reply+'.length, address.indexOf('@'));
    const forged = address.replace(/..@/, (last) => (last === 'aa@' ? 'bb@' : 'aa@'));

    const client = await LmtpClient.open(t, daemon.socket);
    const recipients = [
      ['postmaster@reply.example.org', 'no-token'],
      [address.replace('reply.example.org', 'elsewhere.example'), 'other-domain'],
      [`reply+${'7'.repeat(48)}@reply.example.org`, 'malformed-token'],
      [forged, 'forged'],
      [disabled, 'disabled-user'],
      [expired, 'expired'],
      [`${token} ${ALICE}`, 'syntax'],
      [`${'x'.repeat(300)}@reply.example.org`, 'no-token'],
    ] as const;
    const expected: string[] = [];
    await client.say(`MAIL FROM:<${PATH}>`);
    for (const [recipient, reason] of recipients) {
      const reply = await client.say(`RCPT TO:<${recipient}>`);
      assert.match(reply, /^5/, recipient);
      assert.ok(!reply.includes(token) && !reply.includes(ALICE), reply);
      expected.push(`rejected ${reason}`);
    }
    await client.sayAll(`RCPT TO:<${address}>`, `RCPT TO:<${address}>`, `RCPT TO:<${address}>`, 'RSET');
    expected.push('deferred too-many-recipients');
    await client.sayAll(`MAIL FROM:<${PATH}> SIZE=99999999`, `MAIL FROM:<${PATH} ${token}`);
    expected.push('rejected too-big', 'rejected malformed');

    const from = (sender: string, ...fields: string[]): string[] => [...PASS, ...fields, `From: ${sender}`];
    const messages: readonly (readonly [string, readonly string[], string, string?])[] = [
      [address, from(ALICE, 'Auto-Submitted: auto-replied'), 'discarded auto-reply'],
      [address, from(ALICE, `Auto-Submitted: ${EVE}`), 'discarded auto-reply'],
      [address, from(ALICE, `X-Failed-Recipients: ${EVE}`), 'discarded bounce'],
      [
        address,
        from(ALICE, `Content-Type: multipart/report; report-type="${token.slice(9)}"`),
        'discarded report',
      ],
      [address, from(address), 'discarded loop'],
      // The reverse-path is a stranger's: whom a refusal would go to, nobody can say.
      [address, [...from(ALICE), `From: ${EVE}`], 'discarded malformed'],
      [address, from(`${ALICE}, ${EVE}`), 'discarded malformed'],
      [address, from(EVE), 'discarded spoofed'],
      [address, [PASS[1] ?? '', `From: ${ALICE}`], 'discarded spoofed'],
      [bound, from(ALICE, `In-Reply-To: <${EVE}>`), 'discarded forged'],
      [address, from(ALICE), 'rejected too-big', 'x'.repeat(70_000)],
      [address, from(ALICE, `To: ${address}`, `Message-ID: <${address}>`), 'accepted queued'],
      [address, from(ALICE, `To: ${address}`, `Message-ID: <${address}>`), 'accepted duplicate'],
    ];
    for (const [to, fields, outcome, more = ''] of messages) {
      await client.deliver([...fields, `Subject: ${BODY}`, '', BODY + more].join('\r\n'), to);
      expected.push(outcome);
    }
    await client.sayAll(`MAIL FROM:<${ALICE}>`, `RCPT TO:<${address}>`, 'DATA');
    const proven = [PASS[0]?.replace('dmarc', 'spf=pass smtp.mailfrom=private.example; dmarc'), PASS[1]];
    client.write([...proven, `From: ${ALICE}, ${EVE}`, '', `${BODY}\r\n.\r\n`].join('\r\n'));
    assert.equal(await client.reply(), '554 5.6.0 message is malformed');
    expected.push('rejected malformed');
    assert.equal(await daemon.stop(), 'exit 0');

    const lines = daemon.log().trim().split('\n');
    const logged = lines.map((line) => JSON.parse(line) as Logged).filter(({ event }) => event === 'verdict');
    assert.deepEqual(logged.map(nameOf), expected);
    const missed = ['discarded malformed', 'discarded spoofed', 'discarded forged'];
    for (const line of logged)
      assert.equal(line.level, missed.includes(nameOf(line)) ? 'warn' : 'info', nameOf(line));
    const pepper = readFileSync(scratch.path('pepper'), 'utf8').trim();
    const secrets = [BODY, ALICE, EVE, PATH, token, pepper, NO_SINK.secret, 'secret@', forged.slice(6, 54)];
    for (const text of [address, bound, expired, disabled]) secrets.push(text.slice(6, 54));
    for (const secret of secrets) {
      const found = lines.filter((line) => line.toLowerCase().includes(secret.toLowerCase()));
      assert.deepEqual(found, [], secret);
    }

    const [stats] = await daemon.ctl('stats');
    const counts = stats?.verdicts as readonly Counted[];
    const names = logged.map((line) => `${nameOf(line)} ${line.cause ?? '-'}`);
    assert.deepEqual(
      counts
        .map(({ verdict, reason, cause, count }) => `${verdict} ${reason} ${cause ?? '-'} ${count}`)
        .sort(),
      [...new Set(names)].map((name) => `${name} ${names.filter((each) => each === name).length}`).sort(),
    );
  });
});

/** A verdict by the name that it is counted under. */
function nameOf({ verdict, reason, detail }: Logged): string {
  return `${verdict} ${reason === 'no-such-address' ? detail : reason}`;
}
