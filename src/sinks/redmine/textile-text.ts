/**
 * Plain text within Redmine's Textile: whatever Redmine would act upon is written as a numeric entity, which its
 * renderer hands through to the page, so that it is read as it was typed.
 *
 * Contract: pure, linear in the text. A character is written as an entity only where it could begin something: text
 * without marks stays as it is, for the notification that Redmine makes of a note shows the source.
 * Standards: Redmine 5.0.4, lib/redmine/wiki_formatting/textile/redcloth3.rb and app/helpers/application_helper.rb
 * (LINKS_RE, MACROS_RE).
 */

/** What keeps its effect where it is typed. */
export interface Live {
  readonly mentions: boolean;
  readonly references: boolean;
}

/** The surroundings of a piece of text. */
export interface Around {
  /** The character before it in the source; empty at the start of a line. */
  readonly before: string;
  /** The character after it; empty at the end of a line. */
  readonly after: string;
  /** The characters that pair in its paragraph: one alone begins nothing. */
  readonly paired: ReadonlySet<string>;
  /** It stands within marks, or within a link's words, where every mark counts. */
  readonly isWithin: boolean;
  readonly live: Live;
}

/** Marks of spans, each of which needs a second one. */
export const SPAN_MARKS = '*_-+^~%?';

const PREFIXES = 'attachment|document|version|forum|news|message|project|commit|source|export|user';
/** An entity, or the beginning of one whose end may stand in what follows. */
const ENTITY = /^&[#a-z0-9]*(?:;|$)/i;
/** A mail address that is no more than that. */
const MAIL = /(?<![\w@])[\w.+-]+@[\w-]+(?:\.[\w-]+)+(?![\w@])/g;
const BLOCK = /^(?:h\d+|p|bq|fn\d+)(?:\.|[([{<>=^~-].*\.)(?::\S*)?(?: |$)/;
const RULE = /^ *(?:(?:\* ?){3,}|(?:- ?){3,}|(?:_ ?){3,}) *$/;
/** Everything in which this looks for something; whatever is not here stays. */
const SUSPECT = /[*_\-+^~%?@!"#&|<>=[{(.:r/\p{Cc}]/gu;

/** Writes a character that stands for nothing but itself. */
export function entity(char: string): string {
  return `&#${char.codePointAt(0) ?? 0};`;
}

/** Writes a text so that each of its characters is read as it is, whatever stands around it. */
export function verbatim(text: string): string {
  return text.replace(/[^\p{L}\p{N} ,;']/gu, (char) => (/\p{Cc}/u.test(char) ? ' ' : entity(char)));
}

/** Writes a text of one line; it holds no line end. */
export function escapeTextile(text: string, around: Around): string {
  const begins = around.before === '' && !around.isWithin;
  const first = begins && (BLOCK.test(text) || RULE.test(text)) ? entity(text.charAt(0)) : '';
  const rest = first === '' ? text : text.slice(1);
  const whole = first === '' ? around : { ...around, before: ';' };
  const mails = new Set(
    Array.from(rest.matchAll(MAIL), (found) => found.index + found[0].indexOf('@')).filter(
      (at) => !new RegExp(`(?:^|[^\\w.+-])(?:${PREFIXES})$`).test(back(rest, at)),
    ),
  );
  return (
    first +
    rest.replace(SUSPECT, (char, at: number) => {
      if (/\p{Cc}/u.test(char)) return char === '\t' ? ' ' : '';
      if (char === '@' && mails.has(at)) return char;
      if (char === '&' && mails.size > 0) return entity(char);
      return acts(char, rest, at, whole) ? entity(char) : char;
    })
  );
}

/** Characters before a place, or after it, within which a word that matters stands. */
const NEAR = 40;

const back = (text: string, at: number): string => text.slice(Math.max(0, at - NEAR), at);

/** Tells whether a character could begin something. */
function acts(char: string, text: string, at: number, around: Around): boolean {
  const before = at === 0 ? around.before : text.charAt(at - 1);
  const next = at + 1 === text.length ? around.after : text.charAt(at + 1);
  const beginsLine = around.before === '' && at <= NEAR && text.slice(0, at).trim() === '';
  switch (char) {
    case '|':
      return true;
    case '<':
      return next !== ' ';
    case '>':
      return beginsLine || before !== ' ' || (next !== ' ' && next !== '');
    case '&':
      // Redmine has a letter in its place for a while, which may not follow the end of a span or of an address.
      return (at === 0 && /\S/.test(before)) || ENTITY.test(text.slice(at, at + NEAR));
    case '{':
    case '[':
    case '(':
      return opens(char, text, at, { ...around, before: beginsLine ? '' : before, after: next });
    case '"':
      return around.isWithin || next === ':' || at + 1 === text.length;
    case '!':
      return !/[\p{L}\p{N}]/u.test(before || ' ') && next !== ' ';
    case '#':
      // Within a mark it may stand behind one that begins the line, which makes a list of both.
      return (
        !isLiveNumber(text, at, before, around.live) && (beginsLine || around.isWithin || /[\d#n]/.test(next))
      );
    case '=':
      return beginsLine || before === '=' || next === '=';
    case '@':
      return !isLiveMention(text, at, before, around);
    case '.':
      return /(?:^|[^\p{L}\p{N}])www$/iu.test(back(text, at));
    case ':':
      return text.startsWith('//', at + 1) || endsInPrefix(back(text, at));
    case '/':
      return false;
    case 'r':
      return (
        !around.live.references &&
        /^r\d+(?![A-Za-z0-9])/.test(text.slice(at, at + NEAR)) &&
        !/[A-Za-z0-9]/.test(before)
      );
    default:
      return marks(char, { ...around, before: beginsLine ? '' : before, after: next });
  }
}

/** Tells whether a bracket opens a macro, a link to a page, a footnote, an abbreviation, or a style. */
function opens(char: string, text: string, at: number, { before, after, isWithin }: Around): boolean {
  if (isWithin || before === '' || after === '') return char !== '(' || isWithin;
  if (char === '(') return /[A-Z][A-Z0-9]+$/.test(back(text, at));
  if (before === char || after === char || at + 1 === text.length) return true;
  return char === '[' && /^\[\d+\]/.test(text.slice(at, at + NEAR));
}

/** Tells whether a mark could begin a span, or a list at the start of a line. */
function marks(char: string, { before, after, paired, isWithin }: Around): boolean {
  if (char === '%' && before === 'x') return true;
  if (char === '*' && before === '' && !isWithin) return true;
  if (isWithin) return true;
  if (!paired.has(char)) return false;
  if (char === '?' && after !== '?' && before !== '?') return false;
  return after !== ' ' && /^[>\s(*_\-+^~%?]?$/.test(before);
}

/** Tells whether a colon follows a word by which Redmine knows what to link to. */
function endsInPrefix(text: string): boolean {
  return new RegExp(`(?:^|[^A-Za-z0-9_])(?:${PREFIXES})$`).test(text);
}

/** Tells a number that is to link, and that begins nothing else. */
function isLiveNumber(text: string, at: number, before: string, live: Live): boolean {
  return (
    live.references && /^[\s(,]$/.test(before || ' ') && /^#\d+(?![\w#])/.test(text.slice(at, at + NEAR))
  );
}

/** Tells a name that is to be told; a second mark of code would make code of all that is between. */
function isLiveMention(text: string, at: number, before: string, { live, paired }: Around): boolean {
  if (!live.mentions || paired.has('`')) return false;
  return /^[\s(,]$/.test(before || ' ') && /^@[A-Za-z0-9_]/.test(text.slice(at, at + 2));
}
