/**
 * A sink: a platform's HTTP interface, as a port.
 *
 * Contract: `deliver` never throws for what a platform can answer or fail to answer; it gives an outcome. A
 * thrown error is a bug and counts as deferred. Delivery is at least once: the same post may be delivered
 * again with the same id, which is the idempotency key.
 */
import type { Recognise } from '../mail/recognise.ts';
import type { Post } from '../reply/post.ts';
import type { BounceEvent } from './bounce-event.ts';

/** The outcome of one delivery attempt, with the HTTP status that it rests on where there was one. */
export type Outcome = { readonly status?: number | undefined } & OutcomeKind;

type OutcomeKind =
  | { readonly kind: 'posted'; readonly diagnostic: string }
  | {
      readonly kind: 'deferred';
      readonly diagnostic: string;
      /** How long the platform asked to be left alone, in milliseconds. */
      readonly retryAfterMs?: number | undefined;
      /** The sink itself is misconfigured (401, 403, 404, redirects): an operator's alarm. */
      readonly broken?: boolean | undefined;
    }
  | { readonly kind: 'failed'; readonly diagnostic: string };

/** The answer of a platform to a request that posts nothing, and who posts appear as there. */
export interface Examination {
  /** Undefined where no status line came. */
  readonly status: number | undefined;
  readonly diagnostic: string;
  readonly postsAs: string;
  /** What keeps posts from being made, where the platform says so: the key, the right or the switch that is missing. */
  readonly lack?: Lack | undefined;
}

/** Something that is missing on the platform's side, and what to do about it. */
export interface Lack {
  readonly what: string;
  readonly fix: string;
}

/** A user of the platform: the name as posts name them, and their mail addresses as far as they are told. */
export interface PlatformUser {
  readonly name: string;
  readonly addresses: readonly string[];
}

/** A platform that takes posts. */
export interface Sink {
  /** Delivers a post, whose attachments' memory it may take over; `signal` aborts when the attempt's time is over. */
  deliver(post: Post, signal: AbortSignal): Promise<Outcome>;
  /**
   * Delivers a post that starts a thread (`post.newThread`); the same contract as `deliver`. Absent when the platform, or the
   * sink, starts none: such a post is failed.
   */
  created?(post: Post, signal: AbortSignal): Promise<Outcome>;
  /**
   * Tells whether the post is on the platform already, and finishes what an attempt before left half done; asked before a
   * repeated attempt by a sink without idempotency. Rejects where that cannot be found out, and the attempt is over.
   * Absent when the platform dedupes by the post's id.
   */
  exists?(post: Post, signal: AbortSignal): Promise<boolean>;
  /**
   * Tells the platform that a notification came back; the same contract as `deliver`. Absent when it does not want to
   * know: then bounces are counted, and nothing more.
   */
  bounced?(bounce: BounceEvent, signal: AbortSignal): Promise<Outcome>;
  /** Hears once that the daemon serves: the time to load what its start can do without. */
  warm?(): void;
  /**
   * Asks the platform whether it is there, by a request that cannot make a post; never throws, as `deliver`. Absent when
   * the sink knows no such request.
   */
  examine?(signal: AbortSignal): Promise<Examination>;
  /**
   * Names the user of a mail address as posts name them; undefined where nobody has it, or several have, and a rejection
   * where that cannot be found out. Asked with `outbound.users = "ask"`, before a notification goes out. Absent when the
   * platform cannot say.
   */
  findUser?(address: string, signal: AbortSignal): Promise<string | undefined>;
  /**
   * Lists the users who are active, for `mailgw-ctl user import`; a rejection ends the list. Absent when the platform lists
   * none.
   */
  users?(signal: AbortSignal): AsyncIterable<PlatformUser>;
  /**
   * Tells the platform's own notifications on their way out, and what they are about (mail/recognise.ts). Absent when the
   * sink knows none; a site's rules come first.
   */
  readonly recognise?: Recognise;
  /** Closes connections. */
  close(): Promise<void>;
}

/**
 * The function that a site's own sink exports as `createSink`: `type` in `[sink]` is the absolute path of its module (ES module or
 * CommonJS), the options are the rest of that table. It is called once, at the start; what it throws stops the
 * start with its message. docs/examples/my-sink.js is a whole one.
 */
export type CreateSink = (options: Readonly<Record<string, unknown>>) => Sink | Promise<Sink>;
