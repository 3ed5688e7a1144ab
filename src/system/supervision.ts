/**
 * What systemd is told of the daemon: that it is ready, that it stops, a line on its state, and that it lives.
 *
 * Contract: a sign of life is sent from the main loop, and only after the store has answered too: either of them that
 * hangs has the daemon replaced (WatchdogSec=). The status line is renewed with it, and sent only when it changed.
 * Node has no Unix datagram sockets: the unit hands us one that is connected already (MAILGW_NOTIFY_FD), and a write
 * to it comes from the main process itself, which NotifyAccess=main wants. Without it systemd-notify(1) does it, as a
 * process of its own, for which the unit must say NotifyAccess=all.
 * Failure: nothing that goes wrong here stops the daemon; a full socket is tried again.
 * Standards: sd_notify(3), sd_watchdog_enabled(3).
 */
import { execFile } from 'node:child_process';
import { writeSync } from 'node:fs';

/** The options of supervision. */
export interface SupervisionOptions {
  readonly environment: NodeJS.ProcessEnv;
  readonly pid: number;
  /** Resolves when the store has answered. */
  readonly ping: () => Promise<void>;
  /** Writes the status line. */
  readonly status: () => Promise<string>;
}

/** Supervision; its life: `ready`, `stopping`. */
export interface Supervision {
  /** Says that the daemon serves, and begins the signs of life. */
  ready(): void;
  /** Says that the daemon stops, and gives signs of life until it has ended. */
  stopping(): void;
}

/** The longest time between two status lines. */
const STATUS_MS = 10_000;

/** A full socket is tried again after this time. */
const RETRY_MS = 100;

/** Opens the channel to systemd, if it asked for one. */
export function openSupervision({ environment, pid, ping, status }: SupervisionOptions): Supervision {
  const send = openChannel(environment, pid);
  const watchdogMs = watchdogOf(environment, pid);
  let told = '';
  const statusLine = async (): Promise<string[]> => {
    const line = await status().catch(() => told);
    const isNews = line !== told;
    told = line;
    return isNews ? [`STATUS=${line}`] : [];
  };
  let isBusy = false;
  const look = async (): Promise<void> => {
    if (isBusy) return;
    isBusy = true;
    try {
      await ping();
    } finally {
      isBusy = false;
    }
    const lines = [...(watchdogMs === undefined ? [] : ['WATCHDOG=1']), ...(await statusLine())];
    if (lines.length > 0) send?.(lines);
  };
  return {
    ready: () => {
      if (send === undefined) return;
      void statusLine().then((line) => {
        send(['READY=1', ...line]);
      });
      const everyMs = Math.min(STATUS_MS, (watchdogMs ?? Infinity) / 3);
      // A store that broke says so itself, and ends the daemon.
      setInterval(() => void look().catch(() => undefined), everyMs).unref();
    },
    stopping: () => send?.(['STOPPING=1', 'STATUS=stopping']),
  };
}

/** Reads the time within which systemd wants a sign of life, in milliseconds. */
function watchdogOf({ WATCHDOG_USEC, WATCHDOG_PID }: NodeJS.ProcessEnv, pid: number): number | undefined {
  const ms = Number(WATCHDOG_USEC) / 1000;
  const isOurs = WATCHDOG_PID === undefined || WATCHDOG_PID === String(pid);
  return isOurs && ms > 0 ? ms : undefined;
}

function openChannel(
  { NOTIFY_SOCKET, MAILGW_NOTIFY_FD }: NodeJS.ProcessEnv,
  pid: number,
): ((lines: readonly string[]) => void) | undefined {
  if (NOTIFY_SOCKET === undefined) return undefined;
  const fd = Number(MAILGW_NOTIFY_FD);
  if (!Number.isInteger(fd) || fd < 3) {
    return (lines) => {
      execFile('systemd-notify', [`--pid=${pid}`, ...lines], () => undefined);
    };
  }
  const send = (text: string): void => {
    try {
      writeSync(fd, text);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') setTimeout(send, RETRY_MS, text).unref();
    }
  };
  return (lines) => {
    send(lines.join('\n'));
  };
}
