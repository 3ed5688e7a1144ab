/**
 * Recognising a notification on its way out: which thread and which post it is about, told from its header.
 *
 * Contract: pure and quick, and asked for every mail of the platform: whatever is not surely a notification about a
 * post is undefined. A platform's folder brings one for its own notifications; a site adds rules of its own.
 */
import type { Header } from './header.ts';

/** A notification as it is told from others; the reverse-path is empty where it is null. */
export interface Recognisable {
  readonly header: Header;
  readonly reversePath: string;
}

/** A recognised notification: the thread's locator, and when the post was made (milliseconds), where that is told. */
export interface Recognised {
  readonly thread: string;
  readonly repliedTo: number | undefined;
}

/** Recognises a notification. */
export type Recognise = (notification: Recognisable) => Recognised | undefined;
