/** What programs put above an original in some forty locales, with the dates of each: text and HTML, marked and not, above and below. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { htmlToMarkdown } from '../../src/reply/html/html.ts';
import { extractReply } from '../../src/reply/text/extract.ts';
import type { Known } from '../../src/reply/text/known.ts';
import { LOCALES, type LocaleForms, UNDATED } from './fixtures/locales.ts';

const WHEN = new Date('2024-03-05T14:07:31Z');
const REPLY = 'The big ones.';
const ORIGINAL = 'Which hinges shall I take?\nThe small ones are sold out.';
const QUOTED = ORIGINAL.replace(/^/gm, '> ');
const PARAGRAPHS = ORIGINAL.replace(/^(.*)$/gm, '<div>$1</div>');
const STYLES = ['short', 'medium', 'long'] as const;

/** With an address, without; a surname of two letters; no capitals; brackets and commas in the name; other scripts. */
const WITH_ADDRESS = [
  'Ann Ex <ann@ex.example>',
  'ann@ex.example',
  '"Ex, Ann" <ann@ex.example>',
  '田中 花子 <hanako@ex.example>',
];
const NAMES = ['Li Wu', 'Jörg O’Dea', 'ann', 'مها'];

const dates = (locale: string): string[] =>
  STYLES.map((style) =>
    new Intl.DateTimeFormat(locale, { dateStyle: style, timeStyle: style, timeZone: 'UTC' }).format(WHEN),
  );

const escaped = (text: string): string => text.replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** The attributions of a locale with these names and all dates. */
const attributions = ([locale, form]: LocaleForms, names: readonly string[]): string[] =>
  dates(locale).flatMap((when) => names.map((who) => form.replace('{when}', when).replace('{who}', who)));

interface Block {
  readonly locale: string;
  readonly separator: string;
  /** From, Sent, To, Subject. */
  readonly fields: readonly string[];
}

const blocks = (who: string, to: string): Block[] =>
  LOCALES.flatMap(([locale, , [word, from, sent, recipient, subject]]) =>
    dates(locale).map((when) => ({
      locale,
      separator: `-----${word}-----`,
      fields: [`${from}: ${who}`, `${sent}: ${when}`, `${recipient}: ${to}`, `${subject}: Shed`],
    })),
  );

const tells = (message: string, known?: Known): boolean => extractReply(message, known).reply === REPLY;
const shows = (html: string): boolean => htmlToMarkdown(html).reply === REPLY;

function assertAll(names: readonly string[], build: (intro: string) => boolean): void {
  const wrong = LOCALES.flatMap((forms) => attributions(forms, names)).filter((intro) => !build(intro));
  assert.deepEqual(wrong, []);
}

function assertBlocks(all: readonly Block[], build: (block: Block) => boolean): void {
  const wrong = all.filter((block) => !build(block)).map(({ fields }) => fields.join(' | '));
  assert.deepEqual(wrong, []);
}

describe('an attribution in the words and with the date of a locale', () => {
  const all = [...WITH_ADDRESS, ...NAMES];

  it('above quoted lines', () => {
    assertAll(all, (intro) => tells(`${REPLY}\n\n${intro}\n${QUOTED}\n`));
  });
  it('above quoted lines and apart from them', () => {
    assertAll(all, (intro) => tells(`${REPLY}\n\n${intro}\n\n${QUOTED}\n`));
  });
  it('above quoted lines, with the reply below', () => {
    assertAll(all, (intro) => tells(`${intro}\n${QUOTED}\n\n${REPLY}\n`));
  });
  it('above an original without marks, where it has the address', () => {
    assertAll(WITH_ADDRESS, (intro) => tells(`${REPLY}\n\n${intro}\n\n${ORIGINAL}\n`));
  });
  it('above an original without marks, where the name is known', () => {
    assertAll(NAMES, (intro) => tells(`${REPLY}\n\n${intro}\n\n${ORIGINAL}\n`, { names: NAMES }));
  });
  it('above a quote of HTML', () => {
    assertAll(all, (intro) =>
      shows(`<p>${REPLY}</p><p>${escaped(intro)}</p><blockquote type="cite">${PARAGRAPHS}</blockquote>`),
    );
  });
  it('above a quote of HTML that says nothing of itself', () => {
    assertAll(all, (intro) =>
      shows(`<div>${REPLY}</div><br><div>${escaped(intro)}</div><blockquote>${PARAGRAPHS}</blockquote>`),
    );
  });
});

