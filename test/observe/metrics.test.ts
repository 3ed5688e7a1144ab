import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NOTICE_KINDS } from '../../src/mail/notice.ts';
import { countingLog, MAX_LOOP_DELAY_MS, watchEventLoop } from '../../src/observe/metrics.ts';

describe('a main loop that stands still', () => {
  it('is logged with how long it did', async (t) => {
    const [event, fields] = await new Promise<[string, Readonly<Record<string, unknown>>]>((resolve) => {
      t.after(
        watchEventLoop((name, values = {}) => {
          resolve([name, values]);
        }, 200).stop,
      );
      // The histogram counts from its second tick on.
      const busy = setTimeout(() => {
        const end = performance.now() + 2 * MAX_LOOP_DELAY_MS;
        while (performance.now() < end);
      }, 50);
      // The watch alone keeps no process alive.
      const waiting = setTimeout(() => undefined, 10_000);
      t.after(() => {
        clearTimeout(busy);
        clearTimeout(waiting);
      });
    });
    assert.equal(event, 'loop_blocked');
    assert.ok(Number(fields.longest_ms) > MAX_LOOP_DELAY_MS, JSON.stringify(fields));
  });
});

describe('a log that counts', () => {
  it('counts the attempts to send a notice by kind and outcome, from zero on, and writes all lines', () => {
    const lines: string[] = [];
    const { log, events, notices } = countingLog((event) => lines.push(event));
    const none = { sent: 0, deferred: 0, failed: 0 };
    const all = Object.fromEntries(NOTICE_KINDS.map((kind) => [kind, none]));
    assert.deepEqual(notices, all);
    log('notice_sent', { kind: 'empty' });
    log('notice_failed', { kind: 'refused' });
    log('notice_failed', { kind: 'refused' });
    log('attempt', { kind: 'empty' });
    assert.deepEqual(notices, { ...all, empty: { ...none, sent: 1 }, refused: { ...none, failed: 2 } });
    assert.deepEqual(lines, ['notice_sent', 'notice_failed', 'notice_failed', 'attempt']);
    assert.deepEqual([events.notice_failed, events.attempt], [2, 1]);
  });
});
