/**
 * What a source is judged by in place of the site's rules: whose results are believed, where they stand, and what the
 * provider's spam filter says.
 *
 * Contract: a field of the provider's filter counts only within the provider's own part of the header, like its
 * results. `[spam]` says what becomes of spam. Without such fields a spamd of the site's is asked, since it judges the
 * message and not its place; `spam.source = "header"` names fields of the site's own Postfix, which are not there.
 * Failure: a message without such a field is unchecked. What `[spam]` would put off is held: it would never have one.
 */
import type { SourceRules } from '../gate/rules.ts';
import type { SpamPolicy, SpamSettings } from '../gate/spam-policy.ts';
import { type Header, headerValue } from '../mail/header.ts';
import { depthOf, type ProviderZone } from '../mail/provider-zone.ts';
import { spamVerdictOf } from '../mail/spam.ts';
import type { SourceConfig } from './source-settings.ts';

/** Gives the rules of a source of a site with these settings. */
export function sourceRules(config: SourceConfig, site: { readonly spam: SpamSettings }): SourceRules {
  const { authservId, ownReceived, ownHosts, spamHeaders } = config;
  const rules = {
    authservId: authservId === '' ? undefined : authservId,
    ownReceived,
    ownHosts,
    results: 'topmost',
  } as const;
  if (spamHeaders.length > 0) return { ...rules, spam: spamPolicy(config, site.spam) };
  return site.spam.source === 'spamd' ? rules : { ...rules, spam: undefined };
}

function spamPolicy(config: SourceConfig, spam: SpamSettings): SpamPolicy {
  const { name, spamHeaders } = config;
  const { action, unchecked, disagreement, threshold } = spam;
  const names = new Set(spamHeaders.map((header) => header.toLowerCase()));
  const none = { unchecked: `the provider of ${name} wrote no ${spamHeaders.join(', ')} to go by` };
  return {
    action,
    unchecked: unchecked === 'defer' ? 'hold' : unchecked,
    ask: (header) => {
      const aboveReceived = firstBeyond(header, config);
      if (aboveReceived === undefined) return none;
      return spamVerdictOf(header, { names, aboveReceived, disagreement }, threshold) ?? none;
    },
  };
}

/** Gives the number of the Received, from the top, that ends the provider's part; undefined where there is no mark. */
function firstBeyond(header: Header, zone: ProviderZone): number | undefined {
  const depth = headerValue(header, 'received') === undefined ? undefined : depthOf(header, zone);
  return depth === undefined ? undefined : depth + 1;
}
