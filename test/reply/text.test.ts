import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeText } from '../../src/mail/charset.ts';
import { cleanText } from '../../src/mail/clean-text.ts';
import { unflow } from '../../src/reply/mime/flowed.ts';
import { decodeTransfer } from '../../src/reply/mime/transfer.ts';
import { shortestMs } from '../support/elapsed.ts';
import { entity, markdown } from './support/mail.ts';

const encoded = (charset: string, bytes: Buffer): Buffer =>
  entity([`Content-Type: text/plain; charset=${charset}`, 'Content-Transfer-Encoding: 8bit'], bytes);

describe('charsets: declared, else UTF-8, else windows-1252', () => {
  it('believes a declared charset that fits', async () => {
    const samples: [string, string, string][] = [
      ['iso-8859-1', '4772fc6e', 'Grün'],
      ['"windows-1251"', 'cff0e8e2e5f2', 'Привет'],
      ['ISO-2022-JP', '1b2442246424481b2842', 'やと'],
      ['shift_jis', '82b782dd', 'すみ'],
      ['ks_c_5601-1987', 'bdbac6bc', '스티'],
      ['gb2312', 'c4e3bac3', '你好'],
      ['big5', 'a741a66e', '你好'],
      ['koi8-r', 'f0d2c9d7c5d4', 'Привет'],
      ['utf-16', '004f006b', 'Ok'],
      ['cp1252', '93613f94', '“a?”'],
      ['iso-8859-1', '80e4', '€ä'],
    ];
    for (const [charset, hex, text] of samples) {
      assert.equal(await markdown(encoded(charset, Buffer.from(hex, 'hex'))), text, charset);
    }
  });

  it('knows charsets that node does not: UTF-7 and the code pages of DOS', async () => {
    assert.equal(await markdown(encoded('utf-7', Buffer.from('Fr+APY-sche'))), 'Frösche');
    assert.equal(await markdown(encoded('cp437', Buffer.from('4772816e', 'hex'))), 'Grün');
  });

  it('reads UTF-8 where none, ASCII or an unknown charset is declared, and windows-1252 where it is none', async () => {
    for (const charset of ['us-ascii', 'x-unknown', 'utf-8', '', '\u0000', '../../etc/passwd']) {
      assert.equal(await markdown(encoded(charset, Buffer.from('Grün – ok'))), 'Grün – ok', charset);
      assert.equal(await markdown(encoded(charset, Buffer.from('4772fc6e', 'hex'))), 'Grün', charset);
    }
  });

  it('asks an HTML part itself, when its header declares none', async () => {
    const page =
      '<html><head><meta http-equiv="Content-Type" content="text/html; charset=windows-1251"></head><body>';
    const bytes = Buffer.concat([Buffer.from(page), Buffer.from('cff0e8e2e5f2', 'hex')]);
    assert.equal(await markdown(entity(['Content-Type: text/html'], bytes)), 'Привет');
  });

  it('keeps a declared charset when a character or two are damaged', () => {
    const text = 'Текст без ошибок. '.repeat(20);
    const bytes = Buffer.concat([Buffer.from(text), Buffer.from([0xd0])]);
    assert.equal(decodeText(bytes, 'utf-8'), `${text}\ufffd`);
  });

  it('never shows the escape sequences of ISO-2022-JP, damaged as it may be', () => {
    assert.equal(decodeText(Buffer.from('1b2442246422482448', 'hex'), 'iso-2022-jp'), 'や\ufffdと');
  });

  it('takes a label for a name and nothing else', () => {
    for (const label of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      assert.equal(decodeText(Buffer.from('plain'), label), 'plain', label);
      assert.equal(decodeText(Buffer.from('né'), label), 'né', label);
    }
  });

  it('never throws, whatever the label and the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.option(fc.string(), { nil: undefined }), (bytes, label) => {
        assert.equal(typeof cleanText(decodeText(bytes, label)), 'string');
      }),
    );
  });
});

