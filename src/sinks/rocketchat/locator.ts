/**
 * The places of Rocket.Chat that posts go to, as threads name them: `room/ROOM_ID/thread/MESSAGE_ID` is the thread below a
 * message, `room/ROOM_ID` the room itself.
 */
import { refuse } from '../platform/client.ts';

/** A room, and perhaps the message that a thread hangs on. */
export interface Place {
  readonly room: string;
  readonly parent: string | undefined;
}

/** An id of Rocket.Chat: letters and digits, two ids on end for direct messages; other servers' ids have more. */
const ID = /^[A-Za-z0-9_:.-]{1,200}$/;

/** Reads a thread's locator; throws the outcome where it is none. */
export function readThread(thread: string | undefined): Place {
  const [kind, room = '', inside, parent, ...more] = (thread ?? '').split('/');
  if (kind === 'room' && ID.test(room) && more.length === 0) {
    if (inside === undefined) return { room, parent: undefined };
    if (inside === 'thread' && parent !== undefined && ID.test(parent)) return { room, parent };
  }
  const shown = JSON.stringify(thread ?? '');
  throw refuse(`thread ${shown}: expected room/ROOM_ID/thread/MESSAGE_ID or room/ROOM_ID`);
}

/** Reads the locator of a place where threads begin; throws the outcome where it is none. */
export function readContainer(container: string): Place {
  const [kind, room = '', ...more] = container.split('/');
  if (kind === 'room' && ID.test(room) && more.length === 0) return { room, parent: undefined };
  throw refuse(`container ${JSON.stringify(container)}: expected room/ROOM_ID`);
}
