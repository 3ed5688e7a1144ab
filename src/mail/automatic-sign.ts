/**
 * The signs of automatic mail, each with its rank.
 *
 * Contract: the strongest sign decides, in the order of `Rank`. A *soft* sign is one that people's mail can bear as
 * well. Pure.
 */
import { mediaType, parameter } from './parts.ts';

/**
 * A machine's mail by its purpose; `auto-reply` is all that a machine sent by itself and that is none of the others.
 */
export type AutomaticKind = 'bounce' | 'auto-reply' | 'report' | 'list' | 'loop';

/** The verdict on automatic mail, and the sign that gave it, for the log. */
export interface Automatic {
  readonly kind: AutomaticKind;
  readonly reason: string;
}

/** The order of signs, the strongest first; measured on real automatic mail. */
export const Rank = {
  own: 0,
  hops: 1,
  body: 2,
  reportType: 3,
  failedRecipients: 4,
  automaticSubject: 5,
  daemon: 6,
  bounceSubject: 7,
  autoReplied: 8,
  nullPath: 9,
  autoSubmitted: 10,
  autoField: 11,
  precedence: 12,
  list: 13,
} as const;

/** A sign that a machine sent a mail. */
export interface Sign extends Automatic {
  readonly rank: number;
  /** Where a soft sign lies: in words, in who sent it, or in what was added to it; undefined of a hard one. */
  readonly soft?: 'words' | 'sender' | 'field';
  /** Whether only the Subject says so, which a person may have written. */
  readonly isTitle?: true;
}

/** Makes the sign of a bounce. */
export const bounce = (rank: number, reason: string): Sign => ({ rank, kind: 'bounce', reason });
/** Makes the sign of mail that a program sent by itself. */
export const autoReply = (rank: number, reason: string): Sign => ({ rank, kind: 'auto-reply', reason });
/** Makes the sign of a report. */
export const report = (reason: string): Sign => ({ rank: Rank.reportType, kind: 'report', reason });
/** Makes the sign of a list. */
export const list = (reason: string): Sign => ({ rank: Rank.list, kind: 'list', reason });
/** Makes the sign of our own mail, or of mail that goes round in circles. */
export const loop = (rank: number, reason: string): Sign => ({ rank, kind: 'loop', reason });
/** Marks a sign that only the Subject gives. */
export const title = (sign: Sign): Sign => ({ ...sign, isTitle: true });
/** Marks a sign that people's mail can bear as well. */
export const soft = (where: NonNullable<Sign['soft']>, sign: Sign): Sign => ({ ...sign, soft: where });

/** Gives the verdict of the strongest sign. */
export function strongest(signs: readonly Sign[]): Automatic | null {
  let best: Sign | undefined;
  for (const sign of signs) {
    if (best === undefined || sign.rank < best.rank) best = sign;
  }
  return best === undefined ? null : { kind: best.kind, reason: best.reason };
}

/** Finds the sign of the message's own type. */
export function contentTypeSign(value: string): Sign | undefined {
  const type = mediaType(value);
  if (!type.startsWith('m')) return undefined;
  if (type !== 'multipart/report') return statusPartSign(type);
  const reportType = parameter(value, 'report-type')?.toLowerCase() ?? 'delivery-status';
  const reason = `multipart/report of ${word(reportType)}`;
  return reportType === 'delivery-status' ? bounce(Rank.reportType, reason) : report(reason);
}

/** Finds the sign of a part that only reports have. */
export function statusPartSign(type: string): Sign | undefined {
  switch (type) {
    case 'message/delivery-status':
    case 'message/global-delivery-status':
      return bounce(Rank.reportType, type);
    case 'message/feedback-report':
    case 'message/disposition-notification':
    case 'message/global-disposition-notification':
      return report(type);
    default:
      return undefined;
  }
}

/** Gives a keyword for the log where we know it; a sender may write anything there, an address for instance. */
export function word(keyword: string): string {
  return /^[a-z][a-z-]{0,39}$/.test(keyword) ? keyword : 'another keyword';
}
