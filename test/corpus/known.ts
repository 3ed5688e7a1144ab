/**
 * What the knowledge of the original is worth: every pair of the corpora whose original can be told (told.ts), and the variants that
 * are made from them, each parsed with that knowledge and without.
 *
 * Contract: for each set the count, the exact matches and the typed lines that were lost, with and without. A line is lost
 * that was typed and does not stand in the reply. Where answers stand within the original, a reply is exact that lacks no
 * typed line: what stays of the original is a matter of convention there.
 */
import path from 'node:path';
import { htmlToMarkdown } from '../../src/reply/html/html.ts';
import { extractReply } from '../../src/reply/text/extract.ts';
import type { Known } from '../../src/reply/text/known.ts';
import { makeSketch } from '../../src/reply/text/sketch.ts';
import { EXCEPTIONS } from './exceptions.ts';
import { CORPORA } from './messages.ts';
import { fold, type Pair, type Report, readFolder, unmark } from './score.ts';
import { type Told, toldOf, toldOfHtml } from './told.ts';
import { AUTHOR, attribution, type Variant, variantsOf } from './variants.ts';

/** One reply, whole, with what was typed and what is known of its original. */
interface Reply {
  readonly id: string;
  readonly form: 'text' | 'html';
  readonly input: string;
  readonly typed: string;
  readonly known: Known;
  readonly inner: boolean;
}

/** A set of replies and its name. */
interface ReplySet {
  readonly name: string;
  readonly replies: readonly Reply[];
}

/** How a set fared. */
interface Fared {
  readonly exact: number;
  readonly lost: number;
  readonly failing: readonly string[];
}

const known = ({ names, addresses, subjects, lines }: Told): Known => ({
  names,
  addresses,
  subjects,
  sketches: [makeSketch([lines])],
});

function tellable(name: string, pairs: readonly Pair[], form: Reply['form']): readonly [Pair, Told][] {
  const tell = form === 'html' ? toldOfHtml : toldOf;
  return pairs.flatMap((pair): [Pair, Told][] => {
    if (EXCEPTIONS[`${name}/${pair.id}`] !== undefined) return [];
    const told = tell(pair.input, pair.expected);
    return told === undefined ? [] : [[pair, told]];
  });
}

/** Only what was typed by one person at one place makes variants. */
const isPlain = ({ expected }: Pair): boolean => expected.trim() !== '' && !/^\s*[>|]/m.test(expected);

/** Reads every set: one for each file of pairs, one for each kind of variant. */
export function knownSets(): ReplySet[] {
  const sets: ReplySet[] = [];
  const made = new Map<string, Reply[]>();
  const all: (readonly [Pair, Told])[] = [];
  let n = 0;
  for (const [folder, form] of [
    ['replies', 'text'],
    ['html', 'html'],
  ] as const) {
    for (const { name, pairs } of readFolder(path.join(CORPORA, folder))) {
      const told = tellable(name, pairs, form);
      const replies = told.map(([{ id, input, expected }, one]) => ({
        id,
        form,
        input,
        typed: expected,
        known: known(one),
        inner: false,
      }));
      if (form === 'text') all.push(...told.filter(([one]) => isPlain(one)));
      sets.push({ name: `${name} (${replies.length} of ${pairs.length})`, replies });
      for (const [pair, { lines }] of told.filter(([one]) => isPlain(one))) {
        n += 1;
        for (const variant of variantsOf(pair.expected, lines, n)) {
          const before = made.get(variant.name) ?? [];
          made.set(variant.name, [...before, toReply(`${name}/${pair.id}`, variant, lines)]);
        }
      }
    }
  }
  return [...sets, ...[...made].map(([name, replies]) => ({ name, replies })), ...otherSets(all)];
}

function toReply(id: string, { form, input, inner, typed }: Variant, lines: readonly string[]): Reply {
  return { id, form, input, typed, known: { ...AUTHOR, sketches: [makeSketch([lines])] }, inner };
}

/** Writes lines of words in no order, a paragraph for every five. */
function prose(vocabulary: readonly string[], count: number, seed: number): string[] {
  let state = seed + 1;
  const word = (): string => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return vocabulary[(state >>> 8) % vocabulary.length] ?? '';
  };
  const lines = Array.from({ length: count / 12 }, () => Array.from({ length: 12 }, word).join(' '));
  return lines.flatMap((line, at) => (at % 5 === 4 ? [`${line}.`, ''] : [line]));
}

