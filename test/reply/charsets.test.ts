// Character sets as mail has them: rightly labelled, wrongly, and not at all.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { classifyAutomatic } from '../../src/mail/automatic.ts';
import { decodeText } from '../../src/mail/charset.ts';
import { scanHeader } from '../../src/mail/header.ts';
import { draftNotice } from '../../src/mail/notice.ts';
import { shortestMs } from '../support/elapsed.ts';
import { SENTENCES } from './fixtures/sentences.ts';
import { encode } from './support/encode.ts';
import { entity, markdown } from './support/mail.ts';

const CHARSETS = [
  ...new Set(SENTENCES.flatMap(([, charsets]) => charsets)),
  'utf-8',
  'us-ascii',
  'x-unknown',
];

describe('a sentence in the charset of its language', () => {
  for (const [language, charsets, text] of SENTENCES) {
    for (const charset of charsets) {
      it(`is read whatever the label: ${language} in ${charset}`, () => {
        const bytes = encode(text, charset);
        const labels = [charset, undefined, 'us-ascii', 'utf-8', 'x-unknown', 'iso-8859-1', 'windows-1252'];
        for (const label of labels) assert.equal(decodeText(bytes, label), text, label);
      });
    }
  }
});

describe('UTF-8', () => {
  for (const [language, , text] of SENTENCES) {
    it(`is read under every label: ${language}`, () => {
      for (const label of CHARSETS) {
        const answer = `${text}\n\n> Sent to all\n`;
        assert.equal(decodeText(Buffer.from(answer), label), answer, label);
        assert.equal(decodeText(Buffer.from(`OK – ${text} 👍`), label), `OK – ${text} 👍`, label);
      }
    });
  }
});

const textOf = (label: string | undefined, body: Buffer): Promise<string> =>
  markdown(entity([`Content-Type: text/plain${label === undefined ? '' : `; charset=${label}`}`], body));

describe('characters that node does not have under a label', () => {
  it('JIS X 0212, kana of one byte and the old JIS in ISO-2022-JP, whatever the label', async () => {
    const samples: [string, string][] = [
      ['1b2442 4646 1b284220 1b242844 3021 1b2842', '篤 丂'],
      ['1b2849 3132 1b2842 21', 'ｱｲ!'],
      ['1b2440 2422 1b284a 5c31 1b2842', 'あ¥1'],
      [
        '1b2441 3b6a 1b2842 1b242843 3021 1b2842',
        '混가'.replace('混', decodeText(Buffer.from('bbea', 'hex'), 'gb2312')),
      ],
      ['1b242943 0e 3021 0f 6f6b', '가ok'],
    ];
    for (const [hex, text] of samples) {
      const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
      for (const label of [
        undefined,
        'iso-2022-jp',
        'iso-2022-jp-2',
        'utf-8',
        'us-ascii',
        'iso-8859-1',
        'shift_jis',
      ]) {
        assert.equal(await textOf(label, bytes), text, `${hex} ${label}`);
      }
    }
  });

  it('GB18030 under the labels of its subsets, HZ, and the Hangul of Windows', async () => {
    for (const label of ['gb2312', 'gbk', 'gb18030', 'cp936', 'x-gbk']) {
      assert.equal(await textOf(label, Buffer.from('c4e38139ef30bac3', 'hex')), '你㐁好', label);
    }
    assert.equal(await textOf('hz-gb-2312', Buffer.from('~{VP9z~} ok ~~')), '中国 ok ~');
    for (const label of ['euc-kr', 'ks_c_5601-1987', 'cp949']) {
      assert.equal(await textOf(label, Buffer.from('b0a18141b0a1', 'hex')), '가갂가', label);
    }
  });

  it('UTF-16 without a mark, in either order, and under a wrong label', async () => {
    const text = 'Fine, the width is 20 now.';
    for (const order of ['utf-16le', 'utf-16be']) {
      for (const label of ['utf-16', order, undefined, 'utf-8', 'iso-8859-1']) {
        assert.equal(await textOf(label, encode(text, order)), text, `${order} as ${label}`);
      }
    }
    assert.equal(await textOf('utf-16', Buffer.from(`${text}\n`)), text);
    assert.equal(decodeText(encode('你好', 'utf-16be'), 'utf-16'), '你好');
  });

  it('ISO charsets with the punctuation of Windows', async () => {
    assert.equal(await textOf('iso-8859-2', encode('„Šířka”', 'windows-1250')), '„Šířka”');
  });
});

