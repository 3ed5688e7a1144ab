/**
 * What a platform says in a notification: its subject, text, author, and fields of its own, made fit for a mail.
 *
 * Contract: people's words are cleaned: a subject and a name become one line without control and bidirectional characters,
 * that no reader decodes any further, and are shortened; a text loses control characters but for tabs and line ends.
 * What the platform itself writes (field names and values, the list's id, the address to unsubscribe at) is taken
 * as it is or refused, by name: nothing in it may begin a line, or stand for a field that is ours.
 * Standards: RFC 5322 §2.2 and §3.6.8, RFC 2919 §2 and §3, RFC 8058 §3.1 (https alone), RFC 2047.
 */
import { plainLine } from './encoded-word.ts';

/** What a platform says. */
export interface NotificationContent {
  readonly subject: string;
  readonly text: string;
  readonly html?: string | undefined;
  /** Who is shown as the author, such as "Bob via Tracker". */
  readonly from?: { readonly name: string } | undefined;
  /** Fields of the platform's own. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The list that the notification belongs to, and where a mail program unsubscribes with one click. */
  readonly list?: { readonly id?: string | undefined; readonly unsubscribe?: string | undefined } | undefined;
}

/** A problem with one field of a content; `path` leads to it, as in `headers`, `X-Issue`. */
export interface ContentProblem {
  readonly path: readonly string[];
  readonly problem: string;
}

/** A content that is fit for a mail, or every problem with it. */
export type ContentRead =
  | { readonly ok: true; readonly content: NotificationContent }
  | { readonly ok: false; readonly problems: readonly ContentProblem[] };

/** The bounds of a notification. */
export const NOTIFICATION_LIMITS = {
  /** Characters; more are cut off, with an ellipsis. */
  subjectChars: 250,
  nameChars: 100,
  /** Octets; more are refused. */
  textBytes: 512 * 1024,
  htmlBytes: 1024 * 1024,
  fields: 30,
  fieldOctets: 998,
} as const;

/** Fields that a platform may write beside those that begin with X-. */
const SAFE_FIELDS: ReadonlySet<string> = new Set([
  'archived-at',
  'feedback-id',
  'importance',
  'keywords',
  'list-archive',
  'list-help',
  'list-owner',
  'list-post',
  'list-subscribe',
  'organization',
  'priority',
]);

/** Fields with X- that say something of automatic mail, of loops or of filters, and so are not the platform's. */
const OWN_X_FIELD =
  /^x-(?:auto|beenthere|envelope|failed|forward|google|loop|mailgw|mailman|ml-|ms-|original|received|spam|virus)/i;

const X_FIELD = /^x-[a-z0-9](?:[a-z0-9_-]{0,70})$/i;

/** C0, C1, the bidirectional formatting characters, line separators and lone surrogates. */
const UNFIT = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;

/** A list identifier (RFC 2919 §2): labels of atext with a dot between them. */
const LIST_ID = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)+$/;

const MAX_LIST_ID_OCTETS = 255;

/** Refuses the field that a path with dots leads to. */
type Refuse = (path: string, problem: string) => void;

/** Makes what a platform says fit for a mail, or gives every problem with it. */
export function readContent(given: NotificationContent): ContentRead {
  const problems: ContentProblem[] = [];
  const refuse = (path: string, problem: string): void => {
    problems.push({ path: path.split('.'), problem });
  };
  const subject = tidySubject(cleanLine(given.subject, NOTIFICATION_LIMITS.subjectChars));
  if (subject === '') refuse('subject', 'is empty; expected one line of text');
  const name =
    given.from === undefined ? undefined : cleanLine(given.from.name, NOTIFICATION_LIMITS.nameChars);
  if (name === '') refuse('from.name', 'is empty; expected a name such as "Bob via Tracker"');
  const text = readText('text', given.text, NOTIFICATION_LIMITS.textBytes, refuse);
  const html =
    given.html === undefined
      ? undefined
      : readText('html', given.html, NOTIFICATION_LIMITS.htmlBytes, refuse);
  checkFields(given.headers ?? {}, problems);
  const list = given.list === undefined ? undefined : readList(given.list, refuse);
  if (problems.length > 0) return { ok: false, problems };
  return {
    ok: true,
    content: {
      subject,
      text,
      ...(html !== undefined && { html }),
      ...(name !== undefined && { from: { name } }),
      ...(given.headers !== undefined && { headers: given.headers }),
      ...(list !== undefined && { list }),
    },
  };
}

