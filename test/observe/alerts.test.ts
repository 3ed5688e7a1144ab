// docs/monitoring/mailgw-alerts.yml by Prometheus's own promtool: every alert fires on what it is for, and on nothing less.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { METRICS } from '../../src/observe/metrics-table.ts';
import { repositoryRoot, run } from '../support/process.ts';
import { testScratch } from '../support/scratch.ts';

const RULES = join(repositoryRoot, 'docs', 'monitoring', 'mailgw-alerts.yml');
const skip =
  (await run('which', ['promtool'])).code === 0 ? false : 'unavailable: promtool (Debian: prometheus)';

/** Series a minute apart, in promtool's notation: `1x60` stays 1, `0+9x60` grows by 9 each minute, for an hour. */
type Series = Readonly<Record<string, string>>;

/** By alert: what makes it fire within the hour, and what comes close and does not. */
const CASES: Readonly<Record<string, { readonly fires: Series; readonly quiet: Series }>> = {
  MailgwDown: { fires: { 'up{job="mailgw"}': '0x60' }, quiet: { 'up{job="mailgw"}': '1x58 0x2' } },
  MailgwStoreDown: { fires: { mailgw_up: '0x60' }, quiet: { mailgw_up: '1x60' } },
  MailgwOtherPepper: {
    fires: { mailgw_pepper_known: '0x60' },
    quiet: { mailgw_pepper_known: '0x50 1x10' },
  },
  // The first of them brings the series about.
  MailgwRestored: {
    fires: { 'mailgw_recipients_total{verdict="deferred",reason="restored"}': '_x40 1x20' },
    quiet: {
      'mailgw_recipients_total{verdict="deferred",reason="restored"}': '3x60',
      'mailgw_recipients_total{verdict="deferred",reason="storage"}': '_x40 9x20',
    },
  },
  MailgwQueueOld: {
    fires: { mailgw_queue_oldest_seconds: '3700x60', mailgw_queue_paused: '0x60' },
    quiet: { mailgw_queue_oldest_seconds: '3700x60', mailgw_queue_paused: '1x60' },
  },
  MailgwQueuePaused: { fires: { mailgw_queue_paused: '1x60' }, quiet: { mailgw_queue_paused: '0x10 1x50' } },
  MailgwSinkBroken: {
    fires: { 'mailgw_sink_state{sink="webhook",state="broken"}': '1x60' },
    quiet: {
      'mailgw_sink_state{sink="webhook",state="down"}': '1x10',
      'mailgw_sink_state{sink="webhook",state="broken"}': '0x60',
    },
  },
  MailgwSinkDown: {
    fires: { 'mailgw_sink_state{sink="webhook",state="down"}': '1x60' },
    quiet: { 'mailgw_sink_state{sink="webhook",state="down"}': '0x50 1x10' },
  },
  MailgwSinkSlow: {
    fires: {
      'mailgw_sink_request_seconds_bucket{sink="webhook",status="2xx",le="5"}': '0x60',
      'mailgw_sink_request_seconds_bucket{sink="webhook",status="2xx",le="10"}': '0+9x60',
      'mailgw_sink_request_seconds_bucket{sink="webhook",status="2xx",le="+Inf"}': '0+9x60',
    },
    quiet: {
      'mailgw_sink_request_seconds_bucket{sink="webhook",status="2xx",le="5"}': '0+9x60',
      'mailgw_sink_request_seconds_bucket{sink="webhook",status="2xx",le="+Inf"}': '0+9x60',
    },
  },
  MailgwDeadLetters: {
    fires: { 'mailgw_attempts_total{outcome="failed"}': '0+1x60' },
    quiet: { 'mailgw_attempts_total{outcome="deferred"}': '0+1x60' },
  },
  MailgwHeld: {
    fires: { 'mailgw_queue_items{state="held"}': '51x60' },
    quiet: { 'mailgw_queue_items{state="held"}': '50x60' },
  },
  MailgwPoison: {
    fires: { 'mailgw_events_total{event="poison"}': '0x30 1x30' },
    quiet: { 'mailgw_events_total{event="poison"}': '1x60' },
  },
  MailgwTokenGuessing: {
    fires: { 'mailgw_token_refusals_total{reason="forged"}': '0+90x60' },
    quiet: { 'mailgw_token_refusals_total{reason="expired"}': '0+90x60' },
  },
  MailgwFilterSilent: {
    fires: {
      'mailgw_discards_total{reason="spoofed",cause="no-results"}': '0+1x60',
      'mailgw_recipients_total{verdict="discarded",reason="spoofed"}': '0+1x60',
      'mailgw_recipients_total{verdict="discarded",reason="auto-reply"}': '0+9x60',
    },
    quiet: {
      'mailgw_discards_total{reason="spoofed",cause="no-results"}': '0+1x60',
      'mailgw_discards_total{reason="spoofed",cause="failed"}': '0+9x60',
      'mailgw_recipients_total{verdict="discarded",reason="spoofed"}': '0+10x60',
    },
  },
  MailgwSpoofed: {
    fires: {
      'mailgw_discards_total{reason="spoofed",cause="failed"}': '0+2x60',
      'mailgw_recipients_total{verdict="discarded",reason="spoofed"}': '0+2x60',
      'mailgw_recipients_total{verdict="accepted",reason="queued"}': '0+1x60',
    },
    quiet: {
      'mailgw_discards_total{reason="spoofed",cause="failed"}': '0+2x60',
      'mailgw_recipients_total{verdict="discarded",reason="spoofed"}': '0+2x60',
      'mailgw_recipients_total{verdict="accepted",reason="queued"}': '0+3x60',
    },
  },
  MailgwRateLimited: {
    fires: { 'mailgw_recipients_total{verdict="deferred",reason="rate-limited"}': '0+9x60' },
    quiet: { 'mailgw_recipients_total{verdict="deferred",reason="storage"}': '0+9x60' },
  },
  MailgwSpamUnchecked: {
    fires: {
      'mailgw_spam_verdicts_total{spam="unchecked"}': '0+9x60',
      'mailgw_spam_verdicts_total{spam="no"}': '0+1x60',
    },
    quiet: {
      'mailgw_spam_verdicts_total{spam="unchecked"}': '0+1x60',
      'mailgw_spam_verdicts_total{spam="no"}': '0+9x60',
    },
  },
  MailgwNoticesFail: {
    fires: {
      'mailgw_notices_total{kind="refused",outcome="failed"}': '0x30 4x30',
      'mailgw_notices_total{kind="empty",outcome="failed"}': '0x30 4x30',
    },
    quiet: { 'mailgw_notices_total{kind="refused",outcome="deferred"}': '0+1x60' },
  },
  MailgwDiskLow: {
    fires: { mailgw_store_free_bytes: '1000000000x60' },
    quiet: { mailgw_store_free_bytes: '2000000000x60' },
  },
  MailgwMailboxDown: {
    fires: { 'mailgw_source_up{source="replies"}': '0x60' },
    // One of several hosts reads it.
    quiet: {
      'mailgw_source_up{source="replies",instance="mx1"}': '0x60',
      'mailgw_source_up{source="replies",instance="mx2"}': '1x60',
    },
  },
  MailgwMailboxGivenUp: {
    fires: { 'mailgw_mailbox_open_messages{source="replies",state="failed"}': '1x60' },
    quiet: { 'mailgw_mailbox_open_messages{source="replies",state="waiting"}': '1x60' },
  },
  MailgwWebhookDown: {
    fires: { 'mailgw_webhook_up{source="ses"}': '0x60' },
    quiet: { 'mailgw_webhook_up{source="ses"}': '1x57 0x3' },
  },
  MailgwWebhookFails: {
    fires: {
      'mailgw_webhook_calls_total{source="ses",outcome="later"}': '0x20 1+1x40',
      'mailgw_webhook_calls_total{source="ses",outcome="taken"}': '0x60',
    },
    quiet: {
      'mailgw_webhook_calls_total{source="ses",outcome="later"}': '0x20 1+1x40',
      'mailgw_webhook_calls_total{source="ses",outcome="taken"}': '0+2x60',
      'mailgw_webhook_calls_total{source="other",outcome="taken"}': '0x60',
      'mailgw_webhook_calls_total{source="other",outcome="forged"}': '0+9x60',
    },
  },
  MailgwDatabaseFull: {
    fires: { 'mailgw_database_connections{state="free"}': '4x60' },
    quiet: { 'mailgw_database_connections{state="free"}': '5x60' },
  },
  MailgwStandbyBehind: {
    fires: { 'mailgw_database_replication_lag_bytes{standby="db2"}': '300000000x60' },
    quiet: { 'mailgw_database_replication_lag_bytes{standby="db2"}': '0x50 300000000x10' },
  },
  MailgwTransactionOld: {
    fires: { mailgw_database_longest_transaction_seconds: '900x60' },
    quiet: { mailgw_database_longest_transaction_seconds: '500x60' },
  },
  MailgwClocksDiffer: {
    fires: { mailgw_database_clock_difference_seconds: '-2x60' },
    quiet: { mailgw_database_clock_difference_seconds: '0.5x60' },
  },
  MailgwCommitSlow: {
    fires: {
      'mailgw_commit_seconds_bucket{le="0.25"}': '0x60',
      'mailgw_commit_seconds_bucket{le="0.5"}': '0+9x60',
      'mailgw_commit_seconds_bucket{le="+Inf"}': '0+9x60',
    },
    quiet: {
      'mailgw_commit_seconds_bucket{le="0.25"}': '0+9x60',
      'mailgw_commit_seconds_bucket{le="+Inf"}': '0+9x60',
    },
  },
  MailgwLoopBlocked: {
    fires: { mailgw_event_loop_delay_max_seconds: '0.2x60' },
    quiet: { mailgw_event_loop_delay_max_seconds: '0.05x60' },
  },
};

