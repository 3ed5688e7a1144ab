/**
 * Whether each milter that Postfix asks is there and answers.
 *
 * Contract: connects, begins the milter protocol as smtpd(8) does, and ends it again; no message is sent. Every milter
 * has a bounded time, and all are asked at once.
 * Limits: the connection is made as the user that doctor runs as; what keeps Postfix's own user out is not seen.
 * Standards: the protocol of libmilter, option negotiation (SMFIC_OPTNEG) and quit (SMFIC_QUIT).
 */
import { connect } from 'node:net';
import { describe, EXIT } from '../../actions/fault.ts';
import { type Milter, miltersOf } from '../postfix/filters.ts';
import type { PostfixSetup } from '../postfix/postfix-setup.ts';
import { type Finding, fine, problem } from './finding.ts';

const CHECK = 'postfix.milter_answers';
const WITHIN_MS = 5000;

/** Version 6 with no action and no step left out. */
const NEGOTIATE = Buffer.from([0, 0, 0, 13, 0x4f, 0, 0, 0, 6, 0, 0, 1, 0xff, 0, 0x1f, 0xff, 0xff]);
const QUIT = Buffer.from([0, 0, 0, 1, 0x51]);

/** Asks every milter of this Postfix. */
export async function checkMilters(setup: PostfixSetup): Promise<Finding[]> {
  return await Promise.all(miltersOf(setup).map((milter) => checkMilter(setup, milter)));
}

async function checkMilter(setup: PostfixSetup, { name, place }: Milter): Promise<Finding> {
  const is = (what: string, fix: string): Finding =>
    problem(CHECK, EXIT.unavailable, { what: `${name}: ${what}`, why: whileDown(setup), fix });
  if (place === undefined)
    return is('no milter that Postfix knows: neither inet:host:port nor unix:path', 'mend smtpd_milters');
  const where = 'path' in place ? place.path : `${place.host}:${place.port}`;
  try {
    await negotiate(place);
    return fine(CHECK, `${name} answers`);
  } catch (error) {
    return is(
      `${where}: ${describe(error)}`,
      `start the filter that listens at ${where} (systemctl --failed; systemctl status rspamd opendmarc opendkim), or take it out of smtpd_milters`,
    );
  }
}

/** Says what Postfix does with mail while a milter does not answer. */
function whileDown(setup: PostfixSetup): string {
  const action = setup.setting('milter_default_action');
  if (action === 'accept') return 'mail comes in without its results, and "strict" discards every reply';
  if (action === 'reject') return 'all mail by SMTP is refused for good';
  return 'all mail by SMTP is put off: "451 4.7.1 Service unavailable"';
}

/** Begins the protocol and ends it; rejects when nobody answers as a milter does. */
async function negotiate(place: Exclude<Milter['place'], undefined>): Promise<void> {
  const socket = connect(place);
  const deadline = setTimeout(() => {
    socket.destroy(new Error(`no answer within ${WITHIN_MS / 1000} s`));
  }, WITHIN_MS);
  try {
    socket.write(NEGOTIATE);
    let received = Buffer.alloc(0);
    for await (const chunk of socket) {
      received = Buffer.concat([received, chunk as Buffer]);
      if (received.length < 5) continue;
      if (received[4] === NEGOTIATE[4]) return;
      throw new Error(`answers "${received.toString('latin1', 0, 40).trim()}", which no milter does`);
    }
    throw new Error('closes the connection without an answer');
  } finally {
    clearTimeout(deadline);
    socket.end(QUIT);
  }
}