/** Makes one line of at most so many characters, which holds nothing to be decoded. */
function cleanLine(text: string, maxChars: number): string {
  // A bound before the work: nothing beyond it could be kept.
  const line = plainLine(wellFormed(text.slice(0, maxChars * 20))).replaceAll('=?', '= ?');
  const characters = Array.from(line);
  return characters.length <= maxChars ? line : `${characters.slice(0, maxChars - 1).join('')}…`;
}

/** Leaves one "Re: " of several: what a platform got from a reply's subject may have gathered them. */
function tidySubject(subject: string): string {
  return subject.replace(/^(?:re: ?){2,}/i, 'Re: ');
}

/** Makes lines of text: LF between them and at the end, no control characters but tabs. */
function readText(field: string, text: string, maxBytes: number, refuse: Refuse): string {
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes) {
    refuse(field, `has ${bytes} octets; expected at most ${maxBytes}`);
    return '';
  }
  const lines = wellFormed(text)
    .replace(/\r\n?|[\u2028\u2029]/g, '\n')
    .replace(/[^\P{Cc}\n\t]/gu, '');
  if (lines.trim() === '') refuse(field, 'is empty; expected text');
  return lines.endsWith('\n') ? lines : `${lines}\n`;
}

function wellFormed(text: string): string {
  return text.replace(/\p{Cs}/gu, '\ufffd');
}

function checkFields(headers: Readonly<Record<string, string>>, problems: ContentProblem[]): void {
  const entries = Object.entries(headers);
  if (entries.length > NOTIFICATION_LIMITS.fields) {
    const problem = `has ${entries.length} fields; expected at most ${NOTIFICATION_LIMITS.fields}`;
    problems.push({ path: ['headers'], problem });
    return;
  }
  const seen = new Set<string>();
  for (const [name, value] of entries) {
    const problem = seen.has(name.toLowerCase()) ? 'is there twice' : fieldProblem(name, value);
    if (problem !== undefined) problems.push({ path: ['headers', name], problem });
    seen.add(name.toLowerCase());
  }
}

function fieldProblem(name: string, value: string): string | undefined {
  const lower = name.toLowerCase();
  if (!SAFE_FIELDS.has(lower) && (!X_FIELD.test(name) || OWN_X_FIELD.test(name))) {
    return `is no field of yours; expected X- and a name of your own, or one of ${[...SAFE_FIELDS].join(', ')}`;
  }
  if (value.trim() === '' || UNFIT.test(value)) {
    return `${JSON.stringify(value.slice(0, 60))} is not one line of text without control characters`;
  }
  if (Buffer.byteLength(`${name}: ${value}`) > NOTIFICATION_LIMITS.fieldOctets) {
    return `is longer than ${NOTIFICATION_LIMITS.fieldOctets} octets`;
  }
  // A list's fields hold addresses in brackets, which no encoded-word may stand in (RFC 2369 §2).
  if (!lower.startsWith('x-') && /[^\x20-\x7e]/.test(value)) {
    return `${JSON.stringify(value.slice(0, 60))} is not ASCII`;
  }
  return undefined;
}

function readList(
  { id, unsubscribe }: NonNullable<NotificationContent['list']>,
  refuse: Refuse,
): NonNullable<NotificationContent['list']> {
  const bare = id?.replace(/^<(.*)>$/, '$1');
  if (bare !== undefined && (!LIST_ID.test(bare) || bare.length > MAX_LIST_ID_OCTETS)) {
    refuse(
      'list.id',
      `${JSON.stringify(id?.slice(0, 60))} is no list identifier; expected one such as "site.tracker.example.org"`,
    );
  }
  const href = unsubscribe === undefined ? undefined : httpsUrl(unsubscribe);
  if (unsubscribe !== undefined && href === undefined) {
    refuse(
      'list.unsubscribe',
      `${JSON.stringify(unsubscribe.slice(0, 60))} is no https address; expected one that takes a POST (RFC 8058)`,
    );
  }
  return { ...(bare !== undefined && { id: bare }), ...(href !== undefined && { unsubscribe: href }) };
}

/** Reads an https address; gives it in ASCII, without what would end its brackets. */
function httpsUrl(text: string): string | undefined {
  if (UNFIT.test(text) || /[\s<>,]/.test(text) || !URL.canParse(text)) return undefined;
  const { protocol, username, password, href } = new URL(text);
  const isFit = protocol === 'https:' && username === '' && password === '';
  return isFit && href.length <= NOTIFICATION_LIMITS.fieldOctets - 30 ? href : undefined;
}
