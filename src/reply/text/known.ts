/**
 * What is known of the original that a reply answers.
 *
 * Contract: {@link prepareKnown} folds it once; the questions are then asked of single lines. A name counts where all
 * its words stand in the line, an address where it stands whole or its local part stands as a word, a subject where
 * it is all of a value or most of it, a line of the original where it is whole and long enough to be no accident.
 * Limits: 20 subjects, 50 names and addresses, 5,000 lines.
 */
import type { ProofSign } from './signs.ts';
import { makeSketch, Sketches } from './sketch.ts';

/** The knowledge that a caller has of the original. */
export interface Known {
  /** Its Subject, with or without `Re:`. */
  readonly subjects?: readonly string[];
  /** Names of its author, as they are displayed. */
  readonly names?: readonly string[];
  /** Addresses of its author and ours, whole or `@domain`. */
  readonly addresses?: readonly string[];
  /** Lines that stand in it. */
  readonly lines?: Iterable<string>;
  /** Sketches of the originals that it may be, and of those before it in the thread; best opened already. */
  readonly sketches?: readonly Uint8Array[] | Sketches | undefined;
  /** Subjects of those originals: unlike that of the mail itself, they do not say that it is sent on. */
  readonly originalSubjects?: readonly string[];
}

/** The same, ready to be asked. */
export interface KnownOriginal {
  /**
   * Whether the subject of an answer is known, so that another one says something; who sends on may have another of
   * his own.
   */
  readonly hasSubject: boolean;
  /**
   * Tells whether the mail says in its Subject that it forwards something: what stands below line `opening` is what
   * its writer sends on.
   */
  isForward(opening: string): boolean;
  /** Tells whether a field's value is the known subject. */
  isSubject(value: string): boolean;
  /** Tells what is known of the people that a line names. */
  personIn(text: string): Extract<ProofSign, 'known-name' | 'known-address'> | undefined;
  /** Sketches of its text; undefined where none of it is known. */
  readonly sketches: Sketches | undefined;
}

const MAX_SUBJECTS = 20;
const MAX_PEOPLE = 50;
const MAX_LINES = 5000;
/** Lines that a caller gives are known better than a sketch of them in a store. */
const LINES_BYTES = 128 * 1024;
const LEAST_WORD = 3;
/** How much of a subject is left at least where a block cuts it short. */
const LEAST_CUT = 12;

/** Words of ASCII with single blanks between them: nothing in them is folded but their case. */
const PLAIN = /^[!-~]*(?: [!-~]+)*$/;
const fold = (text: string): string =>
  PLAIN.test(text) ? text.toLowerCase() : text.normalize('NFKC').toLowerCase().replace(/\s+/gu, ' ').trim();
/** Words; one in Latin letters ends where another script begins: Korean and Japanese put particles directly behind a name. */
const WORD = /[\p{Script=Latin}\p{M}\p{N}]+|[\p{L}\p{M}\p{N}]+/gu;
const PLAIN_WORD = /[a-z0-9]+/g;
const wordsOf = (text: string): string[] => {
  const folded = fold(text);
  return folded.match(PLAIN.test(folded) ? PLAIN_WORD : WORD) ?? [];
};

/** `Re:`, `AW:`, `Fwd:` and their like in any language, numbered ones included, and tags in brackets before them. */
const PREFIX =
  /^(?:\[[^\]]{1,40}\]\s*(?=\p{L}{1,6}\s?(?:\[\d+\]|\(\d+\)|\^\d+)?\s?[:：]))?\p{L}{1,6}\s?(?:\[\d+\]|\(\d+\)|\^\d+)?\s?[:：]\s*/u;

