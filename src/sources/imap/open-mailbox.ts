/**
 * The commands on a folder that is selected. Contract, failure and standards as of connection.ts.
 */
import type { ImapFlow, MailboxObject } from 'imapflow';
import { DeadlineError, withinDeadline } from '../../system/deadline.ts';
import { MailboxError, mailboxError, tellingError } from './mailbox-error.ts';

/** UIDs in one command: its line stays below what servers take at least (RFC 7162 §4: 8192 octets). */
const UIDS_IN_COMMAND = 250;

/** The greatest UID that there can be (RFC 9051 §2.3.1.1). */
const MOST_UID = 4_294_967_295;

/** Bytes that a slow line brings in a second at least, beyond the deadline of a command. */
const BYTES_PER_SECOND = 100_000;

/** A folder that is open. */
export interface OpenMailbox {
  /** What the server can, in capital letters. */
  readonly capabilities: ReadonlySet<string>;
  /** 0 where the server gives none, and then no UID is good for longer than this connection. */
  readonly uidValidity: number;
  /** The UID that the next message gets at least; 0 where the server does not say. */
  readonly uidNext: number;
  /** How many messages were in the folder when it was opened. */
  readonly exists: number;
  /** Whether a keyword of ours may be set (RFC 9051 §7.1, PERMANENTFLAGS). */
  readonly takesKeywords: boolean;
  /** The flags and keywords that the folder knows, as the server told them when it was selected. */
  readonly keywords: readonly string[];
  /** Resolves when the connection has ended, whoever ended it. */
  readonly closed: Promise<void>;
  /** Selects the folder anew, which shows what the server has not noticed; closes it where its UIDs are others. */
  selectAgain(): Promise<void>;
  /** Lists the UIDs above one, in order. */
  searchAfter(uid: number): Promise<readonly number[]>;
  /** Lists the UIDs of messages that came on a day or later, in order. */
  searchSince(date: Date): Promise<readonly number[]>;
  /** Tells whether a message is in the folder. */
  has(uid: number): Promise<boolean>;
  /** Gives the sizes in bytes, by UID; those of messages that are not there are missing. */
  sizesOf(uids: readonly number[]): Promise<ReadonlyMap<number, number>>;
  /** Gives a message's header, with the empty line after it; undefined where there is none of this UID. */
  fetchHeader(uid: number): Promise<Buffer | undefined>;
  /** Gives a message; undefined where there is none of this UID. */
  fetchMessage(uid: number, bytes?: number): Promise<Buffer | undefined>;
  /** Lists the UIDs of messages with a keyword, in order. */
  searchKeyword(keyword: string): Promise<readonly number[]>;
  /** Marks messages with flags and keywords. */
  mark(uids: readonly number[], flags: readonly string[]): Promise<void>;
  /** Takes a flag or a keyword off messages. */
  unmark(uids: readonly number[], flag: string): Promise<void>;
  /** Gives the flags of messages, by UID; those of messages that are not there are missing. */
  flagsOf(uids: readonly number[]): Promise<ReadonlyMap<number, ReadonlySet<string>>>;
  /** Copies a message to another folder. */
  copy(uid: number, folder: string): Promise<void>;
  /** Moves messages to another folder, by MOVE alone. */
  move(uids: readonly number[], folder: string): Promise<void>;
  /** Removes messages, which are marked as deleted, by UID EXPUNGE alone. */
  expunge(uids: readonly number[]): Promise<void>;
  /** Asks whether the connection lives. */
  noop(): Promise<void>;
  /** Waits for news until the next command, by IDLE or a NOOP every two minutes; `ring` is called at every message. */
  listen(ring: () => void): void;
  /** Ends the connection; resolves when it has ended. */
  close(): Promise<void>;
}

/** The server's last refusal. imapflow answers some commands with false, and gives the words to its log. */
export class LastWords {
  #error: unknown;

  /** Takes an entry of imapflow's log. */
  readonly hear = (entry: { readonly err?: unknown }): void => {
    if (entry.err !== undefined) this.#error = entry.err;
  };

  /** Gives the refusal, once. */
  take(): unknown {
    const error = this.#error;
    this.#error = undefined;
    return error;
  }
}

/** The options of a selected folder. */
export interface SelectedOptions {
  readonly commandMs: number;
  /** The server, for what is told of failures. */
  readonly place: string;
  readonly words: LastWords;
}

