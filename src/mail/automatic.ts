/**
 * Mail that a machine sent: bounces, vacation answers, reports, lists and our own mail come back.
 *
 * Contract: one pass over the fields gives every sign; the strongest sign decides, in the order of `Rank`,
 * whichever field stands first. A missing sign is never made up: X-Auto-Response-Suppress asks others not to
 * answer and stands in people's mail too, so it counts for nothing. `list` marks a person's mail that came
 * through a list; every other kind must be neither posted nor answered. A *soft* sign is one that people's mail
 * can bear as well: words, names, what a gateway adds; the others are hard. Who knows that a person of the site wrote
 * asks for the hard signs alone; two soft signs of which one is a Subject of absence or automatic mail are hard.
 * Failure: `classifyAutomatic` gives `null` for a header beyond the limits, which the gate refuses anyway.
 * Standards: RFC 3834 §2 and §5, RFC 3464, RFC 5965, RFC 8098, RFC 6522, RFC 2919.
 * Limits: of the body at most the first 64 KiB are looked at, and only when the header leaves a doubt.
 */

import {
  ABSENCE_FORM,
  ABSENCE_SUBJECT,
  ABSENCE_TEXT,
  ANSWER_SUBJECT,
  AUTO_REPLY_SUBJECT,
  AUTO_REPLY_SUBJECT_FORM,
  BOUNCE_SUBJECT,
  BOUNCE_TEXT,
  COMPLAINT_SUBJECT,
  DAEMON_ADDRESS,
  DAEMON_NAME,
  MACHINE_ADDRESS,
  RECEIPT_SUBJECT,
} from './automatic-phrases.ts';
import { isCalendarReply, isReceiptText, readText, typedAbove } from './automatic-text.ts';
import { decodeWords } from './encoded-word.ts';
import { type Header, headerValue, scanHeader } from './header.ts';
import { Lexer } from './lexer.ts';
import { mailboxesOf } from './mailbox.ts';
import { bodyWindow, directParts, mediaType, parameter } from './parts.ts';

/** What a machine's mail is; `auto-reply` is all that a machine sent by itself and is none of the others. */
export type AutomaticKind = 'bounce' | 'auto-reply' | 'report' | 'list' | 'loop';

/** The verdict on automatic mail, and the sign that gave it, for the log. */
export interface Automatic {
  readonly kind: AutomaticKind;
  readonly reason: string;
}

/** How to recognise what we sent ourselves. */
export interface Own {
  /** Whether an address is one that we mint: a reply address, or the sender of our notices. */
  isOwnAddress(address: string): boolean;
  /** The value of X-Loop in our own mail. */
  readonly loopToken?: string;
}

/** Which signs count: any, or those that no person's mail bears. */
export type Weight = 'any' | 'hard';

