import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { AttachmentLimits } from '../../src/mail/attachment-limits.ts';
import { safeFilename } from '../../src/reply/attachments.ts';
import { detectType } from '../../src/reply/file-type.ts';
import { file, html, multipart, PNG, parsed, plain } from './support/mail.ts';

async function names(limits: Partial<AttachmentLimits>, ...files: Buffer[]): Promise<string[]> {
  const reply = await parsed(multipart('mixed', [plain('text'), ...files]), limits);
  return [
    ...reply.attachments.map(({ filename }) => filename),
    ...reply.dropped.map(({ filename, reason }) => `${filename} ${reason}`),
  ];
}

describe('file names', () => {
  it('have no path, no leading dots, no control or bidi characters', () => {
    const samples: [string, string][] = [
      ['../../etc/passwd', 'passwd'],
      ['..\\..\\x.sh', 'x.sh'],
      ['C:\\Users\\me\\report.pdf', 'report.pdf'],
      ['.bashrc', 'bashrc'],
      ['...', 'attachment-3.txt'],
      ['a\0b\r\nc.txt', 'ab c.txt'],
      ['photo\u202Egpj.exe', 'photogpj.exe'],
      ['dir/', 'dir'],
      ['NUL', '_NUL'],
      ['com1.txt', '_com1.txt'],
      ['trailing.  ', 'trailing'],
    ];
    for (const [given, safe] of samples) assert.equal(safeFilename(given, 3, 'text/plain'), safe, given);
  });

  it('hold for every name that a sender can think of', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (given) => {
        const safe = safeFilename(given, 1, 'image/png');
        assert.ok(Buffer.byteLength(safe) <= 255 && safe.length > 0);
        assert.doesNotMatch(safe, /[/\\\0-\x1f\x7f\u202a-\u202e\u2066-\u2069]|^[.\s]|[.\s]$/);
      }),
    );
  });

  it('are cut in the stem, never in a character', () => {
    const safe = safeFilename(`${'ü'.repeat(300)}.tar`, 1, 'application/x-tar');
    assert.match(safe, /^ü+\.tar$/);
    assert.ok(Buffer.byteLength(safe) > 250);
  });

  it('are decoded from RFC 2231, from encoded-words and from raw bytes', async () => {
    const found = await names(
      {},
      file(
        'image/png',
        PNG,
        'Content-Disposition: attachment; filename*0*=utf-8\'\'%C3%9Cber; filename*1="sicht.png"',
      ),
      file('image/png; name="=?iso-8859-1?Q?Gr=FCn?= =?utf-8?B?LnBuZw==?="', PNG),
      file('image/png', PNG, 'Content-Disposition: attachment; filename="Grün 2.png"'),
      file("image/png; name*=iso-8859-1'de'Gr%FCn%203.png", PNG),
      file('image/png; name=two words.png', PNG),
    );
    assert.deepEqual(found, ['Übersicht.png', 'Grün.png', 'Grün 2.png', 'Grün 3.png', 'two words.png']);
  });

  it('are made where there are none', async () => {
    assert.deepEqual(await names({}, file('image/png', PNG), file('application/x-unheard-of', 'x')), [
      'attachment-1.png',
      'attachment-2.bin',
    ]);
  });
});

