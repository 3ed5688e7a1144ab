/**
 * The header block that a client puts above an original: From, a date with its time, To, Subject, in any language.
 *
 * Contract: `matchHeaders` tells it from other blocks of labels (a contact, a form, a log, trailers, a pasted header)
 * by what only a client's block has, or by what is known of the original: its Subject or its author stands in it.
 * Limits: at most 14 lines.
 */
import { FACT, labelOf } from './evidence.ts';
import { readFrame } from './frame-line.ts';
import type { Line } from './lines.ts';
import { isProven, type Sign } from './signs.ts';
import { has, type Intro, isBlankOrEnd, isRule, nextContent, type View } from './view.ts';
import { FROM_LABEL, SUBJECT_LABEL } from './words.ts';

const MAX_HEADER_LINES = 14;

/** A block of labels, as far as it goes. */
export interface HeaderBlock {
  readonly end: number;
  readonly labels: number;
  readonly facts: number;
  /** A line has a date and a time. */
  readonly stamped: boolean;
  /** The first field that has both, counted from 0, or -1. */
  readonly stampedAt: number;
  readonly zoned: boolean;
  /** One of the first two labels is "From", or one below our Subject. */
  readonly named: boolean;
  /** "From" is the second of them. */
  readonly late: boolean;
  /** "To" follows "From": without an address it is a way and not a mail. */
  readonly travels: boolean;
  /** Its value is a name of two words or an address. */
  readonly person: boolean;
  /** One of the first three fields has an address in brackets, as clients write it beside a name. */
  readonly bracketed: boolean;
  /** Its last label is "Subject". */
  readonly titled: boolean;
  /** What its fields hold, a letter each: `d` a date, `a` an address, `t` other text. Clients differ in the order. */
  readonly order: string;
  /** It has fields that clients never show: somebody pasted a raw header. */
  readonly raw: boolean;
  /** The known Subject stands in the first field: no proof, but the block is about this mail. */
  readonly ours: boolean;
  readonly known: readonly Sign[];
}

const RAW_FIELD =
  /^(?:message-id|mime-version|content-[a-z-]+|received|return-path|x-[a-z-]+|dkim-signature|references|in-reply-to|delivered-to|list-[a-z]+)$/i;
