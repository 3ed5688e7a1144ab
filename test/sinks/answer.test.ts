import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  judgeAnswer,
  judgeError,
  MAX_QUOTED_CHARS,
  MAX_RETRY_AFTER_MS,
  parseRetryAfter,
  quotedLine,
} from '../../src/sinks/answer.ts';
import type { Outcome } from '../../src/sinks/sink.ts';
import { shortestMs } from '../support/elapsed.ts';

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

describe('a 2xx', () => {
  const taken = (text: string, contentType?: string, status = 200): Outcome =>
    judgeAnswer({ status, retryAfter: undefined, location: undefined, contentType, text }, NOW);

  it('with a page for people is no post, whatever its type says; the operator is alarmed', () => {
    const page = '<!doctype html><title>Log in</title>';
    const pages: [string, string?][] = [
      [page, 'text/html; charset=utf-8'],
      [page, 'TEXT/HTML'],
      [page, 'application/xhtml+xml'],
      [page, 'application/json'],
      [page],
      ['\uFEFF \r\n<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN">'],
      ['<HTML lang="en">', 'text/plain'],
      ['<?xml version="1.0"?>\n<!DOCTYPE html>', 'text/xml'],
      ['<!-- cached -->\n<!-- by us --> <html>'],
      ['<h1>Please log in</h1>', 'text/html'],
      ['Moved: <a href="/login">here</a>', ' text/html'],
    ];
    for (const [text, type] of pages) {
      for (const status of [200, 201, 202, 203]) {
        const outcome = taken(text, type, status);
        assert.equal(outcome.kind === 'deferred' && outcome.broken, true, `${status} ${type}: ${text}`);
        assert.match(outcome.diagnostic, /^an HTML page is no answer to a post \(.*\): 20/);
      }
    }
  });

  it('whose JSON denies its success is none either', () => {
    for (const text of ['{"success":false}', ' {"id":1, "success" : false}\n', '{"ok":false,"error":"x"}']) {
      const outcome = taken(text, 'application/json');
      assert.equal(outcome.kind === 'deferred' && outcome.broken, true, text);
      assert.match(outcome.diagnostic, /^the answer denies its success: 200 OK: /);
    }
  });

  it('with anything else is a post', () => {
    const fine: [string, (string | undefined)?, number?][] = [
      [''],
      ['', 'text/html; charset=utf-8'],
      ['', undefined, 204],
      ['', 'text/html', 205],
      ['ok', 'text/html'],
      ['ok\n', 'text/plain'],
      ['{}', 'application/json'],
      ['{"success":true}', 'application/json'],
      ['{"success":"false","error":null}', 'application/json'],
      ['{"data":{"success":false}}', 'application/json'],
      ['{"text":"\\"success\\":false"}', 'application/json'],
      ['"success":false', 'text/plain'],
      ['[{"ok":false}]', 'application/json'],
      ['<post id="7"/>', 'application/xml'],
      ['see <https://example.com/1>', 'text/plain'],
      ['accepted', 'text/htmlx', 202],
    ];
    for (const [text, type, status] of fine)
      assert.equal(taken(text, type, status).kind, 'posted', `${type}: ${text}`);
  });

  it('takes bounded work to be judged', () => {
    for (const text of ['<!---->'.repeat(9000), ' '.repeat(65_536), '<?xml '.repeat(10_000)]) {
      assert.equal(taken(text).kind, 'posted');
      assert.ok(shortestMs(300, () => taken(text)) < 300);
    }
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
        const line = quotedLine(text);
        assert.ok(Array.from(line).length <= MAX_QUOTED_CHARS);
        assert.doesNotMatch(line, /\p{C}|[\n\r\u2028\u2029]/u);
        assert.equal(quotedLine(line), line);
      }),
    );
  });

  it('lose terminal escapes and bidirectional overrides', () => {
    assert.equal(quotedLine('\u001b[31mred\u0007\u202Etxt\u2028line\0'), '[31mred txt line');
  });

  it('take bounded work for a text without end', () => {
    assert.equal(quotedLine('\n'.repeat(10_000_000)), '');
    assert.equal(Array.from(quotedLine('😀'.repeat(1_000_000))).length, MAX_QUOTED_CHARS);
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
