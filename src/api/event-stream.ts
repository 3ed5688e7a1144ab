/**
 * The events of the daemon as a stream: what the log says of mails, attempts, sinks and notices, for whoever listens.
 *
 * Contract: events have ids in order; the last {@link MOST_KEPT} are kept, so that a listener who was cut off goes on
 * behind the id that it saw last. Where it comes too late, or the daemon was started anew, its first event is `gap`.
 * Tokens of reply addresses are hidden. A listener is written to as fast as it reads, out of what is kept for all: a slow
 * one takes no memory of its own. One that has taken nothing between two pings is cut off, and so is one whose next event
 * is no longer kept, or whose token was revoked; it may come again.
 */
import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { type LogEvent, type LogFields, withoutTokens } from '../observe/log.ts';

/** Events that are kept for those who come again. */
export const MOST_KEPT = 10_000;

/** The time from one ping to the next. */
export const PING_MS = 15_000;

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

/** Somebody who follows the stream. */
interface Listener {
  readonly response: ServerResponse;
  readonly mayFollow: () => Promise<boolean>;
  /** The last event that was written. */
  seen: number;
  /** The connection takes no more until it has drained. */
  isFull: boolean;
  /** It was full at the last ping, and has not drained since. */
  isStuck: boolean;
}

/** The stream of one daemon; closed once, when it stops. */
export class EventStream {
  /** Tells one daemon's ids from another's. */
  readonly #epoch = randomBytes(4).toString('hex');
  readonly #kept: KeptEvent[] = [];
  readonly #listeners = new Set<Listener>();
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
    for (const listener of this.#listeners) this.#write(listener);
  };

  /** Has a response follow the stream, behind the last id that its listener saw, for as long as it may. */
  follow(
    response: ServerResponse,
    lastId: string | undefined,
    mayFollow: () => Promise<boolean> = () => Promise.resolve(true),
  ): void {
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    const seen = this.#seenBy(lastId);
    response.write(`retry: 2000\n\n${seen === undefined ? 'event: gap\ndata: {"event":"gap"}\n\n' : ''}`);
    const listener: Listener = {
      ...{ response, mayFollow, isFull: false, isStuck: false },
      seen: seen ?? this.#sequence,
    };
    this.#listeners.add(listener);
    response.on('drain', () => {
      listener.isFull = listener.isStuck = false;
      this.#write(listener);
    });
    response.on('close', () => {
      this.#listeners.delete(listener);
    });
    this.#write(listener);
    this.#ping ??= setInterval(() => {
      for (const each of this.#listeners) ping(each);
    }, PING_MS).unref();
  }

  /** Ends the stream for everybody. */
  close(): void {
    clearInterval(this.#ping);
    for (const { response } of this.#listeners) response.end();
  }

  /** Gives the event behind which to go on; undefined where some of those behind it are not known any more. */
  #seenBy(lastId: string | undefined): number | undefined {
    if (lastId === undefined) return this.#sequence;
    const [, epoch, number] = /^([0-9a-f]+)-(\d{1,15})$/.exec(lastId) ?? [];
    const seen = Number(number);
    return epoch === this.#epoch && seen >= this.#first - 1 && seen <= this.#sequence ? seen : undefined;
  }

  /** The oldest event that is kept, or the next where none is. */
  get #first(): number {
    return this.#kept[0]?.sequence ?? this.#sequence + 1;
  }

  /** Writes what a listener has not seen, as much as its connection takes. */
  #write(listener: Listener): void {
    while (!listener.isFull && listener.seen < this.#sequence) {
      const next = this.#kept[listener.seen + 1 - this.#first];
      if (next === undefined) {
        listener.response.destroy();
        return;
      }
      listener.seen = next.sequence;
      listener.isFull = !listener.response.write(next.text);
    }
  }
}

/** Tells a listener that the stream is alive, and cuts it off where it is not, or may follow no longer. */
function ping(listener: Listener): void {
  const { response, mayFollow, isFull, isStuck } = listener;
  if (isStuck) {
    response.destroy();
    return;
  }
  if (isFull) listener.isStuck = true;
  else listener.isFull = !response.write(': ping\n\n');
  mayFollow().then(
    (may) => {
      if (!may) response.end();
    },
    // A store that does not answer has revoked nothing.
    () => undefined,
  );
}
