/**
 * What the gate is configured by: the rules that a site has chosen, and whom they ask.
 */
import type { ReplyAddressForm } from '../mail/address.ts';
import type { AuthenticationResults } from '../mail/authentication-results.ts';
import type { Own } from '../mail/automatic.ts';
import type { Authentication } from '../mail/origin.ts';
import type { AuthorNotices } from './author-notices.ts';
import type { RecipientOptions } from './recipient.ts';
import type { SpamPolicy } from './spam-policy.ts';

/** The options of judging senders. */
export interface SenderPolicyOptions {
  readonly senderPolicy: Authentication['policy'];
  /** Needed unless the policy is `off`. */
  readonly authservId: string | undefined;
  /** How many Received fields of our own may stand above believed results; 0 unless given. */
  readonly ownReceived?: number;
  /** Whether of several believable results the topmost field alone counts; `all` unless given. */
  readonly results?: 'all' | 'topmost';
  /** What a provider's call says of the sender: then nothing of the header counts. */
  readonly told?: AuthenticationResults | undefined;
  /** Names of the hosts that take the mail of a source in, behind which nothing is believed; none unless given. */
  readonly ownHosts?: readonly string[];
  /** Whether a plus tag makes another address; `compare` unless given. */
  readonly plusTags?: 'compare' | 'ignore';
  /** What becomes of what `strict` does not let through; `discard` unless given. */
  readonly spoofed?: 'discard' | 'hold' | 'flag';
  /** Whether To or Cc must name the reply address; `required` unless given. */
  readonly addressed?: 'required' | 'off';
  /** Other forms of the reply addresses, which Postfix rewrites to one of `forms`. */
  readonly aliases?: readonly ReplyAddressForm[];
}

/**
 * A source's own rules, where its mail does not come by the site's Postfix: whose results are believed and where they
 * stand, and what its provider's spam filter says.
 */
export type SourceRules = Partial<
  Pick<GateRules, 'authservId' | 'ownReceived' | 'spam' | 'aliases'> &
    Pick<SenderPolicyOptions, 'results' | 'ownHosts' | 'told'>
>;

/** The options of judging messages. */
export interface GateRules extends Omit<RecipientOptions, 'directory'>, SenderPolicyOptions {
  /** Undefined when it is off. */
  readonly spam: SpamPolicy | undefined;
  /** Whether bounces of our notifications become items; else they are discarded. */
  readonly bounceEvents?: boolean | undefined;
  /** Tells authors of replies that no item is made of; without it nobody is told. */
  readonly authorNotices?: AuthorNotices | undefined;
  /** How our own mail is recognised. */
  readonly own: Own;
  /** Makes a fresh item id. */
  readonly newId: () => string;
}