describe('an attribution without a date', () => {
  const undated = UNDATED.flatMap((form) => NAMES.map((who) => form.replace('{who}', who)));
  const wrong = (build: (intro: string) => boolean): string[] => undated.filter((intro) => !build(intro));

  it('above quoted lines', () => {
    assert.deepEqual(
      wrong((intro) => tells(`${REPLY}\n\n${intro}\n${QUOTED}\n`)),
      [],
    );
  });
  it('above quoted lines, with the reply below', () => {
    assert.deepEqual(
      wrong((intro) => tells(`${intro}\n${QUOTED}\n\n${REPLY}\n`)),
      [],
    );
  });
  it('above a quote of HTML', () => {
    assert.deepEqual(
      wrong((intro) => shows(`<p>${REPLY}</p><p>${intro}</p><blockquote>${PARAGRAPHS}</blockquote>`)),
      [],
    );
  });
  it('is no proof above an original without marks', () => {
    assert.deepEqual(
      wrong((intro) => !tells(`${REPLY}\n\n${intro}\n\n${ORIGINAL}\n`)),
      [],
    );
  });
});

describe('a header block in the words and with the date of a locale', () => {
  const addressed = blocks('Ann Ex <ann@ex.example>', 'Ben Roth <ben@ex.example>');

  it('under a separator', () => {
    assertBlocks(addressed, ({ separator, fields }) =>
      tells(`${REPLY}\n\n${separator}\n${fields.join('\n')}\n\n${ORIGINAL}\n`),
    );
  });
  it('alone', () => {
    assertBlocks(addressed, ({ fields }) => tells(`${REPLY}\n\n${fields.join('\n')}\n\n${ORIGINAL}\n`));
  });
  it('under a rule, with names alone', () => {
    assertBlocks(blocks('Ann Ex', 'Ben Roth'), ({ fields }) =>
      tells(`${REPLY}\n\n________________________________\n${fields.join('\n')}\n\n${ORIGINAL}\n`),
    );
  });
  it('with the Subject first, where that and the name are known', () => {
    const known = { subjects: ['Re: Shed'], names: ['Ann Ex'] };
    assertBlocks(addressed, ({ fields: [from = '', sent = '', to = '', subject = ''] }) =>
      tells(`${REPLY}\n\n${[subject, sent, from, to].join('\n')}\n\n${ORIGINAL}\n`, known),
    );
  });
  it('of HTML', () => {
    assertBlocks(addressed, ({ fields }) =>
      shows(`<div>${REPLY}</div><hr><div>${fields.map(escaped).join('<br>')}</div><br>${PARAGRAPHS}`),
    );
  });
});

describe('what only looks like an attribution', () => {
  for (const typed of ['Sounds good', 'OK', 'Yes please, both', 'Thanks']) {
    for (const who of ['bob@ex.example wrote:', 'Bob Ex wrote:', 'bob wrote:']) {
      it(`keeps "${typed}" on the line of one that ends in "${who}"`, () => {
        const message = `${typed} On Wed, Apr 4, 2012 at 3:59 PM, ${who}\n${QUOTED}\n`;
        assert.equal(extractReply(message).reply, typed);
      });
    }
  }
  it('keeps a date of three numbers that is no time', () => {
    const message = 'My notes.\n\nFrom: stock\nDate: 05.03.24\nItem: hinges\n\nBring them.';
    assert.equal(extractReply(message).reply, message);
  });
  it('keeps a block of the writer that begins with our Subject', () => {
    const message = 'My notes.\n\nSubject: Shed\nRoom: 12b\nKey: with Ann Ex\n\nBring the plans.';
    const known = { subjects: ['Re: Shed'], names: ['Ann Ex'] };
    assert.equal(extractReply(message, known).reply, message);
  });
});
