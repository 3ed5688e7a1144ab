// Which post of a digest each part of a reply answers: by `>>2`, by labels that are quoted, or not clear at all.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { htmlToMarkdown } from '../../src/reply/html/html.ts';
import { type Parted, partDigest } from '../../src/reply/text/digest.ts';
import { extractReply } from '../../src/reply/text/extract.ts';

const LABELS = ['site#7', 'site#12', 'Roof leaks', 'docs', 'docs/api'];

const INTRO = 'On Fri, Nov 20, 2026 at 9:00 AM Tracker <reply@reply.example.org> wrote:';
const POSTS = [
  ['[site#7] The logo is blurred', 'Bob: It gives no width.'],
  ['[site#12] Login fails', 'Carol: Since yesterday, as in docs/api.', 'Only on phones.'],
  ['[Roof leaks] Third floor', 'Dan: A bucket is below it.'],
  ['[docs] Typos', 'Eve: Three of them.'],
  ['[docs/api] Missing fields', 'Fay: See site#7 for one.'],
];

/** Why a reply is not clear; empty where it is. */
function unclear(text: string): string {
  const parted = part(text);
  return parted.kind === 'unclear' ? parted.why : '';
}

/** The quoted digest from one post to another, with answers below some of them. */
function quoted(answers: Readonly<Record<number, string>> = {}, from = 1, to = POSTS.length): string {
  const blocks = POSTS.slice(from - 1, to).map((lines, index) => {
    const answer = answers[from + index];
    const quote = lines.map((line) => `> ${line}`).join('\n');
    return answer === undefined ? `${quote}\n>` : `${quote}\n\n${answer}\n`;
  });
  return `${INTRO}\n> What is new:\n>\n${blocks.join('\n')}\n`;
}

const part = (text: string, labels: readonly string[] = LABELS): Parted =>
  partDigest(extractReply(text, undefined, labels).lines ?? [], labels);

/** The texts by post, in the order of the mail; or why there are none. */
function answersIn(text: string, labels?: readonly string[]): Record<number, string> | string {
  const parted = part(text, labels);
  if (parted.kind === 'unclear') return parted.why;
  return Object.fromEntries(parted.parts.map(({ post, text: answer }) => [post, answer]));
}

describe('a line that names a post', () => {
  it('gives the text below it to that post, by place or by label', () => {
    assert.deepEqual(answersIn(`>>2\nIt works now.\n\n${quoted()}`), { 2: 'It works now.' });
    assert.deepEqual(answersIn(`>> site#12\nIt works now.\n\n${quoted()}`), { 2: 'It works now.' });
    assert.deepEqual(answersIn('>>roof leaks:\nFixed.\n'), { 3: 'Fixed.' });
    assert.deepEqual(answersIn(' >>5\nWill do.\n'), { 5: 'Will do.' });
  });

  it('parts a reply to several posts, in the order of the mail', () => {
    const parted = part(`>>4\nGone.\n\nAll three.\n\n>>1\nNow with a width.\n\n${quoted()}`);
    assert.deepEqual(parted.kind === 'parted' && parted.parts.map(({ post, text }) => [post, text]), [
      [4, 'Gone.\n\nAll three.'],
      [1, 'Now with a width.'],
    ]);
  });

  it('may name the same post twice: the texts are joined', () => {
    assert.deepEqual(answersIn('>>2\nOne.\n>>1\nOther.\n>>2\nTwo.\n'), { 2: 'One.\n\nTwo.', 1: 'Other.' });
  });

  it('goes before the labels that are quoted', () => {
    assert.deepEqual(answersIn(quoted({ 3: '>>2\nThis one.' })), { 2: 'This one.' });
  });

  it('prefers a label to a place', () => {
    assert.deepEqual(answersIn('>>2\nYes.\n', ['2', '1']), { 1: 'Yes.' });
  });

  it('is no such line within prose, code or a quote of a quote', () => {
    const prose = 'See site#12 and >>2, which\nis the same as >>4 to me.';
    assert.deepEqual(answersIn(`>>1\n${prose}\n`), { 1: prose });
    const code = 'Do:\n\n```\n>>2\ncat a >>4\n```\nThen look.';
    assert.deepEqual(answersIn(`>>1\n${code}\n`), { 1: code });
    const nested = '>> one\n>>2\n>> three';
    const answer = answersIn(`>>1\nYou said:\n\n${nested}\n\nand I agree.\n`);
    assert.deepEqual(Object.keys(answer), ['1']);
    assert.match((answer as Record<number, string>)[1] ?? '', /^You said:[^]*and I agree\.$/);
  });

  it('is not clear where it names no post, or where nothing stands below it', () => {
    assert.equal(answersIn('>>6\nYes.\n'), '">>6" names no post');
    assert.equal(answersIn('>>0\nYes.\n'), '">>0" names no post');
    assert.match(unclear('>>1\n>>2\nBoth are fine.\n'), /nothing stands below/);
    assert.match(unclear('>>1\nFine.\n>>2\n'), /nothing stands below/);
  });

  it('alone, with a file beside it, is for the file', () => {
    assert.deepEqual(answersIn('>>2\n'), { 2: '' });
    assert.match(unclear(''), /nothing says/);
    assert.match(unclear('>>9\n'), /nothing says|names no post/);
  });
});