describe('a text in several charsets', () => {
  const german = 'Schöne Grüße aus München.';
  const mixed = (...lines: [string, string][]): Buffer =>
    Buffer.concat(lines.flatMap(([text, charset]) => [encode(text, charset), Buffer.from('\r\n')]));

  it('is read line by line: UTF-8 beside another', async () => {
    for (const [language, charsets, sentence] of SENTENCES) {
      for (const charset of charsets.filter((name) => name !== 'iso-2022-jp')) {
        const body = mixed([sentence, charset], ['Ok.', 'utf-8'], ['An alle – ✓ ありがとう', 'utf-8']);
        for (const label of [charset, 'utf-8', undefined]) {
          const text = `${sentence}\n\nAn alle – ✓ ありがとう`.replace('\n\n', '\nOk.\n');
          assert.equal(await textOf(label, body), text, `${language} in ${charset} as ${label}`);
        }
      }
    }
  });

  it('within a line too, when its letters are Latin', async () => {
    const line = Buffer.concat([
      Buffer.from('Grüße, '),
      Buffer.from('Gr\xfc\xdfe', 'latin1'),
      Buffer.from(` – ${german}`),
    ]);
    const long = Buffer.concat([line, Buffer.from(' Das Bild passt jetzt, vielen Dank. '.repeat(4))]);
    assert.match(await textOf('utf-8', long), /^Grüße, Grüße – Schöne Grüße aus München\./);
  });

  it('with ISO-2022-JP beside UTF-8', async () => {
    const body = mixed(['幅を直しました。', 'iso-2022-jp'], ['ありがとう', 'utf-8']);
    for (const label of ['iso-2022-jp', 'utf-8', undefined])
      assert.equal(await textOf(label, body), '幅を直しました。\nありがとう');
  });
});

describe('right labels of short texts', () => {
  it('are believed, where another reading is possible', async () => {
    const samples: [string, string][] = [
      ['STÓŁ', 'iso-8859-2'],
      ['แบบ', 'tis-620'],
      ['เขต', 'tis-620'],
      ['5 m³, 20 °C, ±2 µm', 'iso-8859-1'],
      ['Það er', 'iso-8859-1'],
      ['Þetta er gott', 'windows-1252'],
      ['à', 'iso-8859-1'],
      ['Niš, où è', 'windows-1252'],
      ['Да', 'koi8-r'],
      ['План В – лучше', 'windows-1251'],
      ['Ναι', 'iso-8859-7'],
      ['כן', 'windows-1255'],
      ['联通', 'gb2312'],
      ['好的', 'gbk'],
      ['是', 'big5'],
      ['네', 'euc-kr'],
      ['커', 'euc-kr'],
      ['はい', 'shift_jis'],
      ['了解', 'shift_jis'],
      ['ﾃｽﾄ', 'shift_jis'],
      ['承知', 'euc-jp'],
    ];
    for (const [text, charset] of samples)
      assert.equal(await textOf(charset, encode(text, charset)), text, charset);
  });
});

describe('header fields', () => {
  const fields = async (bytes: Buffer, charset: string): Promise<[string, string]> => {
    const head = [
      Buffer.from('Subject: '),
      bytes,
      Buffer.from('\r\nFrom: "'),
      bytes,
      Buffer.from('" <alice@example.com>\r\n'),
    ];
    const body = entity([`Content-Type: text/plain; charset=${charset}`], 'x');
    const { parseMessage } = await import('../../src/reply/parse.ts');
    const { ATTACHMENT_LIMITS } = await import('../../src/mail/attachment-limits.ts');
    const raw = Buffer.concat([...head, body]);
    const outcome = await parseMessage(raw, ATTACHMENT_LIMITS);
    assert.ok(outcome.kind === 'parsed');
    assert.equal(outcome.reply.from.address, 'alice@example.com');
    const scan = scanHeader(raw);
    assert.ok(scan.ok);
    const matter = { thread: 't', receivedAt: 0, reason: '', files: [], text: undefined };
    const notice = draftNotice(scan.header, 'alice@example.com', matter, (text) => text);
    assert.equal(notice.subject, outcome.reply.subject, 'a notice reads the Subject as the post does');
    return [outcome.reply.subject, outcome.reply.from.name];
  };
  const words = (bytes: Buffer, charset: string): Buffer =>
    Buffer.from(`=?${charset}?B?${bytes.toString('base64')}?=`);

  it('are read as they stand, raw or in words, under right and wrong labels', async () => {
    for (const [language, charsets, sentence] of SENTENCES) {
      const text = sentence.slice(0, 40).trim();
      for (const charset of charsets) {
        const said = `${language} in ${charset}`;
        const bytes = encode(text, charset);
        assert.deepEqual(await fields(words(bytes, charset), charset), [text, text], said);
        assert.deepEqual(await fields(words(Buffer.from(text), charset), charset), [text, text], said);
        assert.deepEqual(await fields(Buffer.from(text), charset), [text, text], said);
        // Bytes of ASCII within characters are the syntax of From where they stand raw.
        if (!/^(shift_jis|big5|iso-2022-jp)$/.test(charset))
          assert.deepEqual(await fields(bytes, charset), [text, text], said);
      }
    }
  });
});

