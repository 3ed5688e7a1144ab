/**
 * What becomes of messages in their folder once they are settled here: marked, moved, deleted.
 *
 * Contract: it comes after the commit, from the list of what is owed, and has no part in whether a message is taken. What
 * fails is tried again after a growing time. A message that is not there any more owes nothing. Only MOVE moves at once;
 * without it a message is copied once, marked as deleted, and expunged by its UID alone. Nothing is ever expunged that
 * others have marked: without UIDPLUS the messages are marked as deleted and stay.
 * What is marked bears the keyword of this installation before anything else becomes of it (rival.ts).
 * Failure: rejects where the connection or the store fails, or where another installation reads the mailbox.
 * Standards: RFC 4315, RFC 6851.
 */
import type { Log } from '../../observe/log.ts';
import type { Mailboxes, OpenMessage } from '../../store/mailboxes.ts';
import { MailboxError } from './mailbox-error.ts';
import type { OpenMailbox } from './open-mailbox.ts';
import { retryAfter } from './pace.ts';
import { markOf, marksOfOthers, refuseRival } from './rival.ts';
import type { ImapConfig } from './settings.ts';

/** The keyword of `after = "keyword"`. */
const KEYWORD = '$Mailgw';

const DELETED = '\\Deleted';

/** The reason of a courtesy that is owed to a message whose addresses were all refused: it has a folder of its own. */
export const BAD_TOKEN = 'bad token';

/** Messages that are marked together. */
const AT_ONCE = 250;

/** The parts of the courtesies. */
export interface CourtesyParts {
  readonly config: Pick<ImapConfig, 'name' | 'after' | 'refusedTo'>;
  readonly mailboxes: Mailboxes;
  readonly log: Log;
  /** The number of this installation. */
  readonly installation: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** The courtesies of one connection: what cannot be done here is said once. */
export class Courtesies {
  readonly #parts: CourtesyParts;
  readonly #box: OpenMailbox;
  readonly #said = new Set<string>();

  constructor(parts: CourtesyParts, box: OpenMailbox) {
    this.#parts = parts;
    this.#box = box;
  }

  /** Does what is owed and due. */
  async pay(): Promise<void> {
    const { mailboxes, config, now } = this.#parts;
    const rows = await mailboxes.openMessages(config.name);
    const at = now();
    const due = rows.filter(({ state, dueAt }) => state === 'courtesy' && (dueAt ?? at) <= at);
    const isRefused = (row: OpenMessage): boolean => config.refusedTo !== '' && isBadToken(row);
    const others = due.filter((row) => !isRefused(row));
    await this.#payAll(others, config.after);
    await this.#payAll(due.filter(isRefused), `move:${config.refusedTo}`);
  }

  async #payAll(rows: readonly OpenMessage[], what: string): Promise<void> {
    for (let from = 0; from < rows.length; from += AT_ONCE)
      await this.#paySome(rows.slice(from, from + AT_ONCE), what);
  }

  /** Does it for some together; where the server refuses, for each by itself. */
  async #paySome(rows: readonly OpenMessage[], what: string): Promise<void> {
    try {
      await this.#act(
        rows.map(({ uid }) => uid),
        what,
      );
      await this.#parts.mailboxes.closeMessages(rows);
    } catch (error) {
      if (!(error instanceof MailboxError) || error.kind !== 'refused') throw error;
      const [row, ...others] = rows;
      if (row === undefined) return;
      if (others.length === 0) await this.#putOff(row, error);
      // One of them may be what the server refuses.
      else for (const each of rows) await this.#paySome([each], what);
    }
  }

  async #putOff(row: OpenMessage, { message }: MailboxError): Promise<void> {
    const { mailboxes, now } = this.#parts;
    if (!(await this.#box.has(row.uid))) {
      await mailboxes.closeMessages([row]);
      return;
    }
    this.#say(message);
    const at = now();
    const dueAt = at + retryAfter(row.attempts + 1);
    const { source, uidValidity, uid } = row;
    const place = { source, uidValidity, uid };
    await mailboxes.putOffMessage({
      ...place,
      state: 'courtesy',
      reason: isBadToken(row) ? `${BAD_TOKEN}: ${message}` : message,
      dueAt,
      highWater: undefined,
      at,
    });
  }

  async #act(uids: readonly number[], what: string): Promise<void> {
    if (what === 'nothing') return;
    if (what === 'seen') await this.#mark(uids, ['\\Seen']);
    else if (what === 'keyword') await this.#setKeyword(uids);
    else {
      await this.#mark(uids, []);
      if (what === 'delete') await this.#remove(uids);
      else await this.#move(uids, what.slice('move:'.length));
    }
  }

  /** Marks messages, with the keyword of this installation in the same command, and looks whether another was there. */
  async #mark(uids: readonly number[], flags: readonly string[]): Promise<void> {
    const { installation } = this.#parts;
    try {
      if (this.#box.takesKeywords) await this.#box.mark(uids, [...flags, markOf(installation)]);
      else if (flags.length > 0) await this.#box.mark(uids, flags);
    } catch (error) {
      if (!(error instanceof MailboxError) || error.kind !== 'refused' || !this.#box.takesKeywords)
        throw error;
      // The keyword may be one too many for the server (Cyrus has a bound): it is not worth a courtesy.
      this.#say(`another installation would not be noticed: ${error.message}`);
      if (flags.length > 0) await this.#box.mark(uids, flags);
      return;
    }
    if (!this.#box.takesKeywords) return;
    const found = await this.#box.flagsOf(uids);
    const seen = [...found.values()].flatMap((each) => [...each]);
    if (marksOfOthers(seen, installation).length > 0) await refuseRival(this.#box, installation, seen);
  }

  async #setKeyword(uids: readonly number[]): Promise<void> {
    if (this.#box.takesKeywords) await this.#mark(uids, [KEYWORD]);
    else this.#say(`the folder takes no keyword ${KEYWORD}; messages stay as they are`);
  }

  /** Deletes messages, as far as that takes nobody else's with them (RFC 4315 §2.1). */
  async #remove(uids: readonly number[]): Promise<void> {
    await this.#box.mark(uids, [DELETED]);
    if (this.#box.capabilities.has('UIDPLUS')) await this.#box.expunge(uids);
    else this.#say('the server has no UIDPLUS; messages are marked as deleted and stay');
  }

  async #move(uids: readonly number[], folder: string): Promise<void> {
    if (this.#box.capabilities.has('MOVE')) {
      await this.#box.move(uids, folder);
      return;
    }
    for (const uid of uids) {
      // What is marked was copied before: a second copy would be one too many.
      const flags = (await this.#box.flagsOf([uid])).get(uid);
      if (flags?.has(DELETED) === false) await this.#box.copy(uid, folder);
      await this.#remove([uid]);
    }
  }

  #say(reason: string): void {
    if (this.#said.has(reason)) return;
    this.#said.add(reason);
    this.#parts.log('mailbox_mark_failed', {
      source: this.#parts.config.name,
      after: this.#parts.config.after,
      reason,
    });
  }
}

const isBadToken = ({ reason }: OpenMessage): boolean =>
  reason === BAD_TOKEN || reason.startsWith(`${BAD_TOKEN}: `);
