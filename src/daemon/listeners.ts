/**
 * The LMTP listener and the policy service as a site configures them, before one gate: where they listen, and how a
 * reload changes them.
 */
import type { Server as HttpServer } from 'node:http';
import type { Server } from 'node:net';
import { adminSocketPath } from '../api/admin.ts';
import type { Config } from '../config/config.ts';
import type { Gate } from '../gate/gate.ts';
import type { Log } from '../observe/log.ts';
import type { Meter } from '../observe/meter.ts';
import type { CountVerdict } from '../observe/verdict-counts.ts';
import { LmtpServer } from '../sources/lmtp/lmtp.ts';
import { PolicyServer } from '../sources/policy/policy.ts';
import { GuessesByClient, SlowDown, type SlowDownOptions } from '../sources/slow-down.ts';
import { errorText } from '../system/error-text.ts';
import { EXIT } from '../system/exit-status.ts';
import {
  inheritedSocket,
  ListenError,
  listenOnDescriptor,
  listenOnFile,
  type SocketName,
} from '../system/unix-socket.ts';
import { StartError } from './start-error.ts';

/** Answers that wait at a time: of Postfix's 20 deliveries at once the others stay free for good addresses. */
const MAX_WAITING_DELIVERIES = 4;

function slowDownOptions({ rate }: Config, maxWaiting = MAX_WAITING_DELIVERIES): SlowDownOptions {
  return { firstMs: rate.badAddressDelayMs, longestMs: rate.badAddressDelayLongestMs, maxWaiting };
}

/** The listeners, and how they follow a new configuration. */
export interface Listeners {
  readonly lmtp: LmtpServer;
  readonly policy: PolicyServer;
  /** Takes other settings, for open connections as well. */
  readonly change: (config: Config) => void;
}

/** Creates the listeners on one gate; they do not listen yet. */
export function createListeners(
  config: Config,
  gate: Gate,
  log: Log,
  meter: Meter,
  count: CountVerdict,
): Listeners {
  const slowDown = new SlowDown(slowDownOptions(config));
  const lmtp = new LmtpServer(config.lmtp, { gate, slowDown, log, meter, count });
  const quarter = ({ policy }: Config): number => Math.ceil(policy.maxConnections / 4);
  const slowAnswers = new SlowDown(slowDownOptions(config, quarter(config)));
  const guesses = new GuessesByClient(config.rate.badAddressForgetMs, () => performance.now());
  const policy = new PolicyServer({
    ...config.policy,
    gate,
    log,
    meter,
    count,
    guesses,
    slowDown: slowAnswers,
  });
  return {
    lmtp,
    policy,
    change: (next) => {
      lmtp.change(next.lmtp);
      policy.change(next.policy);
      slowDown.change(slowDownOptions(next));
      slowAnswers.change(slowDownOptions(next, quarter(next)));
      guesses.change(next.rate.badAddressForgetMs);
    },
  };
}

/** A gate that stands for whichever is there when a question comes. */
export function standingFor(gate: () => Gate): Gate {
  return {
    transaction: () => gate().transaction(),
    recipient: (address, findings) => gate().recipient(address, findings),
    judge: (envelope, claim, raw, findings) => gate().judge(envelope, claim, raw, findings),
    message: (envelope, claims, raw) => gate().message(envelope, claims, raw),
  };
}

/** Makes a server listen on the socket that systemd passed, or on its own; false when it has neither. */
export async function listen(
  server: Server,
  section: SocketName,
  config: Config,
  log: Log,
): Promise<boolean> {
  const { socket: path, mode, group } = config[section];
  const descriptor = inheritedSocket(section, process.env, process.pid);
  try {
    if (descriptor !== undefined) await listenOnDescriptor(server, descriptor);
    else if (path !== undefined) await listenOnFile(server, { path, mode, group, section });
    else return false;
  } catch (error) {
    if (error instanceof ListenError)
      throw new StartError(EXIT.cannotCreate, [`${section}.socket: ${error.message}`]);
    throw error;
  }
  log('listening', {
    service: section,
    socket: descriptor === undefined ? path : `descriptor ${descriptor}`,
  });
  return true;
}

/** Serves mailgw-ctl beside the store; without it the daemon serves mail all the same. */
export async function listenForAdmin(server: HttpServer, config: Config, log: Log): Promise<void> {
  const path = adminSocketPath(config.store.path);
  try {
    await listenOnFile(server, { path, mode: 0o600, group: undefined, section: 'store' });
  } catch (error) {
    log('control_unavailable', { reason: errorText(error) });
  }
}
