import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  judgeAnswer,
  judgeError,
  MAX_QUOTED_CHARS,
  MAX_RETRY_AFTER_MS,
  parseRetryAfter,
  printable,
} from '../../src/delivery/answer.ts';
import type { Outcome } from '../../src/delivery/sink.ts';

const NOW = Date.UTC(2026, 10, 20, 9, 15, 0);

function judge(status: number, retryAfter?: string): Outcome {
  return judgeAnswer({ status, retryAfter, location: undefined, text: '' }, NOW);
}

describe('the outcome table', () => {
  it('has one outcome for every status that HTTP can carry', () => {
    const deferred = new Set([408, 425, 429]);
    const broken = new Set([401, 403, 404]);
    for (let status = 200; status < 1000; status++) {
      const outcome = judge(status);
      const alarm = broken.has(status) || (status >= 300 && status < 400);
      const later = alarm || deferred.has(status) || status >= 500;
      const expected = status < 300 ? 'posted' : later ? 'deferred' : 'failed';
      assert.equal(outcome.kind, expected, String(status));
      if (outcome.kind === 'deferred') assert.equal(outcome.broken ?? false, alarm, String(status));
    }
  });

  it('honours Retry-After on every answer that defers, and on no other', () => {
    for (const status of [302, 401, 403, 404, 408, 425, 429, 500, 503, 504]) {
      const outcome = judge(status, '7');
      assert.equal(outcome.kind === 'deferred' && outcome.retryAfterMs, 7000, String(status));
    }
    for (const status of [200, 400, 413]) assert.ok(!('retryAfterMs' in judge(status, '7')));
  });

  it('names the status, where a redirect leads, and what the platform said', () => {
    const answer = {
      status: 422,
      retryAfter: undefined,
      location: undefined,
      text: '{"message":\n "locked"}',
    };
    assert.equal(judgeAnswer(answer, NOW).diagnostic, '422 Unprocessable Entity: {"message": "locked"}');
    const redirect = { status: 301, retryAfter: undefined, location: 'https://new.example/', text: '' };
    assert.equal(judgeAnswer(redirect, NOW).diagnostic, '301 Moved Permanently to https://new.example/');
    assert.equal(judge(599).diagnostic, '599');
  });
});

describe('Retry-After (RFC 9110 §10.2.3)', () => {
  it('reads seconds', () => {
    assert.equal(parseRetryAfter('0', NOW), 0);
    assert.equal(parseRetryAfter(' 120 ', NOW), 120_000);
  });

  it('reads all three forms of an HTTP-date, in GMT (RFC 9110 §5.6.7)', () => {
    for (const date of [
      'Fri, 20 Nov 2026 09:17:00 GMT',
      'Friday, 20-Nov-26 09:17:00 GMT',
      'Fri Nov 20 09:17:00 2026',
    ]) {
      assert.equal(parseRetryAfter(date, NOW), 120_000, date);
    }
  });

  it('takes a date that has passed for now', () => {
    assert.equal(parseRetryAfter('Fri, 20 Nov 2020 09:17:00 GMT', NOW), 0);
  });

  it('caps what is absurd', () => {
    for (const value of ['999999999', '9'.repeat(400), 'Fri, 31 Dec 9999 23:59:59 GMT']) {
      assert.equal(parseRetryAfter(value, NOW), MAX_RETRY_AFTER_MS, value);
    }
  });

  it('ignores what is neither', () => {
    for (const value of [
      '',
      '-5',
      '1.5',
      '1e9',
      '0x10',
      'soon',
      '5 minutes',
      'Friday',
      'Fri, ',
      '2026-11-20',
      'Sun, x GMT',
    ]) {
      assert.equal(parseRetryAfter(value, NOW), undefined, value);
    }
  });

  it('never gives anything but a bounded number of milliseconds', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), (value) => {
        const ms = parseRetryAfter(value, NOW);
        assert.ok(ms === undefined || (ms >= 0 && ms <= MAX_RETRY_AFTER_MS));
      }),
    );
  });
});

describe('diagnostics', () => {
  it('are one bounded line of printable characters, whatever the platform says', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (text) => {
        const line = printable(text);
        assert.ok(Array.from(line).length <= MAX_QUOTED_CHARS);
        assert.doesNotMatch(line, /\p{C}|[\n\r\u2028\u2029]/u);
        assert.equal(printable(line), line);
      }),
    );
  });

  it('lose terminal escapes and bidirectional overrides', () => {
    assert.equal(printable('\u001b[31mred\u0007\u202Etxt\u2028line\0'), '[31mred txt line');
  });

  it('take bounded work for a text without end', () => {
    assert.equal(printable('\n'.repeat(10_000_000)), '');
    assert.equal(Array.from(printable('😀'.repeat(1_000_000))).length, MAX_QUOTED_CHARS);
  });

  it('explain every kind of thrown thing, and defer it', () => {
    const coded = Object.assign(new Error('self-signed certificate'), {
      code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    });
    const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' });
    const late = Object.assign(new Error('Headers Timeout Error'), { code: 'UND_ERR_HEADERS_TIMEOUT' });
    const rows: [unknown, string][] = [
      [coded, 'no answer: DEPTH_ZERO_SELF_SIGNED_CERT: self-signed certificate'],
      [refused, 'no answer: connect ECONNREFUSED 127.0.0.1:1'],
      [late, 'timeout: UND_ERR_HEADERS_TIMEOUT: Headers Timeout Error'],
      [
        new DOMException('The operation timed out', 'TimeoutError'),
        'timeout: TimeoutError: The operation timed out',
      ],
      [new AggregateError([refused]), 'no answer: AggregateError: connect ECONNREFUSED 127.0.0.1:1'],
      [new AggregateError([]), 'no answer: AggregateError'],
      ['a string', 'no answer: a string'],
      [undefined, 'no answer: undefined'],
    ];
    for (const [error, diagnostic] of rows) {
      assert.deepEqual(judgeError(error), { kind: 'deferred', diagnostic });
    }
  });
});
