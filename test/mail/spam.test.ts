import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Header, scanHeader } from '../../src/mail/header.ts';
import { judgeScore, parseSpamField, type SpamFields, spamVerdictOf } from '../../src/mail/spam.ts';

const header = (...lines: string[]): Header => {
  const scan = scanHeader(Buffer.from(`${lines.join('\r\n')}\r\n\r\nbody\r\n`));
  assert.ok(scan.ok);
  return scan.header;
};

const FIELDS: SpamFields = {
  names: new Set(['x-spam-status', 'x-spam-flag']),
  aboveReceived: 0,
  disagreement: 'strictest',
};

const YES = 'X-Spam-Status: Yes, score=7.2 required=5.0 tests=A,B';
const NO = 'X-Spam-Status: No, score=-1.9 required=5.0 tests=A,B';

describe('a field of a spam filter', () => {
  const shapes: readonly [string, number | undefined, boolean][] = [
    // SpamAssassin, spamass-milter
    ['Yes, score=999.0 required=5.0 tests=ALL_TRUSTED,GTUBE\tautolearn=no version=4.0.1', 999, true],
    ['No, score=-1.0 required=5.0 tests=ALL_TRUSTED', -1, false],
    ['No, score=-0.0 required=5.0', 0, false],
    ['No, hits=2.1 required=5.0', 2.1, false],
    ['YES', undefined, true],
    ['NO', undefined, false],
    // amavis
    ['No, score=-1.899 tagged_above=-999 required=6.31 tests=[BAYES_00=-1.9] autolearn=ham', -1.899, false],
    ['6.123', 6.123, false],
    // rspamd
    ['default: False [1.00 / 15.00];\tFAKE_REPLY(1.00)[]; MIME_GOOD(-0.10)[text/plain]', 1, false],
    ['default: True [16.50 / 15.00]; GTUBE(0.00)[]', 16.5, true],
    ['default: False [-2.10 / 15.00]; score=99', -2.1, false],
    ['Yes', undefined, true],
    // exim, cPanel
    ['4.2 (++++)', 4.2, false],
    ['-12', -12, false],
    // bogofilter, DSPAM
    ['Spam, tests=bogofilter, spamicity=0.997000, version=1.2.5', 0.997, true],
    ['Ham, tests=bogofilter, spamicity=0.000012', 0.000012, false],
    ['Innocent', undefined, false],
    // Amazon SES
    ['FAIL', undefined, true],
    ['PASS', undefined, false],
  ];
  for (const [value, score, flagged] of shapes) {
    it(`is read: ${value.slice(0, 50)}`, () => {
      assert.deepEqual(parseSpamField(value), { score, flagged });
    });
  }

  it('says nothing when it has none of the shapes', () => {
    for (const value of [
      '',
      'maybe',
      'GRAY',
      'PROCESSING_FAILED',
      'failed',
      'passed',
      'Unsure',
      'Nobody',
      'yesterday',
      'no-reply',
      '1.2.3',
      '1e9',
      '0x10',
      'NaN',
      '+',
      'default: [1 / 2]',
    ]) {
      assert.equal(parseSpamField(value), undefined, value);
    }
  });

  it('has no score beyond what a filter would write', () => {
    for (const score of ['99999999', 'inf', '1e3', '5.0.0', '']) {
      assert.deepEqual(parseSpamField(`Yes, score=${score}`), { score: undefined, flagged: true }, score);
    }
  });
});

