/**
 * The places of Matrix that posts go to, as threads name them: `room/ROOM_ID/event/EVENT_ID` is the thread of an event,
 * `room/ROOM_ID` the room itself.
 */
import { refuse } from '../platform/client.ts';

/** A room, and perhaps an event in it. */
export interface Place {
  readonly room: string;
  readonly event: string | undefined;
}

/** Ids have 255 bytes at most; a room's may or may not name a server, and an event's may hold slashes. */
const PLACE = /^room\/(![^/\s]{1,254})(?:\/event\/(\$\S{1,254}))?$/;

/** Reads a thread's locator; throws the outcome where it is none. */
export function readThread(thread: string | undefined): Place {
  const [, room, event] = PLACE.exec(thread ?? '') ?? [];
  if (room !== undefined) return { room, event };
  throw refuse(
    `thread ${JSON.stringify(thread ?? '')}: expected room/!ROOM_ID/event/$EVENT_ID or room/!ROOM_ID`,
  );
}

/** Reads the locator of a place where threads begin; throws the outcome where it is none. */
export function readContainer(container: string): Place {
  const [, room, event] = PLACE.exec(container) ?? [];
  if (room !== undefined && event === undefined) return { room, event };
  throw refuse(`container ${JSON.stringify(container)}: expected room/!ROOM_ID`);
}