/** The tag of a list before the prefix, and the bracket that some programs put around all of it. */
const TAG = String.raw`^\s*(?:\[[^\]]{1,40}\]\s*)?\[?`;
/** `Fwd:` in the languages of mail programs, before anything else in the Subject. */
const FORWARD = new RegExp(
  String.raw`${TAG}(?:${[
    'fwd?|forwarded|wg|weitergeleitet|tr|transfert|rv|reenviar|enc|encaminhad[ao]|vs|videresend(?:t|er|else)?|vb|vidarebefordrat?|vl|välitetty|pd|i',
    'inoltro|inoltrato|doorst|doorgestuurd|fs|framsent|ftr|yml|trs|terusan|tov|továbbítás|redir|posr|pārs|přeposláno|preposlané|εμ|πρθ',
    '[iİ]l(?:t|etil?)|пересл|перенапр|препр|fp|chuyển tiếp|转发|轉寄|轉發|転送|전달|ส่งต่อ|הועבר|إعادة توجيه',
  ].join('|')})\.?\s?[:：]`,
  'iu',
);
/** `VS:` is a forward's prefix in Danish and Norwegian, and an answer's in Finnish and Estonian. */
const EITHER = new RegExp(String.raw`${TAG}vs\s?:`, 'i');
const ANSWERS_SO = /^[\s*_]*(?:lähettäjä|saatja)\s?:/iu;

/** `[Fwd: Hinges]`: all of it in brackets. */
const BOXED = /^\[(\p{L}[\p{L}.]{0,11}\s?[:：].*)\]$/u;

/** Takes off the prefixes that replies put before a subject. */
export function bareSubject(subject: string): string {
  let bare = subject.trim();
  for (let count = 0; count < 6; count += 1) {
    const inner = BOXED.exec(bare)?.[1];
    const prefix = PREFIX.exec(bare)?.[0] ?? FORWARD.exec(bare)?.[0] ?? '';
    if (inner === undefined && prefix === '') break;
    const shorter = inner ?? bare.slice(prefix.length).trim();
    if (shorter === '') break;
    bare = shorter;
  }
  return bare;
}

/** Takes `**`, quotes and angle brackets off a value. */
const unwrapped = (value: string): string => value.replace(/^[\s*_"“”„<[]+|[\s*_"“”>\]]+$/gu, '');

/** Mailboxes of a part and not of a person (RFC 2142 and their like): words that people type. */
const ROLE =
  /^(?:(?:no|do not|donot)[ _-]?reply|reply|notif\p{L}*|info|support|help(?:desk)?|team|admin|contact|kontakt|office|mail(?:er)?|hello|service|sales|news|forum|list|bugs?|issues?|post|bounces?|(?:post|web|host)master|abuse|security|builds?)$/iu;

/** The people who are known, folded. */
interface People {
  readonly names: readonly (readonly string[])[];
  readonly addresses: readonly string[];
  readonly locals: readonly (readonly string[])[];
}

function foldPeople({ names = [], addresses = [] }: Known): People {
  const folded = addresses
    .slice(0, MAX_PEOPLE)
    .map((address) => fold(address))
    .filter((one) => one.includes('@') && one.length >= LEAST_WORD + 2);
  return {
    names: names
      .slice(0, MAX_PEOPLE)
      .map(wordsOf)
      .filter((words) => words.join('').length >= LEAST_WORD && !ROLE.test(words.join(' '))),
    addresses: folded,
    locals: folded
      .map((address) => address.slice(0, address.indexOf('@')))
      .filter((local) => local.length >= LEAST_WORD && !ROLE.test(local))
      .map(wordsOf)
      .filter((words) => words.length > 0),
  };
}

const foldSubjects = ({ subjects = [], originalSubjects = [] }: Known): readonly string[] =>
  [...subjects, ...originalSubjects]
    .slice(0, MAX_SUBJECTS)
    .map((subject) => fold(bareSubject(subject)))
    .filter((one) => one.length >= LEAST_WORD);

/** Opens what is known of the text, lines that a caller gives among it. */
function openSketches({ lines, sketches }: Known): Sketches | undefined {
  if (sketches instanceof Sketches && lines === undefined) return sketches;
  const given = sketches instanceof Sketches ? [] : (sketches ?? []);
  const own = lines === undefined ? [] : [makeSketch([firstOf(lines)], LINES_BYTES)];
  return own.length + given.length === 0 ? undefined : new Sketches([...own, ...given]);
}