describe('text below a label that is quoted', () => {
  it('answers one of five posts', () => {
    assert.deepEqual(answersIn(quoted({ 3: 'The plumber comes.' })), { 3: 'The plumber comes.' });
  });

  it('answers two of five, and keeps what was quoted by each apart', () => {
    const parted = part(quoted({ 2: 'Works for me.\n\nReally.', 5: 'Which ones?' }));
    assert.ok(parted.kind === 'parted');
    assert.deepEqual(
      parted.parts.map(({ post, text }) => [post, text]),
      [
        [2, 'Works for me.\n\nReally.'],
        [5, 'Which ones?'],
      ],
    );
    assert.match(parted.parts[0]?.quoted ?? '', /^> \[site#12\][^]*Only on phones\.$/);
    assert.doesNotMatch(parted.parts[0]?.quoted ?? '', /Bob|Dan/);
  });

  it('keeps a quote that stands between two answers to one post', () => {
    const text = `${INTRO}\n> [site#12] Login fails\n> Since yesterday.\n\nWhich day?\n\n> Only on phones.\n\nMine too.\n`;
    assert.deepEqual(answersIn(text), { 2: 'Which day?\n\n> Only on phones.\n\nMine too.' });
  });

  it('takes the label that its line begins with, not one that is spoken of', () => {
    // "docs/api" is spoken of in post 2, "site#7" in post 5, and "docs" is within "docs/api".
    assert.deepEqual(answersIn(quoted({ 2: 'Two.', 5: 'Five.' })), { 2: 'Two.', 5: 'Five.' });
    assert.deepEqual(answersIn(quoted({ 4: 'Four.', 5: 'Five.' })), { 4: 'Four.', 5: 'Five.' });
  });

  it('knows labels at the end of a line, where they stand first', () => {
    const labels = ['#7', '#12'];
    const mail = `${INTRO}\n> The logo (#7)\n> as in #12a\n\nSeven.\n\n> The login (#12)\n> see #7\n\nTwelve.\n`;
    assert.deepEqual(answersIn(mail, labels), { 1: 'Seven.', 2: 'Twelve.' });
  });

  it('leaves out signatures', () => {
    assert.deepEqual(answersIn(`>>2\nYes.\n\n-- \nAlice\nsite#7\n`), { 2: 'Yes.' });
  });
});

describe('text above every label', () => {
  it('is for the one post that can be meant', () => {
    assert.deepEqual(answersIn(`Yes.\n\n${quoted({}, 3, 3)}`), { 3: 'Yes.' });
    assert.deepEqual(answersIn(`Hello,\n\n>>2\nYes.\n\n${quoted()}`), { 2: 'Hello,\n\nYes.' });
  });

  it('is not clear above the whole digest, or with several answers', () => {
    assert.match(unclear(`I agree.\n\n${quoted()}`), /above the labels of several posts/);
    assert.match(unclear(`Hello,\n\n>>2\nYes.\n>>1\nNo.\n`), /above the labels of several posts/);
    assert.match(unclear('I agree.\n'), /no label stands/);
  });

  it('is not clear below the whole digest either', () => {
    assert.match(unclear(`${quoted()}\n\nI agree.\n`), /below the whole digest/);
  });
});

describe('a reply in HTML', () => {
  const digest = (answer: string) => `
    <div>${INTRO}</div><blockquote type="cite">
      <h3>[site#7] The logo is blurred</h3><p>Bob: It gives no width.</p>
      <h3>[site#12] Login fails</h3><p>Carol: Since yesterday.</p></blockquote>
    ${answer}
    <blockquote type="cite"><h3>[Roof leaks] Third floor</h3><p>Dan: A bucket.</p></blockquote>`;
  const partHtml = (html: string) => partDigest(htmlToMarkdown(html, undefined, LABELS).lines ?? [], LABELS);

  it('is parted by its quotes, and stays Markdown', () => {
    const parted = partHtml(digest('<p>Works <b>for me</b>.<br>Really.</p>'));
    assert.ok(parted.kind === 'parted', JSON.stringify(parted));
    assert.deepEqual(
      parted.parts.map(({ post, text }) => [post, text]),
      [[2, 'Works **for me**.  \nReally.']],
    );
  });

  it('is parted by lines that name posts', () => {
    const parted = partHtml(
      `<p>&gt;&gt;2</p><p>It <i>works</i>.</p><p>&gt;&gt;docs</p><p>Gone.</p>${digest('')}`,
    );
    assert.ok(parted.kind === 'parted', JSON.stringify(parted));
    assert.deepEqual(
      parted.parts.map(({ post, text }) => [post, text]),
      [
        [2, 'It *works*.'],
        [4, 'Gone.'],
      ],
    );
  });
});

describe('a reply that is no digest', () => {
  it('gives no lines', () => {
    assert.equal('lines' in extractReply('>>2\nYes.\n'), false);
  });
});
