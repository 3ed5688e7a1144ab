/**
 * What is known of the original that a reply answers.
 *
 * Contract: {@link prepareKnown} folds it once; the questions are then asked of single lines. A name counts where all its words stand in
 * the line, an address where it stands whole or its local part stands as a word, a subject where it is all of a value or most of it, a line
 * of the original where it is whole and long enough to be no accident.
 * Limits: 20 subjects, 50 names and addresses, 5,000 lines.
 */
import type { ProofSign } from './signs.ts';

/** What a caller knows of the original. */
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
  /** Whether a subject is known at all, so that another one says something. */
  readonly hasSubject: boolean;
  /** Whether the mail says in its Subject that it forwards something: what stands below is what its writer sends on. */
  readonly isForward: boolean;
  /** Whether a field's value is the known subject. */
  isSubject(value: string): boolean;
  /** What is known of the people that a line names. */
  personIn(text: string): Extract<ProofSign, 'known-name' | 'known-address'> | undefined;
  /** Whether any line of it is known. */
  readonly hasLines: boolean;
  /** Whether a line stands in the original. */
  hasLine(text: string): boolean;
}

const MAX_SUBJECTS = 20;
const MAX_PEOPLE = 50;
const MAX_LINES = 5000;
const LEAST_LINE = 16;
const LEAST_WORD = 3;

const fold = (text: string): string => text.normalize('NFKC').toLowerCase().replace(/\s+/gu, ' ').trim();
/** A word in Latin letters ends where another script begins: Korean and Japanese put their particles directly behind a name. */
const wordsOf = (text: string): string[] =>
  fold(text).match(/[\p{Script=Latin}\p{M}\p{N}]+|[\p{L}\p{M}\p{N}]+/gu) ?? [];

/** `Re:`, `AW:`, `Fwd:` and their like in any language, numbered ones included, and tags in brackets before them. */
const PREFIX =
  /^(?:\[[^\]]{1,40}\]\s*(?=\p{L}{1,6}\s?(?:\[\d+\]|\(\d+\)|\^\d+)?\s?[:：]))?\p{L}{1,6}\s?(?:\[\d+\]|\(\d+\)|\^\d+)?\s?[:：]\s*/u;

/** A subject without the prefixes that replies put before it. */
export function bareSubject(subject: string): string {
  let bare = subject.trim();
  for (let count = 0; count < 6; count += 1) {
    const shorter = bare.replace(PREFIX, '');
    if (shorter === bare || shorter === '') break;
    bare = shorter;
  }
  return bare;
}

/** `**`, quotes and angle brackets around a value. */
const unwrapped = (value: string): string => value.replace(/^[\s*_"“”„<[]+|[\s*_"“”>\]]+$/gu, '');

/** `Fwd:` in the languages of mail programs, before anything else in the Subject. */
const FORWARD =
  /^\s*(?:fwd?|wg|tr|rv|enc|vs|vb|vl|pd|i|inoltro|doorst|fs|ftr|εμ|πρθ|iletil?|ilt|пересл|fp|továbbítás|转发|轉寄|轉發|転送|전달|ส่งต่อ|הועבר|إعادة توجيه)\s?[:：]/iu;

/** What is known, folded. */
interface Folded {
  readonly isForward: boolean;
  readonly subjects: readonly string[];
  readonly names: readonly (readonly string[])[];
  readonly addresses: readonly string[];
  readonly locals: readonly string[];
  readonly lines: ReadonlySet<string>;
}

function foldKnown({ subjects = [], names = [], addresses = [], lines = [] }: Known): Folded {
  const folded = addresses
    .slice(0, MAX_PEOPLE)
    .map((address) => fold(address))
    .filter((one) => one.includes('@') && one.length >= LEAST_WORD + 2);
  const own = new Set<string>();
  for (const line of lines) {
    if (own.size >= MAX_LINES) break;
    const text = lineKey(line);
    if (text !== undefined) own.add(text);
  }
  return {
    isForward: subjects.some((subject) => FORWARD.test(subject)),
    subjects: subjects
      .slice(0, MAX_SUBJECTS)
      .map((subject) => fold(bareSubject(subject)))
      .filter((one) => one.length >= LEAST_WORD),
    names: names
      .slice(0, MAX_PEOPLE)
      .map(wordsOf)
      .filter((words) => words.join('').length >= LEAST_WORD),
    addresses: folded,
    locals: folded
      .map((address) => address.slice(0, address.indexOf('@')))
      .filter((local) => local.length >= LEAST_WORD),
    lines: own,
  };
}

/** Folds when the first question comes: most replies are plain without one. */
class Original implements KnownOriginal {
  readonly hasLines: boolean;
  readonly #source: () => Known;
  #folded: Folded | undefined;

  constructor(source: () => Known, hasLines: boolean) {
    this.#source = source;
    this.hasLines = hasLines;
  }

  get #known(): Folded {
    this.#folded ??= foldKnown(this.#source());
    return this.#folded;
  }

  get isForward(): boolean {
    return this.#known.isForward;
  }

  get hasSubject(): boolean {
    return this.#known.subjects.length > 0;
  }

  isSubject(value: string): boolean {
    if (!this.hasSubject) return false;
    const text = fold(bareSubject(unwrapped(value)));
    if (text.length < LEAST_WORD) return false;
    // A long subject is wrapped or cut short in the block that repeats it.
    return this.#known.subjects.some(
      (one) =>
        text === one ||
        (text.length >= 12 && one.startsWith(text)) ||
        (one.length >= 8 && text.startsWith(one)),
    );
  }

  personIn(text: string): 'known-name' | 'known-address' | undefined {
    const { addresses, names, locals } = this.#known;
    if (addresses.length + names.length === 0) return undefined;
    const folded = fold(text);
    if (addresses.some((address) => folded.includes(address))) return 'known-address';
    const words = new Set(wordsOf(text));
    if (names.some((name) => name.every((word) => words.has(word)))) return 'known-name';
    return locals.some((local) => words.has(local)) ? 'known-address' : undefined;
  }

  hasLine(text: string): boolean {
    const { lines } = this.#known;
    if (lines.size === 0) return false;
    const key = lineKey(text);
    return key !== undefined && lines.has(key);
  }
}

/** A line as it is compared: without quote marks; `undefined` for one too short to say anything. */
function lineKey(line: string): string | undefined {
  const text = fold(line.replace(/^[\s>＞»|]+/u, ''));
  return text.length >= LEAST_LINE ? text : undefined;
}

const NOTHING: KnownOriginal = {
  isForward: false,
  hasSubject: false,
  hasLines: false,
  isSubject: () => false,
  personIn: () => undefined,
  hasLine: () => false,
};

/** What is known, or a function that reads it when the first question comes; that brings no lines. */
export type KnownSource = Known | (() => Omit<Known, 'lines'>);

/** Makes what is known ready to be asked; nothing known answers every question with no. */
export function prepareKnown(known: KnownSource | undefined): KnownOriginal {
  if (known === undefined) return NOTHING;
  if (typeof known === 'function') return new Original(known, false);
  return new Original(() => known, known.lines !== undefined);
}
