/**
 * The reader of one mailbox: it owns it, keeps a connection to it, and goes over the folder whenever there may be mail.
 *
 * Contract: a pass follows every connect, every message that the server tells of, every word of the operator's, and
 * {@link SEARCH_MS} whatever happened: EXISTS is a bell and no more. A connection that fails is replaced after a pause
 * (pace.ts). Nobody else reads the mailbox meanwhile, as far as the store reaches. Failure: all of it becomes the
 * reader's state, and a line of the log where it is another than before; nothing rejects.
 */

import { Bell } from '../../system/bell.ts';
import { withinDeadline } from '../../system/deadline.ts';
import { errorText } from '../../system/error-text.ts';
import type { Intake, SourceView } from '../source.ts';
import type { MessageLimit } from '../source-settings.ts';
import { openMailbox } from './connection.ts';
import { Courtesies } from './courtesy.ts';
import { Credentials } from './credentials.ts';
import { beginFolder } from './folder.ts';
import { MailboxError, type MailboxErrorKind, needsOperator } from './mailbox-error.ts';
import type { OpenMailbox } from './open-mailbox.ts';
import { LEASE_MS, type Pace, pauseAfter, RENEW_MS, RIVAL_MS, SEARCH_MS } from './pace.ts';
import { type PassParts, passFolder } from './pass.ts';
import { installationOf, refuseRival } from './rival.ts';
import { changesFolder, type ImapConfig, type ImapSection } from './settings.ts';

/** The parts of a reader. */
export interface ReaderParts {
  readonly intake: Intake<ImapSection & MessageLimit>;
  readonly config: ImapConfig;
  readonly pace: Pace;
  /** Who reads, as the store knows it: another one has to wait. */
  readonly owner: string;
  /** The time that a command has, in milliseconds. */
  readonly commandMs: number;
}

/** The pause before a message that is due, at least: the wall clock may have been set. */
const LEAST_WAIT_MS = 1000;

/** A reader. Its life: started, then stopped for good. */
export class MailboxReader {
  readonly #parts: ReaderParts;
  readonly #credentials: Credentials;
  readonly #bell: Bell;
  #view: Pick<SourceView, 'state' | 'reason'> = { state: 'connecting', reason: 'not connected yet' };
  /** The connection, where there is one. */
  #box: OpenMailbox | undefined;
  readonly #stop = new AbortController();
  #isStopping = false;
  /** Failures in a row, by which the pause grows. */
  #failures = 0;
  /** By the clock that nobody sets. */
  #searchedAt: number;
  #ended: Promise<void> = Promise.resolve();

  constructor(parts: ReaderParts) {
    this.#parts = parts;
    this.#credentials = new Credentials(parts.config);
    this.#bell = new Bell(parts.pace.after);
    this.#searchedAt = parts.pace.monotonic();
  }

  /** Gives the configuration that it reads by. */
  get config(): ImapConfig {
    return this.#parts.config;
  }

  /** Tells how it stands. */
  get view(): SourceView {
    const { state, reason } = this.#view;
    return { name: this.config.name, kind: 'imap', state, ...(state === 'serving' ? {} : { reason }) };
  }

