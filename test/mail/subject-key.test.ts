import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeWords } from '../../src/mail/encoded-word.ts';
import { SUBJECT_PREFIXES, subjectForms, subjectKeys } from '../../src/mail/subject-key.ts';

const WORDS = 'it rains in';
const formOf = (subject: string): string | undefined => subjectForms(subject)[0];

/** Prefixes of a reply and of what is sent on as programs write them, in each language. */
const WRITTEN: Readonly<Record<string, string>> = {
  Afrikaans: 'Re: Fwd:',
  Arabic: 'رد: إعادة توجيه:',
  Basque: 'Re: Fwd:',
  Bosnian: 'Odg: Fwd:',
  Bulgarian: 'Отн: За:',
  Catalan: 'Re: Fwd:',
  'Chinese (simplified)': '回复：转发：',
  'Chinese (traditional)': '回覆：轉寄：',
  Croatian: 'Odg: Fwd:',
  Czech: 'Odp: FW:',
  Danish: 'SV: VS:',
  Dutch: 'Antw: Doorst:',
  English: 'RE: Fwd:',
  Esperanto: 'Re: Fwd:',
  Estonian: 'Vs: FW:',
  Finnish: 'VS: VL:',
  French: 'RE : TR :',
  Galician: 'Re: Rv:',
  German: 'AW: WG:',
  Greek: 'ΑΠ: ΠΡΘ:',
  Hebrew: 'השב: הועבר:',
  Hungarian: 'Vá: Továbbítás:',
  Icelandic: 'SV: FS:',
  Indonesian: 'BLS: TRS:',
  Irish: 'Re: Fwd:',
  Italian: 'R: I:',
  Japanese: '返信: 転送:',
  Korean: '답장: 전달:',
  Latvian: 'Atb: Fwd:',
  Lithuanian: 'Ats.: Fwd:',
  Norwegian: 'SV: VS:',
  Polish: 'Odp: PD:',
  Portuguese: 'RES: ENC:',
  Romanian: 'Re: Fwd:',
  Russian: 'Отв: Пересл:',
  Serbian: 'Odg: Fwd:',
  Slovak: 'Odp: FW:',
  Slovenian: 'Odg: FW:',
  Spanish: 'RE: RV:',
  Swedish: 'SV: VB:',
  Turkish: 'YNT: İLT:',
  Welsh: 'ATB: YML:',
};

describe('the key of a subject', () => {
  it('is without the prefixes of replies and of what is sent on, in more than 40 languages', () => {
    assert.ok(Object.keys(WRITTEN).length >= 40);
    for (const [language, prefixes] of Object.entries(WRITTEN)) {
      assert.equal(formOf(`${prefixes} It rains in`), WORDS, language);
      assert.equal(
        formOf(`${prefixes.toUpperCase()}${prefixes} It  rains in`),
        WORDS,
        `${language}, repeated`,
      );
    }
  });

  it('is without each prefix of the table by itself, counted, spaced and wide', () => {
    for (const prefix of Object.values(SUBJECT_PREFIXES).flat()) {
      for (const subject of [
        `${prefix}: `,
        `${prefix}:`,
        `${prefix} [2]: `,
        `${prefix}[12]:`,
        `${prefix} (3): `,
        `${prefix}^2: `,
        `${prefix}：`,
        `${prefix} : `,
        `${prefix}\u00a0: `,
      ])
        assert.equal(formOf(`${subject}It rains in`), WORDS, subject);
    }
  });

  it('is the same in another case, width and spacing, and with marks that nobody sees', () => {
    for (const subject of [
      '  IT   RAINS\tIN ',
      'It\u00a0rains\u3000in',
      'Ｉｔ ｒａｉｎｓ ｉｎ',
      'Re: \u200eIt\u200b rains in',
      'Re: Re: RE: re: It rains in',
      '[Fwd: It rains in]',
      'Re: [Fwd: Re: It rains in]',
    ])
      assert.equal(formOf(subject), WORDS, JSON.stringify(subject));
    assert.equal(formOf('Tür öffnen'), formOf('TU\u0308R O\u0308FFNEN'), 'composed or not');
  });

  it('is the same encoded', () => {
    const plain = subjectKeys('Die Tür klemmt');
    for (const subject of [
      '=?utf-8?B?QVc6IERpZSBUw7xyIGtsZW1tdA==?=',
      'AW: =?iso-8859-1?Q?Die_T=FCr?= klemmt',
      '=?utf-8?Q?Re=EF=BC=9A?= =?utf-8?Q?_Die_T=C3=BCr_klemmt?=',
    ])
      assert.deepEqual(subjectKeys(decodeWords(subject)), plain, subject);
  });

  it('has a form without each tag that a list may have added, the most complete first', () => {
    assert.deepEqual(subjectForms('[users] Re: It rains in'), ['[users] it rains in', WORDS]);
    assert.deepEqual(subjectForms('Re: [A] AW: [B] It rains in'), [
      '[a] [b] it rains in',
      '[b] it rains in',
      WORDS,
    ]);
    assert.deepEqual(subjectForms('It rains in'), [WORDS]);
  });

  it('keeps a tag that numbers a thread, and what is a tag and nothing else', () => {
    assert.deepEqual(subjectForms('Re: [shop #12] It rains in'), ['[shop #12] it rains in']);
    assert.deepEqual(subjectForms('[users] [shop #12] x'), ['[users] [shop #12] x', '[shop #12] x']);
    assert.deepEqual(subjectForms('Re: [shop]'), ['[shop]']);
    assert.notDeepEqual(subjectKeys('[shop #12] x'), subjectKeys('[shop #13] x'));
  });

  it('keeps what the writer put before a colon, or behind the words', () => {
    for (const subject of [
      'Bug: it rains in',
      'Reply: none',
      'Area: roof',
      'it rains in [roof]',
      'docs: re: and all',
      'swv: x',
      'R2: and D2',
    ])
      assert.equal(formOf(subject), subject.toLowerCase(), subject);
  });

  it('is none where there are no words', () => {
    for (const subject of ['', '   ', 'Re:', 'AW: WG: ', 'Re: ...', '[Fwd: ]', '\u200b', 'Re: ?!'])
      assert.deepEqual(subjectKeys(subject), [], JSON.stringify(subject));
  });

  it('takes hardly longer for a subject made to be slow', () => {
    for (const slow of [
      'Re:'.repeat(50_000),
      '['.repeat(100_000),
      `${'[a] '.repeat(30_000)}x`,
      'Re ['.repeat(50_000),
      ' '.repeat(200_000),
    ])
      assert.ok(subjectForms(slow).every((form) => form.length <= 1000));
  });
});
