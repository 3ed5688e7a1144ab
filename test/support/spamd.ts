// A private spamd of SpamAssassin, without network tests, with a Bayes database of its own below a scratch.
//
// Contract: startSpamd returns once it listens, on a Unix socket or a port of 127.0.0.1; it ends with the scratch. It
// can be ended and started again in the same place.
// Failure: spamdUnavailable() says why the machine cannot run it; the tests skip with that sentence.
// Limits: wants root, because spamd itself drops to the user nobody.

import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { createSpamd, type Spamd } from '../../src/gate/spamd.ts';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { DaemonProcess, run } from './process.ts';
import type { Scratch } from './scratch.ts';

const PROGRAM = '/usr/sbin/spamd';
const READY_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 10_000;

/** SpamAssassin's test message for spam: a body that has this line scores 1000. */
export const GTUBE = 'XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X';

/** Where a spamd listens, as node:net wants it. */
export type SpamdPlace = { readonly path: string } | { readonly host: string; readonly port: number };

/** What a test may choose. */
export interface SpamdChoice {
  readonly tcp?: boolean;
  readonly allowTell?: boolean;
}

/** Why spamd cannot run here, or false if it can: the value of a test's `skip`. */
export function spamdUnavailable(): string | false {
  if (process.getuid?.() !== 0) return 'unavailable: spamd can only be started by root';
  return existsSync(PROGRAM) ? false : 'unavailable: spamd is not installed';
}

/** A spamd. */
export class TestSpamd {
  readonly place: SpamdPlace;
  readonly #args: readonly string[];
  readonly #log: string;
  #process: DaemonProcess | undefined;

  constructor(place: SpamdPlace, args: readonly string[], log: string) {
    this.place = place;
    this.#args = args;
    this.#log = log;
  }

  /** The address as `[spam] spamd` takes it. */
  get setting(): string {
    return 'path' in this.place ? `unix:${this.place.path}` : `${this.place.host}:${this.place.port}`;
  }

  /** Starts it and waits until it takes connections. */
  async start(): Promise<void> {
    const started = new DaemonProcess(PROGRAM, this.#args, this.#log);
    this.#process = started;
    const look = async (): Promise<true | undefined> => {
      if (started.ended !== undefined) throw new Error(`spamd ended: ${started.ended}\n${started.output()}`);
      // An answer, and not only a connection: a SIGTERM before its children stand would get lost.
      return (await this.#client().ping()).ok ? true : undefined;
    };
    await eventually(look, () => `spamd at ${this.setting}\n${started.output()}`, READY_WITHIN_MS);
  }

  /** Everything it has logged. */
  log(): string {
    return existsSync(this.#log) ? readFileSync(this.#log, 'utf8') : '';
  }

  /** Ends it, children included. */
  async stop(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    if (running === undefined) return;
    // A spamd that has to be killed leaves its children behind.
    const children = (await run('pgrep', ['-P', String(running.pid)])).stdout.split('\n').filter(Boolean);
    try {
      await running.end('SIGTERM', STOP_WITHIN_MS);
    } catch {
      await running.end('SIGKILL');
      await run('kill', ['-KILL', ...children]);
    }
    if ('path' in this.place) rmSync(this.place.path, { force: true });
  }

  #client(): Spamd {
    const limits = { connectTimeoutMs: 1000, timeoutMs: 1000, maxCheckBytes: 1, concurrency: 1 };
    return createSpamd({ address: this.place, user: undefined, ...limits });
  }
}

/** Starts a spamd that ends with the scratch. */
export async function startSpamd(scratch: Scratch, choice: SpamdChoice = {}): Promise<TestSpamd> {
  const bayes = scratch.path('bayes');
  if (!existsSync(bayes)) mkdirSync(bayes);
  chmodSync(bayes, 0o777);
  const place =
    choice.tcp === true
      ? { host: '127.0.0.1', port: await freePort() }
      : { path: scratch.path('spamd.sock') };
  const args = [
    ...('path' in place
      ? [`--socketpath=${place.path}`, '--socketmode=0666']
      : [`--listen=${place.host}:${place.port}`]),
    ...['-L', '-x', '-m', '2', '-s', 'stderr'],
    ...[`--cf=bayes_path ${bayes}/bayes`, '--cf=bayes_file_mode 0666'],
    ...(choice.allowTell === true ? ['--allow-tell'] : []),
  ];
  const spamd = new TestSpamd(place, args, scratch.path('spamd.log'));
  scratch.defer(() => spamd.stop());
  await spamd.start();
  return spamd;
}

/** One request as a server read it. */
export interface Heard {
  readonly head: string;
  readonly body: Buffer;
}

/** A server in spamd's place that hears a request to its half-close and then has `talk` answer; what it heard so far. */
export async function serveRequests(
  t: TestContext,
  talk: (socket: Socket) => void,
): Promise<{ place: SpamdPlace; heard: Heard[] }> {
  const sockets = new Set<Socket>();
  const heard: Heard[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const chunks: Buffer[] = [];
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('end', () => {
      const all = Buffer.concat(chunks);
      const end = all.indexOf('\r\n\r\n') + 4;
      heard.push({ head: all.toString('latin1', 0, end), body: all.subarray(end) });
      talk(socket);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { place: { host: '127.0.0.1', port: (server.address() as AddressInfo).port }, heard };
}

/** A server that always answers the same. */
export const answering = (t: TestContext, answer: string) =>
  serveRequests(t, (socket) => {
    socket.end(answer, 'latin1');
  });
