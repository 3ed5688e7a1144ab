/**
 * The mailboxes as a site configures them, a reader for each.
 *
 * Contract: a reload ends the readers whose table has changed or gone, and starts those that are new; the others go on.
 * Failure: what goes wrong with a mailbox is its reader's state; nothing rejects.
 */
import { hostname } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import type { Intake, OpenSource, Source, SourceView } from '../source.ts';
import type { MessageLimit } from '../source-settings.ts';
import { COMMAND_MS } from './connection.ts';
import { type Pace, REAL_PACE } from './pace.ts';
import { MailboxReader } from './reader.ts';
import type { ImapConfig, ImapSection } from './settings.ts';

/** The time that a reader has to end when its table has changed. */
const CHANGE_MS = 10_000;

/** What may be another in tests. */
export interface ImapOptions {
  readonly pace?: Pace;
  /** The host's name unless given: a daemon that comes back is the owner that it was. */
  readonly owner?: string;
  readonly commandMs?: number;
}

/** The mailboxes of a site. */
export class Mailreading implements Source {
  readonly #intake: Intake<ImapSection & MessageLimit>;
  readonly #options: ImapOptions;
  readonly #readers = new Map<string, MailboxReader>();
  /** Readers on their way out, by name: the next of a name begins after its forerunner. */
  readonly #leaving = new Map<string, Promise<void>>();
  #isStopping = false;

  constructor(intake: Intake<ImapSection & MessageLimit>, options: ImapOptions = {}) {
    this.#intake = intake;
    this.#options = options;
  }

  /** Brings the readers in line with the configuration. */
  change(): void {
    if (this.#isStopping) return;
    const wanted = new Map(this.#intake.config().imap.each.map((config) => [config.name, config]));
    for (const [name, reader] of this.#readers) {
      if (isDeepStrictEqual(wanted.get(name), reader.config)) {
        reader.sync(); // its password may be another
        continue;
      }
      this.#readers.delete(name);
      const before = this.#leaving.get(name);
      this.#leaving.set(
        name,
        Promise.all([before, reader.stop(CHANGE_MS)]).then(() => undefined),
      );
    }
    for (const config of wanted.values()) if (!this.#readers.has(config.name)) this.#begin(config);
  }

  views(): readonly SourceView[] {
    return [...this.#readers.values()].map(({ view }) => view);
  }

  sync(name: string): boolean {
    const reader = this.#readers.get(name);
    reader?.sync();
    return reader !== undefined;
  }

  async stop(withinMs: number): Promise<void> {
    this.#isStopping = true;
    const stopped = [...this.#readers.values()].map((reader) => reader.stop(withinMs));
    await Promise.all([...stopped, ...this.#leaving.values()]);
  }

  #begin(config: ImapConfig): void {
    const { pace = REAL_PACE, commandMs = COMMAND_MS } = this.#options;
    const owner = this.#options.owner ?? this.#intake.host ?? hostname();
    const reader = new MailboxReader({ intake: this.#intake, config, pace, owner, commandMs });
    const { name } = config;
    this.#readers.set(name, reader);
    this.#measure(name);
    const forerunner = this.#leaving.get(name);
    if (forerunner === undefined) {
      reader.start();
      return;
    }
    void forerunner.then(() => {
      if (this.#readers.get(name) === reader && !this.#isStopping) reader.start();
    });
  }

  /** Says how to read the figures of a mailbox; one that has gone has none, so that nobody is alarmed for its sake. */
  #measure(source: string): void {
    const { meter, mailboxes } = this.#intake;
    const reader = (): MailboxReader | undefined => this.#readers.get(source);
    const isUp = (one: MailboxReader): number => Number(one.view.state === 'serving');
    const ifThere = (read: (one: MailboxReader) => number): number | undefined => {
      const one = reader();
      return one === undefined ? undefined : read(one);
    };
    meter.watch('mailgw_source_up', { source }, () => ifThere(isUp));
    meter.watch('mailgw_mailbox_search_age_seconds', { source }, () => ifThere((one) => one.searchAge));
    for (const state of ['waiting', 'failed', 'courtesy'] as const) {
      meter.inquire('mailgw_mailbox_open_messages', { source, state }, async () => {
        if (reader() === undefined) return undefined;
        return (await mailboxes.openMessages(source)).filter((row) => row.state === state).length;
      });
    }
  }
}

/** Opens the mailboxes, and follows what a reload changes of them. */
export const openMailreading: OpenSource<ImapSection & MessageLimit> = (intake) => {
  const reading = new Mailreading(intake);
  intake.follow('imap', () => {
    reading.change();
  });
  return Promise.resolve(reading);
};
