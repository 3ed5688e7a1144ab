/**
 * Makes a platform leave alone what a mail only mentions: names, numbers, commands, closing keywords.
 *
 * Contract: pure; the text reads as before, and but for backslashes and characters that show nothing it is the same.
 * Every mark is broken, whatever stands before it, and every entity that could stand for one. An address of the web
 * keeps working: one that holds a mark is put in angle brackets, so that every platform takes it for a link. Code is
 * what every platform takes for code: a fence of three backticks at the margin that is closed, and spans on one line.
 * Where in doubt it is neutralised, without a visible sign: a joiner too many is harmless, a mention too many wakes a
 * team.
 * Limits: one pass over each line, linear in its length. A link to an issue still leaves a trace there on some platforms.
 */

/**
 * The texts on which the sink's platform acts, so that they must not reach it; each kind is neutralised when true.
 */
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

/** A fence that every platform reads alike. */
const CLEAR_FENCE = /^```[\w+#.-]{0,40}$/;
/** Any other fence, raw HTML or a block of a platform's own: where code ends is then not for a scan of lines to say. */
const UNCLEAR =
  /^[^\p{L}\p{N}]*(?:```|~~~)|^\s*\d{1,9}[.)]\s*.*(?:```|~~~)|^\s*<[a-z!/?]|^\s*(?:>>>|\$\$|:::)|^---\s*$/iu;
/** In what may be code, and in raw HTML, a backslash may be seen and escape nothing. */
const ANY_FENCE = /```|~~~/;
const TAG = /<[a-z!/?]/i;
/** Without one of these there is neither a fence nor what is unclear about one. */
const FENCE_MARKS = ['```', '~~~', '<', '>>>', '$$', ':::', '---'];
const CODE_SPAN = /((?<![\\`])`(?!`)[^`\n]+`(?!`)|(?<![\\`])``(?!`)[^`\n]+``(?!`))/;
const URL = /(https?:\/\/(?:[^\s<>"|`\\^{}[\]()]|\((?:[^\s<>"|`\\^{}[\]()]{0,500})\))+)/i;
const URL_TAIL = /[?!.,:*_~';&]$/;

/** An `@` that names somebody, and not the one of a mail address whose host a platform would link as a whole. */
const MENTION =
  /[@＠﹫](?!(?<=[A-Za-z0-9]@)[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,8}(?![\p{L}\p{N}_@-]))(?=\S)(?!\u2060)/gu;
const NUMBER =
  /(?<!&(?=#(?:39|34|38|60|62|160);))[#＃﹟](?=[\p{Nd}\p{Cf}*_~`<\\&{[])|[!！](?=[\p{Nd}\p{Cf}*_~<\\&])|GH\\?-(?=[\p{Nd}\p{Cf}*_~<\\&])/giu;
/** An entity, which a platform decodes before it looks; those that people and we ourselves write are harmless. */
const ENTITY =
  /&(?!(?:amp|lt|gt|quot|apos|nbsp|ast|lowbar|#39|#34|#38|#60|#62|#160);)(?=#\d{1,7};|#x[0-9a-f]{1,6};|[a-z][a-z0-9]{1,31};)/gi;
/**
 * What may stand at the start of a line before a command: blanks, what is not seen, marks of lists, quotes and
 * emphasis, tags.
 */
const LEAD =
  /^(?:[\s\p{Cf}>*+#|_~=:-]|\d{1,9}[.)](?=\s)|\[[ x]?\](?=\s)|\[\^[^\]\s]{1,50}\]:|<[^<>\n]{1,200}>){0,1000}/iu;
const COMMAND = /^\\?[/／](?=[^\s/])/;
const LATER_COMMAND = /(?<=[>|]\s{0,9})\/(?=[a-z])/gi;
const KEYWORD =
  /(?<![A-Za-z0-9])(?:clos(?:e[sd]?|ing)|fix(?:e[sd]|ing)?|resolv(?:e[sd]?|ing)|implement(?:s|ed|ing)?|reopen(?:s|ed|ing)?)(?![A-Za-z0-9])/gi;
/** What a closing keyword can close. */
const CLOSABLE = /[#!＃]|https?:|\b[A-Z][A-Z0-9_]*\\?-\d|\bGH-|&#?\w/gi;
/** A keyword closes what follows it so near. */
const CLOSING_REACH = 200;

/** Words and blanks, in which no mark, command, address or code can begin; a closing keyword can. */
const PLAIN = /^[A-Za-z0-9\u00c0-\u024f ,.?"'();]*$/;

const LINE_END = /(\r\n|[\n\r\v\f\x85\u2028\u2029])/;

/** Joins what `split` gave, with the parts between the separators changed. */
const mapEven = (
  parts: readonly string[],
  change: (part: string) => string,
  changeSeparator: (part: string) => string = (part) => part,
): string => parts.map((part, at) => (at % 2 === 1 ? changeSeparator(part) : change(part))).join('');

/** Tells whether no backslash stands before a place, which another one would turn around. */
function isBare(text: string, at: number): boolean {
  return text[at - 1] !== '\\';
}

/** Goes through a text line by line and remembers what decides how the next one is read. */
class Neutraliser {
  readonly #policy: SinkPolicy;
  /** The fences of the text are clear: within them nothing is touched. */
  readonly #clear: boolean;
  /** There are fences that are not clear, or raw HTML: a backslash might be seen, and might escape nothing. */
  readonly #unseen: boolean;
  /** Where something stands that a closing keyword can close. */
  readonly #closable: readonly number[];
  #nextClosable = 0;
  #offset = 0;
  #fenced = false;
  /** A backtick of this paragraph has found no partner on its line: it may find one on a later line. */
  #dangling = false;
  /** Brackets that are open in this paragraph: within the text of a link no other link can stand. */
  #brackets = 0;
  #isInTag = false;
  #afterBackslash = false;

  constructor(policy: SinkPolicy, text: string, lines: readonly string[]) {
    this.#policy = policy;
    this.#clear = !FENCE_MARKS.some((mark) => text.includes(mark)) || hasClearFences(lines);
    this.#unseen = TAG.test(text) || (!this.#clear && ANY_FENCE.test(text));
    this.#closable = policy.closing ? closablesIn(this.#clear ? withoutFences(text) : text) : [];
  }

  line(line: string): string {
    const start = this.#offset;
    this.#offset += line.length;
    if (this.#clear && this.#inFence(line)) return line;
    if (line.trim() === '') {
      this.#dangling = false;
      this.#brackets = 0;
    }
    this.#isInTag = false;
    if (this.#closable.length === 0 && PLAIN.test(line)) {
      this.#afterBackslash = false;
      return line;
    }
    const closed = this.#policy.closing ? this.#breakKeywords(line, start) : line;
    const commanded = this.#policy.commands ? this.#breakCommand(closed) : closed;
    const isWhole = this.#dangling || TAG.test(line) || line.includes('|');
    const parts = isWhole ? [commanded] : commanded.split(CODE_SPAN);
    this.#dangling ||= parts.some((part, at) => at % 2 === 0 && part.includes('`'));
    return mapEven(parts, (part) => this.#prose(part));
  }

  /** Skips over a line end. */
  lineEnd(end: string): string {
    this.#offset += end.length;
    return end;
  }

  /** Tells whether the line is fenced or a fence itself. */
  #inFence(line: string): boolean {
    if (!line.startsWith('```')) return this.#fenced;
    this.#fenced = !this.#fenced;
    return true;
  }

  /** Breaks the keywords; within an address a keyword is none. */
  #breakKeywords(line: string, start: number): string {
    let offset = start;
    const broken = (part: string): string =>
      part.replace(KEYWORD, (word, at: number) =>
        this.#closes(offset + at, word.length) ? word.charAt(0) + JOINER + word.slice(1) : word,
      );
    return line
      .split(URL)
      .map((part, at) => {
        const changed = at % 2 === 1 ? part : broken(part);
        offset += part.length;
        return changed;
      })
      .join('');
  }

  #closes(at: number, length: number): boolean {
    while ((this.#closable[this.#nextClosable] ?? Infinity) < at + length) this.#nextClosable += 1;
    return (this.#closable[this.#nextClosable] ?? Infinity) <= at + length + CLOSING_REACH;
  }

  /**
   * Breaks a command that opens a line of prose. In code a backslash would be seen, and an indented line may be code.
   */
  #breakCommand(line: string): string {
    const lead = LEAD.exec(line)?.[0] ?? '';
    const rest = line.slice(lead.length);
    const mark = COMMAND.exec(rest)?.[0];
    const later = LATER_COMMAND.test(line)
      ? (text: string) => text.replace(LATER_COMMAND, `/${JOINER}`)
      : undefined;
    LATER_COMMAND.lastIndex = 0;
    if (mark === undefined) return later?.(line) ?? line;
    const isUnseen = this.#unseen || mark !== '/' || /^\s{4}|^\s*\t/.test(line);
    const broken = isUnseen ? lead + mark + JOINER + rest.slice(mark.length) : `${lead}\\${rest}`;
    return later?.(broken) ?? broken;
  }

  /** Neutralises text outside code. */
  #prose(text: string): string {
    const parts = text.split(URL);
    return parts
      .map((part, at) => {
        const splits = this.#policy.references && /GH$/i.test(parts[at - 1] ?? '') && /^\\?-/.test(part);
        if (at % 2 === 0) return (splits ? JOINER : '') + this.#text(part);
        const isAngled = /(?<!\\)<$/.test(parts[at - 1] ?? '') && parts[at + 1]?.startsWith('>') === true;
        return isAngled && this.#brackets === 0 ? part.replace(ENTITY, `&${JOINER}`) : this.#url(part);
      })
      .join('');
  }

  #text(text: string): string {
    this.#afterBackslash = text.endsWith('\\');
    for (const char of text.match(/[[\]<>]/g) ?? []) {
      if (char === '[') this.#brackets += 1;
      else if (char === ']') this.#brackets = Math.max(0, this.#brackets - 1);
      else this.#isInTag = char === '<';
    }
    const bare = text.replace(ENTITY, (_, at: number) =>
      this.#unseen || !isBare(text, at) ? `&${JOINER}` : '\\&',
    );
    return this.#marks(bare);
  }

  #marks(text: string): string {
    let out = text;
    if (this.#policy.mentions) out = out.replace(MENTION, (mark) => mark + JOINER);
    if (this.#policy.references) out = out.replace(NUMBER, (mark) => mark + JOINER);
    return out;
  }

  /** Neutralises an address: one with a mark in it is made a link for certain, and broken where no link can stand. */
  #url(whole: string): string {
    let end = whole.length;
    while (end > 8 && URL_TAIL.test(whole.slice(end - 1, end))) end -= 1;
    const [url, tail] = [whole.slice(0, end), whole.slice(end)];
    const entities = url.replace(ENTITY, `&${JOINER}`);
    const isLive =
      entities !== url ||
      (this.#policy.mentions && /(?<![A-Za-z0-9])[@＠﹫]|[@＠﹫].*@/u.test(url)) ||
      (this.#policy.references && /(?<![A-Za-z0-9])(?:[#!＃]\d|GH-\d)/iu.test(url));
    if (!isLive) return url + this.#text(tail);
    const mayLink = this.#brackets === 0 && !this.#isInTag && !this.#afterBackslash;
    const linked = mayLink && entities === url ? `<${url}>` : this.#marks(entities);
    return linked + this.#text(tail);
  }
}

const closablesIn = (text: string): number[] => Array.from(text.matchAll(CLOSABLE), ({ index }) => index);

/** Blanks out what stands in clear fences; the text keeps its length. */
const withoutFences = (text: string): string =>
  text.replace(/^```[^\n]*\n(?:(?!```$)[^\n]*\n)*```$/gm, (fenced) => ' '.repeat(fenced.length));

/**
 * Tells whether all fences are of three backticks at the margin, one closing the other, and nothing else could be
 * one.
 */
function hasClearFences(lines: readonly string[]): boolean {
  let isOpen = false;
  for (const line of lines) {
    if (isOpen ? line === '```' : CLEAR_FENCE.test(line)) isOpen = !isOpen;
    else if (isOpen ? /^\s*(?:`{3}|~{3})|<\/?(?:pre|code|script)/i.test(line) : UNCLEAR.test(line))
      return false;
  }
  return !isOpen;
}

/** Makes what the policy names inert outside code; all else of the Markdown stays. */
export function neutralise(markdown: string, policy: SinkPolicy): string {
  if (!Object.values(policy).includes(true)) return markdown;
  const pieces = markdown.split(LINE_END);
  const neutraliser = new Neutraliser(
    policy,
    markdown,
    pieces.filter((_, at) => at % 2 === 0),
  );
  return mapEven(
    pieces,
    (line) => neutraliser.line(line),
    (end) => neutraliser.lineEnd(end),
  );
}
