import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Bounce, parseBounce } from '../../src/mail/bounce.ts';
import { CORPORA } from '../corpus/messages.ts';
import { NO_CORPORA } from '../corpus/score.ts';
import { shortestMs } from '../support/elapsed.ts';

function bounceOf(lines: readonly string[], ...ownAddresses: readonly string[]): Bounce | null {
  return parseBounce(Buffer.from(lines.join('\r\n')), ownAddresses);
}

function report(...status: string[]): Bounce | null {
  const header = [
    'From: MAILER-DAEMON@mx.example',
    'Content-Type: multipart/report; report-type=delivery-status; boundary="x"',
    '',
  ];
  const text = [
    '--x',
    '',
    'It did not work.',
    '--x',
    'Content-Type: message/delivery-status',
    '',
    'Reporting-MTA: dns; mx.example',
    '',
  ];
  return bounceOf([
    ...header,
    ...text,
    ...status,
    '--x',
    'Content-Type: message/rfc822',
    '',
    'Subject: 550 5.1.1',
    '',
    '--x--',
  ]);
}

function kindFor(status: string, diagnostic = 'refused'): string | undefined {
  return report(
    'Final-Recipient: rfc822; a@b.example',
    'Action: failed',
    `Status: ${status}`,
    `Diagnostic-Code: smtp; ${diagnostic}`,
  )?.kind;
}

describe('a delivery status (RFC 3464 §2)', () => {
  it('gives recipient, action, status and diagnostic', () => {
    const fields = ['Final-Recipient: rfc822; a@b.example', 'Action: failed', 'Status: 5.1.1'];
    assert.deepEqual(report(...fields, 'Diagnostic-Code: smtp; 550 5.1.1 <a@b.example>:', '  User unknown'), {
      kind: 'hard',
      status: '5.1.1',
      recipient: 'a@b.example',
      diagnostic: '550 5.1.1 <a@b.example>: User unknown',
      action: 'failed',
      reportingMta: 'mx.example',
    });
  });

  it('names the address that we wrote to before the one it was forwarded to', () => {
    const bounce = report(
      'Original-Recipient: rfc822;alice@b.example',
      'Final-Recipient: rfc822; x@c.example',
      'Action: failed',
      'Status: 5.1.1',
    );
    assert.equal(bounce?.recipient, 'alice@b.example');
  });

  it('about several recipients counts for the one that failed', () => {
    const delayed = ['Final-Recipient: rfc822; a@b.example', 'Action: delayed', 'Status: 4.4.1', ''];
    const failed = ['Final-Recipient: rfc822; c@b.example', 'Action: failed', 'Status: 5.1.1'];
    assert.equal(report(...delayed, ...failed)?.recipient, 'c@b.example');
  });

  it('of success is no bounce', () => {
    for (const action of ['delivered', 'relayed', 'Expanded']) {
      assert.equal(
        report('Final-Recipient: rfc822; a@b.example', `Action: ${action}`, 'Status: 2.1.5'),
        null,
        action,
      );
    }
  });

  it('of a delay is soft whatever its status says', () => {
    assert.equal(
      report('Final-Recipient: rfc822; a@b.example', 'Action: delayed', 'Status: 5.1.1')?.kind,
      'soft',
    );
  });

  it('with an empty status takes the code from the diagnostic', () => {
    const bounce = report(
      'Final-Recipient: rfc822; a@b.example',
      'Action: failed',
      'Status: 5.0.0',
      'Diagnostic-Code: smtp; 550 5.2.2 full',
    );
    assert.equal(bounce?.status, '5.2.2');
    assert.equal(bounce.kind, 'soft');
  });

  it('keeps control and bidirectional characters out of the diagnostic', () => {
    const bounce = report(
      'Final-Recipient: rfc822; a@b.example',
      'Action: failed',
      'Diagnostic-Code: smtp; 550 \u001b[31mno\u202eway',
    );
    assert.equal(bounce?.diagnostic, '550 [31mnoway');
  });
});

describe('hard and soft (RFC 3463 §3)', () => {
  it('is hard where the address is dead', () => {
    for (const status of ['5.0.0', '5.1.1', '5.1.2', '5.1.10', '5.2.1', '5.4.1', '5.4.4', '5.5.0'])
      assert.equal(kindFor(status), 'hard', status);
    assert.equal(kindFor('5.7.1', '550 5.7.1 no such user'), 'hard');
  });

  it('is soft where the mailbox is full, or the message or our server displeased', () => {
    for (const status of ['4.2.2', '4.4.1', '5.2.2', '5.2.3', '5.3.4', '5.4.7', '5.7.1', '5.1.8'])
      assert.equal(kindFor(status), 'soft', status);
    assert.equal(kindFor('5.0.0', '550 mailbox is full'), 'soft');
    assert.equal(kindFor('5.0.0', '550 blocked as spam'), 'soft');
  });
});

