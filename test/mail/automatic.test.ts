import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Automatic, classifyAutomatic, classifyHeader, type Own } from '../../src/mail/automatic.ts';
import { scanHeader } from '../../src/mail/header.ts';
import { CORPORA, FLAGGED } from '../corpus/messages.ts';
import { NO_CORPORA } from '../corpus/score.ts';
import { shortestMs } from '../support/elapsed.ts';

const PERSON = 'alice@example.com';
const FROM = 'From: Alice <alice@example.com>';

function classify(lines: string[], reversePath = PERSON, own?: Own): Automatic | null {
  return classifyAutomatic(Buffer.from(lines.join('\r\n')), reversePath, own);
}

function kindOf(...fields: string[]): string | undefined {
  return classify([FROM, ...fields, '', 'text'])?.kind;
}

describe('Auto-Submitted (RFC 3834 §5)', () => {
  it('takes every keyword but "no" for automatic', () => {
    for (const keyword of [
      'auto-generated',
      'auto-replied',
      'auto-notified',
      'x-own-invention',
      'AUTO-REPLIED',
    ]) {
      assert.equal(kindOf(`Auto-Submitted: ${keyword}`), 'auto-reply', keyword);
    }
    for (const keyword of ['no', 'No', 'no ; why=never', '(really) no', 'no (really)', '']) {
      assert.equal(kindOf(`Auto-Submitted: ${keyword}`), undefined, keyword);
    }
  });

  it('tolerates comments, parameters and folding', () => {
    assert.equal(kindOf('Auto-Submitted: (by (nested) rule) auto-replied (vacation)'), 'auto-reply');
    assert.equal(kindOf('Auto-Submitted: auto-replied; owner-email="a@b.example"'), 'auto-reply');
    assert.equal(kindOf('Auto-Submitted:\r\n auto-generated\r\n (failure)'), 'auto-reply');
  });

  it('is not silenced by a second field that says no', () => {
    assert.equal(kindOf('Auto-Submitted: no', 'Auto-Submitted: auto-replied'), 'auto-reply');
  });
});

describe('the null reverse-path (RFC 3834 §2, RFC 5321 §4.5.5)', () => {
  it('is written with or without brackets', () => {
    for (const path of ['', '<>', ' ']) assert.equal(classify([FROM, '', 'x'], path)?.kind, 'bounce', path);
    for (const path of [PERSON, `<${PERSON}>`]) assert.equal(classify([FROM, '', 'x'], path), null, path);
  });

  it('is believed from Return-Path too, also as the words that some systems write', () => {
    for (const path of ['<>', '', '<MAILER-DAEMON>', '<MAILER-DAEMON@mx.example.org>', 'null']) {
      assert.equal(kindOf(`Return-Path: ${path}`), 'bounce', path);
    }
    assert.equal(kindOf('Return-Path: <alice@example.com>'), undefined);
  });

  it('leaves a vacation answer a vacation answer', () => {
    assert.equal(classify([FROM, 'Auto-Submitted: auto-replied', '', 'x'], '')?.kind, 'auto-reply');
    assert.equal(classify([FROM, 'Subject: Automatic reply: hello', '', 'x'], '<>')?.kind, 'auto-reply');
  });
});

