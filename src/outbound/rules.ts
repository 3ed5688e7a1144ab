/**
 * The site's own rules for what mail is a notification, `[[outbound.rule]]`.
 *
 * Contract: the first rule that fits decides. A field counts where it stands once, decodes to a value that is not empty,
 * and holds no control and nothing that hides: a value that would have to be cleaned first names no thread.
 */
import { foldAddress } from '../mail/address.ts';
import { parseDate } from '../mail/date.ts';
import { decodeWordsAsSent } from '../mail/encoded-word.ts';
import { writtenText } from '../mail/field-words.ts';
import type { Header } from '../mail/header.ts';
import { senderOf } from '../mail/mailbox.ts';
import type { Recognisable, Recognise } from '../mail/recognise.ts';
import { fillTemplate, parseTemplate } from '../mail/thread-template.ts';
import { isPrintable } from '../system/printable.ts';

/** A rule as it is configured. */
export interface Rule {
  readonly field: string;
  /** A template as thread-template.ts reads it. */
  readonly thread: string;
  /** The only address of From, or of the envelope, that the rule is for. */
  readonly from: string | undefined;
  /** The field with the time of the post. */
  readonly repliedTo: string | undefined;
}

/** Makes the rules one way of recognising. */
export function recogniseByRules(rules: readonly Rule[]): Recognise {
  const ways = rules.map(recogniseByRule);
  return (notification) => firstOf(ways, notification);
}

/** Makes several ways of recognising one: the first that knows a notification decides. */
export function recogniseByAny(ways: readonly Recognise[]): Recognise {
  return (notification) => firstOf(ways, notification);
}

function firstOf(ways: readonly Recognise[], notification: Recognisable): ReturnType<Recognise> {
  for (const way of ways) {
    const recognised = way(notification);
    if (recognised !== undefined) return recognised;
  }
  return undefined;
}

function recogniseByRule({ field, thread, from, repliedTo }: Rule): Recognise {
  const template = parseTemplate(thread) ?? [];
  const sender = from === undefined ? undefined : foldAddress(from);
  return (notification) => {
    const { header } = notification;
    if (sender !== undefined && !isFrom(sender, notification)) return undefined;
    if (onlyValue(header, field) === undefined) return undefined;
    const locator = fillTemplate(template, (name) => onlyValue(header, name));
    if (locator === undefined || locator === '') return undefined;
    return { thread: locator, repliedTo: repliedTo === undefined ? undefined : timeIn(header, repliedTo) };
  };
}

/** Reads a field that holds a time; milliseconds, undefined where there is no such field or no time in it. */
export function timeIn(header: Header, name: string): number | undefined {
  const value = onlyValue(header, name);
  if (value === undefined) return undefined;
  if (/^\d{9,10}$/.test(value)) return Number(value) * 1000;
  const date = parseDate(value);
  return date === undefined ? undefined : Date.parse(date);
}

function isFrom(sender: string, { header, reversePath }: Recognisable): boolean {
  const from = senderOf(header);
  return foldAddress(reversePath) === sender || (from.ok && foldAddress(from.mailbox.address) === sender);
}

/** Gives the value of a field as a person reads it, where there is one and no doubt about it. */
function onlyValue(header: Header, name: string): string | undefined {
  const wanted = name.toLowerCase();
  const [field, ...more] = header.fields.filter((candidate) => candidate.name === wanted);
  if (field === undefined || more.length > 0) return undefined;
  // Folding leaves white space behind; a tab is that too.
  const value = decodeWordsAsSent(writtenText(field, header))
    .replace(/[ \t]+/g, ' ')
    .trim();
  return value === '' || !isPrintable(value) || value.includes('\ufffd') ? undefined : value.normalize('NFC');
}
