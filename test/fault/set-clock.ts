// A wall clock that the test sets while a daemon runs: libfaketime (Debian: faketime), the monotonic clock left alone.

import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import type { Scratch } from '../support/scratch.ts';

/** Debian keeps libraries below the name of the architecture. */
const LIBRARY = readdirSync('/usr/lib')
  .map((name) => `/usr/lib/${name}/faketime/libfaketimeMT.so.1`)
  .find((path) => existsSync(path));

/** Why no clock can be set here, or false. */
export const settableClockUnavailable =
  LIBRARY === undefined ? 'unavailable: libfaketime is not installed' : false;

/** The wall clock of one daemon. */
export class SettableClock {
  /** Put into the daemon's environment. */
  readonly environment: NodeJS.ProcessEnv;
  readonly #file: string;

  constructor(scratch: Scratch, timeZone = 'UTC') {
    this.#file = scratch.path('clock');
    this.environment = {
      TZ: timeZone,
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
    this.set(0);
  }

  /** Sets the clock so many milliseconds ahead of the real one. */
  set(aheadMs: number): void {
    const seconds = (aheadMs / 1000).toFixed(3);
    writeFileSync(`${this.#file}.draft`, `${aheadMs < 0 ? '' : '+'}${seconds}\n`);
    renameSync(`${this.#file}.draft`, this.#file);
  }
}
