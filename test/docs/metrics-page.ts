/** docs/metrics.md, made from the table of metrics: `npm run docs` writes it, a test holds it to the table. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { METRICS } from '../../src/observe/metrics-table.ts';
import { repositoryRoot } from '../support/process.ts';

/** Where the page is. */
export const METRICS_PAGE = join(repositoryRoot, 'docs', 'metrics.md');

const HEAD = `# Metrics

\`[metrics] listen\` in mailgw.toml makes the daemon serve three pages, on a port of the loopback or a Unix socket and nowhere else, because nothing asks
for a password: \`/metrics\` for Prometheus, \`/healthz\` (200 while the main loop runs) and \`/readyz\` (200 while mail can be taken: the store's writer
answers, more than \`store.low_water\` is free, and the daemon is not stopping; else 503 and why). It is off by default. This page is made from the program's own table.

\`\`\`toml
[metrics]
listen = "127.0.0.1:9464"        # curl http://127.0.0.1:9464/readyz
\`\`\`

Counters begin with the daemon; what \`mailgw-ctl stats\` shows of verdicts is the same numbers, added up over all its runs. No label holds an address, a
token, a user or a thread. [mailgw-alerts.yml](monitoring/mailgw-alerts.yml) has alert rules and [mailgw-dashboard.json](monitoring/mailgw-dashboard.json)
a dashboard for Grafana; a test holds both to what a running daemon exports.

| metric | type | labels | |
|---|---|---|---|
`;

/** The page as it should be. */
export function metricsPage(): string {
  const rows = Object.entries(METRICS).map(([name, { type, labels, help }]) => {
    const names = labels.length === 0 ? '–' : labels.map((label) => `\`${label}\``).join(', ');
    return `| \`${name}\` | ${type} | ${names} | ${help}. |\n`;
  });
  return HEAD + rows.join('');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(METRICS_PAGE, metricsPage());
