// An installation that is broken in one way, as doctor's tests have many of them, and what several ways have in common.

import { chmodSync, renameSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Daemon, Settings } from '../support/daemon.ts';
import type { Platform } from '../support/platform.ts';
import type { Scratch } from '../support/scratch.ts';

/** A whole installation whose Postfix is configured and does not run. */
export interface Patient {
  readonly scratch: Scratch;
  readonly daemon: Daemon;
  readonly platform: Platform;
  readonly postfixUid: number;
}

/** One way in which an installation can be broken. */
export interface Illness {
  readonly name: string;
  /** Settings that doctor's configuration gets; the daemon keeps its own. */
  readonly settings?: Settings | ((patient: Patient) => Settings);
  /** Settings of main.cf. */
  readonly main?: Record<string, string> | ((patient: Patient) => Record<string, string>);
  /** Lines of master.cf replaced. */
  readonly master?: readonly [RegExp, string];
  /** Breaks something else; what it returns mends it. */
  readonly plant?: (patient: Patient) => (() => void | Promise<void>) | Promise<() => void | Promise<void>>;
  readonly args?: (patient: Patient) => readonly string[];
  /** The check that must find it, and in which words. */
  readonly check: string;
  readonly what: RegExp;
  readonly fix: RegExp;
  /** 0 for a warning. */
  readonly code: number;
}

/** How a milter answers smtpd(8) first: option negotiation, SMFIC_OPTNEG. */
export const NEGOTIATED = `\0\0\0\x0dO${'\0'.repeat(12)}`;

/** A sender policy that wants a filter. */
export const STRICT = { sender: { policy: 'strict', authserv_id: 'mx.example.org' } };

/** Renames a file; takes it back. */
export function renamed(path: string): () => void {
  renameSync(path, `${path}.away`);
  return () => {
    renameSync(`${path}.away`, path);
  };
}

/** Gives a file another mode; takes it back. */
export function moded(path: string, mode: number, usual: number): () => void {
  chmodSync(path, mode);
  return () => {
    chmodSync(path, usual);
  };
}

/** A socket that the daemon does not serve, at a place of its own. */
export async function serving(path: string, greeting: string): Promise<() => void> {
  const server = createServer((connection) => {
    connection.on('error', () => undefined);
    connection.end(greeting);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return () => {
    server.close();
  };
}
