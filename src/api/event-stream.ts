/**
 * The events of the daemon as a stream: what the log says of mails, attempts, sinks and notices, for whoever listens.
 *
 * Contract: events have ids in order; the last {@link MOST_KEPT} are kept, so that a listener who was cut off goes on
 * behind the id that it saw last. Where it comes too late, or the daemon was started anew, its first event is `gap`.
 * Tokens of reply addresses are hidden. A listener that does not read is cut off.
 */
import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { type LogEvent, type LogFields, withoutTokens } from '../observe/log.ts';

/** Events that are kept for those who come again. */
export const MOST_KEPT = 10_000;

/** Bytes that may wait for a listener. */
const MOST_WAITING_BYTES = 1024 * 1024;

const PING_MS = 15_000;

/** The log's events that are told: what becomes of mail, and what it waits for. */
const TOLD: ReadonlySet<LogEvent> = new Set<LogEvent>([
  ...(['verdict', 'policy_refused', 'attempt', 'split', 'poison'] as const),
  ...(['sink_broken', 'sink_down', 'sink_paused', 'sink_recovered', 'sink_missing', 'sink_fault'] as const),
  ...(['notice_sent', 'notice_deferred', 'notice_failed'] as const),
  ...(['notification_sent', 'notification_deferred', 'notification_failed'] as const),
  ...(['stamped', 'relayed', 'relay_refused', 'relay_failed', 'stamp_failed'] as const),
  ...(['spamd_failed', 'spamd_recovered', 'space_low', 'space_back'] as const),
  ...(['pepper_unknown', 'pepper_accepted', 'reloaded'] as const),
]);

interface KeptEvent {
  readonly sequence: number;
  readonly text: string;
}

/** The stream of one daemon; closed once, when it stops. */
export class EventStream {
  /** Tells one daemon's ids from another's. */
  readonly #epoch = randomBytes(4).toString('hex');
  readonly #kept: KeptEvent[] = [];
  readonly #listeners = new Set<ServerResponse>();
  #sequence = 0;
  #ping: NodeJS.Timeout | undefined;

  /** Hears an event of the log. */
  readonly hear = (event: LogEvent, fields: LogFields): void => {
    if (!TOLD.has(event)) return;
    const sequence = ++this.#sequence;
    const data = withoutTokens(JSON.stringify({ event, time: new Date().toISOString(), ...fields }));
    const text = `id: ${this.#epoch}-${sequence}\nevent: ${event}\ndata: ${data}\n\n`;
    this.#kept.push({ sequence, text });
    // In steps, because each one moves the whole.
    if (this.#kept.length > MOST_KEPT * 1.1) this.#kept.splice(0, this.#kept.length - MOST_KEPT);
    for (const listener of this.#listeners) this.#send(listener, text);
  };

  /** Has a response follow the stream, behind the last id that its listener saw. */
  follow(response: ServerResponse, lastId: string | undefined): void {
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    response.write(`retry: 2000\n\n${this.#since(lastId)}`);
    this.#listeners.add(response);
    response.on('close', () => {
      this.#listeners.delete(response);
    });
    this.#ping ??= setInterval(() => {
      for (const listener of this.#listeners) this.#send(listener, ': ping\n\n');
    }, PING_MS).unref();
  }

  /** Ends the stream for everybody. */
  close(): void {
    clearInterval(this.#ping);
    for (const listener of this.#listeners) listener.end();
  }

  /** Writes what a listener missed. */
  #since(lastId: string | undefined): string {
    if (lastId === undefined) return '';
    const [epoch, number] = lastId.split('-');
    const seen = epoch === this.#epoch ? Number(number) : Number.NaN;
    const first = this.#kept[0]?.sequence ?? this.#sequence + 1;
    if (!(seen >= first - 1 && seen <= this.#sequence)) return 'event: gap\ndata: {"event":"gap"}\n\n';
    return this.#kept
      .filter(({ sequence }) => sequence > seen)
      .map(({ text }) => text)
      .join('');
  }

  #send(listener: ServerResponse, text: string): void {
    if (listener.writableLength > MOST_WAITING_BYTES) listener.destroy();
    else listener.write(text);
  }
}
