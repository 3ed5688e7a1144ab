/** What the gate decides by, as a site configures it: one place, so that `mailgw-ctl check` tries what the daemon does. */
import type { Config } from './config.ts';
import type { GateOptions } from './intake/receive.ts';
import { openSpamPolicy } from './intake/spam-policy.ts';
import type { Log } from './log.ts';

/** The configured part of the gate's options. */
export function gateRules(
  config: Config,
  pepper: Uint8Array,
  log?: Log,
): Pick<GateOptions, 'form' | 'pepper' | 'maxAgeMs' | 'senderPolicy' | 'authservId' | 'spam'> {
  return {
    form: { prefix: config.reply.prefix, domain: config.reply.domain },
    pepper,
    maxAgeMs: config.reply.maxAgeMs,
    senderPolicy: config.sender.policy,
    authservId: config.sender.authservId,
    spam: openSpamPolicy(config.spam, log),
  };
}
