/** Tickets: what opens the stream of events once, for browsers, which can send no token there. */
import { randomBytes } from 'node:crypto';
import type { Asker } from './route.ts';

/** How long a ticket is good. */
const TICKET_MS = 60_000;

/** Most tickets that are good at a time. */
const MOST_TICKETS = 10_000;

/** The tickets that are good now. */
export class Tickets {
  readonly #holders = new Map<string, { readonly asker: Asker; readonly expiresAt: number }>();

  /** Makes a ticket for somebody; `expiresAt` in milliseconds since the epoch. */
  make(asker: Asker): { readonly ticket: string; readonly expiresAt: number } {
    const now = Date.now();
    for (const [ticket, { expiresAt }] of this.#holders) {
      // The oldest come first.
      if (expiresAt > now && this.#holders.size < MOST_TICKETS) break;
      this.#holders.delete(ticket);
    }
    const ticket = randomBytes(24).toString('base64url');
    const expiresAt = now + TICKET_MS;
    this.#holders.set(ticket, { asker, expiresAt });
    return { ticket, expiresAt };
  }

  /** Takes a ticket, which is good no more then; says for whom it was made. */
  take(ticket: string): Asker | undefined {
    const holder = this.#holders.get(ticket);
    this.#holders.delete(ticket);
    return holder !== undefined && holder.expiresAt > Date.now() ? holder.asker : undefined;
  }
}
