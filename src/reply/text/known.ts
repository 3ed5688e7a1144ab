/**
 * What is known of the original that a reply answers.
 *
 * Contract: {@link prepareKnown} folds it once; the questions are then asked of single lines. A name counts where all
 * its words stand in the line, an address where it stands whole or its local part stands as a word, a subject where
 * it is all of a value or most of it, a line of the original where it is whole and long enough to be no accident.
 * Limits: 20 subjects, 50 names and addresses, 5,000 lines.
 */
import type { ProofSign } from './signs.ts';

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
  /** Whether any line of it is known. */
  readonly hasLines: boolean;
  /** Tells whether a line stands in the original. */
  hasLine(text: string): boolean;
}

const MAX_SUBJECTS = 20;
const MAX_PEOPLE = 50;
const MAX_LINES = 5000;
const LEAST_LINE = 16;
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

const foldSubjects = ({ subjects = [] }: Known): readonly string[] =>
  subjects
    .slice(0, MAX_SUBJECTS)
    .map((subject) => fold(bareSubject(subject)))
    .filter((one) => one.length >= LEAST_WORD);

function foldLines({ lines = [] }: Known): ReadonlySet<string> {
  const folded = new Set<string>();
  for (const line of lines) {
    if (folded.size >= MAX_LINES) break;
    const text = lineKey(line);
    if (text !== undefined) folded.add(text);
  }
  return folded;
}

type Forward = 'no' | 'yes' | 'either';

function forwardIn(subjects: readonly string[]): Forward {
  const found = subjects.filter((subject) => FORWARD.test(subject));
  if (found.length === 0) return 'no';
  return found.every((subject) => EITHER.test(subject)) ? 'either' : 'yes';
}

/** Folds each part when the first question for it comes: most replies are plain without one. */
class Original implements KnownOriginal {
  readonly hasLines: boolean;
  readonly #source: () => Known;
  #told: Known | undefined;
  #folded: People | undefined;
  #bare: readonly string[] | undefined;
  #own: ReadonlySet<string> | undefined;
  #forward: Forward | undefined;

  constructor(source: () => Known, hasLines: boolean) {
    this.#source = source;
    this.hasLines = hasLines;
  }

  get #people(): People {
    this.#folded ??= foldPeople(this.#tell());
    return this.#folded;
  }

  get #subjects(): readonly string[] {
    this.#bare ??= foldSubjects(this.#tell());
    return this.#bare;
  }

  get #lines(): ReadonlySet<string> {
    this.#own ??= foldLines(this.#tell());
    return this.#own;
  }

  /** Reads the Subject alone: most replies that quote ask for nothing else. */
  get #sendsOn(): Forward {
    this.#forward ??= forwardIn(this.#tell().subjects ?? []);
    return this.#forward;
  }

  #tell(): Known {
    this.#told ??= this.#source();
    return this.#told;
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
    const text = fold(bareSubject(unwrapped(value)));
    if (text.length < LEAST_WORD) return false;
    // A long subject is wrapped or cut short in the block that repeats it.
    return subjects.some(
      (one) =>
        text === one ||
        (text.length >= LEAST_CUT && one.startsWith(text)) ||
        (one.length >= 8 && text.startsWith(one)),
    );
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

  hasLine(text: string): boolean {
    const lines = this.#lines;
    if (lines.size === 0) return false;
    const key = lineKey(text);
    return key !== undefined && lines.has(key);
  }
}

/** Gives a line as it is compared: without quote marks; `undefined` for one too short to say anything. */
function lineKey(line: string): string | undefined {
  const text = fold(line.replace(/^[\s>＞»|]+/u, ''));
  return text.length >= LEAST_LINE ? text : undefined;
}

const NOTHING: KnownOriginal = {
  isForward: () => false,
  hasSubject: false,
  hasLines: false,
  isSubject: () => false,
  personIn: () => undefined,
  hasLine: () => false,
};

/** The known original, or a function that reads it when the first question comes; that brings no lines. */
export type KnownSource = Known | (() => Omit<Known, 'lines'>);

/** Makes what is known ready to be asked; nothing known answers every question with no. */
export function prepareKnown(known: KnownSource | undefined): KnownOriginal {
  if (known === undefined) return NOTHING;
  if (typeof known === 'function') return new Original(known, false);
  return new Original(() => known, known.lines !== undefined);
}
