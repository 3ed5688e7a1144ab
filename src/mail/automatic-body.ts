/**
 * What the body says of automatic mail, where the header leaves a doubt.
 *
 * Contract: `bodySign` gives the sign of the body, if it has one; `believable` takes away the signs of a title under
 * which a person typed. A Subject alone never makes a machine of somebody who answers us.
 * Standards: RFC 3464, RFC 5545, RFC 8098. Limits: the first 64 KiB of the body.
 */
import {
  ABSENCE_FORM,
  ABSENCE_TEXT,
  ANSWER_SUBJECT,
  BOUNCE_TEXT,
  MACHINE_ADDRESS,
  OUT_OF_OFFICE,
  RECEIPT_SUBJECT,
} from './automatic-phrases.ts';
import { autoReply, bounce, Rank, report, type Sign, soft, statusPartSign } from './automatic-sign.ts';
import { aboveOriginal, isCalendarReply, isReceiptText, readText, typedAbove } from './automatic-text.ts';
import { isMachineText, isReturnedMail } from './bounce-form.ts';
import { fieldText } from './field-words.ts';
import { type Header, headerValue } from './header.ts';
import { bodyWindow, directParts } from './parts.ts';

const TEXT_WINDOW_BYTES = 16 * 1024;

/** Finds the sign of the body: a status part, a bounce in words, an answer of a calendar, a receipt, an absence. */
export function bodySign(raw: Uint8Array, header: Header): Sign | undefined {
  return bounceSign(raw, header) ?? textSign(raw, header);
}

/** Reads the Subject as a person does, in composed characters. */
export function subjectOf(header: Header): string {
  return fieldText(header, 'subject').normalize('NFC');
}

/** Leaves out the signs of a title alone where the text shows that a person answers. */
export function believable(raw: Uint8Array, header: Header, signs: readonly Sign[]): readonly Sign[] {
  const isTitleAlone =
    signs.some(({ isTitle }) => isTitle) && signs.every((sign) => sign.isTitle || sign.kind === 'list');
  if (!isTitleAlone || !isAnswer(header)) return signs;
  const text = readText(raw, header);
  const typed = typedAbove(text);
  // A list's robot answers as well, and quotes nothing.
  if (typed === undefined && signs.some(({ kind }) => kind === 'list')) return signs;
  const isAbsence = OUT_OF_OFFICE.test(subjectOf(header));
  return signs.filter((sign) => sign.isTitle !== true || !isTyped(sign, isAbsence, text, typed));
}

/** Tells whether a person typed the text under a title that gave `sign`. */
function isTyped(sign: Sign, isAbsence: boolean, text: string, typed: string | undefined): boolean {
  if (isAbsence) return typed !== undefined || (text.trim() !== '' && !ABSENCE_TEXT.test(text));
  if (sign.soft === undefined) return typed !== undefined && !ABSENCE_TEXT.test(typed);
  return text.trim() !== '' && (sign.kind === 'auto-reply' || !isMachineText(aboveOriginal(text), text));
}

function isAnswer(header: Header): boolean {
  return (headerValue(header, 'in-reply-to') ?? headerValue(header, 'references') ?? '').includes('@');
}

/** Finds the sign of a status part, or of a machine's text that speaks of failure. */
function bounceSign(raw: Uint8Array, header: Header): Sign | undefined {
  // People forward bounces, and some clients take them apart when they do.
  if (ANSWER_SUBJECT.test(subjectOf(header))) return undefined;
  const body = bodyWindow(raw, header);
  for (const { type } of directParts(body, headerValue(header, 'content-type') ?? '')) {
    // A bounce that a person attached as a message lies one level deeper and is the person's.
    const sign = statusPartSign(type);
    if (sign !== undefined) return { rank: Rank.body, kind: sign.kind, reason: `has a part ${type}` };
  }
  if (MACHINE_ADDRESS.test(headerValue(header, 'from') ?? '')) {
    const speaks = [body.toString('latin1', 0, TEXT_WINDOW_BYTES), readText(raw, header)];
    if (speaks.some((text) => BOUNCE_TEXT.test(text)))
      return soft('sender', bounce(Rank.body, 'a machine writes of a failed delivery'));
  }
  if (isAnswer(header) || !isReturnedMail(raw, header)) return undefined;
  return soft('words', bounce(Rank.body, 'a failed message is returned with the reason'));
}

/**
 * Finds the hard sign of a text and a title that say the same, or of a calendar. People's mail has one of the two at
 * most.
 */
function textSign(raw: Uint8Array, header: Header): Sign | undefined {
  if (isCalendarReply(raw, header)) return autoReply(Rank.body, 'a calendar answers an invitation');
  const subject = subjectOf(header);
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