/** A folder on a connection of imapflow's. Its life: selected, then closed for good. */
export class SelectedMailbox implements OpenMailbox {
  readonly capabilities: ReadonlySet<string>;
  readonly uidValidity: number;
  readonly uidNext: number;
  readonly exists: number;
  readonly takesKeywords: boolean;
  readonly keywords: readonly string[];
  readonly closed: Promise<void>;
  readonly #flow: ImapFlow;
  readonly #options: SelectedOptions;
  #ring: (() => void) | undefined;
  #failure: unknown;

  constructor(flow: ImapFlow, folder: MailboxObject, options: SelectedOptions) {
    this.#flow = flow;
    this.#options = options;
    this.capabilities = new Set([...flow.capabilities.keys()].map((name) => name.toUpperCase()));
    // Types promise both; servers do not.
    const { uidValidity, uidNext, exists } = folder as Partial<MailboxObject>;
    this.uidValidity = Number(uidValidity ?? 0);
    this.uidNext = uidNext ?? 0;
    this.exists = exists ?? 0;
    const flags = [...(folder.permanentFlags ?? [])];
    this.takesKeywords = folder.permanentFlags === undefined || flags.includes('\\*');
    this.keywords = [...((folder as Partial<MailboxObject>).flags ?? [])];
    this.closed = new Promise((resolve) => {
      flow.on('close', () => {
        resolve();
      });
    });
    flow.on('error', (error: unknown) => {
      this.#failure ??= error;
    });
    flow.on('exists', () => this.#ring?.());
  }

  async selectAgain(): Promise<void> {
    const { mailbox } = this.#flow;
    if (mailbox === false) throw this.#refused('SELECT');
    const { path, readOnly = false } = mailbox;
    const { uidValidity } = await this.#ask(
      'SELECT',
      (): Promise<Partial<MailboxObject>> => this.#flow.mailboxOpen(path, { readOnly }),
    );
    if (Number(uidValidity ?? 0) === this.uidValidity) return;
    this.#flow.close();
    throw new MailboxError(
      'network',
      `${this.#options.place}: UIDVALIDITY is another, ${String(uidValidity)}`,
    );
  }

  async searchAfter(uid: number): Promise<readonly number[]> {
    const found = await this.#search({ uid: `${uid + 1}:${MOST_UID}` });
    // "n:*" would have the last message, however low its UID is (RFC 9051 §9, seq-range); GNU imap4d 3.15 finds nothing by it.
    return found.filter((each) => each > uid);
  }

  async searchSince(date: Date): Promise<readonly number[]> {
    return await this.#search({ since: date });
  }

  async has(uid: number): Promise<boolean> {
    return (await this.#search({ uid: String(uid) })).includes(uid);
  }

  async searchKeyword(keyword: string): Promise<readonly number[]> {
    return await this.#search({ keyword });
  }

  async #search(query: { uid: string } | { since: Date } | { keyword: string }): Promise<readonly number[]> {
    const found = await this.#ask('UID SEARCH', () => this.#flow.search(query, { uid: true }));
    if (!Array.isArray(found)) throw this.#refused('UID SEARCH');
    return found.sort((one, other) => one - other);
  }