const TO_LABEL = /^(?:to|nach|an|bis|à|vers|jusqu'à|a|para|hasta|naar|till|til|do|к|до)$/i;
const PERSON = /@|\p{L}[\p{L}'’.-]*[\s,]+["'(]?\p{L}|^\s*[^\s\p{Lu}\p{Ll}]{2,}/u;

const BRACKETED = /[<[(](?:mailto:)?[^\s<>@]+@[^\s<>@]+[>\])]/i;

/** Reads the value of a field, without the marks of emphasis around it. */
function valueOf(text: string): string {
  const value = text.slice(text.indexOf(':') + 1).trim();
  return /[*_]/.test(value.charAt(0) + value.slice(-1)) ? value.replace(/^[*_\s]+|[*_\s]+$/gu, '') : value;
}

/** Collects the label lines from `from`, with at most two wrapped lines under each. */
export function readHeaders(view: View, from: number): HeaderBlock {
  const reader = new BlockReader(view, from);
  return reader.read();
}

class BlockReader {
  readonly #view: View;
  readonly #from: number;
  #labels = 0;
  #facts = 0;
  #wrapped = 0;
  #end: number;
  #stampedAt = -1;
  #zoned = false;
  #bracketed = false;
  #named = false;
  #person = false;
  #titled = false;
  #order = '';
  #travels = false;
  #late = false;
  #raw = false;
  #ours = false;
  readonly #known = new Set<Sign>();

  constructor(view: View, from: number) {
    this.#view = view;
    this.#from = from;
    this.#end = from;
  }

  read(): HeaderBlock {
    const { lines } = this.#view;
    for (let at = this.#from; at < this.#from + MAX_HEADER_LINES; at += 1) {
      if (lines[at]?.kind === 'blank' && this.#goesOnBelow(at)) continue;
      if (!this.#take(at)) break;
    }
    return {
      end: this.#end,
      labels: this.#labels,
      facts: this.#facts,
      stamped: this.#stampedAt >= 0,
      stampedAt: this.#stampedAt,
      zoned: this.#zoned,
      named: this.#named,
      person: this.#person,
      travels: this.#travels,
      late: this.#late,
      bracketed: this.#bracketed,
      titled: this.#titled,
      order: this.#order,
      raw: this.#raw,
      ours: this.#ours,
      known: [...this.#known],
    };
  }

  /** Tells whether the block goes on below a blank line: some clients put every field into a paragraph of its own. */
  #goesOnBelow(at: number): boolean {
    const { lines } = this.#view;
    const apart = this.#labels > 0 && this.#end - this.#from === 2 * this.#labels - 1 && this.#named;
    return apart && at === this.#end && has(lines[at + 1]?.facts ?? 0, FACT.label);
  }

  #take(at: number): boolean {
    const line = this.#view.lines[at];
    if (line?.kind !== 'text') return false;
    const label = has(line.facts, FACT.label);
    if (!label && (isRule(line.text) || readFrame(line.text) !== undefined || this.#wrapped === 2))
      return false;
    if (label) this.#field(line.text, line.facts);
    else this.#wrapped += 1;
    this.#facts |= line.facts;
    if (this.#stampedAt < 0 && has(line.facts, FACT.date | FACT.time)) this.#stampedAt = this.#labels - 1;
    this.#bracketed ||= this.#labels <= 3 && has(line.facts, FACT.address) && BRACKETED.test(line.text);
    this.#zoned ||= this.#labels <= 2 && /\d:\d\d:\d\d\s[+-]\d{4}/.test(line.text);
    if (label) this.#end = at + 1;
    return true;
  }

  #field(text: string, facts: number): void {
    const label = labelOf(text)?.trim() ?? '';
    const value = valueOf(text);
    this.#labels += 1;
    this.#wrapped = 0;
    this.#titled = this.#labels >= 4 && SUBJECT_LABEL.test(label);
    this.#order += has(facts, FACT.date) ? 'd' : has(facts, FACT.address) ? 'a' : 't';
    if (RAW_FIELD.test(label)) this.#raw = true;
    if (this.#labels === 2 && this.#named && TO_LABEL.test(label)) this.#travels = true;
    if (this.#labels <= 2 || this.#ours) {
      const person = this.#view.known.personIn(value);
      if (person !== undefined) this.#known.add(person);
      if (FROM_LABEL.test(label) && !has(facts, FACT.date)) {
        this.#late = !this.#named && this.#labels === 2;
        this.#named = true;
      }
      if (this.#named && PERSON.test(value)) this.#person = true;
    }
    if (!this.#view.known.isSubject(value)) return;
    if (this.#labels > 1) this.#known.add('known-subject');
    else this.#ours = true;
  }
}

/** Collects what speaks for the block being a client's. */
function signsOf(view: View, block: HeaderBlock, rule: boolean): Sign[] {
  // A contact or a form may name the author, too: then it is From that names, or the Subject stands beside it.
  const mails = block.known.includes('known-subject') || (block.stamped && (block.named || block.ours));
  const signs: Sign[] = mails ? [...block.known] : [];
  if (block.labels >= 2) signs.push('labels');
  if (has(block.facts, FACT.address)) signs.push('address');
  if (block.stamped) signs.push('date', 'time');
  if (rule && isMails(block)) signs.push('frame');
  const foreign = view.known.hasSubject && block.known.length === 0 && !block.ours && block.labels >= 4;
  if (isComplete(block) && !foreign) signs.push('header-block');
  const below = view.lines[nextContent(view.lines, block.end) ?? -1];
  if (block.labels >= 3 && block.stamped && below?.standing === 'quote') signs.push('known-line');
  return signs;
}

/** Tells whether a block is a mail's; under a rule less is enough. */
function isMails(block: HeaderBlock): boolean {
  const address = has(block.facts, FACT.address);
  if (block.labels === 1) return address && block.stamped;
  if (block.labels === 2) return address && block.stamped;
  // Four fields, as clients write at least, the date not first: a log or a listing under a rule has a time, too.
  const shaped =
    block.stamped && (block.named || (block.labels >= 4 && block.stampedAt > 0 && block.stampedAt < 3));
  return (address && (has(block.facts, FACT.date) || block.named)) || shaped;
}

/**
 * Tells whether a block is complete: From, when, and one more; From with its mailbox first of four and Subject last;
 * or in a language that words.ts does not know, four fields, when, and a mailbox beside a name.
 */
function isComplete(block: HeaderBlock): boolean {
  const address = has(block.facts, FACT.address);
  if (block.labels === 2) return address && block.stamped && (block.named || block.zoned);
  if (block.labels < 3) return false;
  if (block.named && block.stamped) return address || (!block.travels && (block.person || block.labels >= 5));
  if (block.named && address && has(block.facts, FACT.date)) return true;
  if (block.named) return /^at..+/.test(block.order) && block.bracketed && block.titled;
  return block.labels >= 4 && block.bracketed && block.stamped;
}

/** Tells whether a line is a field that clients never show. */
const isRawField = (line: Line | undefined): boolean =>
  line?.kind === 'text' && has(line.facts, FACT.label) && RAW_FIELD.test(labelOf(line.text)?.trim() ?? '');

/** Matches the header block that starts at line `at`, or under the rule that is there. */
export function matchHeaders(view: View, at: number, rule: boolean): Intro | undefined {
  const { lines } = view;
  const line = lines[at];
  if (line === undefined) return undefined;
  const start = rule ? nextContent(lines, at + 1) : at;
  if (start === undefined || !has(lines[start]?.facts ?? 0, FACT.label)) return undefined;
  if (!rule && isRawField(lines[at - 1])) return undefined;
  if (/^[\s*_]*(?!\p{Script=Georgian})\p{Ll}/u.test(lines[start]?.text ?? '')) return undefined;
  const block = readHeaders(view, start);
  if (block.labels === 0 || (block.raw && block.known.length < 2)) return undefined;
  if (!isBlankOrEnd(lines[block.end]) && lines[block.end]?.kind === 'text' && !rule && block.labels < 3)
    return undefined;
  // A typed label may stand right above "From".
  if (!rule && block.late && !has(line.facts, FACT.date) && !has(line.facts, FACT.address)) return undefined;
  const signs = signsOf(view, block, rule);
  if (!signs.includes('labels') && !rule) return undefined;
  if (!isProven(signs)) return undefined;
  return { kind: 'headers', end: block.end, strong: true, signs };
}