describe('the gate', () => {
  it('knows an automatic reply by a Subject in whatever charset, raw or under a wrong label', () => {
    const subjects: [string, string][] = [
      ['Автоматический ответ: логотип', 'windows-1251'],
      ['Автоматический ответ: логотип', 'koi8-r'],
      ['Αυτόματη απάντηση: λογότυπο', 'iso-8859-7'],
      ['自動返信: ロゴの件です', 'euc-jp'],
      ['自動返信: ロゴの件です', 'iso-2022-jp'],
      ['自动回复: 图片的宽度已经改好了', 'gb2312'],
    ];
    for (const [subject, charset] of subjects) {
      const bytes = encode(subject, charset);
      const wrong = Buffer.from(`=?iso-8859-1?B?${bytes.toString('base64')}?=`);
      for (const written of [bytes, wrong]) {
        const head = [Buffer.from('From: Alice <alice@example.com>\r\nSubject: '), written];
        const raw = Buffer.concat([...head, Buffer.from('\r\n\r\nBack on Monday.\r\n')]);
        assert.equal(
          classifyAutomatic(raw, 'alice@example.com')?.kind,
          'auto-reply',
          `${subject} ${charset}`,
        );
      }
    }
  });
});

describe('a page of HTML', () => {
  it('is read by its own label, when its bytes do not fit the header', async () => {
    const page = '<html><head><meta charset="koi8-r"></head><body>Да, так.</body></html>';
    assert.equal(
      await markdown(entity(['Content-Type: text/html; charset=us-ascii'], encode(page, 'koi8-r'))),
      'Да, так.',
    );
    assert.equal(
      await markdown(entity(['Content-Type: text/html; charset=utf-8'], encode(page, 'koi8-r'))),
      'Да, так.',
    );
    assert.equal(await markdown(entity(['Content-Type: text/html; charset=utf-8'], page)), 'Да, так.');
  });
});

describe('a mebibyte', () => {
  const MIB = 1 << 20;
  const samples: [string, Buffer][] = [
    ['of lone bytes', Buffer.alloc(MIB, 0xe9)],
    ['of escapes', Buffer.from('\x1b$B'.repeat(MIB / 3))],
    ['of escapes and lines', Buffer.from('\x1b(I1\n'.repeat(MIB / 5))],
    [
      'of lines in two charsets',
      Buffer.concat(Array.from({ length: MIB / 8 }, () => Buffer.from('c3bc0ae9740a', 'hex'))),
    ],
    ['of leads', Buffer.from('c3'.repeat(MIB), 'hex')],
    ['of HZ', Buffer.from('~{'.repeat(MIB / 2))],
    ['of letters', Buffer.from('cff0e8e2'.repeat(MIB / 4), 'hex')],
    ['of random bytes', Buffer.from(Array.from({ length: MIB }, (_, at) => (at * at * 7919) >>> 7))],
  ];
  for (const [name, bytes] of samples) {
    it(`takes linear time: ${name}`, () => {
      for (const label of [undefined, 'utf-8', 'gb2312', 'windows-1251', 'hz-gb-2312', 'euc-kr']) {
        const ms = shortestMs(3000, () => decodeText(bytes, label));
        assert.ok(ms < 3000, `${label}: ${ms} ms`);
      }
    });
  }
});
