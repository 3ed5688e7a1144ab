/** What a reply's item in the store and its post on a platform say alike. */
import type { SpamVerdict } from './spam.ts';

/** The gate's findings about the sender. */
export interface Authentication {
  readonly policy: 'strict' | 'flag' | 'off';
  readonly result: 'pass' | 'fail' | 'none';
}

/** A reply by its sender, its thread and its times; these in milliseconds since the epoch. */
export interface ReplyOrigin {
  /** The item's id. */
  readonly id: string;
  readonly user: string;
  readonly thread: string;
  readonly repliedToAt: number;
  readonly messageId: string | undefined;
  readonly receivedAt: number;
  readonly authentication: Authentication;
  readonly spam: SpamVerdict | undefined;
}
