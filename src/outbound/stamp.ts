/**
 * Stamping: a notification on its way out gets the reply address of the user whom it goes to.
 *
 * Contract: only a recognised notification to a registered address of one enabled user is stamped, and of it no more is
 * changed than stamped-header.ts says, and the reverse-path where the site wants that. Left alone are mail that is ours
 * already, answers of machines and reports, mail without exactly one sender, and mail whose DKIM signature covers what
 * a stamp changes: a broken signature does more harm than an address that is missing. The null reverse-path stays null.
 * A probe of doctor (mail/probe.ts) is recognised by its recipient, a probe's own address: no field of it, and no rule
 * of the site, makes a probe of other mail, and no probe goes to a person.
 * Failure: whatever goes wrong, the mail goes out as it came, with a line in the log.
 */
import type { Doubt } from '../gate/recipient.ts';
import { matchRecipient, type ReplyAddressForm } from '../mail/address.ts';
import { fieldText } from '../mail/field-words.ts';
import { type Header, headerValue, headerValues, scanHeader } from '../mail/header.ts';
import { type Mailbox, mailboxesOf, senderOf } from '../mail/mailbox.ts';
import { mediaType } from '../mail/parts.ts';
import { isProbe, probeThread } from '../mail/probe.ts';
import type { Recognisable, Recognise, Recognised } from '../mail/recognise.ts';
import { isReserved } from '../mail/reserved.ts';
import type { Outgoing, PlanStamps, StampedCopy, StampPlan, Unstamped } from '../mail/stamping.ts';
import { judgeAge, MAX_REPLIED_TO } from '../mail/token.ts';
import type { Log } from '../observe/log.ts';
import type { Directory, User } from '../store/directory.ts';
import { errorText } from '../system/error-text.ts';
import { mintingKey, sealedAddress } from './reply-address.ts';
import { timeIn } from './rules.ts';
import { isSigned, stampedHeader } from './stamped-header.ts';

/** A notification that went out, as it came; times in milliseconds. */
export interface StampedOriginal {
  readonly thread: string;
  readonly repliedTo: number;
  readonly subject: string;
  readonly author: Pick<Mailbox, 'name' | 'address'>;
  readonly raw: Uint8Array;
}

/** A stamped copy that is about to go out; `repliedTo` in Unix seconds. */
export interface StampedMail {
  readonly userNumber: number;
  readonly thread: string;
  readonly repliedTo: number;
  /** As its field has it; empty where it has none. */
  readonly messageId: string;
  readonly subject: string;
}

/** The pepper to mint with, or why there is none. */
export type MintingPepper =
  | { readonly ok: true; readonly pepper: Uint8Array }
  | { readonly ok: false; readonly problem: string };

