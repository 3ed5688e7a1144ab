/**
 * The verdict of the site's own spam filter, read from the fields that it left in the header.
 *
 * Contract: only the configured fields count, and of those only the ones above the N-th Received field where the site
 * says so. A sender can write the same fields. `strictest` lets every one speak and believes the worst, so that a
 * forged field can only harm its own message; `first` believes the topmost field of the first name that is there.
 * Neither sees that the filter said nothing and only the forgery is left: the header of a message does not tell who
 * wrote a field, so Postfix must strip the sender's own before the filter runs (postfix-examples/header_checks).
 * Failure: a field in none of the shapes below says nothing; nothing is thrown.
 * Limits: 200 characters of a field, which is where every filter has its verdict; linear in the number of fields.
 *
 * What the filters do (measured; spamass-milter 0.4.0, rspamd 3.4, Postfix 3.7.11):
 * - spamass-milter replaces the topmost forged field of a name that it writes itself, and leaves the second; where there
 *   is none it appends. It never touches X-Spam-Score. X-Spam-Flag it only writes on spam, X-Spam-Status always.
 * - rspamd removes all copies of a field that it is told to write, and appends its own; what it is not told to write it
 *   leaves, and mail from local or authenticated clients it leaves as it is. Its X-Spamd-Result says "True" only where it would
 *   reject: use a threshold.
 * - By their documentation, not measured: amavis and a pipe through spamc write above the fields of the receiving
 *   Postfix: there the position proves something.
 */
import type { Header } from './header.ts';

/** The answer of the spam filter; `score` is undefined when it gave only a verdict. */
export interface SpamVerdict {
  readonly score: number | undefined;
  readonly flagged: boolean;
}

/** The fields of a header that are to be believed. */
export interface SpamFields {
  /** Field names in lower case. */
  readonly names: ReadonlySet<string>;
  /** Fields count only above this Received field, counted from the top; 0 lets them stand anywhere. */
  readonly aboveReceived: number;
  /** What counts where several fields speak. */
  readonly disagreement: 'strictest' | 'first';
}

const MAX_CHARS = 200;
const NUMBER = '([+-]?\\d{1,7}(?:\\.\\d{1,9})?)(?![\\w.])';

/** `default: False [4.10 / 15.00]; SYMBOL(0.10)[]` of rspamd, or `False ; 4.1 / 15.0` of spamd. */
const METRIC = new RegExp(`^(?:[\\w-]+: )?(true|false|yes|no) ?(?:\\[|;) ?${NUMBER}`, 'i');

/** `Yes, score=7.2 required=5.0`, `NO`, `Spam, tests=bogofilter, spamicity=0.99`; `FAIL` and `PASS` of Amazon SES, whose `GRAY` says nothing. */
const WORD = /^(?:(yes|true|spam|fail)|no|false|ham|innocent|pass)(?![\w-])/i;
const SCORE = new RegExp(`\\b(?:score|hits|spamicity)=${NUMBER}`, 'i');

/** `7.2` or `7.2 (+++++++)`. */
const BARE = new RegExp(`^${NUMBER}`);

/** Reads one field's value; undefined when it holds no verdict and no score. */
export function parseSpamField(value: string): SpamVerdict | undefined {
  const text = value.slice(0, MAX_CHARS);
  const metric = METRIC.exec(text);
  if (metric !== null) return { score: numberOf(metric[2]), flagged: /^[ty]/i.test(metric[1] ?? '') };
  const word = WORD.exec(text);
  if (word !== null) return { score: numberOf(SCORE.exec(text)?.[1]), flagged: word[1] !== undefined };
  const score = numberOf(BARE.exec(text)?.[1]);
  return score === undefined ? undefined : { score, flagged: false };
}

/** Reads what the filter's fields say of a message; undefined when there are none. */
export function spamVerdictOf(
  header: Header,
  fields: SpamFields,
  threshold: number | undefined,
): SpamVerdict | undefined {
  const found = trustedVerdicts(header, fields).map((verdict) => judgeScore(verdict, threshold));
  return found.length < 2 ? found[0] : strictest(found);
}

/** Applies the site's own threshold; where there is no score, or no threshold, the filter's own verdict stays. */
export function judgeScore(verdict: SpamVerdict, threshold: number | undefined): SpamVerdict {
  return threshold === undefined || verdict.score === undefined
    ? verdict
    : { score: verdict.score, flagged: verdict.score >= threshold };
}

/** Reads the verdicts that count, one or all. */
function trustedVerdicts(header: Header, { names, aboveReceived, disagreement }: SpamFields): SpamVerdict[] {
  const found: { readonly name: string; readonly verdict: SpamVerdict }[] = [];
  let received = 0;
  for (const { name, value } of header.fields) {
    if (name === 'received' && ++received === aboveReceived) break;
    if (!names.has(name)) continue;
    const verdict = parseSpamField(value);
    if (verdict !== undefined) found.push({ name, verdict });
  }
  if (disagreement === 'strictest' || found.length < 2) return found.map(({ verdict }) => verdict);
  for (const wanted of names) {
    const first = found.find(({ name }) => name === wanted);
    if (first !== undefined) return [first.verdict];
  }
  return [];
}

function strictest(verdicts: readonly SpamVerdict[]): SpamVerdict {
  let score: number | undefined;
  let flagged = false;
  for (const verdict of verdicts) {
    if (verdict.score !== undefined && (score === undefined || verdict.score > score)) score = verdict.score;
    flagged ||= verdict.flagged;
  }
  return { score, flagged };
}

/** Reads a score without the sign of zero: spamd says `-0.0`. */
function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text) + 0;
}
