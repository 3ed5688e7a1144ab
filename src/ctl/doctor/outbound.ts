/**
 * The way out: whether mailgwd takes mail there, and whether it reaches the relay.
 *
 * Contract: LHLO and MAIL on the listener, and no message: mailgwd answers MAIL 250 where its session with the relay
 * stands. Nothing where the site stamps nothing.
 */
import { describe, EXIT } from '../../actions/fault.ts';
import { endpointText } from '../../config/kinds.ts';
import type { Config } from '../../site/config.ts';
import { type Finding, fine, problem } from './finding.ts';
import { openTalk } from './talk.ts';

/** Longer than mailgwd waits for the relay to greet. */
const WITHIN_MS = 15_000;

/** Examines it. */
export async function checkOutbound({ outbound }: Config): Promise<Finding[]> {
  const { socket, relay } = outbound;
  if (socket === undefined || relay === undefined) return [];
  const why = 'Postfix keeps the notifications until it works; after five days it returns them';
  try {
    const talk = await openTalk({ path: socket }, WITHIN_MS);
    await talk.say('LHLO doctor.invalid');
    const { code, text } = await talk.say('MAIL FROM:<>');
    talk.close();
    if (code === 250) {
      const reached = `${socket}: takes mail, and reaches ${endpointText(relay)}`;
      return [fine('outbound.relay', reached)];
    }
    return [
      problem('outbound.relay', EXIT.unavailable, {
        what: `${socket}: mailgwd says "${code} ${text}"`,
        why,
        fix: 'mailgw-ctl postfix-config prints the smtpd(8) for outbound.relay; postfix check && postfix reload',
      }),
    ];
  } catch (error) {
    return [
      problem('outbound.socket', EXIT.unavailable, {
        what: `${socket}: ${describe(error)}`,
        why,
        fix: 'journalctl -u mailgw -n 20; systemctl restart mailgw.service',
      }),
    ];
  }
}
