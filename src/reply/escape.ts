/**
 * Makes a platform leave alone what a mail only mentions: names, numbers, commands, closing keywords.
 *
 * Contract: pure; the text reads as before. Code is not touched (platforms act on nothing in it), nor the inside of
 * a web address. Where in doubt whether something is code, it is neutralised: a joiner too many is harmless, a
 * mention too many wakes a team.
 * Limits: one pass over each line, linear in its length.
 */

/** What the sink's platform acts on, so that it must not reach it; each is neutralised when true. */
export interface SinkPolicy {
  /** `@name` tells somebody. */
  readonly mentions: boolean;
  /** `#123`, `!123` and `GH-123` link to an issue and leave a trace there. */
  readonly references: boolean;
  /** `/close` at the start of a line is a command. */
  readonly commands: boolean;
  /** `fixes #123` closes an issue. */
  readonly closing: boolean;
}

/** U+2060: joins what stands beside it, shows nothing, and is part of no name or number. */
const JOINER = '\u2060';

const FENCE = /^ {0,3}(`{3,}|~{3,})(.*)$/;
/** A fence in a list, a quote or an indent, or raw HTML: where code ends is then not for a scan of lines to say. */
const UNCLEAR = /^\s*(?:[>*+-]|\d{1,9}[.)])\s*.*(?:```|~~~)|^(?: {4}|\t)\s*(?:```|~~~)|^\s*<[a-z!/?]/i;
const CODE_SPAN = /((?<![\\`])`(?!`)[^`\n]+`(?!`)|(?<![\\`])``(?!`)[^`\n]+``(?!`))/;
const URL = /(https?:\/\/[^\s<>"]+)/;
const MENTION = /(?<![\p{L}\p{N}_.+-])@(?=[\p{L}\p{N}_])/gu;
const NUMBER = /(?<!&)#(?=\d)|(?<![\p{L}\p{N}\]])!(?=\d)|\bGH-(?=\d)/giu;
/** The same marks written as entities, which a platform decodes before it looks. */
const ENTITY = /&(?=#0{0,9}(?:64|35|33|47);|#x0{0,9}(?:40|23|21|2f);|commat;|num;|excl;|sol;)/gi;
const COMMAND = /^(\s{0,3}(?:[>*+-]\s?){0,5})\/(?=[a-z])/i;
const CLOSING =
  /\b(clos(?:e[sd]?|ing)|fix(?:e[sd]|ing)?|resolv(?:e[sd]?|ing)|implement(?:s|ed|ing)?)(?=:?\s{1,20}(?:issues?\s)?(?:[\w./-]{0,100}[#!]|https?:|GH-))/gi;

function neutraliseText(text: string, policy: SinkPolicy): string {
  let out = text;
  if (policy.mentions) out = out.replace(MENTION, `@${JOINER}`);
  if (policy.references) out = out.replace(NUMBER, (mark) => mark + JOINER);
  return out;
}

/** Text outside code; the inside of a web address stays. */
function neutraliseProse(text: string, policy: SinkPolicy): string {
  const bare = policy.mentions || policy.references ? text.replace(ENTITY, '\\&') : text;
  const open = policy.closing
    ? bare.replace(CLOSING, (word) => word.charAt(0) + JOINER + word.slice(1))
    : bare;
  return mapOdd(open.split(URL), (part) => neutraliseText(part, policy));
}

/** Joins what `split` gave, with the parts between the separators changed. */
const mapOdd = (parts: readonly string[], change: (part: string) => string): string =>
  parts.map((part, at) => (at % 2 === 1 ? part : change(part))).join('');

/** Goes through a text line by line and remembers what decides whether the next one is code. */
class Neutraliser {
  readonly #policy: SinkPolicy;
  readonly #clear: boolean;
  #fence: string | undefined;
  /** A backtick of this paragraph has found no partner on its line: it may find one on a later line. */
  #dangling = false;

  constructor(policy: SinkPolicy, clear: boolean) {
    this.#policy = policy;
    this.#clear = clear;
  }

  line(line: string): string {
    if (this.#clear && this.#inFence(line)) return line;
    if (line.trim() === '') this.#dangling = false;
    const text = this.#policy.commands ? line.replace(COMMAND, '$1\\/') : line;
    const parts = this.#dangling || /<[a-z!/?]/i.test(text) ? [text] : text.split(CODE_SPAN);
    this.#dangling ||= parts.some((part, at) => at % 2 === 0 && part.includes('`'));
    return mapOdd(parts, (part) => neutraliseProse(part, this.#policy));
  }

  /** Whether the line is fenced or a fence itself. */
  #inFence(line: string): boolean {
    const match = FENCE.exec(line);
    const mark = match?.[1];
    const info = match?.[2] ?? '';
    if (this.#fence !== undefined) {
      if (mark?.startsWith(this.#fence) === true && info.trim() === '') this.#fence = undefined;
      return true;
    }
    if (mark === undefined || (mark.startsWith('`') && info.includes('`'))) return false;
    this.#fence = mark;
    return true;
  }
}

/** The same Markdown, with what the policy names made inert outside code. */
export function neutralise(markdown: string, policy: SinkPolicy): string {
  if (!Object.values(policy).includes(true)) return markdown;
  const lines = markdown.split('\n');
  const neutraliser = new Neutraliser(policy, !lines.some((line) => UNCLEAR.test(line)));
  return lines.map((line) => neutraliser.line(line)).join('\n');
}