/** A test of promtool's: whether the alert fires at the end of the hour. */
const testOf = (alert: string, series: Series, fires: boolean): object => ({
  interval: '1m',
  input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
  promql_expr_test: [
    {
      expr: `count(ALERTS{alertname="${alert}",alertstate="firing"})`,
      eval_time: '60m',
      exp_samples: fires ? [{ labels: '{}', value: 1 }] : [],
    },
  ],
});

describe('the alert rules', () => {
  it('each have a case here, of series that are exported', () => {
    const alerts = [...readFileSync(RULES, 'utf8').matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
    assert.deepEqual(Object.keys(CASES), alerts);
    for (const { fires, quiet } of Object.values(CASES)) {
      for (const series of Object.keys({ ...fires, ...quiet })) {
        const name = series.replace(/\{.*/, '');
        assert.ok(name === 'up' || (METRICS[name] ?? METRICS[name.replace(/_bucket$/, '')]), name);
      }
    }
  });

  it('are accepted by promtool', { skip }, async () => {
    const { code, stdout, stderr } = await run('promtool', ['check', 'rules', RULES]);
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, new RegExp(`SUCCESS: ${Object.keys(CASES).length} rules found`));
  });

  it('fire on what they are for, and on nothing less', { skip }, async (t) => {
    const scratch = testScratch(t);
    const tests = Object.entries(CASES).flatMap(([alert, { fires, quiet }]) => [
      testOf(alert, fires, true),
      testOf(alert, quiet, false),
    ]);
    // JSON is YAML.
    const file = scratch.path('alerts-test.yml');
    writeFileSync(file, JSON.stringify({ rule_files: [RULES], tests }));
    const { code, stdout, stderr } = await run('promtool', ['test', 'rules', file]);
    assert.equal(code, 0, stdout + stderr);
  });
});