describe('the verdict of the header', () => {
  it('is that of the configured fields, whatever the case of their names', () => {
    assert.deepEqual(spamVerdictOf(header('x-SPAM-status: Yes, score=7.2'), FIELDS, undefined), {
      score: 7.2,
      flagged: true,
    });
    assert.equal(
      spamVerdictOf(header('X-Spamd-Result: default: True [20 / 15]'), FIELDS, undefined),
      undefined,
    );
    assert.equal(spamVerdictOf(header('Subject: Yes'), FIELDS, undefined), undefined);
  });

  it('is by our own threshold where there is one and the filter gave a score', () => {
    assert.equal(spamVerdictOf(header(YES), FIELDS, 8)?.flagged, false);
    assert.equal(spamVerdictOf(header(YES), FIELDS, 7.2)?.flagged, true);
    assert.equal(spamVerdictOf(header(NO), FIELDS, -5)?.flagged, true);
    assert.equal(spamVerdictOf(header('X-Spam-Flag: YES'), FIELDS, 8)?.flagged, true);
    assert.deepEqual(judgeScore({ score: 4, flagged: true }, undefined), { score: 4, flagged: true });
  });

  it('strictest: a forged field cannot make a message any better', () => {
    const forged = ['X-Spam-Status: No, score=-99.0', 'X-Spam-Flag: NO'];
    for (const fields of [
      [...forged, YES],
      [YES, ...forged],
      ['X-Spam-Flag: NO', YES, 'X-Spam-Flag: NO'],
    ]) {
      assert.deepEqual(spamVerdictOf(header(...fields), FIELDS, undefined), { score: 7.2, flagged: true });
      assert.equal(spamVerdictOf(header(...fields), FIELDS, 5)?.flagged, true);
    }
    assert.equal(spamVerdictOf(header(NO, 'X-Spam-Flag: YES'), FIELDS, undefined)?.flagged, true);
  });

  it('first: the topmost field of the first name that is there', () => {
    const first: SpamFields = { ...FIELDS, disagreement: 'first' };
    const verdict = (...lines: string[]): boolean | undefined =>
      spamVerdictOf(header(...lines), first, undefined)?.flagged;
    assert.equal(verdict('X-Spam-Flag: YES', NO, YES), false);
    assert.equal(verdict(YES, NO), true);
    assert.equal(verdict('X-Spam-Status: rubbish', 'X-Spam-Flag: YES'), true);
    assert.equal(verdict('X-Spam-Flag: NO', 'X-Spam-Flag: YES'), false);
  });

  it('above our own Received: what a sender wrote does not count', () => {
    const amavis: SpamFields = { ...FIELDS, aboveReceived: 2 };
    const ours = ['Received: from localhost by mx (Postfix)', YES, 'Received: from outside by mx (Postfix)'];
    assert.equal(spamVerdictOf(header(...ours, NO), amavis, undefined)?.flagged, true);
    assert.equal(spamVerdictOf(header(ours[0]!, ours[2]!, YES), amavis, undefined), undefined);
    const top: SpamFields = { ...FIELDS, aboveReceived: 1 };
    assert.equal(spamVerdictOf(header(YES, ...ours), top, undefined)?.flagged, true);
    assert.equal(spamVerdictOf(header(...ours), top, undefined), undefined);
    assert.equal(spamVerdictOf(header(YES), top, undefined)?.flagged, true);
  });

  it('reads folded fields', () => {
    const folded = header(
      'X-Spam-Status: Yes, score=999.0 required=5.0 tests=ALL_TRUSTED,GTUBE',
      '\tautolearn=no',
    );
    assert.deepEqual(spamVerdictOf(folded, FIELDS, undefined), { score: 999, flagged: true });
    const early = header('X-Spam-Status: No,', '\tscore=3.5 required=5.0');
    assert.equal(spamVerdictOf(early, FIELDS, undefined)?.score, 3.5);
  });

  it('takes any bytes and a thousand fields', () => {
    const long = `${'('.repeat(50_000)}${'score='.repeat(8000)}`;
    for (const value of [
      long,
      `Yes,${' '.repeat(90_000)}score=1`,
      '\u0000\u0007',
      'Yes,\u{1f4a9}score=1',
      '9'.repeat(90_000),
    ]) {
      spamVerdictOf(
        { fields: Array.from({ length: 1000 }, () => ({ name: 'x-spam-status', value })), bodyOffset: 0 },
        FIELDS,
        5,
      );
    }
    assert.equal(parseSpamField(`Yes,${' '.repeat(90_000)}score=1`)?.score, undefined);
  });
});