describe('text fit to be shown', () => {
  it('has neither NUL nor other controls nor bidi overrides, and LF line ends', () => {
    assert.equal(cleanText('a\0b\x07c\x1b[0m\u202Ed\u2066e\ufeff\r\nf\rg\u2028h'), 'abc[0mde\nf\ng\nh');
  });

  it('keeps tabs, joiners and direction marks, which scripts and emoji need', () => {
    const text = '\tمی\u200cخواهم 👩\u200d💻 \u200fא';
    assert.equal(cleanText(text), text);
  });

  it('is in NFC', () => {
    assert.equal(cleanText('Gru\u0308n'), 'Grün');
  });

  it('is found in linear time, a megabyte of combining marks included', () => {
    const text = 'a' + '\u0301\u0316'.repeat(500_000);
    assert.ok(shortestMs(2000, () => cleanText(text)) < 2000);
  });
});

describe('transfer encodings (RFC 2045 §6)', () => {
  const decode = (encoding: string, text: string): string =>
    decodeTransfer(Buffer.from(text, 'latin1'), encoding).toString();

  it('base64: skips what is not of the alphabet, and goes on after padding', () => {
    assert.equal(decode('base64', 'aGVs\r\n bG8!\r\n'), 'hello');
    assert.equal(decode('base64', 'aGVsbG8=IHlvdQ=='), 'hello you');
    assert.equal(decode('base64', 'aGVsbG8'), 'hello');
  });

  it('base64: leaves out the footer that a list put below, and takes plain text for what it is', () => {
    assert.equal(decode('base64', 'aGVsbG8=\r\n\r\n_____\r\nUnsubscribe: see the list page\r\n'), 'hello');
    const text = 'This was never base64, not even by half.\r\n';
    assert.equal(decode('base64', text), text);
  });

  it('base64: agrees with node for all bytes, however they are split and joined', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { minLength: 1 }), (pieces) => {
        const joined = pieces.map((piece) => Buffer.from(piece).toString('base64')).join('\r\n');
        assert.deepEqual(decodeTransfer(Buffer.from(joined), 'base64'), Buffer.concat(pieces));
      }),
    );
  });

  it('quoted-printable: soft breaks, lower-case hex, blanks at line ends', () => {
    assert.equal(decode('quoted-printable', 'Gr=c3=BCn =\r\nund  \r\nblau=  \r\n!'), 'Grün und\r\nblau!');
  });

  it('quoted-printable: leaves a broken escape as it is written', () => {
    assert.equal(decode('quoted-printable', 'a=b c=ZZ 1=2 ='), 'a=b c=ZZ 1=2 ');
    assert.equal(decode('quoted-printable', 'https://x.example/?q=xyz'), 'https://x.example/?q=xyz');
  });

  it('uuencode: reads what `begin` and `end` enclose', () => {
    assert.equal(decode('x-uuencode', 'begin 644 cat.txt\n#0V%T\n`\nend\n'), 'Cat');
  });

  it('anything else is taken as it stands', () => {
    for (const encoding of ['7bit', '8bit', 'binary', 'x-none', ''])
      assert.equal(decode(encoding, '=41'), '=41');
  });
});

describe('format=flowed (RFC 3676)', () => {
  it('joins flowed lines, with and without DelSp', () => {
    assert.equal(unflow('a long \nline\nnext', false), 'a long line\nnext');
    assert.equal(unflow('日本 \n語', true), '日本語');
  });

  it('keeps quote depths apart and removes stuffing', () => {
    assert.equal(
      unflow('> a \n> b\n>> c\n From here\n >not a quote', false),
      '> a b\n>> c\nFrom here\n>not a quote',
    );
  });

  it('never flows the signature separator', () => {
    assert.equal(unflow('typed \n-- \nAnna', false), 'typed\n-- \nAnna');
  });

  it('is undone only where it is declared', async () => {
    const body = 'one \ntwo';
    assert.equal(await markdown(entity(['Content-Type: text/plain; format=flowed'], body)), 'one two');
    assert.match(await markdown(entity(['Content-Type: text/plain'], body)), /one ?\ntwo/);
  });
});
