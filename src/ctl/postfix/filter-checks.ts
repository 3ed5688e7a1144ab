/**
 * Whether a filter of this Postfix can vouch for senders, and what happens while it is down.
 *
 * Contract: as of delivery-checks.ts. The sender policy believes a filter's Authentication-Results alone, so that without
 * one "strict" lets nothing through: that is a problem here, before the first reply is lost.
 */

import { EXIT } from '../../actions/fault.ts';
import { type Finding, fine, note, problem, warning } from '../doctor/finding.ts';
import type { Wiring } from './delivery-checks.ts';
import { filtersOf } from './filters.ts';
import { fixCommand } from './merge.ts';
import type { PostfixSetup } from './postfix-setup.ts';

/** Examines what filters are there for. */
export function checkFilters({ config, setup }: Wiring): Finding[] {
  const judges = config.sender.policy !== 'off';
  const findings = judges ? [checkAnyFilter({ config, setup })] : [];
  if (judges || config.spam.source === 'header') findings.push(checkDefaultAction(setup));
  return findings;
}

function checkAnyFilter({ config, setup }: Wiring): Finding {
  const check = 'postfix.filter';
  const { policy, spoofed, ownReceived } = config.sender;
  const filters = filtersOf(setup);
  if (filters.length > 0) return fine(check, filters.join('; '));
  const advice = {
    what: 'smtpd_milters and content_filter are empty: nothing here writes Authentication-Results',
    why: `without them sender.policy = "${policy}" believes no sender: ${consequenceOf(policy, spoofed)}`,
    fix: `install rspamd or OpenDMARC, then ${fixCommand(setup, { name: 'smtpd_milters', value: 'inet:127.0.0.1:11332' })} (rspamd's port; postfix-examples/main-milter.cf)`,
  };
  const loses = policy === 'strict' && spoofed !== 'flag';
  // With own_received a filter may stand on a host of the site's before this one.
  if (loses && ownReceived === 0) return problem(check, EXIT.configuration, advice);
  return warning(check, advice);
}

/** Says what becomes of replies of which no filter says anything. */
export function consequenceOf(policy: string, spoofed: 'discard' | 'hold' | 'flag'): string {
  if (policy !== 'strict' || spoofed === 'flag') return 'every reply is posted as unproven';
  return spoofed === 'hold' ? 'every reply is held' : 'every reply is discarded as spoofed';
}

function checkDefaultAction(setup: PostfixSetup): Finding {
  const check = 'postfix.milter';
  const action = setup.setting('milter_default_action');
  if (setup.setting('smtpd_milters') === '') return note(check, 'smtpd_milters is empty');
  if (action !== 'accept') return fine(check, `milter_default_action is ${action}`);
  return warning(check, {
    what: 'milter_default_action is accept',
    why: 'while the filter is down, mail comes unjudged, and authenticated by nobody',
    fix: fixCommand(setup, { name: 'milter_default_action', value: 'tempfail' }),
  });
}
