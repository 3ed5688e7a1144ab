// The real daemon with [metrics]: what it exports, and the files that build on it.

import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import Sqlite from 'better-sqlite3';
import { LOG_EVENTS } from '../../src/observe/log.ts';
import { METRICS } from '../../src/observe/metrics-table.ts';
import { CONNECTION_STATES } from '../../src/store/health.ts';
import { ITEM_STATES } from '../../src/store/item.ts';
import { METRICS_PAGE, metricsPage } from '../docs/metrics-page.ts';
import { type Daemon, type Settings, startDaemon, writeConfig } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { NO_SINK } from '../support/intake.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { replyMessage } from '../support/message.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { repositoryRoot, run } from '../support/process.ts';
import { type Scratch, suiteScratch, testScratch } from '../support/scratch.ts';

const noPromtool =
  (await run('which', ['promtool'])).code === 0 ? false : 'unavailable: promtool (Debian: prometheus)';

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

/** Asks the daemon's status socket. */
async function ask(socketPath: string, path: string, method = 'GET'): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const asking = request({ socketPath, path, method, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', text });
      });
    });
    asking.on('error', reject);
    asking.end();
  });
}

/** The value of one series; undefined when the page has none. */
function valueOf(page: string, series: string): number | undefined {
  const line = page.split('\n').find((each) => each.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

/** The names that a query uses, each with the labels that it selects or groups by. */
function selectorsOf(query: string): { name: string; labels: [string, string][] }[] {
  return [...query.matchAll(/\b(mailgw_\w+|process_\w+)(?:\{([^}]*)\})?/g)].map(
    ([, name = '', inner = '']) => ({
      name,
      labels: [...inner.matchAll(/(\w+)(?:=~|!~|!=|=)"([^"]*)"/g)].map(([, label = '', value = '']) => [
        label,
        value,
      ]),
    }),
  );
}

