/**
 * Starts the counting sink (sink.ts) and asks it for its counts.
 *
 * Contract: a question that is not answered in its time resolves to what `undefined` says: not delivered.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { SinkQuestion, SinkReport } from './sink.ts';

/** What a path of the sink has got. */
export interface Posted {
  readonly posts: number;
  /** By Idempotency-Key; a repeated delivery counts once. */
  readonly distinct: number;
  /** Time of the last post on the system's monotonic clock. */
  readonly atNs: bigint;
}

/** The running sink. */
export interface Sink {
  /** URL of one peer's path; every path has its own counters. */
  url(path: string): string;
  /** Counts of the path by now. */
  posted(path: string): Promise<Posted | undefined>;
  /** Resolves when the path has `posts` distinct posts; `undefined` after `timeoutMs`. */
  reached(path: string, posts: number, timeoutMs: number): Promise<Posted | undefined>;
  stop(): void;
}

/** Starts the sink as a process of its own on a free loopback port. */
export async function startSink(): Promise<Sink> {
  const child = fork(fileURLToPath(new URL('./sink.js', import.meta.url)), { serialization: 'json' });
  const waiting = new Map<number, (posted: Posted) => void>();
  let lastId = 0;
  const port = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => {
      reject(new Error('the HTTP sink ended'));
    });
    child.on('message', (report: SinkReport) => {
      if ('port' in report) resolve(report.port);
      else waiting.get(report.id)?.({ ...report, atNs: BigInt(report.atNs) });
    });
  });
  const reached = (path: string, posts: number, timeoutMs: number) =>
    new Promise<Posted | undefined>((resolve) => {
      const question: SinkQuestion = { id: ++lastId, path, posts };
      const settle = (posted: Posted | undefined) => {
        clearTimeout(timeout);
        waiting.delete(question.id);
        resolve(posted);
      };
      const timeout = setTimeout(settle, timeoutMs, undefined);
      waiting.set(question.id, settle);
      child.send(question);
    });
  return {
    url: (path) => `http://127.0.0.1:${port}${path}`,
    posted: (path) => reached(path, 0, 5000),
    reached,
    stop: () => {
      child.disconnect();
    },
  };
}
