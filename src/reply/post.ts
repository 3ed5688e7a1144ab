/**
 * The post: what a sink is given of one reply; and the port through which a message becomes one.
 *
 * Contract: a message ends in exactly one {@link ParseOutcome}. A refusal, an empty reply and a worker that
 * died are values; a parser that cannot work at all (no worker starts) throws, which callers take as temporary.
 */

import type { ReplyOrigin } from '../mail/origin.ts';
import type { Cut } from './text/signs.ts';

/** One attachment of a post; `content` are its decoded bytes. */
export interface PostAttachment {
  /** Safe as a name in any file system: no path, no control characters, at most 255 bytes of UTF-8. */
  readonly filename: string;
  /** The type that the content shows by its first bytes, else the declared one. */
  readonly contentType: string;
  /** What the sender declared, lower case, without parameters. */
  readonly declaredType: string;
  readonly bytes: number;
  /** SHA-256 of `content`, lower-case hexadecimal. */
  readonly sha256: string;
  /** Whether it is shown within the text. */
  readonly inline: boolean;
  /** The Content-ID without brackets; `cid:` links in the text name it. */
  readonly contentId: string | undefined;
  readonly content: Uint8Array;
}

/**
 * The reason why a part of the message is not in the post. `too-big`, `too-many`, `total-too-big`, `type-refused` are
 * the limits on attachments; `only-quoted` and `only-signature` are images that nothing in the reply shows;
 * `text-too-long` is text cut at its limit, `html-limit` the form of a text that stands in the post without it; the
 * others are parts that cannot be shown.
 */
export type DropReason =
  | 'too-big'
  | 'too-many'
  | 'total-too-big'
  | 'type-refused'
  | 'only-quoted'
  | 'only-signature'
  | 'encrypted'
  | 'opaque-smime'
  | 'tnef'
  | 'external'
  | 'report'
  | 'mime-limit'
  | 'html-limit'
  | 'text-too-long';

/** A part that was left out; `bytes` as far as they were counted. */
export interface DroppedPart {
  readonly filename: string;
  readonly contentType: string;
  readonly bytes: number;
  readonly reason: DropReason;
}

/** The findings of the parser in a message: text, and the fields that the post repeats. */
export interface ParsedReply {
  /** The first id of In-Reply-To, in its angle brackets. */
  readonly inReplyTo: string | undefined;
  readonly subject: string;
  /** The Date field in ISO 8601 and UTC, `undefined` when it is none; the sender's claim, nothing more. */
  readonly date: string | undefined;
  readonly from: { readonly address: string; readonly name: string };
  readonly body: {
    /** What the person wrote: plain text as it stands, HTML as Markdown. */
    readonly markdown: string;
    /** The same for platforms without Markdown; of an HTML message it still shows the marks. */
    readonly text: string;
    /** What was quoted, with its attribution. */
    readonly quoted: string;
    readonly signature: string;
    /** What was cut out of the text, in its order, and the signs that spoke for it. */
    readonly cuts: readonly Cut[];
  };
  readonly attachments: readonly PostAttachment[];
  /** What of the message is not in the post, with the reason. */
  readonly dropped: readonly DroppedPart[];
  /** There when text or files were taken out of an S/MIME signature: nobody verified it, and it vouches for nothing. */
  readonly smimeSignature?: 'unverified';
}

/**
 * The reason why no post can be made of a message: it is encrypted, its text is inside an opaque S/MIME or TNEF part,
 * it is a fragment (message/partial), it only reports, only points elsewhere, or nests too deep to be read.
 */
export type RefusalReason =
  | 'encrypted'
  | 'opaque-smime'
  | 'tnef'
  | 'partial'
  | 'report'
  | 'external'
  | 'mime-limit';

/**
 * The reason why a reply is empty: the message has no text at all, or nothing but a quote, or nothing but a
 * signature.
 */
export type EmptyReason = 'no-text' | 'only-quoted' | 'only-signature';

/** The result of parsing one message. */
export type ParseOutcome =
  | {
      readonly kind: 'parsed';
      readonly reply: ParsedReply;
      /** Of a reply to a digest the places of the posts that it answers, from 1, in the order of the mail. */
      readonly answered?: readonly number[];
    }
  /** A reply to a digest that does not say which of its posts it answers. */
  | { readonly kind: 'unclear'; readonly reason: string; readonly reply: ParsedReply }
  | { readonly kind: 'empty'; readonly reason: EmptyReason; readonly reply: ParsedReply }
  | { readonly kind: 'refused'; readonly reason: RefusalReason; readonly diagnostic: string }
  | {
      readonly kind: 'worker-died';
      readonly reason: 'timeout' | 'out-of-memory' | 'crash';
      readonly diagnostic: string;
    };

/** The wish for the parts of a reply to a digest, or for one of them. */
export interface DigestWish {
  /** The labels of its posts, in order. */
  readonly labels: readonly string[];
  /** The place of the post, from 1, whose text is wanted. */
  readonly post?: number | undefined;
}

/** What is remembered of the notification that a reply answers, and of those before it in its thread. */
export interface KnownOriginals {
  readonly subjects: readonly string[];
  /** Names of authors, as they are displayed. */
  readonly names: readonly string[];
  readonly addresses: readonly string[];
  /** Sketches of their texts (text/sketch.ts). */
  readonly sketches: readonly Uint8Array[];
}

/** Turns raw messages into replies. */
export interface ReplyParser {
  /**
   * Parses one message and takes `raw`'s memory over; `known` is what is known of its original, `digest` is the wish for
   * the parts of a reply to a digest. Throws only when no parser can be started.
   */
  parse(raw: Uint8Array, known?: KnownOriginals, digest?: DigestWish): Promise<ParseOutcome>;
  /** Ends every thread; what is still being parsed throws. */
  close(): Promise<void>;
}

/** The beginning of a thread: a mail to an address that starts threads. */
export interface NewThread {
  /** The platform's own name of the place where it begins. */
  readonly container: string;
  /** The Subject, without what stands before it in replies; empty where there is none. */
  readonly title: string;
}

/**
 * A reply ready for a platform; times in milliseconds since the epoch. Where a mail starts a thread, `newThread` says so,
 * and there is no thread yet.
 */
export interface Post extends ParsedReply, Omit<ReplyOrigin, 'thread'> {
  readonly thread: string | undefined;
  readonly newThread?: NewThread | undefined;
  /** The value that the platform gave with the address, as JSON has it; undefined where it gave none. */
  readonly context?: unknown;
}