describe('reports (RFC 6522, RFC 3464, RFC 5965, RFC 8098)', () => {
  it('are told apart by their report type', () => {
    const type = (reportType: string): string =>
      `Content-Type: Multipart/Report; Report-Type=${reportType}; boundary=x`;
    assert.equal(kindOf(type('delivery-status')), 'bounce');
    assert.equal(kindOf(type('"delivery-status"')), 'bounce');
    assert.equal(kindOf(type('feedback-report')), 'report');
    assert.equal(kindOf(type('disposition-notification')), 'report');
    assert.equal(kindOf('Content-Type: multipart/report; boundary=x'), 'bounce');
    assert.equal(kindOf('Content-Type: message/delivery-status'), 'bounce');
  });

  it('are found in a direct part of another multipart', () => {
    const body = [
      '--x',
      'Content-Type: text/plain',
      '',
      'failed',
      '--x',
      'Content-Type: message/delivery-status',
      '',
      '--x--',
    ];
    assert.equal(
      classify([FROM, 'Content-Type: multipart/mixed; boundary="x"', '', ...body])?.kind,
      'bounce',
    );
  });

  it("that a person attached or forwards are the person's", () => {
    const attached = ['--x', '', 'look', '--x', 'Content-Type: message/rfc822', '', 'From: MAILER-DAEMON <>']
      .concat('Content-Type: multipart/report; report-type=delivery-status; boundary=y', '')
      .concat('--y', 'Content-Type: message/delivery-status', '', 'Action: failed', '--y--', '--x--');
    assert.equal(classify([FROM, 'Content-Type: multipart/mixed; boundary=x', '', ...attached]), null);
    assert.equal(kindOf('Subject: Fwd: Undelivered Mail Returned to Sender'), undefined);
    assert.equal(kindOf('Subject: Re: Undeliverable: your reply'), undefined);
  });
});

describe('bounces without a status part', () => {
  it("are known by X-Failed-Recipients and Exchange's marks", () => {
    assert.equal(kindOf('X-Failed-Recipients: a@b.example'), 'bounce');
    assert.equal(kindOf('X-MS-Exchange-Message-Is-Ndr:'), 'bounce');
  });

  it("are known by a mail system's address, in all its spellings", () => {
    const spellings = [
      'MAILER-DAEMON',
      'MAILER-DAEMON <>',
      '<>',
      'mailer-daemon@mx.example (Mail Delivery System)',
    ]
      .concat('Mail Delivery Subsystem <x@mx.example>', '"Postmaster" <postmaster@mx.example>')
      .concat('Mail Delivery System <Mail.Delivery.System@mx.example>', 'post_master@mx.example');
    for (const from of spellings) assert.equal(classify([`From: ${from}`, '', 'x'])?.kind, 'bounce', from);
  });

  it("are not suspected behind names that only resemble a mail system's", () => {
    for (const from of [
      'Paul Postmaster <paul@example.com>',
      'my-postmaster-fan@example.com',
      'mail@example.com',
    ]) {
      assert.equal(classify([`From: ${from}`, '', 'x']), null, from);
    }
  });

  it('are known by the Subject, encoded or not, from its first word', () => {
    const subjects = ['Undelivered Mail Returned to Sender', 'Undeliverable: hello', 'failure notice']
      .concat('Delivery Status Notification (Failure)', 'Mail delivery failed: returning message to sender')
      .concat(
        'Warning: could not send message for past 4 hours',
        '=?UTF-8?B?44Oh44O844Or44Ko44Op44O86YCa55+l?=',
      );
    for (const subject of subjects) assert.equal(kindOf(`Subject: ${subject}`), 'bounce', subject);
    for (const subject of ['Delivery to the new office', 'Mail error in the form', 'Returned the laptop']) {
      assert.equal(kindOf(`Subject: ${subject}`), undefined, subject);
    }
  });

  it('are known by the text where the sender is a machine, and only there', () => {
    const text = 'Your mail could not be delivered to: <a@b.example>';
    assert.equal(classify(['From: no-reply@b.example', '', text])?.kind, 'bounce');
    assert.equal(classify(['From: no-reply@b.example', '', 'Alice commented on your post']), null);
    assert.equal(classify([FROM, '', text]), null);
  });
});

