/** What the gate decides by, as a site configures it: one place, so that `mailgw-ctl check` tries what the daemon does. */
import { isMatching, noticeSender } from '../config/config.ts';
import type { NamedPeppers } from '../config/secret-file.ts';
import type { GateOptions } from '../gate/gate.ts';
import type { SenderPolicyOptions } from '../gate/rules.ts';
import { openSpamPolicy } from '../gate/spam-policy.ts';
import { allForms, parseForm } from '../mail/address.ts';
import type { Log } from '../observe/log.ts';
import type { Config } from './config.ts';

/** Gives the value of X-Loop in our own mail. */
export function noticeLoopToken(config: Pick<Config, 'reply'>): string {
  return loopToken(config.reply.domain[0]);
}

/** Lists the values of X-Loop in our own mail, former domains included. */
export function noticeLoopTokens({ reply }: Pick<Config, 'reply'>): readonly string[] {
  return reply.domain.map(loopToken);
}

const loopToken = (domain: string): string => `mailgw.${domain}`;

/** Recognises our own notices, those from former domains included: X-Loop and From. */
function noticesOf(config: Config): GateOptions['notices'] {
  const { domain: domains } = config.reply;
  const senders = domains.map((domain) => noticeSender(config, domain));
  return { from: [...new Set(senders)], loopTokens: noticeLoopTokens(config) };
}

/** Says how replies without a token are matched; undefined where none is taken. */
function matchingOf(config: Config): GateOptions['matching'] {
  if (!isMatching(config)) return undefined;
  const { by, addresses, withinMs } = config.matching;
  return { by, addresses: addresses.length === 0 ? [noticeSender(config)] : addresses, withinMs };
}

/** Makes the configured part of the gate's options. */
export function gateRules(
  config: Config,
  peppers: NamedPeppers,
  log?: Log,
): Pick<
  GateOptions,
  | 'forms'
  | 'peppers'
  | 'maxAgeMs'
  | 'compose'
  | 'matching'
  | 'spam'
  | 'notices'
  | 'bounceEvents'
  | keyof SenderPolicyOptions
> {
  const { sender } = config;
  return {
    forms: allForms(config.reply),
    peppers: peppers.map(({ bytes }) => bytes),
    maxAgeMs: config.reply.maxAgeMs,
    compose: config.reply.compose,
    matching: matchingOf(config),
    senderPolicy: sender.policy,
    authservId: sender.authservId,
    ownReceived: sender.ownReceived,
    plusTags: sender.plusTags,
    spoofed: sender.spoofed,
    addressed: sender.addressed,
    aliases: sender.aliases.map(parseForm),
    spam: openSpamPolicy(config.spam, log),
    notices: noticesOf(config),
    bounceEvents: config.bounce.events === 'on',
  };
}
