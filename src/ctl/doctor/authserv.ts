/**
 * Whether the authserv-id of the configuration is the one that the site's filter writes, by a message that came in.
 *
 * Contract: looks at the Authentication-Results of one real message and where they stand among its Received fields; the
 * rule is the gate's own (mail/results-place.ts). Nothing in the message is believed for any other end.
 */

import { EXIT } from '../../actions/fault.ts';
import { scanHeader } from '../../mail/header.ts';
import { type Placed, placeResults } from '../../mail/results-place.ts';
import type { Config } from '../../site/config.ts';
import { consequenceOf } from '../postfix/filter-checks.ts';
import { type Finding, fine, note, problem, skipped, warning } from './finding.ts';

/** Examines a message, `raw` as it came; undefined when there is none. */
export function checkAuthservId(config: Config, raw: Uint8Array | undefined): Finding {
  const check = 'filter.authserv_id';
  const { policy, authservId, ownReceived } = config.sender;
  if (policy === 'off' || authservId === undefined) return skipped(check, `sender.policy is "${policy}"`);
  if (raw === undefined)
    return skipped(check, 'no message to look at: --message FILE takes one that came through your filter');
  const scan = scanHeader(raw);
  if (!scan.ok) return skipped(check, `the message has no header that could be read: ${scan.problem}`);
  const placed = placeResults(scan.header, { authservId, ownReceived });
  if (placed.kind === 'none') return notBelieved(config, placed);
  const doubt = placed.fields.find((field) => field.doubt !== undefined)?.doubt;
  if (doubt === undefined) return fine(check, `sender.authserv_id "${authservId}" is the one in the message`);
  return warning(check, {
    what: `Authentication-Results of "${authservId}" in the message can be read in two ways: ${doubt}`,
    why: 'text of the sender may pass for a result, so that such a message fails',
    fix: 'if a person sent it in good faith, look at what your filter copies into the field; else it was a forgery',
  });
}

function notBelieved({ sender }: Config, placed: Extract<Placed, { kind: 'none' }>): Finding {
  const check = 'filter.authserv_id';
  const { policy, spoofed } = sender;
  const why = `sender.policy = "${policy}" believes no result: ${consequenceOf(policy, spoofed)}`;
  const isWrong = (fix: string): Finding =>
    problem(check, EXIT.configuration, { what: placed.reason, why, fix });
  switch (placed.cause) {
    case 'below-received':
      return isWrong(
        `if those Received fields are your own hosts', set sender.own_received = ${placed.above ?? 1}; if not, a sender forged it`,
      );
    case 'other-authserv-id':
      return isWrong(
        `if your own filter wrote it, set sender.authserv_id = ${JSON.stringify(placed.otherId ?? '')} and reload: mailgw-ctl reload`,
      );
    case 'no-received':
      return isWrong(
        'take the line that removes Received out of header_checks, or set sender.own_received to the number that your hosts write',
      );
    case 'local-submission':
      return warning(check, {
        what: `the message was ${placed.reason}`,
        why: 'no filter of the SMTP session has seen it, and nothing in it is believed',
        fix: 'look at a message that came from outside',
      });
    case 'no-results': {
      const fix =
        'let OpenDMARC, rspamd or another filter write Authentication-Results for the reply domain too, or look at another message';
      return policy === 'strict' ? isWrong(fix) : warning(check, { what: placed.reason, why, fix });
    }
  }
}

/**
 * Checks the same for a message that doctor sent itself. A filter may pass mail of this host by; then `proof` says
 * that it does not pass by what comes from outside.
 */
export function checkProbe(config: Config, raw: Uint8Array, proof: string | undefined): Finding {
  const found = checkAuthservId(config, raw);
  if (!lacksResults(config, raw)) return found;
  if (proof !== undefined)
    return note(found.check, `your filter wrote no Authentication-Results into the probe; ${proof}`);
  return 'fix' in found ? { ...found, what: `in the probe: ${found.what}`, fix: PROVE } : found;
}

/** What to do where a filter may have passed the probe by. */
export const PROVE =
  'see postfix.filter above; if your filter leaves mail of this host alone, prove it with a message from outside: mailgw-ctl doctor --smtp HOST:PORT --message FILE';

/** Tells whether no filter of the site wrote anything into a message. */
function lacksResults({ sender }: Config, raw: Uint8Array): boolean {
  const { authservId, ownReceived } = sender;
  const scan = scanHeader(raw);
  if (!scan.ok || authservId === undefined) return false;
  const placed = placeResults(scan.header, { authservId, ownReceived });
  return placed.kind === 'none' && placed.cause === 'no-results';
}
