/**
 * Recognising a notification on its way out: which thread and which post it is about, told from its header, or from its
 * body where the header does not say.
 *
 * Contract: pure and quick, and asked for every mail of the platform: whatever is not surely a notification about a
 * post is undefined. A platform's folder brings one for its own notifications; a site adds rules of its own.
 * Who asks for the body holds the mail up until all of it is there: only mail whose header fits is asked about again.
 */
import type { Header } from './header.ts';

/** A notification as it is told from others; the reverse-path is empty where it is null. */
export interface Recognisable {
  readonly header: Header;
  readonly reversePath: string;
  /**
   * Gives the body as it stands in the mail, transfer-encoded; absent where there is none to be had. Undefined before the
   * mail is whole: who asked is asked again then, and nobody for a body of more than {@link MAX_SHOWN_BYTES}.
   */
  readonly body?: (() => Buffer | undefined) | undefined;
}

/** The bytes of a body that is shown; a larger one is not held up. */
export const MAX_SHOWN_BYTES = 256 * 1024;

/** A recognised notification: the thread's locator, and when the post was made (milliseconds), where that is told. */
export interface Recognised {
  readonly thread: string;
  readonly repliedTo: number | undefined;
}

/** Recognises a notification. */
export type Recognise = (notification: Recognisable) => Recognised | undefined;