/** The order of signs, the strongest first; measured on real automatic mail. */
const Rank = {
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

interface Sign extends Automatic {
  readonly rank: number;
  /** Where a soft sign lies: in the Subject's words, in who sent it, or in what was added to it; undefined of a hard one. */
  readonly soft?: 'words' | 'sender' | 'field';
  /** Whether only the Subject says so, which a person may have written. */
  readonly isTitle?: true;
}

type FieldRule = (value: string) => Sign | undefined;

const MAX_HOPS = 50;
const TEXT_WINDOW_BYTES = 16 * 1024;
const TOKEN = /[^\s;()]+/y;

const bounce = (rank: number, reason: string): Sign => ({ rank, kind: 'bounce', reason });
const autoReply = (rank: number, reason: string): Sign => ({ rank, kind: 'auto-reply', reason });
const report = (reason: string): Sign => ({ rank: Rank.reportType, kind: 'report', reason });
const list = (reason: string): Sign => ({ rank: Rank.list, kind: 'list', reason });
const loop = (rank: number, reason: string): Sign => ({ rank, kind: 'loop', reason });
const title = (sign: Sign): Sign => ({ ...sign, isTitle: true });
const soft = (where: NonNullable<Sign['soft']>, sign: Sign): Sign => ({ ...sign, soft: where });

/** The signs that one field alone can give, by field name. */
const FIELD_RULES: ReadonlyMap<string, FieldRule> = new Map<string, FieldRule>([
  ['content-type', contentTypeSign],
  ['subject', subjectSign],
  ['from', daemonSign],
  ['return-path', pathSign],
  ['x-failed-recipients', () => bounce(Rank.failedRecipients, 'X-Failed-Recipients')],
  ['x-ms-exchange-message-is-ndr', () => bounce(Rank.failedRecipients, 'X-MS-Exchange-Message-Is-Ndr')],
  ['x-ms-embedded-report', () => bounce(Rank.failedRecipients, 'X-MS-Embedded-Report')],
  [
    'x-ms-exchange-inbox-rules-loop',
    () => autoReply(Rank.automaticSubject, 'X-MS-Exchange-Inbox-Rules-Loop'),
  ],
  ['x-amz-sns-message-id', () => report('X-Amz-SNS-Message-Id')],
  ['auto-submitted', autoSubmittedSign],
  ['precedence', precedenceSign],
  ['x-precedence', precedenceSign],
  ['x-apple-action', (value) => when(value, 'vacation', 'X-Apple-Action: VACATION')],
  ...['x-autoreply', 'x-auto-reply', 'x-autoreply-from', 'x-auto-reply-from', 'x-mail-autoreply'].map(
    autoField,
  ),
  ...['x-autorespond', 'x-autoresponder', 'x-auto-respond', 'x-autoresponse', 'x-autogenerated'].map(
    autoField,
  ),
  ...['list-id', 'list-post', 'x-mailing-list', 'x-beenthere', 'x-ml-name', 'x-mlserver'].map(listField),
]);

/**
 * Judges a raw message; `reversePath` with or without angle brackets, empty for the null reverse-path.
 * A header beyond the limits gives `null`.
 */
export function classifyAutomatic(raw: Uint8Array, reversePath: string, own?: Own): Automatic | null {
  const message = withoutMailboxLine(raw);
  const scan = scanHeader(message);
  return scan.ok ? classifyMessage(message, scan.header, reversePath, own) : null;
}

/** Judges a message whose header was scanned already, the body included. */
export function classifyMessage(
  raw: Uint8Array,
  header: Header,
  reversePath: string,
  own?: Own,
  weight: Weight = 'any',
): Automatic | null {
  const signs = believable(raw, header, signsIn(header, reversePath, own));
  const among = (found: readonly Sign[]): Automatic | null =>
    strongest(weight === 'any' ? found : hardAmong(found, header));
  const verdict = among(signs);
  if (verdict?.kind === 'bounce' || verdict?.kind === 'loop') return verdict;
  const sign = bodySign(raw, header) ?? textSign(raw, header);
  return sign === undefined ? verdict : among([sign, ...signs]);
}

/** The signs without those of a title alone where the text shows that a person answers. */
function believable(raw: Uint8Array, header: Header, signs: readonly Sign[]): readonly Sign[] {
  const isTitleAlone =
    signs.some(({ isTitle }) => isTitle) && signs.every((sign) => sign.isTitle || sign.kind === 'list');
  if (!isTitleAlone || !isAnswer(header)) return signs;
  const text = readText(raw, header);
  const typed = typedAbove(text);
  // A list's robot answers as well, and quotes nothing.
  if (typed === undefined && signs.some(({ kind }) => kind === 'list')) return signs;
  return signs.filter((sign) => sign.isTitle !== true || !isTyped(sign, text, typed));
}

/** Whether a person typed the text under a title that gave `sign`. */
function isTyped(sign: Sign, text: string, typed: string | undefined): boolean {
  if (typed !== undefined) return sign.soft !== undefined || !ABSENCE_TEXT.test(typed);
  return sign.soft !== undefined && text.trim() !== '' && !BOUNCE_TEXT.test(text) && !ABSENCE_TEXT.test(text);
}

function isAnswer(header: Header): boolean {
  return (headerValue(header, 'in-reply-to') ?? headerValue(header, 'references') ?? '').includes('@');
}

/** The hard sign of a text and a title that say the same, or of a calendar; people's mail has one of them at most. */
function textSign(raw: Uint8Array, header: Header): Sign | undefined {
  if (isCalendarReply(raw, header)) return autoReply(Rank.body, 'a calendar answers an invitation');
  const subject = subjectOf(headerValue(header, 'subject') ?? '').trim();
  const answered = RECEIPT_SUBJECT.exec(subject)?.[1];
  if (answered !== undefined && isReceiptText(readText(raw, header), answered))
    return report('a read receipt in words');
  return ABSENCE_FORM.test(subject) ? absenceSign(raw, header) : undefined;
}

function absenceSign(raw: Uint8Array, header: Header): Sign | undefined {
  const text = readText(raw, header);
  if (isAnswer(header) && typedAbove(text) !== undefined) return undefined;
  const isConfirmed =
    headerValue(header, 'x-auto-response-suppress') !== undefined || ABSENCE_TEXT.test(text);
  return isConfirmed ? autoReply(Rank.automaticSubject, 'Subject and text of an absence') : undefined;
}

/** Judges a message by its envelope and header alone. */
export function classifyHeader(header: Header, reversePath: string, own?: Own): Automatic | null {
  return strongest(signsIn(header, reversePath, own));
}

/** Every sign of the envelope and the header; none in most mail. */
function signsIn(header: Header, reversePath: string, own: Own | undefined): readonly Sign[] {
  const signs: Sign[] = [];
  const add = (sign: Sign | undefined): void => {
    if (sign !== undefined) signs.push(sign);
  };
  add(pathSign(reversePath));
  let hops = 0;
  for (const { name, value } of header.fields) {
    if (name === 'received') {
      hops++;
      continue;
    }
    add(FIELD_RULES.get(name)?.(value));
    if (own !== undefined) add(ownSign(name, value, own));
  }
  if (hops > MAX_HOPS) add(loop(Rank.hops, `more than ${MAX_HOPS} Received fields`));
  return signs;
}

function strongest(signs: readonly Sign[]): Automatic | null {
  let best: Sign | undefined;
  for (const sign of signs) {
    if (best === undefined || sign.rank < best.rank) best = sign;
  }
  return best === undefined ? null : { kind: best.kind, reason: best.reason };
}

/** The hard signs, and the soft ones that another witness makes hard. */
function hardAmong(signs: readonly Sign[], header: Header): readonly Sign[] {
  const hasOther = signs.some((sign) => sign.soft === 'sender' || sign.soft === 'field');
  // Vacation programs of old say no more than "Precedence: bulk", and their owners' words in the Subject.
  const isAbsence = ABSENCE_SUBJECT.test(subjectOf(headerValue(header, 'subject') ?? ''));
  return signs.filter(({ soft: where }) => {
    if (where === undefined) return true;
    return where === 'words' ? hasOther : where === 'field' && isAbsence;
  });
}

function ownSign(name: string, value: string, own: Own): Sign | undefined {
  if (name === 'x-loop') {
    return value === own.loopToken ? loop(Rank.own, 'our own X-Loop') : undefined;
  }
  if (name !== 'from') return undefined;
  const ours = mailboxesOf(value).some(({ address }) => own.isOwnAddress(address));
  return ours ? loop(Rank.own, 'From is an address of ours') : undefined;
}

function pathSign(path: string): Sign | undefined {
  const address = path.trim().replace(/^<|>$/g, '');
  // Some systems write the null reverse-path into Return-Path as a word.
  if (address === '' || address === 'null') return bounce(Rank.nullPath, 'null reverse-path');
  if (!DAEMON_ADDRESS.test(address)) return undefined;
  const sign = bounce(Rank.nullPath, "reverse-path is a mail system's");
  return address.includes('@') ? soft('sender', sign) : sign;
}

function contentTypeSign(value: string): Sign | undefined {
  const type = mediaType(value);
  if (!type.startsWith('m')) return undefined;
  if (type !== 'multipart/report') return statusPartSign(type);
  const reportType = parameter(value, 'report-type')?.toLowerCase() ?? 'delivery-status';
  const reason = `multipart/report of ${word(reportType)}`;
  return reportType === 'delivery-status' ? bounce(Rank.reportType, reason) : report(reason);
}

/** The sign of a part that only reports have. */
function statusPartSign(type: string): Sign | undefined {
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

function subjectOf(value: string): string {
  return (value.includes('=?') ? decodeWords(value) : value).normalize('NFC');
}

function subjectSign(value: string): Sign | undefined {
  const subject = subjectOf(value);
  if (AUTO_REPLY_SUBJECT.test(subject)) {
    const sign = title(autoReply(Rank.automaticSubject, 'Subject of an automatic reply'));
    return AUTO_REPLY_SUBJECT_FORM.test(subject) ? sign : soft('words', sign);
  }
  if (COMPLAINT_SUBJECT.test(subject)) return title(soft('words', report('Subject of a complaint')));
  return BOUNCE_SUBJECT.test(subject)
    ? title(soft('words', bounce(Rank.bounceSubject, 'Subject of a bounce')))
    : undefined;
}

function daemonSign(value: string): Sign | undefined {
  if (value.endsWith('<>')) return bounce(Rank.daemon, 'From has no address');
  const isDaemon = DAEMON_ADDRESS.test(value) || DAEMON_NAME.test(value);
  return isDaemon ? soft('sender', bounce(Rank.daemon, "From is a mail system's")) : undefined;
}

function autoSubmittedSign(value: string): Sign | undefined {
  const keyword = firstToken(value);
  if (keyword === '' || keyword === 'no') return undefined;
  const rank = keyword === 'auto-replied' ? Rank.autoReplied : Rank.autoSubmitted;
  return autoReply(rank, `Auto-Submitted: ${word(keyword)}`);
}

function precedenceSign(value: string): Sign | undefined {
  const keyword = firstToken(value);
  if (keyword === 'list') return list('Precedence: list');
  const isAutomatic = /^(?:auto[-_]reply|bulk|junk)$/.test(keyword);
  if (!isAutomatic) return undefined;
  const sign = autoReply(Rank.precedence, `Precedence: ${keyword}`);
  return keyword === 'bulk' || keyword === 'junk' ? soft('field', sign) : sign;
}

function autoField(name: string): [string, FieldRule] {
  return [name, (value) => autoFieldSign(name, firstToken(value))];
}

/** An empty field says nothing for sure: gateways and templates leave such ones behind. */
function autoFieldSign(name: string, keyword: string): Sign | undefined {
  if (keyword === 'no') return undefined;
  const sign = autoReply(Rank.autoField, name);
  return keyword === '' ? soft('field', sign) : sign;
}

function listField(name: string): [string, FieldRule] {
  return [name, () => list(name)];
}

function when(value: string, keyword: string, reason: string): Sign | undefined {
  return firstToken(value) === keyword ? autoReply(Rank.autoField, reason) : undefined;
}

/** A keyword for the log: a sender may write anything there, an address for instance. */
function word(keyword: string): string {
  return /^[a-z][a-z-]{0,39}$/.test(keyword) ? keyword : 'another keyword';
}

/** The keyword that opens a value, in lower case: comments before it and parameters after it are skipped. */
function firstToken(value: string): string {
  const lexer = new Lexer(value);
  lexer.skipSpace();
  return lexer.run(TOKEN).toLowerCase();
}

/** The sign of the body, which counts where the header left a doubt: a status part, or a machine's text that speaks of failure. */
function bodySign(raw: Uint8Array, header: Header): Sign | undefined {
  // People forward bounces, and some clients take them apart when they do.
  if (ANSWER_SUBJECT.test(headerValue(header, 'subject') ?? '')) return undefined;
  const body = bodyWindow(raw, header);
  for (const { type } of directParts(body, headerValue(header, 'content-type') ?? '')) {
    // A bounce that a person attached as a message lies one level deeper and is the person's.
    const sign = statusPartSign(type);
    if (sign !== undefined) return { rank: Rank.body, kind: sign.kind, reason: `has a part ${type}` };
  }
  if (!MACHINE_ADDRESS.test(headerValue(header, 'from') ?? '')) return undefined;
  const text = body.toString('latin1', 0, TEXT_WINDOW_BYTES);
  if (!BOUNCE_TEXT.test(text)) return undefined;
  return soft('sender', bounce(Rank.body, 'a machine writes of a failed delivery'));
}

/** The message without the "From " line that mailbox files put before it. */
function withoutMailboxLine(raw: Uint8Array): Uint8Array {
  const opening = Buffer.from(raw.buffer, raw.byteOffset, Math.min(raw.byteLength, 1024)).toString('latin1');
  const line = /^>?From [^\n]*\n/.exec(opening);
  return line === null ? raw : raw.subarray(line[0].length);
}