/** Sets of their own: originals longer than a sketch can hold whole, and replies of which other originals are known. */
function otherSets(all: readonly (readonly [Pair, Told])[]): ReplySet[] {
  const vocabulary = all.flatMap(([, { lines }]) => lines.join(' ').match(/\p{L}{2,}/gu) ?? []);
  const long = [300, 1000, 1500, 3000].map((count): ReplySet => {
    const replies = all.map(([{ id, expected }], n): Reply => {
      const lines = prose(vocabulary, count, n);
      const input = `${expected}\n\n${attribution(n)}\n\n${lines.join('\n')}\n`;
      const sketches = [makeSketch([lines])];
      return { id, form: 'text', input, typed: expected, known: { ...AUTHOR, sketches }, inner: false };
    });
    return { name: `${count} words`, replies };
  });
  const strange = all.map(([{ id, input, expected }], n): Reply => {
    const others = Array.from({ length: 20 }, (_, at) => all[(n + 7 + 5 * at) % all.length]?.[1].lines ?? []);
    const sketches = others.map((lines) => makeSketch([lines]));
    return { id, form: 'text', input, typed: expected, known: { sketches }, inner: false };
  });
  return [...long, { name: 'other originals', replies: strange }];
}

function parse({ form, input }: Reply, knowledge: Known | undefined): string {
  return fold(
    form === 'html' ? unmark(htmlToMarkdown(input, knowledge).reply) : extractReply(input, knowledge).reply,
  );
}

/** Folds a line as it stands in the reply of its form. */
function wanted({ form, typed }: Reply): string[] {
  const lines = typed.split('\n').map((line) => fold(form === 'html' ? unmark(line) : line));
  return lines.filter((line) => /[\p{L}\p{N}]/u.test(line));
}

function fare(replies: readonly Reply[], isKnown: boolean): Fared {
  let [exact, lost] = [0, 0];
  const failing: string[] = [];
  for (const reply of replies) {
    const got = parse(reply, isKnown ? reply.known : undefined);
    const missing = wanted(reply).filter((line) => !got.includes(line)).length;
    lost += missing;
    const isExact = reply.inner
      ? missing === 0
      : got === fold(reply.form === 'html' ? unmark(reply.typed) : reply.typed);
    if (isExact) exact += 1;
    else failing.push(missing > 0 ? `${reply.id}!` : reply.id);
  }
  return { exact, lost, failing };
}

const LEAST_EXACT = 0.99;
/** Of what sets less is asked: an original of one line is hardly to be known where one of its words is another. */
const LEAST_OF_SET: Readonly<Record<string, number>> = { 'edited, no marks': 0.98 };

/** Scores every set with and without, in lines for people. */
export function scoreKnown(): Report {
  const lines: string[] = ['original known             count   exact without  lost    exact with  lost'];
  const problems: string[] = [];
  let [count, exact, lost, exactWithout, lostWithout] = [0, 0, 0, 0, 0];
  for (const { name, replies } of knownSets()) {
    const [without, with_] = [fare(replies, false), fare(replies, true)];
    count += replies.length;
    exact += with_.exact;
    lost += with_.lost;
    exactWithout += without.exact;
    lostWithout += without.lost;
    lines.push(row(name, replies.length, without, with_));
    if (with_.failing.length > 0) lines.push(`    failing: ${shown(with_.failing)}`);
    const least = LEAST_OF_SET[name] ?? LEAST_EXACT;
    // One reply of a small set is more than a hundredth of it.
    if (with_.exact < Math.floor(least * replies.length))
      problems.push(`original known, ${name}: exact match is below ${100 * least} %`);
  }
  lines.push(row('all', count, { exact: exactWithout, lost: lostWithout }, { exact, lost }));
  if (count > 0 && exact / count < LEAST_EXACT)
    problems.push(`originals known: exact match is below ${100 * LEAST_EXACT} %`);
  if (lost > 0) problems.push(`originals known: ${lost} typed lines are lost`);
  return { lines, problems };
}

const row = (
  name: string,
  count: number,
  without: Omit<Fared, 'failing'>,
  with_: Omit<Fared, 'failing'>,
): string => {
  const percent = (exact: number): string =>
    `${((100 * exact) / Math.max(1, count)).toFixed(1).padStart(5)} %`;
  return `${name.padEnd(27)}${String(count).padStart(5)}  ${percent(without.exact).padStart(13)} ${String(without.lost).padStart(6)} ${percent(with_.exact).padStart(13)} ${String(with_.lost).padStart(5)}`;
};

const MOST_SHOWN = 10;
const shown = (ids: readonly string[]): string =>
  ids.length <= MOST_SHOWN ? ids.join(', ') : `${ids.slice(0, MOST_SHOWN).join(', ')} … ${ids.length} in all`;