describe('a bounce without a status part', () => {
  const header = ['From: MAILER-DAEMON@mx.example', 'To: reply+x@reply.example.org', ''];

  it("is read from qmail's text", () => {
    const text = [
      'Hi. This is the qmail-send program at mx.example.',
      '',
      '<a@b.example>:',
      'Remote host said: 550 5.1.1 no mailbox here by that name',
    ].concat(
      '',
      '--- Below this line is a copy of the message.',
      '',
      'Received: by x; 4.4.7',
      'To: <z@z.example>',
    );
    assert.deepEqual(bounceOf([...header, ...text]), {
      kind: 'hard',
      status: '5.1.1',
      recipient: 'a@b.example',
      diagnostic: 'Remote host said: 550 5.1.1 no mailbox here by that name',
    });
  });

  it("is read from Exim's X-Failed-Recipients and text", () => {
    const bounce = bounceOf([
      'X-Failed-Recipients: a@b.example',
      ...header,
      '  a@b.example',
      '    unknown user: a@b.example',
    ]);
    assert.equal(bounce?.kind, 'hard');
    assert.equal(bounce.recipient, 'a@b.example');
  });

  it('is judged by the reply code where no status is written (RFC 5321 §4.2)', () => {
    assert.equal(bounceOf([...header, '<a@b.example>: 550 not here'])?.kind, 'hard');
    assert.equal(bounceOf([...header, '<a@b.example>: 452 later'])?.kind, 'soft');
    assert.equal(bounceOf([...header, '<a@b.example>: 554 refused'])?.kind, 'soft');
  });

  it('never takes an IP address or a port for a status', () => {
    assert.equal(bounceOf([...header, 'Connected to 5.1.1.7 and 4.4.2.5:550 in vain'])?.status, undefined);
  });

  it('never takes our own address for the one that failed', () => {
    const bounce = bounceOf(
      [...header, 'sent by reply+x@reply.example.org to a@b.example: user unknown'],
      'reply+x@reply.example.org',
    );
    assert.equal(bounce?.recipient, 'a@b.example');
  });

  it('that says nothing known is soft', () => {
    assert.deepEqual(bounceOf([...header, 'Something went wrong.']), { kind: 'soft' });
  });

  it('is decoded from base64 and quoted-printable', () => {
    const words = 'The user unknown: <a@b.example> 550 5.1.1';
    const encoded = ['Content-Transfer-Encoding: base64', ...header, Buffer.from(words).toString('base64')];
    assert.equal(bounceOf(encoded)?.status, '5.1.1');
    assert.equal(
      bounceOf(['Content-Transfer-Encoding: quoted-printable', ...header, '550=20=35.1.1 us=', 'er unknown'])
        ?.status,
      '5.1.1',
    );
  });
});

describe('hostile bounces', () => {
  it('never throw', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 500 }), (raw) => void parseBounce(raw)));
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('Action:', 'Status: 5', ' ', '', 'Final-Recipient: x;', '--x', '550')),
        (lines) => void report(...lines),
      ),
    );
  });

  it('of 1 MB cost less than 150 ms', () => {
    for (const unit of [
      'a@',
      'user ',
      'Action: failed\n',
      '5.1.',
      'mailbox ',
      '550 ',
      '\n',
      ' \n',
      '--x\n',
      'host ',
      'exceeded ',
      'a'.repeat(63),
      '=3D',
    ]) {
      for (const type of ['text/plain', 'multipart/report; boundary=x', 'message/delivery-status']) {
        const raw = Buffer.from(
          `Content-Type: ${type}\nContent-Transfer-Encoding: quoted-printable\n\n${unit.repeat((1 << 20) / unit.length)}`,
        );
        const elapsed = shortestMs(150, () => {
          parseBounce(raw);
        });
        assert.ok(elapsed < 150, `${JSON.stringify(unit)} as ${type}: ${elapsed.toFixed(0)} ms`);
      }
    }
  });
});

// Where there are no corpora there is nothing to run: that is said, and no test is registered.

if (!existsSync(CORPORA)) console.log(NO_CORPORA);
else
  describe('real bounces', () => {
    it('name their recipient and their status more often than not', (context) => {
      const folder = join(CORPORA, 'bounce');
      const bounces = readdirSync(folder).map((name) => parseBounce(readFileSync(join(folder, name))));
      const share = (has: (bounce: Bounce) => boolean): number =>
        bounces.filter((bounce) => bounce !== null && has(bounce)).length / bounces.length;
      const recipients = share(({ recipient }) => recipient !== undefined);
      const statuses = share(({ status }) => status !== undefined);
      context.diagnostic(
        `recipient ${(100 * recipients).toFixed(1)} %, status ${(100 * statuses).toFixed(1)} %`,
      );
      assert.ok(recipients >= 0.95);
      assert.ok(statuses >= 0.75);
    });
  });