/** The options of stamping. */
export interface StampOptions {
  /** The form that mints. */
  readonly form: ReplyAddressForm;
  /** All forms that reply addresses have or had. */
  readonly forms: readonly ReplyAddressForm[];
  /** Gives the pepper that mints, or says why none may. */
  readonly pepper: () => Promise<MintingPepper>;
  readonly maxAgeMs: number;
  readonly envelope: 'reply-address' | 'keep';
  readonly from: 'reply-address' | 'keep';
  readonly plusTags: 'compare' | 'ignore';
  /** The values of X-Loop in our own mail. */
  readonly loopTokens: readonly string[];
  readonly recognise: Recognise;
  readonly directory: Pick<Directory, 'usersByAddress' | 'threadNumber'>;
  /** Gives the user of a probe's address, once its proof and its age hold; without it there are no probes. */
  readonly probed?: ((address: string) => Promise<User | undefined>) | undefined;
  /** Says why the store is not to be believed now. */
  readonly doubt: () => Promise<Doubt | undefined> | Doubt | undefined;
  /** Asks the platform who has an address, and adds them; undefined where it is not to be asked. */
  readonly ask?: ((address: string, thread: string) => Promise<User | undefined>) | undefined;
  /** Tells a thread that no sink is for: replies to it would only wait. */
  readonly isStray?: ((thread: string) => boolean) | undefined;
  /** Notes who is about to be sent what, before the relay has it; undefined where nothing is matched by that. */
  readonly noteNotified?: ((mails: readonly StampedMail[]) => Promise<void>) | undefined;
  /** Hears of each notification that the relay took with a stamp. */
  readonly remember?: ((original: StampedOriginal) => void) | undefined;
  readonly log: Log;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Makes the function that plans the stamped copies of mail; it never rejects. */
export function createStamp(options: StampOptions): PlanStamps {
  return async (mail) => {
    try {
      const probed = await probedUser(options, mail.recipients);
      const body = bodyOf(mail);
      const notification = await readNotification(options, mail, probed, body.show);
      if (notification === 'no-notification' && body.isWanted())
        return { ...none(notification), wantsBody: true };
      if (typeof notification === 'string') return none(notification);
      return await stampAll(options, mail, notification, probed);
    } catch (error) {
      options.log('stamp_failed', { reason: errorText(error) });
      return none('error');
    }
  };
}

const none = (otherwise: Unstamped): StampPlan => ({ copies: [], otherwise, remember: undefined });

/** Shows the body to who asks for it, and tells whether somebody did before it was there. */
function bodyOf({ body }: Outgoing): {
  readonly show: () => Buffer | undefined;
  readonly isWanted: () => boolean;
} {
  let wasAsked = false;
  return {
    show: () => {
      wasAsked = true;
      return body;
    },
    isWanted: () => wasAsked && body === undefined,
  };
}

/** A notification that may be stamped. */
interface Notification {
  readonly header: Header;
  readonly sender: Mailbox;
  readonly thread: string;
  /** Unix seconds. */
  readonly repliedTo: number;
}

/** Gives whose probe a mail is: one to a probe's address alone, so that it can reach nobody. */
async function probedUser(
  { forms, probed }: StampOptions,
  [address, ...others]: readonly string[],
): Promise<User | undefined> {
  if (address === undefined || others.length > 0 || matchRecipient(forms, address).kind !== 'token')
    return undefined;
  return probed?.(address);
}

async function readNotification(
  options: StampOptions,
  mail: Outgoing,
  probed: User | undefined,
  body: Recognisable['body'],
): Promise<Notification | Unstamped> {
  const scan = scanHeader(mail.beginning);
  if (!scan.ok) return 'header-too-large';
  const { header } = scan;
  const known = recogniseOther(options, { header, reversePath: mail.reversePath, body });
  const recognised = probed === undefined ? known : await recogniseProbe(options, header, probed, known);
  if (recognised === undefined) return 'no-notification';
  if (options.isStray?.(recognised.thread) === true) return 'no-sink';
  if (isOurs(options, header)) return 'own';
  if (isAutomatic(header)) return 'automatic';
  const sender = senderOf(header);
  if (!sender.ok) return 'malformed';
  if (isSigned(header, options.from)) return 'signed';
  const repliedTo = postTime(recognised, header, options.now());
  if (judgeAge(repliedTo, options.now(), options.maxAgeMs) === 'expired') return 'expired';
  return { header, sender: sender.mailbox, thread: recognised.thread, repliedTo };
}

/** Recognises a probe, and puts into its thread what the site knows of such a notification, and of the user in To. */
async function recogniseProbe(
  { forms, directory, plusTags }: StampOptions,
  header: Header,
  user: User,
  known: Recognised | undefined,
): Promise<Recognised> {
  const to = headerValues(header, 'to').flatMap(mailboxesOf);
  const address = to.map((each) => each.address).find((each) => matchRecipient(forms, each).kind !== 'token');
  const found = address === undefined ? [] : await directory.usersByAddress(address, plusTags);
  const isFound = found.length === 1 && found[0]?.number === user.number;
  return { thread: probeThread({ isRecognised: known !== undefined, isFound }), repliedTo: undefined };
}

/** Recognises a notification of the platform; no rule of a site names a thread that is ours. */
function recogniseOther({ recognise }: StampOptions, notification: Recognisable): Recognised | undefined {
  const recognised = recognise(notification);
  return recognised === undefined || isReserved(recognised.thread) ? undefined : recognised;
}

function isOurs({ forms, loopTokens }: StampOptions, header: Header): boolean {
  if (headerValues(header, 'x-loop').some((value) => loopTokens.includes(value))) return true;
  const fields = [...headerValues(header, 'reply-to'), ...headerValues(header, 'from')];
  return fields.flatMap(mailboxesOf).some(({ address }) => matchRecipient(forms, address).kind === 'token');
}

/** Tells answers of machines and reports; that a notification was made by a machine is no reason against it. */
function isAutomatic(header: Header): boolean {
  const submitted = headerValues(header, 'auto-submitted').some((value) => /^\s*auto-replied\b/i.test(value));
  return submitted || mediaType(headerValue(header, 'content-type') ?? '') === 'multipart/report';
}

/** Gives the time of the post in Unix seconds: now where none is told, or one that has not come yet. */
function postTime({ repliedTo }: Recognised, header: Header, now: number): number {
  const told = repliedTo ?? timeIn(header, 'date');
  const time = told === undefined || told > now || told < 0 ? now : told;
  return Math.min(Math.floor(time / 1000), MAX_REPLIED_TO);
}

/** The places of one user's addresses in the envelope. */
interface Addressed {
  readonly user: User;
  readonly key: Uint8Array;
  readonly recipients: number[];
}

async function stampAll(
  options: StampOptions,
  mail: Outgoing,
  notification: Notification,
  probed: User | undefined,
): Promise<StampPlan> {
  const found =
    probed === undefined
      ? await Promise.all(mail.recipients.map((address) => findUser(options, address, notification.thread)))
      : [probed];
  if (found.every((each) => typeof each === 'string')) return none(found[0] ?? 'unknown-user');
  const doubt = await options.doubt();
  const minting = doubt === undefined ? await options.pepper() : undefined;
  if (minting?.ok !== true) {
    options.log('stamp_failed', { reason: minting?.problem ?? doubt?.why });
    return none(minting === undefined && doubt?.reason === 'store' ? 'store' : 'pepper');
  }
  const { addressed, reasons } = groupByUser(found, minting.pepper);
  const [otherwise = 'unknown-user'] = reasons;
  if (addressed.length === 0) return none(otherwise);
  const copies = await copiesFor(options, mail, notification, addressed);
  if (copies === undefined) return none('malformed');
  await note(options, notification, addressed);
  return { copies, otherwise, remember: rememberer(options, notification) };
}

/** Notes whom the copies go to. Where that fails they go out all the same: their address is what counts. */
async function note(
  { noteNotified, log }: StampOptions,
  { header, thread, repliedTo }: Notification,
  addressed: readonly Addressed[],
): Promise<void> {
  if (noteNotified === undefined || isProbe({ locator: thread })) return;
  const subject = fieldText(header, 'subject');
  const messageId = headerValue(header, 'message-id') ?? '';
  const mails = addressed.map(({ user }) => {
    return { userNumber: user.number, thread, repliedTo, messageId, subject };
  });
  try {
    await noteNotified(mails);
  } catch (error) {
    log('stamp_failed', { reason: `who is notified is not remembered: ${errorText(error)}` });
  }
}

/** Makes the copy of each user; undefined where From cannot be given another address. */
async function copiesFor(
  options: StampOptions,
  mail: Outgoing,
  { header, thread, repliedTo }: Notification,
  addressed: readonly Addressed[],
): Promise<readonly StampedCopy[] | undefined> {
  const post = { thread, threadNumber: await options.directory.threadNumber(thread), repliedTo };
  const copies = addressed.map(({ user, key, recipients }): StampedCopy | undefined => {
    const address = sealedAddress(options.form, key, user, post);
    const beginning = stampedHeader(mail.beginning, header, address, options.from);
    const keepsPath = options.envelope === 'keep' || mail.reversePath === '';
    const reversePath = keepsPath ? undefined : address;
    return beginning && { user: user.name, thread, recipients, reversePath, beginning };
  });
  const stamped = copies.filter((copy) => copy !== undefined);
  return stamped.length < copies.length ? undefined : stamped;
}

async function findUser(options: StampOptions, address: string, thread: string): Promise<User | Unstamped> {
  const users = await options.directory.usersByAddress(address, options.plusTags);
  if (users.length > 1) return 'ambiguous-user';
  return users[0] ?? (await options.ask?.(address, thread)) ?? 'unknown-user';
}

/** Gathers each user's places; who could not reply becomes a reason. */
function groupByUser(
  found: readonly (User | Unstamped)[],
  pepper: Uint8Array,
): { readonly addressed: readonly Addressed[]; readonly reasons: readonly Unstamped[] } {
  const addressed = new Map<number, Addressed>();
  const reasons: Unstamped[] = [];
  for (const [index, user] of found.entries()) {
    if (typeof user === 'string') {
      reasons.push(user);
      continue;
    }
    const known = addressed.get(user.number);
    if (known !== undefined) {
      known.recipients.push(index);
      continue;
    }
    const minting = mintingKey(user, pepper);
    if ('problem' in minting) reasons.push(minting.problem);
    else addressed.set(user.number, { user, key: minting.key, recipients: [index] });
  }
  return { addressed: [...addressed.values()], reasons };
}

function rememberer({ remember }: StampOptions, notification: Notification): StampPlan['remember'] {
  const { header, sender, thread, repliedTo } = notification;
  if (remember === undefined || isProbe({ locator: thread })) return undefined;
  const { name, address } = sender;
  const subject = fieldText(header, 'subject');
  return (raw) => {
    remember({ thread, repliedTo: repliedTo * 1000, subject, author: { name, address }, raw });
  };
}
