/**
 * The words of Postfix's access policy delegation: a request's attributes, and the answer.
 *
 * Contract: a request is `name=value` lines ended by an empty line; of an attribute that is given twice the last
 * counts, and what is no such line makes the request none. The values are the client's: nothing in them is believed.
 * Standards: https://www.postfix.org/SMTPD_POLICY_README.html.
 */
import type { Disposition } from './disposition.ts';
import { replyTo } from './disposition.ts';
import { formatReply } from './status.ts';

/** The attributes of a request by name. */
export type PolicyRequest = ReadonlyMap<string, string>;

/** Takes the lines of a request apart; undefined when it is none. */
export function parsePolicyRequest(text: string): PolicyRequest | undefined {
  const attributes = new Map<string, string>();
  for (const line of text.split('\n')) {
    const equals = line.indexOf('=');
    if (equals <= 0) return undefined;
    attributes.set(line.slice(0, equals), line.slice(equals + 1));
  }
  return attributes.get('request') === 'smtpd_access_policy' ? attributes : undefined;
}

/** The answer that leaves the decision to what else Postfix is configured to ask. */
export const NO_OPINION = 'action=DUNNO\n\n';

/** Writes the answer that refuses a recipient, in the words that LMTP has for the disposition. */
export function formatRefusal(disposition: Disposition): string {
  return `action=${formatReply(replyTo(disposition))}\n\n`;
}