  /** Gives the seconds since the folder was last searched. */
  get searchAge(): number {
    return (this.#parts.pace.monotonic() - this.#searchedAt) / 1000;
  }

  /** Begins to read. */
  start(): void {
    this.#ended = this.#run();
  }

  /** Has it look for mail now, and connect now if it waits. */
  sync(): void {
    this.#bell.ring();
  }

  /** Ends: the batch under way is settled; after so long the connection is closed. */
  async stop(withinMs: number): Promise<void> {
    this.#isStopping = true;
    this.#bell.ring();
    if (this.#box === undefined) this.#stop.abort();
    const isInTime = await withinDeadline(withinMs, () => this.#ended).catch(() => false);
    if (isInTime !== false) return;
    this.#stop.abort();
    void this.#box?.close();
  }

  async #run(): Promise<void> {
    const { intake, owner } = this.#parts;
    const isStopping = (): boolean => this.#isStopping;
    while (!isStopping()) {
      let pauseMs = RIVAL_MS;
      try {
        if (await this.#owns()) await this.#serve();
      } catch (error) {
        pauseMs = this.#fail(error);
      }
      // The end of the connection rang, and would take the pause away: a server that hangs up would be hammered.
      await this.#bell.wait(0);
      if (!isStopping()) await this.#bell.wait(pauseMs);
    }
    await intake.mailboxes.releaseMailbox(this.config.name, owner).catch(() => undefined);
  }

  /** Makes itself the owner; false where another one is. */
  async #owns(): Promise<boolean> {
    const { intake, owner, pace } = this.#parts;
    const claim = { source: this.config.name, owner, now: pace.now(), leaseMs: LEASE_MS };
    const is = await intake.mailboxes.claimMailbox(claim);
    if (is !== owner) this.#falls({ state: 'waiting', reason: `read by ${is}` }, RIVAL_MS);
    return is === owner;
  }

  /** Reads over one connection until it ends; rejects with why it did, unless the reader stops. */
  async #serve(): Promise<void> {
    const { commandMs } = this.#parts;
    const maxMessageBytes = this.#parts.intake.config().lmtp.maxMessageBytes;
    const options = { maxMessageBytes, commandMs, credentials: this.#credentials, signal: this.#stop.signal };
    const box = await openMailbox(this.config, options);
    this.#box = box;
    let loss: Error | undefined;
    let isOver = false;
    const lose = (error: Error): void => {
      if (isOver) return;
      loss ??= error;
      this.#bell.ring();
    };
    void box.closed.then(() => {
      lose(new MailboxError('network', `${this.config.host}: the server has closed the connection`));
    });
    // A pass over many messages takes longer than the lease: it is renewed beside it.
    const renewing = this.#renew(lose);
    try {
      await this.#follow(box, maxMessageBytes, () => loss);
    } finally {
      isOver = true;
      renewing.stop();
      this.#box = undefined;
      await box.close();
    }
  }

  /** Goes over the folder for as long as the connection lasts, and sleeps in between. */
  async #follow(box: OpenMailbox, maxMessageBytes: number, loss: () => Error | undefined): Promise<void> {
    const { intake, config, pace } = this.#parts;
    const { mailboxes, log, meter } = intake;
    const { now } = pace;
    const mayGoOn = (): boolean => {
      const lost = loss();
      if (!this.#isStopping && lost !== undefined) throw lost;
      return !this.#isStopping;
    };
    const isStopping = (): boolean => this.#isStopping || loss() !== undefined;
    const parts: PassParts = { intake, mailboxes, config, maxMessageBytes, now, isStopping };
    const installation = await installationOf(mailboxes);
    if (changesFolder(config)) await refuseRival(box, installation);
    const courtesies = new Courtesies({ config, mailboxes, log, installation, now }, box);
    await beginFolder({ config, mailboxes, log, meter, now }, box);
    let selectedAt = pace.monotonic();
    for (;;) {
      // A server may overlook what came in the second of its last look, and for good: GNU imap4d 3.15 does.
      if (pace.monotonic() - selectedAt >= SEARCH_MS) {
        await box.selectAgain();
        selectedAt = pace.monotonic();
      }
      await passFolder(parts, box);
      this.#searchedAt = pace.monotonic();
      if (!isStopping()) await courtesies.pay();
      if (!mayGoOn()) return;
      this.#rises();
      box.listen(() => {
        this.#bell.ring();
      });
      await this.#bell.wait(await this.#untilDue());
      if (!mayGoOn()) return;
    }
  }

  /** Renews the ownership for as long as a connection lasts. */
  #renew(lose: (error: Error) => void): { stop(): void } {
    const { pace } = this.#parts;
    let isOver = false;
    let takeBack = (): void => undefined;
    const again = (): void => {
      takeBack = pace.after(RENEW_MS, () => {
        this.#owns().then(
          (isOwner) => {
            if (!isOwner) lose(new Error('another host reads the mailbox'));
            else if (!isOver) again();
          },
          (error: unknown) => {
            lose(error instanceof Error ? error : new Error(errorText(error)));
          },
        );
      });
    };
    again();
    return {
      stop: () => {
        isOver = true;
        takeBack();
      },
    };
  }

  /** Gives the time until a message is to be tried again, or until the next search. */
  async #untilDue(): Promise<number> {
    const { intake, pace } = this.#parts;
    const rows = await intake.mailboxes.openMessages(this.config.name);
    const due = rows.flatMap(({ dueAt }) => (dueAt === undefined ? [] : [dueAt]));
    const next = due.reduce((one, other) => Math.min(one, other), Infinity) - pace.now();
    return Math.min(SEARCH_MS, Math.max(LEAST_WAIT_MS, next));
  }

  /** Notes that the mailbox is read; a failure that comes after that is the first in a row. */
  #rises(): void {
    this.#failures = 0;
    if (this.#view.state === 'serving') return;
    this.#view = { state: 'serving' };
    const { name, host, folder } = this.config;
    this.#parts.intake.log('source_up', { source: name, host, folder });
  }

  /** Takes a failure in; gives the pause that follows it. */
  #fail(error: unknown): number {
    this.#failures += 1;
    const kind = error instanceof MailboxError ? error.kind : undefined;
    const pauseMs = pauseAfter(kind, this.#failures, this.#parts.pace.random());
    const state = kind !== undefined && needsOperator(kind) ? 'broken' : 'waiting';
    this.#falls({ state, reason: errorText(error) }, pauseMs, kind);
    return pauseMs;
  }

  /** Notes that the mailbox is not read; what is no news is not logged again. */
  #falls(
    view: { state: 'waiting' | 'broken'; reason: string },
    pauseMs: number,
    kind?: MailboxErrorKind,
  ): void {
    if (this.#isStopping) return;
    const isNews = this.#view.state !== view.state || wordsOf(this.#view) !== wordsOf(view);
    this.#view = view;
    if (!isNews) return;
    const level = view.state === 'broken' ? 'error' : 'warn';
    const fields = { source: this.config.name, state: view.state, kind, reason: view.reason };
    this.#parts.intake.log('source_down', { ...fields, retry_seconds: Math.round(pauseMs / 1000) }, level);
  }
}

/** Gives a reason without its figures: servers put the time of day into it. */
const wordsOf = ({ reason = '' }: Pick<SourceView, 'reason'>): string => reason.replace(/\d+/g, '0');
