import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NOTICE_KINDS } from '../../src/mail/notice.ts';
import { commitMeasures } from '../../src/observe/commit-measures.ts';
import { SPOOF_CAUSES } from '../../src/observe/discards.ts';
import type { VerdictCount } from '../../src/observe/figures.ts';
import { MAX_LOOP_DELAY_MS, watchEventLoop } from '../../src/observe/loop-watch.ts';
import { Meter } from '../../src/observe/meter.ts';
import { STATUS_CLASSES } from '../../src/observe/metrics-table.ts';
import { startCounting } from '../../src/observe/verdict-counts.ts';

describe('a main loop that stands still', () => {
  it('is logged with how long it did', async (t) => {
    const [event, fields] = await new Promise<[string, Readonly<Record<string, unknown>>]>((resolve) => {
      t.after(
        watchEventLoop(
          (name, values = {}) => {
            resolve([name, values]);
          },
          new Meter(),
          200,
        ),
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

/** The samples of a metric as `label label`: value. */
function countsOf(meter: Meter, name: string): Record<string, number> {
  const samples = meter.samples(name);
  return Object.fromEntries(samples.map(({ labels, value }) => [Object.values(labels).join(' '), value]));
}

describe('a meter', () => {
  it('counts the attempts to send a notice by kind and outcome, from zero on', () => {
    const meter = new Meter();
    const none = Object.fromEntries(
      NOTICE_KINDS.flatMap((kind) =>
        ['sent', 'deferred', 'failed'].map((outcome) => [`${kind} ${outcome}`, 0]),
      ),
    );
    assert.deepEqual(countsOf(meter, 'mailgw_notices_total'), none);
    meter.add('mailgw_notices_total', { kind: 'empty', outcome: 'sent' });
    meter.add('mailgw_notices_total', { outcome: 'failed', kind: 'refused' });
    meter.add('mailgw_notices_total', { kind: 'refused', outcome: 'failed' });
    const counts = { ...none, 'empty sent': 1, 'refused failed': 2 };
    assert.deepEqual(countsOf(meter, 'mailgw_notices_total'), counts);
  });

  it('counts what is listed nowhere from its first on', () => {
    const meter = new Meter();
    assert.deepEqual(countsOf(meter, 'mailgw_recipients_total'), {});
    meter.add('mailgw_recipients_total', { verdict: 'accepted', reason: 'queued' });
    meter.add('mailgw_recipients_total', { verdict: 'accepted', reason: 'held' }, 2);
    assert.deepEqual(countsOf(meter, 'mailgw_recipients_total'), {
      'accepted queued': 1,
      'accepted held': 2,
    });
  });

  it('reads a gauge when it is asked, and has none that cannot be found out', async () => {
    const meter = new Meter();
    let open = 1;
    meter.watch('mailgw_connections', { service: 'lmtp' }, () => open);
    meter.inquire('mailgw_queue_items', { state: 'held' }, () => Promise.reject(new Error('no')));
    meter.inquire('mailgw_queue_items', { state: 'posted' }, () => Promise.resolve(2));
    assert.deepEqual(countsOf(meter, 'mailgw_queue_items'), {});
    await meter.findOut();
    open = 3;
    assert.deepEqual(countsOf(meter, 'mailgw_connections'), { lmtp: 3 });
    assert.deepEqual(countsOf(meter, 'mailgw_queue_items'), { posted: 2 });
  });

  it('has the distributions of every listed label, its own and those that are kept elsewhere', () => {
    const meter = new Meter();
    for (const status of STATUS_CLASSES)
      meter.begin('mailgw_sink_request_seconds', { sink: 'forum', status });
    meter.observe('mailgw_sink_request_seconds', { sink: 'forum', status: '2xx' }, 0.02);
    const requests = meter.distributions('mailgw_sink_request_seconds');
    assert.deepEqual(
      requests.map(({ labels, distribution }) => [labels.status, distribution.sum]),
      STATUS_CLASSES.map((status) => [status, status === '2xx' ? 0.02 : 0]),
    );
    const { messages } = commitMeasures();
    meter.share('mailgw_commit_messages', {}, messages);
    messages.observe(7);
    const [commits, ...others] = meter.distributions('mailgw_commit_messages');
    assert.deepEqual([commits?.distribution.sum, others], [7, []]);
  });
});

describe('the counts of verdicts', () => {
  it('are in every metric that they belong to, and go to the store in the end', async () => {
    const meter = new Meter();
    const taken: VerdictCount[] = [];
    const take = (counts: readonly VerdictCount[]): Promise<void> => {
      taken.push(...counts);
      return Promise.resolve();
    };
    const counting = startCounting(meter, take, () => 5);
    const { count } = counting;
    count('rejected', 'forged');
    count('discarded', 'spoofed', 'failed');
    count('discarded', 'spoofed', 'failed');
    count('discarded', 'spoofed', 'ambiguous');
    const { forged, expired } = countsOf(meter, 'mailgw_token_refusals_total');
    assert.deepEqual([forged, expired], [1, 0]);
    assert.deepEqual(countsOf(meter, 'mailgw_recipients_total'), {
      'rejected forged': 1,
      'discarded spoofed': 3,
    });
    const none = Object.fromEntries(SPOOF_CAUSES.map((cause) => [`spoofed ${cause}`, 0]));
    assert.deepEqual(countsOf(meter, 'mailgw_discards_total'), {
      ...none,
      'spoofed failed': 2,
      'spoofed ambiguous': 1,
    });
    await counting.stop();
    const of = (verdict: string, reason: string, cause: string | undefined, times: number): VerdictCount => ({
      ...{ verdict, reason, cause, count: times, lastAt: 5 },
    });
    assert.deepEqual(taken, [
      of('rejected', 'forged', undefined, 1),
      of('discarded', 'spoofed', 'failed', 2),
      of('discarded', 'spoofed', 'ambiguous', 1),
    ]);
  });
});
