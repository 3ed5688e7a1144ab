// What a process does with its files and sockets, recorded by strace in the order in which it happened.
//
// Contract: `record` attaches to a running process with all its threads and resolves once strace does; `stop`
// detaches and gives the events. A call that another thread interrupted in the record appears twice, as `begin` and
// `end`: what it wrote counts from its beginning, what it synced from its end.
// Failure: a line that is not understood throws, so that no event is lost without notice.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { eventually } from './eventually.ts';
import type { Scratch } from './scratch.ts';

/** One recorded call, on the file or socket `path`. */
export type FileEvent =
  | {
      readonly kind: 'write';
      readonly path: string;
      readonly bytes: Buffer;
      readonly offset: number | undefined;
    }
  | { readonly kind: 'truncate'; readonly path: string; readonly length: number }
  | { readonly kind: 'sync-begin'; readonly path: string }
  | { readonly kind: 'sync-end'; readonly path: string };

/** Why nothing can be recorded here, in words for `skip`; false when it can. */
export function straceUnavailable(): string | false {
  const child = spawn('sleep', ['5'], { stdio: 'ignore' });
  const options = ['-o', '/dev/null', '-e', 'trace=none', '-p', String(child.pid)];
  const { status, error } = spawnSync('strace', options, { timeout: 500 });
  child.kill();
  if (error !== undefined && 'code' in error && error.code === 'ENOENT')
    return 'unavailable: strace is not installed';
  return status === null ? false : 'unavailable: strace may not attach to processes';
}

/** A recording under way. */
export interface Recording {
  /** Detaches and gives what was recorded. */
  readonly stop: () => Promise<FileEvent[]>;
}

/** Begins to record the process `pid`. */
export async function record(scratch: Scratch, pid: number): Promise<Recording> {
  const output = scratch.path(`strace-${pid}.log`);
  const tracer = attach(['-o', output, '-yy', '-xx', '-s', '10000000', '-e', `trace=${CALLS}`], pid);
  scratch.defer(() => void tracer.kill('SIGKILL'));
  await attached(tracer);
  return {
    stop: async () => {
      tracer.kill('SIGINT');
      await once(tracer, 'exit');
      return await readEvents(output);
    },
  };
}

/** Makes calls of the process fail, as in `fdatasync:error=EIO`; the function that comes back ends that. */
export async function inject(
  scratch: Scratch,
  pid: number,
  ...faults: string[]
): Promise<() => Promise<void>> {
  const tracer = attach(['-o', '/dev/null', ...faults.flatMap((fault) => ['-e', `inject=${fault}`])], pid);
  scratch.defer(() => void tracer.kill('SIGKILL'));
  await attached(tracer);
  return async () => {
    tracer.kill('SIGINT');
    await once(tracer, 'exit');
  };
}

const CALLS = 'pwrite64,write,writev,sendto,sendmsg,fsync,fdatasync,ftruncate';

function attach(options: readonly string[], pid: number): ChildProcess {
  return spawn('strace', ['-f', ...options, '-p', String(pid)], { stdio: ['ignore', 'ignore', 'pipe'] });
}

async function attached(tracer: ChildProcess): Promise<void> {
  let said = '';
  tracer.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString('utf8');
  });
  await eventually(
    () => (/ attached/.test(said) ? true : undefined),
    () => `strace: ${said}`,
  );
}

async function readEvents(output: string): Promise<FileEvent[]> {
  const unfinished = new Map<string, string>();
  const events: FileEvent[] = [];
  for await (const line of createInterface({ input: createReadStream(output, 'latin1') })) {
    const [, thread = '', call = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (/^(---|\+\+\+|<\.\.\. (?!\w+ resumed))/.test(call) || call.includes('restart_syscall')) continue;
    const resumed = /^<\.\.\. (\w+) resumed>/.exec(call);
    if (resumed !== null) {
      const begun = unfinished.get(thread) ?? '';
      unfinished.delete(thread);
      if (SYNC.test(begun)) events.push({ kind: 'sync-end', path: pathOf(begun) });
    } else if (call.endsWith('<unfinished ...>')) {
      unfinished.set(thread, call);
      events.push(...begin(call));
    } else {
      events.push(...begin(call));
      if (SYNC.test(call)) events.push({ kind: 'sync-end', path: pathOf(call) });
    }
  }
  return events;
}

const SYNC = /^(?:fsync|fdatasync)\(/;

/** What a call does when it begins. */
function begin(call: string): FileEvent[] {
  const name = /^\w+/.exec(call)?.[0];
  const path = pathOf(call);
  switch (name) {
    case 'fsync':
    case 'fdatasync':
      return [{ kind: 'sync-begin', path }];
    case 'ftruncate':
      return [{ kind: 'truncate', path, length: Number(/>, (\d+)/.exec(call)?.[1]) }];
    case 'pwrite64': {
      const offset = Number(/", \d+, (\d+)/.exec(call)?.[1]);
      if (Number.isNaN(offset)) throw new Error(`no offset: ${call.slice(-80)}`);
      return [{ kind: 'write', path, bytes: textOf(call), offset }];
    }
    case 'write':
    case 'writev':
    case 'sendto':
    case 'sendmsg':
      return [{ kind: 'write', path, bytes: textOf(call), offset: undefined }];
    default:
      throw new Error(`not understood: ${call.slice(0, 80)}`);
  }
}

/** The path of the call's descriptor; for a socket what strace says of it. */
function pathOf(call: string): string {
  const [, shown = ''] = /^\w+\(\d+<((?:\\x[0-9a-f]{2}|[^>\\]|->)*)>/.exec(call) ?? [];
  return unescape(shown).toString('utf8');
}

/** Everything that the call was given to write. */
function textOf(call: string): Buffer {
  const arguments_ = call.slice(call.indexOf('>, ') + 3);
  return Buffer.concat(
    [...arguments_.matchAll(/"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?/g)].map(([, text = '']) => unescape(text)),
  );
}

function unescape(shown: string): Buffer {
  if (!shown.startsWith('\\x')) return Buffer.from(shown, 'latin1');
  return Buffer.from(shown.replaceAll('\\x', ''), 'hex');
}
