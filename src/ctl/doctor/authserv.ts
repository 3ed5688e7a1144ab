/**
 * Whether the authserv-id of the configuration is the one that the site's filter writes, by a message that came in.
 *
 * Contract: looks at the Authentication-Results of one real message and where they stand among its Received fields; the
 * rule is the gate's own (mail/authentication.ts). Nothing in the message is believed for any other end.
 */
import type { Config } from '../../config.ts';
import { parseAuthenticationResults } from '../../mail/authentication.ts';
import { scanHeader } from '../../mail/header.ts';
import { EXIT } from '../fault.ts';
import { type Finding, fine, note, problem, skipped, warning } from './finding.ts';

/** One Authentication-Results field: who wrote it, and how many Received fields stand above it. */
interface Seen {
  readonly id: string;
  readonly above: number;
}

/** Examines a message, `raw` as it came; undefined when there is none. */
export function checkAuthservId(config: Config, raw: Uint8Array | undefined): Finding {
  const check = 'filter.authserv_id';
  const { policy, authservId, ownReceived } = config.sender;
  if (policy === 'off' || authservId === undefined) return skipped(check, `sender.policy is "${policy}"`);
  if (raw === undefined)
    return skipped(check, 'no message to look at: --message FILE takes one that came through your filter');
  const scan = scanHeader(raw);
  if (!scan.ok) return skipped(check, `the message has no header that could be read: ${scan.problem}`);
  const seen = resultsIn(scan.header.fields);
  const ours = seen.filter(({ id }) => id === authservId.toLowerCase());
  const why = `sender.policy = "${policy}" believes no result: ${policy === 'strict' ? 'every reply is discarded as spoofed' : 'every reply is marked as unproven'}`;
  if (ours.some(({ above }) => above <= ownReceived))
    return fine(check, `sender.authserv_id "${authservId}" is the one in the message`);
  const [lowest] = ours;
  if (lowest !== undefined) {
    return problem(check, EXIT.configuration, {
      what: `Authentication-Results of "${authservId}" stands below ${lowest.above} Received fields, sender.own_received is ${ownReceived}`,
      why,
      fix: `if those Received fields are your own hosts', set sender.own_received = ${lowest.above}; if not, a sender forged it`,
    });
  }
  const other = seen.find(({ above }) => above <= ownReceived + 1);
  if (other !== undefined) {
    return problem(check, EXIT.configuration, {
      what: `sender.authserv_id is "${authservId}"; the message has Authentication-Results of "${other.id}"`,
      why,
      fix: `if your own filter wrote it, set sender.authserv_id = "${other.id}" and restart mailgwd`,
    });
  }
  return warning(check, {
    what: 'the message has no Authentication-Results of your own filter',
    why,
    fix: 'let OpenDMARC, rspamd or another filter write Authentication-Results for the reply domain too, or look at another message',
  });
}

function resultsIn(fields: readonly { readonly name: string; readonly value: string }[]): Seen[] {
  const seen: Seen[] = [];
  let received = 0;
  for (const { name, value } of fields) {
    if (name === 'received') received++;
    if (name !== 'authentication-results') continue;
    const parsed = parseAuthenticationResults(value);
    if (parsed !== undefined) seen.push({ id: parsed.authservId, above: received });
  }
  return seen;
}

/** The same for a message that doctor sent itself, which a filter may well pass by. */
export function noteAuthservId(config: Config, raw: Uint8Array): Finding {
  const found = checkAuthservId(config, raw);
  if (found.status !== 'warning') return found;
  return note(
    found.check,
    'your filter wrote no Authentication-Results into the probe; many leave mail from this host alone',
  );
}
