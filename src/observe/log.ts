/**
 * The log: a closed set of events, one line each, JSON for journald and plain words for a terminal.
 *
 * Contract: an event's name and its usual level are fixed here; values are printed so that no control or bidirectional
 * character reaches a terminal or forges a line, and whatever looks like a token is hidden: a Message-ID may hold one.
 * Addresses and text of mails never appear above debug level; that is up to those who log. In the journal each line has
 * the priority of its level.
 */
import { type DestinationStream, pino } from 'pino';
import { leadsToJournal, withPriority } from './journal.ts';
import type { LogOutput } from './log-output.ts';

/** The levels by urgency. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Every event that mailgw logs, with its level. */
export const LOG_EVENTS = {
  starting: 'info',
  /** Whoever takes such a daemon over has the host. */
  runs_as_root: 'warn',
  ready: 'info',
  /** SIGHUP or `mailgw-ctl reload` brought a new configuration; one line for each key that changed. */
  reloaded: 'info',
  setting_changed: 'info',
  /** A new configuration that is refused, with one line for each of its problems; the old one holds. */
  reload_refused: 'error',
  setting_refused: 'error',
  /** `mailgw-ctl reload` cannot reach this daemon; SIGHUP can. */
  control_unavailable: 'warn',
  stopping: 'info',
  stopped: 'info',
  fatal: 'error',
  listening: 'info',
  connection_refused: 'warn',
  connection_closed: 'warn',
  transaction_failed: 'error',
  /** A provider's call that was not taken; at `error` where a mail waits for the operator. */
  call_refused: 'warn',
  /** A genuine call of a provider's that brought no mail. */
  call_without_mail: 'info',
  /** A provider's source cannot be opened: its calls are put off. */
  webhook_broken: 'error',
  /** The one verdict on one recipient of one transaction; at `warn` where it drops what a person may have written. */
  verdict: 'info',
  /** A recipient that the policy service had refused in the SMTP session. */
  policy_refused: 'info',
  /** The outcome of one delivery attempt. */
  attempt: 'info',
  /** A reply to a digest that ended as its parts, one for each post that it answers. */
  split: 'info',
  /** A stretch that was cut out of a reply, and the signs that spoke for it. */
  cut: 'debug',
  /** What is remembered of a notification could not be read; the reply was taken apart without. */
  original_unread: 'warn',
  attempt_failed: 'error',
  sink_broken: 'error',
  sink_down: 'warn',
  sink_paused: 'warn',
  sink_recovered: 'info',
  /** A reply waits because no sink is for its thread. */
  sink_missing: 'warn',
  /** A sink of the site's own answered after its deadline, or failed where nothing depended on it. */
  sink_fault: 'warn',
  /** spamd does not answer, and answers again; each once, not for every message. */
  spamd_failed: 'warn',
  spamd_recovered: 'info',
  poison: 'error',
  store_failed: 'error',
  /** What was in a store whose files were moved or removed is safe, or not; and a start has taken it. */
  store_rescued: 'warn',
  store_not_rescued: 'error',
  store_adopted: 'warn',
  /** The pepper is another than the one that the store's addresses were minted under; and it is so no more. */
  pepper_unknown: 'error',
  pepper_accepted: 'info',
  /** New mail is refused for want of space, and taken again. */
  space_low: 'error',
  space_back: 'info',
  /** What retention removed. */
  pruned: 'debug',
  prune_failed: 'error',
  /** The rates' buckets could not be written; those in memory hold. */
  rates_unsaved: 'error',
  /** Nobody read the log, and lines were lost; it is read again. */
  log_lost: 'error',
  /** The main loop stood still for longer than it may. */
  loop_blocked: 'warn',
  /** A request of the HTTP interface that failed for a fault of ours; it was answered 500. */
  request_failed: 'error',
  dispatch_failed: 'error',
  /** What became of an attempt to send a notice. */
  notice_sent: 'info',
  notice_deferred: 'warn',
  notice_failed: 'warn',
  /** The relay has taken mail on its way out: a notification with its reply address, or mail as it came. */
  stamped: 'info',
  relayed: 'info',
  /** The relay refused mail on its way out, or gave no answer; Postfix was told the same. */
  relay_refused: 'warn',
  relay_failed: 'warn',
  /** A fault of ours kept a notification from its reply address; it went out as it came. */
  stamp_failed: 'error',
  /** The platform named the user of an address: they were added, or the address to theirs; or that could not be. */
  user_named: 'info',
  user_refused: 'warn',
  /** What became of an attempt to send a notification; a failed one was refused, withdrawn or given up. */
  notification_sent: 'info',
  notification_deferred: 'warn',
  notification_failed: 'warn',
  /** A mailbox is read, or is not: once, and again when the reason is another. */
  source_up: 'info',
  source_down: 'warn',
  /** The UIDs of a mailbox's folder are others, so it is walked again; and the walk has ended. */
  mailbox_renumbered: 'warn',
  mailbox_walked: 'info',
  /** A message of a mailbox that could not be read, so often that it is given up; and one that is not there any more. */
  mailbox_poison: 'error',
  mailbox_gone: 'warn',
  /** A message could not be marked, moved or deleted in its folder. */
  mailbox_mark_failed: 'warn',
  /** An SNS topic asks whether it may post to a webhook; `mailgw-ctl source confirm` says yes. */
  subscription_pending: 'warn',
  /** The wall clock was set; due times have moved with it. */
  clock_jumped: 'warn',
} as const satisfies Record<string, LogLevel>;

