/**
 * The reply address of a notification, and the Message-ID that it must carry; a bound address only works with it.
 *
 * Failure: a Fault for a user who could not reply, a thread that no Message-ID can carry, a time that is none, and
 * for a pepper whose addresses would be void.
 */
import { randomBytes } from 'node:crypto';
import { formatReplyAddress, mintingForm } from '../mail/address.ts';
import {
  formatThreadMessageId,
  MAX_MESSAGE_ID_OCTETS,
  MESSAGE_ID_NONCE_BYTES,
  parseThreadMessageId,
} from '../mail/message-id.ts';
import { PROBE_THREAD } from '../mail/probe.ts';
import { judgeAge, MAX_REPLIED_TO, mintBoundToken, mintSealedToken, userKey } from '../mail/token.ts';
import { mintingPepper } from '../site/pepper.ts';
import type { SecretSession } from '../site/session.ts';
import type { User } from '../store/directory.ts';
import { isPrintable } from '../system/printable.ts';
import { badInput, EXIT, Fault } from './fault.ts';
import { parseTime, TIME_FORMS } from './time.ts';
import { currentSalt, findUser } from './users.ts';

/** A notification that needs an address. */
export interface Notification {
  readonly user: string;
  readonly thread: string;
  /** When the post was made, in any form that times are read in; now where undefined. */
  readonly repliedTo: string | undefined;
  readonly isBound: boolean;
}

/** The addresses that the notification must carry; times in Unix seconds. */
export interface Minted {
  readonly replyTo: string;
  /** Without brackets. */
  readonly messageId: string;
  readonly user: string;
  readonly repliedTo: number;
  readonly expiresAt: number;
  /** How the address stands to the clock already. */
  readonly age: ReturnType<typeof judgeAge>;
}

/** Mints the address of one user's notification about one post. */
export async function mint(session: SecretSession, asked: Notification): Promise<Minted> {
  const { config, peppers, store } = session;
  // Under another pepper than the store's this address would be void, or all others.
  const minting = await mintingPepper(store, peppers, Date.now());
  if (!minting.ok) throw new Fault(EXIT.configuration, minting.problem);
  const user = await findUser(store, asked.user);
  const form = mintingForm(config.reply);
  const repliedTo = readRepliedTo(asked.repliedTo);
  const locator = asked.thread;
  const messageId = threadMessageId(locator, repliedTo, form.domain);
  const key = keyOf(user, minting.pepper);
  const token = asked.isBound
    ? mintBoundToken(key, { userNumber: user.number, nonce: randomBytes(4), messageId })
    : mintSealedToken(key, {
        userNumber: user.number,
        threadNumber: await store.threadNumber(locator),
        repliedTo,
        locator,
      });
  return {
    replyTo: formatReplyAddress(form, token),
    messageId,
    user: user.name,
    repliedTo,
    expiresAt: repliedTo + Math.floor(config.reply.maxAgeMs / 1000),
    age: judgeAge(repliedTo, Date.now(), config.reply.maxAgeMs),
  };
}

function keyOf(user: User, pepper: Uint8Array): Uint8Array {
  if (!user.enabled) {
    throw badInput(
      `user "${user.name}": is disabled, an address would be refused; "mailgw-ctl user enable" enables them`,
    );
  }
  const salt = currentSalt(user);
  if (salt === undefined) {
    throw badInput(`user "${user.name}": has no salt; "mailgw-ctl salt rotate" gives them one`);
  }
  return userKey(pepper, salt.salt);
}

function readRepliedTo(text: string | undefined): number {
  const now = Date.now();
  const ms = text === undefined ? now : parseTime(text, now);
  const seconds = ms === undefined ? undefined : Math.floor(ms / 1000);
  if (seconds === undefined || seconds > MAX_REPLIED_TO) {
    throw badInput(`--replied-to "${text ?? ''}": is not ${TIME_FORMS}`);
  }
  return seconds;
}

/** Makes the notification's Message-ID, where one can carry the locator. */
function threadMessageId(locator: string, repliedTo: number, domain: string): string {
  if (locator === PROBE_THREAD) {
    throw badInput(`--thread "${locator}": is kept for the probes of "mailgw-ctl doctor"`);
  }
  if (locator === '' || !isPrintable(locator)) {
    throw badInput(
      `--thread "${locator}": expected the platform's name of the thread, without control characters`,
    );
  }
  const id = formatThreadMessageId({ locator, repliedTo }, domain, randomBytes(MESSAGE_ID_NONCE_BYTES));
  if (id.length > MAX_MESSAGE_ID_OCTETS) {
    throw badInput(
      `--thread "${locator.slice(0, 60)}…": makes a Message-ID of ${id.length} octets; expected at most ${MAX_MESSAGE_ID_OCTETS}`,
    );
  }
  if (parseThreadMessageId(id, [domain])?.locator !== locator) {
    throw badInput(`--thread "${locator}": would not come back unchanged in a Message-ID`);
  }
  return id;
}
