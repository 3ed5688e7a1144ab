/**
 * How fast addresses are minted over the HTTP interface: in batches of 1,000, and one by one on a warm connection.
 *
 * Contract: a fresh daemon on the real disk, threads that are new to it, so that each answer waits for its commit.
 */

import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { TOOL } from '../support/command.ts';
import { startDaemon } from '../support/daemon.ts';
import { freePort } from '../support/free-port.ts';
import { run } from '../support/process.ts';
import { Scratch } from '../support/scratch.ts';
import { usageOf } from './proc-stat.ts';
import type { Table } from './report.ts';

/** What was measured. */
export interface Minting {
  readonly addressesPerSecond: number;
  readonly singleMs: { readonly p50: number; readonly p95: number };
  /** The daemon's processor time for one address: of a batch, and alone. */
  readonly cpuMs: { readonly batched: number; readonly single: number };
  /** Seconds for 10,000 lines on standard input of mailgw-ctl, the daemon running. */
  readonly putSeconds: number;
  readonly linesSeconds: number;
}

const BATCH = 1000;
const [BATCHES, SINGLES, LINES] = [20, 500, 10_000];

/** What the design wants. */
const [LEAST_PER_SECOND, MOST_MS, MOST_SECONDS] = [5000, 3, 5];

/** Measures; a quick run takes a fifth of it. */
export async function measureMinting(isQuick: boolean): Promise<Minting> {
  const scratch = new Scratch();
  const share = isQuick ? 5 : 1;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    const port = await freePort();
    const secret = `whsec_${randomBytes(32).toString('base64')}`;
    const daemon = await startDaemon(scratch, {
      sink: { url: 'http://127.0.0.1:9/', secret },
      settings: { api: { listen: `127.0.0.1:${port}`, rate: 'off' } },
    });
    await daemon.addUser('alice');
    const [row] = await daemon.ctl('token', 'create', 'bench', '--scope', 'mint');
    const mint = (body: unknown): Promise<number> => ask(agent, port, String(row?.token), body);
    const order = (n: number) => ({ user: 'alice', thread: `acme/website/issue/${n}` });
    for (let n = 0; n < 20; n++) await mint(order(-n));
    const cpuMs = (): number => usageOf(daemon.pid).cpuMs;
    const [begun, cpuAtFirst] = [performance.now(), cpuMs()];
    for (let n = 0; n < BATCHES / share; n++)
      await mint({ addresses: Array.from({ length: BATCH }, (_, k) => order(n * BATCH + k)) });
    const seconds = (performance.now() - begun) / 1000;
    const cpuAfterBatches = cpuMs();
    const times: number[] = [];
    for (let n = 0; n < SINGLES / share; n++) times.push(await mint(order(1_000_000 + n)));
    const cpuAfterSingles = cpuMs();
    const sorted = times.sort((a, b) => a - b);
    const at = (part: number): number => sorted[Math.floor(sorted.length * part)] ?? Number.NaN;
    const lines = (make: (n: number) => unknown): Promise<number> =>
      runLines(daemon.config, make === putOrder ? ['user', 'put', '-'] : ['address', 'mint', '-'], make);
    return {
      putSeconds: await lines(putOrder),
      linesSeconds: await lines((n) => order(2_000_000 + n)),
      addressesPerSecond: ((BATCHES / share) * BATCH) / seconds,
      singleMs: { p50: at(0.5), p95: at(0.95) },
      cpuMs: {
        batched: (cpuAfterBatches - cpuAtFirst) / ((BATCHES / share) * BATCH),
        single: (cpuAfterSingles - cpuAfterBatches) / times.length,
      },
    };
  } finally {
    agent.destroy();
    scratch.note({ passed: true });
    await scratch.close();
  }
}

const putOrder = (n: number) => ({ user: `user-${n}`, addresses: [`user-${n}@example.com`] });

/** Runs mailgw-ctl with 10,000 lines on its standard input; gives the seconds. */
async function runLines(
  config: string,
  words: readonly string[],
  make: (n: number) => unknown,
): Promise<number> {
  const input = Array.from({ length: LINES }, (_, n) => `${JSON.stringify(make(n))}\n`).join('');
  const begun = performance.now();
  const { code, stderr } = await run(process.execPath, [TOOL, '--config', config, '--json', ...words], input);
  if (code !== 0) throw new Error(`mailgw-ctl ${words.join(' ')}: exit ${String(code)}\n${stderr}`);
  return (performance.now() - begun) / 1000;
}

/** Asks for addresses; gives the milliseconds that the answer took. */
async function ask(agent: Agent, port: number, token: string, body: unknown): Promise<number> {
  const content = JSON.stringify(body);
  const begun = performance.now();
  const status = await new Promise<number>((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const asking = request(
      { agent, host: '127.0.0.1', port, path: '/v1/addresses', method: 'POST', headers },
      (response) => {
        buffer(response).then(() => {
          resolve(response.statusCode ?? 0);
        }, reject);
      },
    );
    asking.on('error', reject);
    asking.end(content);
  });
  if (status >= 300) throw new Error(`minting was answered ${status}`);
  return performance.now() - begun;
}

/** The figures beside what the design wants, and whether that is met. */
export function mintTable({ addressesPerSecond, singleMs, cpuMs, ...lines }: Minting): Table {
  const { putSeconds, linesSeconds } = lines;
  const atLeast = (figure: number, wanted: number): string => (figure >= wanted ? 'met' : 'MISSED');
  const below = (figure: number, wanted: number): string => (figure < wanted ? 'met' : 'MISSED');
  return {
    title: 'Minting over the HTTP interface',
    about: `Batches of ${BATCH} addresses of new threads, and one address at a time on a warm connection; the design wants 5,000 a second, a median under 3 ms, and 10,000 lines in under 5 s.`,
    head: ['', 'measured', 'wanted', ''],
    textColumns: 1,
    rows: [
      [
        'addresses a second',
        addressesPerSecond.toFixed(0),
        '≥ 5000',
        atLeast(addressesPerSecond, LEAST_PER_SECOND),
      ],
      ['one address, median ms', singleMs.p50.toFixed(2), '< 3', below(singleMs.p50, MOST_MS)],
      ['one address, p95 ms', singleMs.p95.toFixed(2), '–', ''],
      ['daemon’s CPU for one of a batch, ms', cpuMs.batched.toFixed(3), '–', ''],
      ['daemon’s CPU for one alone, ms', cpuMs.single.toFixed(2), '–', ''],
      ['address mint, 10,000 lines, s', linesSeconds.toFixed(2), '< 5', below(linesSeconds, MOST_SECONDS)],
      ['user put, 10,000 lines, s', putSeconds.toFixed(2), '< 5', below(putSeconds, MOST_SECONDS)],
    ],
  };
}