describe('what is known of a file', () => {
  it('its size, its hash, both types and its Content-ID', async () => {
    const reply = await parsed(
      multipart('mixed', [
        plain('x'),
        file('application/octet-stream; name=a.bin', PNG, 'Content-ID: <id@x>'),
      ]),
    );
    const { content, ...rest } = reply.attachments[0]!;
    assert.deepEqual(Buffer.from(content), PNG);
    assert.deepEqual(rest, {
      filename: 'a.bin',
      contentType: 'image/png',
      declaredType: 'application/octet-stream',
      bytes: PNG.length,
      sha256: createHash('sha256').update(PNG).digest('hex'),
      inline: false,
      contentId: 'id@x',
    });
  });

  it('the type that its bytes show, against the declared one', () => {
    const exe = Buffer.concat([Buffer.from('MZ\x90\0'), Buffer.alloc(100)]);
    assert.equal(detectType(exe, 'image/png'), 'application/vnd.microsoft.portable-executable');
    assert.equal(detectType(Buffer.from('<!DOCTYPE html><p>'), 'image/jpeg'), 'text/html');
    assert.equal(detectType(Buffer.from('<?xml version="1.0"?><svg>'), 'image/png'), 'image/svg+xml');
    assert.equal(detectType(Buffer.from('not an image'), 'image/png'), 'application/octet-stream');
    assert.equal(detectType(Buffer.from('plain words'), 'text/x-log'), 'text/x-log');
    assert.equal(detectType(Buffer.from('MZ is how this text begins'), 'text/plain'), 'text/plain');
  });

  /** A ZIP as far as it is looked at: the header of a first entry, and names as they stand in it. */
  const zip = (...entries: string[]): Buffer => Buffer.from(`PK\x03\x04${entries.join('\0')}`, 'latin1');
  const docx = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document';

  it('what lies in a container by the names in it, whatever is declared', () => {
    assert.equal(detectType(zip('word/document.xml'), 'application/octet-stream'), docx);
    assert.equal(
      detectType(zip('word/document.xml', 'word/vbaProject.bin'), docx),
      'application/vnd.ms-word.document.macroenabled.12',
    );
    assert.equal(
      detectType(zip('META-INF/MANIFEST.MF', 'word/document.xml'), docx),
      'application/java-archive',
    );
    assert.equal(detectType(zip('a.txt'), docx), 'application/zip');
    assert.equal(detectType(zip('a.txt'), 'text/plain'), 'application/zip');
    const ole = (name: string): Buffer =>
      Buffer.concat([Buffer.from('d0cf11e0a1b11ae1', 'hex'), Buffer.from(name, 'utf16le')]);
    assert.equal(detectType(ole('WordDocument'), 'application/x-msi'), 'application/msword');
    assert.equal(detectType(ole('else'), 'application/msword'), 'application/x-ole-storage');
  });

  it('what a ZIP says of itself in its first entry', () => {
    const head = Buffer.concat([
      Buffer.from('PK\x03\x04', 'latin1'),
      Buffer.alloc(22),
      Buffer.from('\x08\0\0\0', 'latin1'),
    ]);
    const odt = Buffer.concat([head, Buffer.from('mimetypeapplication/vnd.oasis.opendocument.textPK')]);
    assert.equal(
      detectType(odt, 'application/zip'),
      'application/vnd.oasis.opendocument.textPK'.slice(0, -2),
    );
  });

  it('a document with macros does not pass for one without', async () => {
    const macro = file(`${docx}; name=a.docx`, zip('word/document.xml', 'word/vbaProject.bin'));
    for (const allow of [[docx], ['.docx']])
      assert.deepEqual(await names({ allow }, macro), ['a.docx type-refused']);
    const plainDocument = file(`${docx}; name=a.docx`, zip('word/document.xml'));
    assert.deepEqual(await names({ allow: ['.docx'] }, plainDocument), ['a.docx']);
  });
});

describe('limits', () => {
  it('a file, all files, their number', async () => {
    const big = file('text/csv; name=big.csv', 'x'.repeat(2000));
    const small = file('text/csv; name=small.csv', 'x'.repeat(500));
    assert.deepEqual(await names({ maxFileBytes: 1000 }, big, small), ['small.csv', 'big.csv too-big']);
    assert.deepEqual(await names({ maxFiles: 1 }, small, big), ['small.csv', 'big.csv too-many']);
    assert.deepEqual(await names({ maxTotalBytes: 2100 }, small, big, small), [
      'small.csv',
      'small.csv',
      'big.csv total-too-big',
    ]);
  });

  it('types: the deny list by what is shown, declared or named; the allow list by what is shown alone', async () => {
    const exe = Buffer.concat([Buffer.from('MZ\x90\0'), Buffer.alloc(100)]);
    assert.deepEqual(
      await names({}, file('image/png; name=a.png', exe), file('text/plain; name="b.txt.exe"', 'x')),
      ['a.png type-refused', 'b.txt.exe type-refused'],
    );
    assert.deepEqual(
      await names(
        { allow: ['image/*', '.pdf'] },
        file('image/png; name=a', PNG),
        file('image/png; name=b', 'x'),
      ),
      ['a', 'b type-refused'],
    );
  });
});