/** The name of an event. */
export type LogEvent = keyof typeof LOG_EVENTS;

/** The fields that an event may carry; undefined values are left out. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Writes one event, at its own level unless this one calls for another. */
export type Log = (event: LogEvent, fields?: LogFields, level?: LogLevel) => void;

/** The options of the log; `auto` is `human` on a terminal. */
export interface LogOptions {
  readonly level: LogLevel;
  readonly format: 'auto' | 'json' | 'human';
}

const STDOUT = 1;

/** Opens the log on an output, which is standard output as a rule. */
export function openLog(options: LogOptions, output: Pick<LogOutput, 'write'>): Log {
  const human = options.format === 'human' || (options.format === 'auto' && process.stdout.isTTY);
  const lines = human ? humanStream(output) : output;
  const gathered = new Gathered(safeStream(leadsToJournal(STDOUT) ? journalStream(lines) : lines));
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      messageKey: 'event',
    },
    gathered,
  );
  return (event, fields = {}, level = LOG_EVENTS[event]) => {
    logger[level](fields, event);
    if (!MANY.has(event)) gathered.flush();
  };
}

/** Events that come in numbers: those of one batch are written together. All others are written at once. */
const MANY: ReadonlySet<LogEvent> = new Set<LogEvent>(['verdict', 'attempt', 'cut', 'notification_sent']);

/** Lines that are written together, at the latest when what runs now has run to its end: before any I/O that follows. */
class Gathered implements DestinationStream {
  readonly #destination: DestinationStream;
  #lines = '';

  constructor(destination: DestinationStream) {
    this.#destination = destination;
  }

  write(line: string): void {
    if (this.#lines === '') {
      process.nextTick(() => {
        this.flush();
      });
    }
    this.#lines += line;
  }

  flush(): void {
    if (this.#lines === '') return;
    const lines = this.#lines;
    this.#lines = '';
    this.#destination.write(lines);
  }
}

/** Whether a line may hold what is to be escaped: a rare one does, and this costs little. */
const OTHER_THAN_ASCII = /[^\n -~]/;

/** JSON escapes C0 controls only; the others, formats and line separators can confuse a terminal as well. */
const UNSAFE = /(?![\n\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** The 48 characters of a token; begins only where a run of them does, which keeps the time linear. */
const TOKEN = /(?<![a-z2-7])[a-z2-7]{48,}/gi;

/** Hides what looks like a token in a line. */
export const withoutTokens = (line: string): string => line.replace(TOKEN, '…');

/** Passes lines on without tokens, and with every unsafe character as a JSON escape. */
function safeStream(destination: DestinationStream): DestinationStream {
  return {
    write: (lines) => {
      const visible = OTHER_THAN_ASCII.test(lines) ? lines.replace(UNSAFE, jsonEscape) : lines;
      destination.write(withoutTokens(visible));
    },
  };
}

function jsonEscape(character: string): string {
  const escape = (index: number): string => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
  return character.length === 1 ? escape(0) : escape(0) + escape(1);
}

/** Gives each JSON line as `time level event key=value …`. */
function humanStream(output: DestinationStream): DestinationStream {
  return {
    write: (lines) => {
      output.write(lines.replaceAll(/(?<=^(?:<\d>)?)\{.+/gm, humanLine));
    },
  };
}

/** The level at the beginning of a line, where pino writes it. */
const LEVEL = /^(?=\{"level":"(\w+)")/gm;

/** Passes JSON lines on with their priorities. */
function journalStream(destination: DestinationStream): DestinationStream {
  return {
    write: (lines) => {
      destination.write(lines.replaceAll(LEVEL, (_empty, level: LogLevel) => withPriority(level, '')));
    },
  };
}

/** Gives a JSON line as `time level event key=value …`. */
function humanLine(line: string): string {
  const { level, time, event, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const pairs = Object.entries(fields).map(([key, value]) => `${key}=${quote(value)}`);
  return [time, String(level).padEnd(5), event, ...pairs].join(' ');
}

function quote(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /^[\w./@:+<>-]+$/.test(text) ? text : JSON.stringify(text).replace(UNSAFE, jsonEscape);
}