  async sizesOf(uids: readonly number[]): Promise<ReadonlyMap<number, number>> {
    const sizes = new Map<number, number>();
    for (const some of chunks(uids)) {
      const rows = await this.#ask('UID FETCH', () =>
        this.#flow.fetchAll(some, { uid: true, size: true }, { uid: true }),
      );
      for (const { uid, size } of rows) if (size !== undefined) sizes.set(uid, size);
    }
    return sizes;
  }

  async fetchHeader(uid: number): Promise<Buffer | undefined> {
    const row = await this.#ask('UID FETCH', () =>
      this.#flow.fetchOne(String(uid), { uid: true, headers: true }, { uid: true }),
    );
    return row === false ? undefined : row.headers;
  }

  async fetchMessage(uid: number, bytes = 0): Promise<Buffer | undefined> {
    const row = await this.#ask(
      'UID FETCH',
      () => this.#flow.fetchOne(String(uid), { uid: true, source: true }, { uid: true }),
      (bytes / BYTES_PER_SECOND) * 1000,
    );
    return row === false ? undefined : row.source;
  }

  async mark(uids: readonly number[], flags: readonly string[]): Promise<void> {
    for (const some of chunks(uids)) {
      const done = await this.#ask('UID STORE', () =>
        this.#flow.messageFlagsAdd(some, [...flags], { uid: true, silent: true }),
      );
      if (!done) throw this.#refused(`UID STORE +FLAGS ${flags.join(' ')}`);
    }
  }

  async unmark(uids: readonly number[], flag: string): Promise<void> {
    for (const some of chunks(uids)) {
      const done = await this.#ask('UID STORE', () =>
        this.#flow.messageFlagsRemove(some, [flag], { uid: true, silent: true }),
      );
      if (!done) throw this.#refused(`UID STORE -FLAGS ${flag}`);
    }
  }

  async flagsOf(uids: readonly number[]): Promise<ReadonlyMap<number, ReadonlySet<string>>> {
    const found = new Map<number, ReadonlySet<string>>();
    for (const some of chunks(uids)) {
      const rows = await this.#ask('UID FETCH', () =>
        this.#flow.fetchAll(some, { uid: true, flags: true }, { uid: true }),
      );
      for (const { uid, flags } of rows) if (flags !== undefined) found.set(uid, flags);
    }
    return found;
  }

  async copy(uid: number, folder: string): Promise<void> {
    const done = await this.#ask('UID COPY', () =>
      this.#flow.messageCopy(String(uid), folder, { uid: true }),
    );
    if (done === false) throw this.#refused(`UID COPY to ${JSON.stringify(folder)}`);
  }

  async move(uids: readonly number[], folder: string): Promise<void> {
    // Without MOVE imapflow would copy and expunge, and that may be all that others have marked.
    if (!this.capabilities.has('MOVE')) throw new MailboxError('refused', 'the server has no MOVE');
    for (const some of chunks(uids)) {
      const done = await this.#ask('UID MOVE', () => this.#flow.messageMove(some, folder, { uid: true }));
      if (done === false) throw this.#refused(`UID MOVE to ${JSON.stringify(folder)}`);
    }
  }

  async expunge(uids: readonly number[]): Promise<void> {
    // Without UIDPLUS imapflow would expunge all that is marked, also by others.
    if (!this.capabilities.has('UIDPLUS')) throw new MailboxError('refused', 'the server has no UIDPLUS');
    for (const some of chunks(uids)) {
      const done = await this.#ask('UID EXPUNGE', () => this.#flow.messageDelete(some, { uid: true }));
      if (!done) throw this.#refused('UID EXPUNGE');
    }
  }

  async noop(): Promise<void> {
    await this.#ask('NOOP', () => this.#flow.noop());
  }

  listen(ring: () => void): void {
    this.#ring = ring;
    // It ends with the next command; how a connection ends tells `closed`.
    this.#flow.idle().catch(() => undefined);
  }

  async close(): Promise<void> {
    if (this.#flow.isClosed) return;
    try {
      await withinDeadline(2000, () => this.#flow.logout());
    } catch {
      // A server that says no good-bye is left without.
    }
    this.#flow.close();
    await this.closed;
  }

  async #ask<Answer>(command: string, run: () => Promise<Answer>, moreMs = 0): Promise<Answer> {
    const { place, commandMs } = this.#options;
    try {
      return await withinDeadline(commandMs + moreMs, run);
    } catch (error) {
      const failure = mailboxError(tellingError(error, this.#failure), `${place}: ${command}`);
      if (failure.kind !== 'refused' || error instanceof DeadlineError) this.#flow.close();
      throw failure;
    }
  }

  #refused(what: string): MailboxError {
    const { place, words } = this.#options;
    const said = words.take();
    if (!this.#flow.usable)
      return mailboxError(this.#failure ?? new Error('the connection has ended'), `${place}: ${what}`);
    return new MailboxError(
      'refused',
      mailboxError(said ?? new Error('refused'), `${place}: ${what}`).message,
    );
  }
}

/** Gives UIDs in parts that fit into one command, as sequence sets. */
function* chunks(uids: readonly number[]): Generator<string> {
  for (let at = 0; at < uids.length; at += UIDS_IN_COMMAND) {
    yield uids.slice(at, at + UIDS_IN_COMMAND).join(',');
  }
}