describe('what a site allows', () => {
  const page = '<!-- x -->\n<p onclick=alert(1)>';
  const script = 'WScript.Echo(1)\r\n';
  const svg = '<?xml version="1.0"?><!DOCTYPE svg><svg onload="alert(1)">';

  it('is judged by the bytes alone, whatever is declared', async () => {
    const types = [
      'image/svg+xml',
      'image/bmp',
      'image/x-icon',
      'image/tiff',
      'image/wmf',
      'application/pdf',
      'image/anything',
    ];
    const contents = [
      page,
      script,
      'BM<html>\0<script>',
      Buffer.from('504b030414000600', 'hex'),
      Buffer.from(`\ufeff${page}`, 'utf16le'),
    ];
    for (const allow of [['image/*'], ['application/pdf'], ['.pdf', '.png', 'image/*']]) {
      for (const type of types) {
        for (const content of contents) {
          const [found] = await names({ allow }, file(`${type}; name=a.pdf`, content));
          assert.equal(found, 'a.pdf type-refused', JSON.stringify([allow, type, String(content)]));
        }
      }
    }
  });

  it('is what it says where the bytes do', async () => {
    const pdf = Buffer.from('%PDF-1.7\n');
    assert.deepEqual(
      await names({ allow: ['application/pdf'] }, file('application/octet-stream; name=a.pdf', pdf)),
      ['a.pdf'],
    );
    assert.deepEqual(await names({ allow: ['text/csv'] }, file('text/csv; name=a.csv', 'a,b\n')), ['a.csv']);
    assert.deepEqual(await names({ allow: ['text/*'] }, file('application/x-thing; name=a.log', 'plain\n')), [
      'a.log',
    ]);
    assert.deepEqual(await names({ allow: ['text/plain', '.log'] }, file('text/plain; name=a.log', page)), [
      'a.log type-refused',
    ]);
  });

  it('has no SVG in the family of images', async () => {
    assert.deepEqual(await names({ allow: ['image/*'] }, file('image/svg+xml; name=a.svg', svg)), [
      'a.svg type-refused',
    ]);
    assert.deepEqual(await names({ allow: ['image/svg+xml'] }, file('image/png; name=a.svg', svg)), [
      'a.svg',
    ]);
  });
});

describe('what Windows starts at a click', () => {
  for (const extension of ['bat', 'cmd', 'js', 'wsh', 'jar', 'msc', 'reg', 'chm', 'url', 'ps1', 'EXE'])
    it(`is refused: .${extension}`, async () => {
      const [found] = await names({}, file(`text/plain; name="x.${extension}"`, 'x'));
      assert.equal(found, `x.${extension} type-refused`);
    });

  for (const name of [
    'x.exe::$DATA',
    'x.exe:a.txt',
    'x.exe\u2800',
    'x.exe \u3164',
    'x.exe. . ',
    'x.ex\u202ee',
    'x.exe\0',
    'x.ｅｘｅ',
    'x.exe\u200b',
    'a/x.exe',
  ])
    it(`is refused as ${JSON.stringify(name)}`, async () => {
      const encoded = `name*=utf-8''${encodeURIComponent(name)}`;
      const reply = await parsed(multipart('mixed', [plain('text'), file(`text/plain; ${encoded}`, 'x')]));
      assert.deepEqual(
        reply.attachments.map(({ filename }) => filename),
        [],
      );
    });
});

describe('inline images', () => {
  const image = (id: string): Buffer => file(`image/png; name=${id}.png`, PNG, `Content-ID: <${id}@x>`);
  const body =
    '<p>Look: <img src="cid:mine@x"></p><blockquote type="cite">old <img src="cid:old@x"></blockquote>';

  it('stay when the reply shows them, go when only the quote does', async () => {
    const reply = await parsed(multipart('related', [html(body), image('mine'), image('old')]));
    assert.deepEqual(
      reply.attachments.map(({ filename, inline }) => [filename, inline]),
      [['mine.png', true]],
    );
    assert.deepEqual(
      reply.dropped.map(({ filename, reason }) => [filename, reason]),
      [['old.png', 'only-quoted']],
    );
  });

  it('are judged by the HTML also where the plain text is taken', async () => {
    const both = multipart('alternative', [plain('Look: [image]'), html(body)]);
    const reply = await parsed(multipart('related', [both, image('mine'), image('old')]));
    assert.deepEqual(
      reply.attachments.map(({ filename }) => filename),
      ['mine.png'],
    );
  });

  it('make a reply by themselves', async () => {
    const reply = await parsed(multipart('related', [html('<img src="cid:mine@x">'), image('mine')]));
    assert.equal(reply.attachments.length, 1);
  });
});
