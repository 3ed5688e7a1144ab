/** What the gate decides by, as a site configures it: one place, so that `mailgw-ctl check` tries what the daemon does. */
import { type Config, noticeSender } from '../config/config.ts';
import type { GateOptions } from '../gate/gate.ts';
import type { SenderPolicyOptions } from '../gate/rules.ts';
import { openSpamPolicy } from '../gate/spam-policy.ts';
import { parseForm } from '../mail/address.ts';
import type { Log } from '../observe/log.ts';

/** Gives the value of X-Loop in our own mail. */
export function noticeLoopToken(config: Pick<Config, 'reply'>): string {
  return `mailgw.${config.reply.domain}`;
}

/** Makes the configured part of the gate's options. */
export function gateRules(
  config: Config,
  pepper: Uint8Array,
  log?: Log,
): Pick<
  GateOptions,
  'form' | 'pepper' | 'maxAgeMs' | 'compose' | 'spam' | 'notices' | 'bounceEvents' | keyof SenderPolicyOptions
> {
  const { sender } = config;
  return {
    form: { prefix: config.reply.prefix, domain: config.reply.domain },
    pepper,
    maxAgeMs: config.reply.maxAgeMs,
    compose: config.reply.compose,
    senderPolicy: sender.policy,
    authservId: sender.authservId,
    ownReceived: sender.ownReceived,
    plusTags: sender.plusTags,
    spoofed: sender.spoofed,
    addressed: sender.addressed,
    aliases: sender.aliases.map(parseForm),
    spam: openSpamPolicy(config.spam, log),
    notices: { from: noticeSender(config), loopToken: noticeLoopToken(config) },
    bounceEvents: config.bounce.events === 'on',
  };
}