function* firstOf(lines: Iterable<string>): Iterable<string> {
  let count = 0;
  for (const line of lines) {
    if (count === MAX_LINES) return;
    yield line;
    count += 1;
  }
}

/** Tells whether a folded value is one of the subjects; a long one is wrapped or cut short in the block that repeats it. */
const isOneOf = (subjects: readonly string[], text: string): boolean =>
  text.length >= LEAST_WORD &&
  subjects.some(
    (one) =>
      text === one ||
      (text.length >= LEAST_CUT && one.startsWith(text)) ||
      (one.length >= 8 && text.startsWith(one)),
  );

type Forward = 'no' | 'yes' | 'either';

function forwardIn(subjects: readonly string[]): Forward {
  const found = subjects.filter((subject) => FORWARD.test(subject));
  if (found.length === 0) return 'no';
  return found.every((subject) => EITHER.test(subject)) ? 'either' : 'yes';
}

/** Folds each part when the first question for it comes: most replies are plain without one. */
class Original implements KnownOriginal {
  readonly sketches: Sketches | undefined;
  readonly #told: Known;
  #folded: People | undefined;
  #bare: readonly string[] | undefined;
  #forward: Forward | undefined;

  constructor(known: Known) {
    this.#told = known;
    this.sketches = openSketches(known);
  }

  get #people(): People {
    this.#folded ??= foldPeople(this.#told);
    return this.#folded;
  }

  get #subjects(): readonly string[] {
    this.#bare ??= foldSubjects(this.#told);
    return this.#bare;
  }

  /** Reads the Subject alone: most replies that quote ask for nothing else. */
  get #sendsOn(): Forward {
    this.#forward ??= forwardIn(this.#told.subjects ?? []);
    return this.#forward;
  }

  isForward(opening: string): boolean {
    const forward = this.#sendsOn;
    return forward === 'yes' || (forward === 'either' && !ANSWERS_SO.test(opening));
  }

  get hasSubject(): boolean {
    return this.#subjects.length > 0 && this.#sendsOn === 'no';
  }

  isSubject(value: string): boolean {
    const subjects = this.#subjects;
    if (subjects.length === 0) return false;
    // Most values are no subject, which is seen by its beginning before they are taken apart.
    const whole = fold(value);
    if (!subjects.some((one) => whole.includes(one.slice(0, LEAST_CUT)))) return false;
    if (isOneOf(subjects, fold(bareSubject(unwrapped(value))))) return true;
    // The bracket at its beginning may be the subject's own, as in "[shop] Shed".
    return this.sketches !== undefined && isOneOf(subjects, fold(bareSubject(value)));
  }

  personIn(text: string): 'known-name' | 'known-address' | undefined {
    const { addresses, names, locals } = this.#people;
    if (addresses.length + names.length === 0) return undefined;
    const folded = fold(text);
    if (addresses.some((address) => folded.includes(address))) return 'known-address';
    const mayStand = (words: readonly string[]): boolean => words.every((word) => folded.includes(word));
    // Most lines name nobody, which is seen before they are taken apart.
    if (!names.some(mayStand) && !locals.some(mayStand)) return undefined;
    const own = new Set(wordsOf(text));
    const stands = (words: readonly string[]): boolean => words.every((word) => own.has(word));
    if (names.some(stands)) return 'known-name';
    return locals.some(stands) ? 'known-address' : undefined;
  }
}

const NOTHING: KnownOriginal = {
  isForward: () => false,
  hasSubject: false,
  sketches: undefined,
  isSubject: () => false,
  personIn: () => undefined,
};

/** Makes what is known ready to be asked; nothing known answers every question with no. */
export function prepareKnown(known: Known | undefined): KnownOriginal {
  return known === undefined ? NOTHING : new Original(known);
}