describe('auto-responders without Auto-Submitted', () => {
  it('are known by the fields that they add', () => {
    const fields = [
      'X-Autoreply: yes',
      'X-Autorespond:',
      'X-Autogenerated: Reply',
      'X-Apple-Action: VACATION',
    ].concat(
      'Precedence: bulk',
      'Precedence: junk',
      'Precedence: auto_reply',
      'X-MS-Exchange-Inbox-Rules-Loop: a@b',
    );
    for (const field of fields) assert.equal(kindOf(field), 'auto-reply', field);
    for (const field of ['X-Autoreply: no', 'Precedence: normal', 'Precedence: first-class']) {
      assert.equal(kindOf(field), undefined, field);
    }
  });

  it('are known by the Subject in many languages', () => {
    const subjects = ['Automatic reply: x', 'AutoReply: x', 'Auto: x', 'Out of Office: x', 'Out of office']
      .concat('Abwesenheitsnotiz: x', 'Réponse automatique : x', 'Respuesta automática: x', 'Автоответ: x')
      .concat('=?utf-8?q?R=C3=A9ponse_automatique?= : x', 'Automatisch antwoord: x', '自動応答: x');
    for (const subject of subjects) assert.equal(kindOf(`Subject: ${subject}`), 'auto-reply', subject);
    for (const subject of [
      'Re: Automatic reply',
      'Automatic doors',
      'Out of office space',
      'Autobahn',
      'Vacation plans',
    ]) {
      assert.equal(kindOf(`Subject: ${subject}`), undefined, subject);
    }
  });
});

describe('what proves nothing', () => {
  it("is X-Auto-Response-Suppress, which Outlook puts into people's mail", () => {
    for (const value of ['All', 'OOF', 'DR, RN, NRN, OOF, AutoReply']) {
      assert.equal(kindOf(`X-Auto-Response-Suppress: ${value}`), undefined, value);
    }
  });

  it('is an X-Loop of somebody else', () => {
    assert.equal(kindOf('X-Loop: alice@example.com'), undefined);
  });
});

describe('lists (RFC 2919)', () => {
  it("carry people's mail, which is marked and no more", () => {
    assert.equal(kindOf('List-Id: <cats.example.org>'), 'list');
    assert.equal(kindOf('Precedence: list'), 'list');
  });

  it('yield to every stronger sign', () => {
    assert.equal(kindOf('List-Id: <cats.example.org>', 'Auto-Submitted: auto-replied'), 'auto-reply');
    assert.equal(kindOf('List-Id: <cats.example.org>', 'X-Failed-Recipients: a@b.example'), 'bounce');
  });
});

describe('loops', () => {
  const own: Own = {
    isOwnAddress: (address) => address.endsWith('@reply.example.org'),
    loopTokens: ['mailgw/old.example.org', 'mailgw/reply.example.org'],
  };

  it('are our own X-Loop, or an address of ours as From', () => {
    assert.equal(classify([FROM, 'X-Loop: mailgw/reply.example.org', '', 'x'], PERSON, own)?.kind, 'loop');
    for (const from of [
      'reply+abc@reply.example.org',
      'Alice <reply+abc@REPLY.example.org>',
      'a@b.example, x@reply.example.org',
    ]) {
      assert.equal(classify([`From: ${from}`, '', 'x'], PERSON, own)?.kind, 'loop', from);
    }
    assert.equal(classify([FROM, 'X-Loop: mailgw/other.example', '', 'x'], PERSON, own), null);
  });

  it('outrank every other sign', () => {
    const fields = ['X-Loop: mailgw/reply.example.org', 'Auto-Submitted: auto-replied', 'List-Id: <x.y>'];
    assert.equal(classify([FROM, ...fields, '', 'x'], '', own)?.kind, 'loop');
  });

  it('are more than 50 Received fields', () => {
    const received = (count: number): string[] =>
      Array.from({ length: count }, () => 'Received: from a by b');
    assert.equal(kindOf(...received(50)), undefined);
    assert.equal(kindOf(...received(51)), 'loop');
  });
});

describe('the order of fields', () => {
  it('never changes the verdict', () => {
    const fields = [
      'Auto-Submitted: auto-replied',
      'Precedence: list',
      'Subject: failure notice',
      'List-Id: <a.b>',
      FROM,
    ];
    const expected = classify([...fields, '', 'x']);
    fc.assert(
      fc.property(fc.shuffledSubarray(fields, { minLength: fields.length }), (order) => {
        assert.deepEqual(classify([...order, '', 'x']), expected);
      }),
      { numRuns: 50 },
    );
  });
});

