/** The LMTP listener and the policy service as a site configures them, before one gate, and as a reload changes them. */
import type { Config } from './config.ts';
import { LmtpServer } from './intake/lmtp.ts';
import { PolicyServer } from './intake/policy.ts';
import type { Gate } from './intake/receive.ts';
import { GuessesByClient, SlowDown, type SlowDownOptions } from './intake/slow-down.ts';
import type { Log } from './log.ts';
import type { CountVerdict } from './metrics.ts';

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
export function createListeners(config: Config, gate: Gate, log: Log, count: CountVerdict): Listeners {
  const slowDown = new SlowDown(slowDownOptions(config));
  const lmtp = new LmtpServer(config.lmtp, { gate, slowDown, log, count });
  const quarter = ({ policy }: Config): number => Math.ceil(policy.maxConnections / 4);
  const slowAnswers = new SlowDown(slowDownOptions(config, quarter(config)));
  const guesses = new GuessesByClient(config.rate.badAddressForgetMs, () => performance.now());
  const policy = new PolicyServer({ ...config.policy, gate, log, count, guesses, slowDown: slowAnswers });
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
