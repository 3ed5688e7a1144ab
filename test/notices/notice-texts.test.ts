// The texts of notices: ours are whole in every language, and a site's own are checked before anybody gets one.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { LATER_KINDS, NOTICE_KINDS, type NoticeDraft, renderNotice } from '../../src/mail/notice.ts';
import { loadNoticeTexts } from '../../src/notices/texts.ts';
import { NOW } from '../support/item.ts';
import { testScratch } from '../support/scratch.ts';

const DRAFT: NoticeDraft = {
  from: 'alice@example.com',
  subject: 'Re: Grüße',
  messageId: undefined,
  references: [],
  language: undefined,
  thread: 'a/b',
  receivedAt: NOW,
  reason: '',
  files: [],
  text: 'one\n\ntwo',
};

/** The problems of a directory with these files. */
function problemsOf(
  t: TestContext,
  files: Readonly<Record<string, string>>,
  language = 'en',
): readonly string[] {
  const scratch = testScratch(t);
  for (const [name, text] of Object.entries(files)) writeFileSync(scratch.path(name), text);
  const loaded = loadNoticeTexts(scratch.directory, language);
  return loaded.ok ? [] : loaded.problems;
}

describe('our own texts', () => {
  for (const language of ['en', 'de', 'fr']) {
    it(`${language}: lines of at most 92 characters, no hole where a value is empty`, () => {
      const loaded = loadNoticeTexts(undefined, language);
      assert.ok(loaded.ok);
      for (const kind of NOTICE_KINDS) {
        const { subject, text } = renderNotice(loaded.texts.text(kind, undefined), DRAFT);
        // Of what was dropped nobody knows who wrote it: its words are not repeated.
        assert.equal(subject.includes('Re: Grüße'), kind !== 'dropped', kind);
        assert.ok(text.includes('2026-11-20 09:15 UTC'), kind);
        assert.doesNotMatch(text, /\n{3}|[{}]|^\n/);
        for (const line of text.split('\n')) assert.ok(line.length <= 92, line);
      }
    });
  }

  it('quote what was typed line by line', () => {
    const template = { subject: 'x', body: '{text}' };
    assert.equal(renderNotice(template, DRAFT).text, '> one\n>\n> two\n');
  });
});

describe("a site's texts", () => {
  const good = 'Subject: s\n\nbody of {thread}\n';

  it('may add a whole language', (t) => {
    const files = Object.fromEntries(NOTICE_KINDS.map((kind) => [`${kind}.nl.txt`, good]));
    assert.deepEqual(problemsOf(t, files, 'nl'), []);
  });

  /** The texts that a site wrote for the first release, in these languages. */
  const firstTexts = (...languages: readonly string[]): Record<string, string> => {
    const kinds = NOTICE_KINDS.filter((kind) => !LATER_KINDS.includes(kind));
    const names = languages.flatMap((language) => kinds.map((kind) => `${kind}.${language}.txt`));
    return Object.fromEntries(names.map((name) => [name, good]));
  };

  for (const [what, language, other, expected] of [
    ["the site's own", 'nl', 'en', /^Not posted/],
    ['another', 'de', 'de', /^Nicht veröffentlicht/],
  ] as const) {
    it(`of ${what} language that lack a kind of a later release stop nothing: it is told in "${other}"`, (t) => {
      const scratch = testScratch(t);
      for (const [name, text] of Object.entries(firstTexts('nl'))) writeFileSync(scratch.path(name), text);
      const loaded = loadNoticeTexts(scratch.directory, language);
      assert.ok(loaded.ok);
      assert.match(loaded.texts.text('dropped', 'nl').subject, expected);
      assert.equal(loaded.texts.text('empty', 'nl').subject, 's');
      const note = `lacks dropped.nl.txt, unclear.nl.txt, oversize.nl.txt, which are new; users of "nl" get those texts in "${other}"`;
      assert.deepEqual(loaded.notes, [`notice.texts: ${scratch.directory}: ${note}`]);
    });
  }

  it('are silent when nothing is missing', () => {
    const loaded = loadNoticeTexts(undefined, 'fr');
    assert.deepEqual(loaded.ok && loaded.notes, []);
  });

  for (const [what, files, language, expected] of [
    [
      'an unknown placeholder',
      { 'empty.en.txt': 'Subject: s\n\n{name}' },
      'en',
      /unknown placeholder \{name\}; expected \{subject\}/,
    ],
    ['no subject', { 'empty.en.txt': 'Dear user,\n' }, 'en', /does not begin with "Subject: …"/],
    [
      'a name that means nothing',
      { 'emtpy.en.txt': good },
      'en',
      /is no notice's text; expected KIND\.LANGUAGE\.txt/,
    ],
    ['half a language', { 'empty.nl.txt': good }, 'en', /lacks expired\.nl\.txt, .* for the language "nl"/],
    ['a language without texts', {}, 'nl', /^notice\.language: "nl" has no text in expired\.nl\.txt/],
  ] as const) {
    it(`${what} is a problem`, (t) => {
      const [problem, ...others] = problemsOf(t, files, language);
      assert.match(problem ?? 'none', expected);
      assert.deepEqual(others, []);
    });
  }
});