describe('hostile input', () => {
  it('never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.string(), (raw, path) => {
        classifyAutomatic(raw, path);
      }),
    );
  });

  it('of 1 MB costs less than 150 ms', () => {
    const megabyte = 1 << 20;
    const inputs: Record<string, string> = {
      'a subject of delivery words': `Subject: ${'mail '.repeat(18_000)}\n\n`,
      'a From of angle brackets': `From: ${'<'.repeat(95_000)}\n\n`,
      'a From of daemons': `From: ${'"mailer-daemon '.repeat(6_000)}\n\n`,
      'nested comments': `Auto-Submitted: ${'('.repeat(95_000)}\n\n`,
      'parameters without end': `Content-Type: multipart/report${';report-type '.repeat(7_000)}\n\n`,
      'many delimiters': `Content-Type: multipart/mixed; boundary=x\n\n${'--x\n'.repeat(megabyte / 4)}`,
      "a machine's text": `From: noreply@a.example\n\n${'could not be '.repeat(megabyte / 13)}`,
      'header lines only': 'A: b\n'.repeat(megabyte / 5),
      'no line end': 'a'.repeat(megabyte),
    };
    for (const [name, input] of Object.entries(inputs)) {
      const raw = Buffer.from(input);
      const elapsed = shortestMs(150, () => {
        classifyAutomatic(raw, PERSON);
      });
      assert.ok(elapsed < 150, `${name}: ${elapsed.toFixed(0)} ms`);
    }
  });

  it('leaves an ordinary header a matter of microseconds', () => {
    const received = Array.from(
      { length: 6 },
      () => 'Received: from a.example by b.example with ESMTPS id 4Xabc; Mon, 1 Jan 2026 00:00:00 +0000',
    );
    const usual = [
      'Date: Mon, 1 Jan 2026 00:00:00 +0000',
      'To: reply+x@reply.example.org',
      'Subject: Re: [tracker] A question (#12)',
    ];
    const raw = [
      ...received,
      FROM,
      ...usual,
      'Content-Type: multipart/alternative; boundary=abc',
      ...Array.from({ length: 15 }, (_, n) => `X-Other-${n}: value`),
      '',
      '',
    ];
    const scan = scanHeader(Buffer.from(raw.join('\r\n')));
    assert.ok(scan.ok);
    const own: Own = {
      isOwnAddress: (address) => address.endsWith('@reply.example.org'),
      loopTokens: ['mailgw'],
    };
    const runs = 5000;
    for (let run = 0; run < runs; run++) classifyHeader(scan.header, PERSON, own);
    const start = performance.now();
    for (let run = 0; run < runs; run++) classifyHeader(scan.header, PERSON, own);
    const microseconds = ((performance.now() - start) * 1000) / runs;
    assert.ok(microseconds < 50, `${microseconds.toFixed(1)} µs`);
  });
});

// Where there are no corpora there is nothing to run: that is said, and no test is registered.

function verdicts(folder: string, reversePath: string): Map<string, Automatic | null> {
  const names = readdirSync(join(CORPORA, folder)).filter((name) => name.endsWith('.eml'));
  return new Map(
    names.map((name) => [name, classifyAutomatic(readFileSync(join(CORPORA, folder, name)), reversePath)]),
  );
}

if (!existsSync(CORPORA)) console.log(NO_CORPORA);
else
  describe('real mail', () => {
    for (const folder of ['bounce', 'automatic']) {
      it(`of corpora/${folder} is recognised to 98 % without help from the envelope`, (context) => {
        const all = verdicts(folder, 'someone@example.com');
        const missed = [...all].filter(([, verdict]) => verdict === null).map(([name]) => name);
        const recall = 1 - missed.length / all.size;
        context.diagnostic(
          `${folder}: recall ${(100 * recall).toFixed(1)} %, missed: ${missed.join(' ') || 'none'}`,
        );
        assert.ok(recall >= 0.98, `recall ${recall}, missed ${missed.join(' ')}`);
      });
    }

    it('of corpora/ordinary is flagged only by what its header says', () => {
      const flagged = [...verdicts('ordinary', 'someone@example.com')].filter(
        ([, verdict]) => verdict !== null,
      );
      for (const [name, verdict] of flagged)
        assert.equal(verdict?.reason, FLAGGED.get(name.replace(/\.eml$/, '')), name);
    });
  });
