/** The listener for mail on its way out, as a site configures it. */
import { type BaseConfig, mailServer } from '../../config/config.ts';
import type { PlanStamps } from '../../mail/stamping.ts';
import type { Log } from '../../observe/log.ts';
import type { Meter } from '../../observe/meter.ts';
import { errorText } from '../../system/error-text.ts';
import { ListenError } from '../../system/unix-socket.ts';
import { listen } from '../listen.ts';
import { LmtpServer } from '../lmtp-server.ts';
import { createMemoryBudget } from '../message-buffer.ts';
import type { Source } from '../source.ts';
import { type Answer } from './copy.ts';
import type { RelayTimes } from './relay.ts';
import { RelaySlot } from './relay-slot.ts';
import type { EndedCopy } from './relaying.ts';
import { type OutboundLimits, OutboundSession, type OutboundShared } from './session.ts';

/** The limits of mail on its way in, which hold on its way out as well; sizes in bytes. */
export interface IntakeLimits extends Omit<OutboundLimits, 'maxKeptBytes' | 'answerMs'> {
  readonly maxMessageBytes: number;
  readonly maxBufferedBytes: number;
}

/** The ground of the listener. */
export interface OutboundGround {
  /** Gives the configuration in force. */
  /** Gives the configuration in force. */
  readonly config: () => BaseConfig & { readonly lmtp: IntakeLimits };
  readonly log: Log;
  readonly meter: Meter;
  /** Gives what plans the stamps; each message ends on the one that it began with. */
  readonly plan: () => PlanStamps;
  /** In place of {@link RELAY_TIMES}, for tests. */
  readonly times?: RelayTimes;
}

/** Times for the relay: it is on this host, and asks its milters before it answers the end of data. */
export const RELAY_TIMES: RelayTimes = {
  connectMs: 10_000,
  commandMs: 60_000,
  writeMs: 60_000,
  endOfDataMs: 300_000,
};

/** Below Postfix's lmtp_data_done_timeout (600 s), after which it would send the message to everybody again. */
const ANSWER_MS = 540_000;

/** Opens the listener; rejects with a `ListenError` that names the setting. */
export async function openOutbound(ground: OutboundGround): Promise<Source> {
  const { config, log, meter, times = RELAY_TIMES } = ground;
  if (config().outbound.relay === undefined)
    throw new ListenError('outbound.relay: is missing; expected the smtpd(8) that takes the mail back');
  const shared: OutboundShared = {
    limits: () => {
      const { lmtp } = config();
      return { ...lmtp, maxKeptBytes: lmtp.maxMessageBytes, answerMs: ANSWER_MS };
    },
    log,
    budget: createMemoryBudget(() => config().lmtp.maxBufferedBytes),
    plan: () => faultless(ground.plan(), log),
    ended: (copy, session) => {
      note(copy, session, log, meter);
    },
  };
  const relay = () => {
    const inForce = config();
    return { endpoint: mailServer(inForce), hostname: inForce.lmtp.hostname, times };
  };
  const server = new LmtpServer({
    name: 'outbound',
    maxConnections: () => config().outbound.maxConnections,
    log,
    meter,
    encoding: 'latin1',
    converse: (wire) => new OutboundSession(shared, wire, new RelaySlot(relay)),
  });
  await listen(server.server, 'outbound', config().outbound, log);
  return server;
}

/** Makes an error in planning a reason for no stamp. */
function faultless(plan: PlanStamps, log: Log): PlanStamps {
  return async (outgoing) => {
    try {
      return await plan(outgoing);
    } catch (error) {
      log('stamp_failed', { reason: errorText(error) });
      return { copies: [], otherwise: 'error', remember: undefined };
    }
  };
}

/** Logs and counts how a copy ended. */
function note(
  { stamped, reason, answers, failure }: EndedCopy,
  session: string,
  log: Log,
  meter: Meter,
): void {
  const outcomes = answers.map(([line = '']) => outcomeOf(line, stamped !== undefined, failure));
  for (const outcome of outcomes) meter.add('mailgw_outbound_messages_total', { outcome });
  const whose = stamped === undefined ? { reason } : { user: stamped.user, thread: stamped.thread };
  for (const outcome of new Set(outcomes)) {
    const recipients = outcomes.filter((each) => each === outcome).length;
    const reply = withoutAddresses(answers[outcomes.indexOf(outcome)]);
    log(EVENT_OF[outcome], { session, ...whose, recipients, reply });
  }
}

type Outcome = 'stamped' | 'relayed' | 'refused' | 'failed';

const EVENT_OF = {
  stamped: 'stamped',
  relayed: 'relayed',
  refused: 'relay_refused',
  failed: 'relay_failed',
} as const satisfies Record<Outcome, string>;

function outcomeOf(line: string, isStamped: boolean, failure: string | undefined): Outcome {
  if (line.startsWith('2')) return isStamped ? 'stamped' : 'relayed';
  return line === failure ? 'failed' : 'refused';
}

/** Relays repeat the recipient in their replies, and addresses are not logged. */
function withoutAddresses(answer: Answer | undefined): string {
  return (answer?.at(-1) ?? '').slice(0, 300).replace(/[^\s<>]+@[^\s<>]+/g, '…');
}