describe('the status socket of a running daemon', () => {
  const scratch = suiteScratch();
  const socket = scratch.path('metrics.sock');
  let daemon: Daemon;
  let platform: Platform;
  let page = '';

  before(async () => {
    platform = await startPlatform(scratch);
    const settings = { metrics: { listen: `unix:${socket}` }, rate: { per_user: '100/h' } };
    daemon = await startDaemon(scratch, { sink: platform.sink, settings });
    await daemon.addUser('alice');
    // Its figures are there although nobody listens.
    const mailbox = ['name = "box"', 'host = "127.0.0.1"', 'port = 9', 'tls = "off"', 'user = "box"'];
    const password = scratch.path('box');
    writeFileSync(password, 'x\n', { mode: 0o600 });
    appendFileSync(
      daemon.config,
      `\n[[imap]]\n${[...mailbox, `password_file = "${password}"`].join('\n')}\n`,
    );
    const hook = `name = "hook"\nkind = "raw"\nsecret_file = "${scratch.path('hook')}"`;
    writeFileSync(scratch.path('hook'), `whsec_${Buffer.alloc(32, 1).toString('base64')}\n`, { mode: 0o600 });
    const inbound = `[inbound]\nlisten = "unix:${scratch.path('inbound.sock')}"`;
    appendFileSync(daemon.config, `\n${inbound}\n[[webhook]]\n${hook}\n`);
    await daemon.ctl('reload');
  });
  after(() => scratch.close());

  it('says that the daemon is alive and ready', async () => {
    assert.deepEqual(await ask(socket, '/healthz'), {
      status: 200,
      type: 'text/plain; charset=utf-8',
      text: 'ok\n',
    });
    assert.equal((await ask(socket, '/readyz')).status, 200);
    assert.equal((await ask(socket, '/healthz', 'HEAD')).text, '');
  });

  it('refuses what it does not know, and every other method', async () => {
    assert.equal((await ask(socket, '/')).status, 404);
    assert.equal((await ask(socket, '/metrics/../x')).status, 404);
    assert.equal((await ask(socket, '/metrics', 'POST')).status, 405);
  });

  it('has the mode of the configuration', () => {
    assert.equal(statSync(socket).mode & 0o777, 0o660);
  });

  it('counts a reply on its whole way', async (t) => {
    const { reply_to: address } = await daemon.mint({ user: 'alice', thread: 'acme/site/issue/7' });
    const client = await LmtpClient.open(t, daemon.socket);
    const [reply = ''] = await client.deliver(replyMessage({ to: address }), address);
    assert.match(reply, /^250 2\.0\.0 queued as/);
    await client.sayAll(
      'MAIL FROM:<bob@example.com>',
      `RCPT TO:<${address.replace(/.@/, '$&').replace(/(\+.)./, '$1a')}>`,
    );
    page = await eventually(
      async () => {
        const { text } = await ask(socket, '/metrics');
        return valueOf(text, 'mailgw_queue_items{state="posted"}') === 1 ? text : undefined;
      },
      () => page,
    );
    const figures = {
      mailgw_up: 1,
      'mailgw_recipients_total{verdict="accepted",reason="queued"}': 1,
      'mailgw_attempts_total{outcome="posted"}': 1,
      'mailgw_sink_request_seconds_count{sink="webhook",status="2xx"}': 1,
      'mailgw_sink_request_seconds_bucket{sink="webhook",status="2xx",le="+Inf"}': 1,
      'mailgw_sink_request_seconds_count{sink="webhook",status="5xx"}': 0,
      mailgw_parse_seconds_count: 1,
      mailgw_commit_seconds_count: 1,
      mailgw_commit_messages_sum: 1,
      'mailgw_commit_messages_bucket{le="1"}': 1,
      'mailgw_events_total{event="verdict"}': 2,
      'mailgw_connections{service="lmtp"}': 1,
      mailgw_queue_oldest_seconds: 0,
      mailgw_rate_buckets: 1,
      mailgw_pepper_known: 1,
      'mailgw_notices_total{kind="empty",outcome="sent"}': 0,
    };
    for (const [series, value] of Object.entries(figures))
      assert.equal(valueOf(page, series), value, `${series}\n${page}`);
    const refused = page.split('\n').filter((line) => /^mailgw_token_refusals_total.* 1$/.test(line));
    assert.equal(refused.length, 1, page);
    assert.ok((valueOf(page, 'mailgw_commit_seconds_sum') ?? 0) > 0);
    assert.ok((valueOf(page, 'process_resident_memory_bytes') ?? 0) > 1e7);
  });

  it('counts what stats counts', async () => {
    await daemon.stop();
    const [row] = await daemon.ctl('stats');
    const verdicts = row?.verdicts as { verdict: string; reason: string; count: number }[];
    assert.equal(verdicts.length, 2);
    for (const { verdict, reason, count } of verdicts)
      assert.equal(valueOf(page, `mailgw_recipients_total{verdict="${verdict}",reason="${reason}"}`), count);
    await daemon.start();
  });

  it('shows an answer by its class, and a sink that is broken', async (t) => {
    platform.answerNext(403, 403, 403);
    const { reply_to: address } = await daemon.mint({ user: 'alice', thread: 'acme/site/issue/8' });
    const client = await LmtpClient.open(t, daemon.socket);
    await client.deliver(replyMessage({ to: address }), address);
    const broken = await eventually(
      async () => {
        const { text } = await ask(socket, '/metrics');
        const waiting = valueOf(text, 'mailgw_queue_items{state="waiting"}') === 1;
        return waiting && valueOf(text, 'mailgw_sink_state{sink="webhook",state="broken"}') === 1
          ? text
          : undefined;
      },
      () => 'the sink is not broken, or its item does not wait',
    );
    assert.ok((valueOf(broken, 'mailgw_sink_request_seconds_count{sink="webhook",status="4xx"}') ?? 0) >= 1);
    assert.equal(valueOf(broken, 'mailgw_sink_state{sink="webhook",state="up"}'), 0);
    assert.ok((valueOf(broken, 'mailgw_queue_oldest_seconds') ?? 0) > 0);
  });

  it('exports every metric of docs/metrics.md, and no other, with its type', () => {
    const exported = [...page.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, type]) => `${name} ${type}`);
    assert.deepEqual(
      exported,
      Object.entries(METRICS).map(([name, { type }]) => `${name} ${type}`),
    );
    assert.equal(readFileSync(METRICS_PAGE, 'utf8'), metricsPage(), 'npm run docs writes it');
    const help = [...page.matchAll(/^# HELP (\w+) /gm)].map(([, name]) => name);
    assert.deepEqual(help, Object.keys(METRICS));
  });

  it('writes a page that promtool finds no fault with', { skip: noPromtool }, async () => {
    const { code, stdout, stderr } = await run('promtool', ['check', 'metrics'], page);
    assert.deepEqual([code, stdout + stderr], [0, '']);
  });

  it('has no address, token, user or thread on its page, and no label that is not in the table', () => {
    assert.doesNotMatch(page, /alice|acme|@|[a-z2-7]{48}/);
    for (const line of page.split('\n').filter((each) => each !== '' && !each.startsWith('#'))) {
      const [, series = '', inner = ''] = /^(\w+)(?:\{([^}]*)\})? \S+$/.exec(line) ?? assert.fail(line);
      const metric = METRICS[series] ?? METRICS[series.replace(/_(?:bucket|sum|count)$/, '')];
      const labels = [...inner.matchAll(/(\w+)="/g)].map(([, label]) => label);
      const known = series.endsWith('_bucket') ? [...(metric?.labels ?? []), 'le'] : metric?.labels;
      assert.deepEqual(labels, known, line);
    }
  });

  const exprs = {
    'mailgw-alerts.yml': () =>
      [...read('mailgw-alerts.yml').matchAll(/^ +expr: (.+)$/gm)].map(([, expr = '']) => expr),
    'mailgw-dashboard.json': () => {
      const { panels } = JSON.parse(read('mailgw-dashboard.json')) as {
        panels: { targets: { expr: string }[] }[];
      };
      return panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
    },
  };
  for (const [file, queries] of Object.entries(exprs)) {
    it(`exports every series that docs/monitoring/${file} asks for`, () => {
      const values: Record<string, readonly string[]> = {
        event: Object.keys(LOG_EVENTS),
        state: [...ITEM_STATES, 'up', 'paused', 'down', 'broken', ...CONNECTION_STATES, 'free'],
      };
      const all = queries();
      assert.ok(all.length > 10);
      for (const query of all) {
        const selectors = selectorsOf(query);
        assert.ok(selectors.length > 0 || query.startsWith('up{'), query);
        for (const { name, labels } of selectors) {
          // Those of PostgreSQL are of a store there alone (test/ctl/doctor-database.test.ts).
          const isThere =
            name.startsWith('mailgw_database_') ||
            page.split('\n').some((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
          const metric = METRICS[name] ?? METRICS[name.replace(/_(?:bucket|sum|count)$/, '')];
          assert.ok(isThere && metric !== undefined, `${name} in ${query}`);
          for (const [label, value] of labels) {
            assert.ok(metric.labels.includes(label), `${label} in ${query}`);
            for (const word of value.split('|'))
              assert.ok(values[label]?.includes(word) ?? true, `${word} in ${query}`);
          }
        }
      }
    });
  }
});

describe('a daemon that cannot take mail', { concurrency: 2 }, () => {
  /** A daemon whose status is served: its LMTP socket greets a moment earlier. */
  const startServing = async (scratch: Scratch, settings: Settings): Promise<Daemon> => {
    const daemon = await startDaemon(scratch, { sink: NO_SINK, settings });
    await eventually(
      () => (daemon.log().includes('"service":"metrics"') ? true : undefined),
      () => daemon.log(),
    );
    return daemon;
  };

  it('says on its port that it is alive and not ready while the disk is full', async (t) => {
    const scratch = testScratch(t);
    const port = await freePort();
    const settings = { metrics: { listen: `127.0.0.1:${port}` }, store: { low_water: '900000GiB' } };
    const daemon = await startServing(scratch, settings);
    const get = async (path: string): Promise<[number, string]> => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`);
      return [response.status, await response.text()];
    };
    assert.deepEqual(await get('/healthz'), [200, 'ok\n']);
    assert.deepEqual(await get('/readyz'), [503, 'less space is free for the store than store.low_water\n']);
    assert.match((await get('/metrics'))[1], /^mailgw_up 0$/m);
    assert.match(daemon.log(), /"event":"space_low"/);
  });

  it('says on its socket that it is not ready while the writer of the store does not answer', async (t) => {
    const scratch = testScratch(t);
    const socket = scratch.path('status.sock');
    const settings = { metrics: { listen: `unix:${socket}` } };
    const daemon = await startServing(scratch, settings);
    const other = new Sqlite(scratch.path('mailgw.db'));
    other.exec('BEGIN IMMEDIATE');
    const answer = await ask(socket, '/readyz');
    other.exec('ROLLBACK');
    other.close();
    assert.equal(answer.status, 503);
    assert.match(answer.text, /^the store (?:has not answered for \d+ ms|fails: .*)\n$/);
    assert.equal((await ask(socket, '/readyz')).status, 200);
    assert.equal(await daemon.stop(), 'exit 0');
  });
});

describe('a daemon without [metrics]', () => {
  const scratch = suiteScratch();
  after(() => scratch.close());

  it('listens nowhere for it', async () => {
    const daemon = await startDaemon(scratch, { sink: NO_SINK });
    assert.doesNotMatch(daemon.log(), /"service":"metrics"/);
  });
});

describe('metrics.listen', () => {
  const scratch = suiteScratch();
  after(() => scratch.close());

  it('takes no address that others can reach', async () => {
    const daemon = await startDaemon(scratch, { sink: NO_SINK });
    await daemon.stop();
    const configure = (listen: string): void => {
      writeConfig(scratch, daemon.socket, { sink: NO_SINK, settings: { metrics: { listen } } });
    };
    configure('0.0.0.0:9464');
    const result = await daemon.tryCtl('config', 'check');
    assert.equal(result.code, 78);
    assert.match(
      result.stderr + result.stdout,
      /metrics\.listen: "0\.0\.0\.0" is no address of the loopback/,
    );

    configure(`unix:${daemon.config}`);
    assert.equal(await daemon.startToEnd(), 'exit 73');
    assert.match(daemon.log(), /metrics\.listen: .*mailgw\.toml: exists and is no socket/);
  });
});

function read(name: string): string {
  return readFileSync(join(repositoryRoot, 'docs', 'monitoring', name), 'utf8');
}
