import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { HEADER_LIMITS, type Header, headerValue, headerValues, scanHeader } from '../../src/mail/header.ts';

function scan(text: string, limits = HEADER_LIMITS): Header {
  const result = scanHeader(Buffer.from(text), limits);
  if (!result.ok) throw new Error(result.problem);
  return result.header;
}

function pairs(text: string): string[] {
  return scan(text).fields.map(({ name, value }) => `${name}=${value}`);
}

function body(text: string): string {
  return Buffer.from(text).subarray(scan(text).bodyOffset).toString();
}

describe('the header block (RFC 5322 §2.2)', () => {
  it('gives every field in order, duplicates included', () => {
    const text = 'From: a@b\r\nSubject: one\r\nFROM:c@d\r\n\r\nbody: x\r\n';
    assert.deepEqual(pairs(text), ['from=a@b', 'subject=one', 'from=c@d']);
    assert.deepEqual(headerValues(scan(text), 'from'), ['a@b', 'c@d']);
    assert.equal(headerValue(scan(text), 'from'), 'a@b');
    assert.equal(headerValue(scan(text), 'date'), undefined);
    assert.equal(body(text), 'body: x\r\n');
  });

  it('unfolds lines, those of white space alone too (RFC 5322 §2.2.3)', () => {
    assert.deepEqual(pairs('A: one\r\n two\r\n\tthree\r\nB: x\r\n \r\n y\r\n\r\n'), [
      'a=one two\tthree',
      'b=x  y',
    ]);
    assert.deepEqual(pairs('A:\r\n late\r\n\r\n'), ['a=late']);
  });

  it('ends at an empty line, CRLF or bare LF, or with the message', () => {
    for (const text of ['A: 1\r\n\r\nB: 2', 'A: 1\n\nB: 2', 'A: 1\r\n\nB: 2', 'A: 1\n\r\nB: 2']) {
      assert.deepEqual(pairs(text), ['a=1']);
      assert.equal(body(text), 'B: 2');
    }
    for (const text of ['A: 1', 'A: 1\r\n', 'A: 1\r\n\r\n']) {
      assert.deepEqual(pairs(text), ['a=1']);
      assert.equal(body(text), '');
    }
    for (const text of ['\r\nbody', '\nbody']) assert.equal(body(text), 'body');
    assert.deepEqual(scan(''), { fields: [], bodyOffset: 0 });
  });

  it('ends at a line that is no field, which is the first of the body', () => {
    for (const line of ['no colon here', ': no name', 'größe: x', 'a b: c', ' begins blank']) {
      const text = line.startsWith(' ') ? `${line}\r\nA: 2\r\n` : `A: 1\r\n${line}\r\nA: 2\r\n`;
      assert.deepEqual(pairs(text), line.startsWith(' ') ? [] : ['a=1'], line);
      assert.ok(body(text).startsWith(line), line);
    }
  });

  it('takes white space before the colon (RFC 5322 §4.5.8), empty values, UTF-8, and Latin-1 where it is none', () => {
    assert.deepEqual(pairs('A \t: 1\r\nB:\r\nC: grün\r\n\r\n'), ['a=1', 'b=', 'c=grün']);
    const result = scanHeader(Buffer.from('A: \xff\xfe\r\n\r\n', 'latin1'));
    assert.ok(result.ok);
    assert.equal(result.header.fields[0]?.value, 'ÿþ');
  });

  it('takes a bare CR and a NUL for part of a value, not for its end', () => {
    assert.deepEqual(pairs('A: x\rX-Loop: no\0\r\nB: 1\r\n\r\n'), ['a=x\rX-Loop: no\0', 'b=1']);
  });

  it('reads a view into a larger buffer, and no byte around it', () => {
    const whole = Buffer.from('Z: 0\r\nA: 1\r\n\r\nB: 2');
    const result = scanHeader(new Uint8Array(whole.buffer, whole.byteOffset + 6, 8));
    assert.ok(result.ok);
    assert.deepEqual(result.header, { fields: [{ name: 'a', value: '1' }], bodyOffset: 8 });
  });

  it('reads back any fields that were written, wherever they are folded', () => {
    const name = fc.stringMatching(/^[!-9;-~]{1,20}$/);
    const words = fc.array(fc.stringMatching(/^[!-~äß]{1,12}$/), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(name, words), { maxLength: 20 }),
        fc.constantFrom('\r\n', '\n'),
        fc.boolean(),
        fc.string({ unit: 'binary', maxLength: 40 }),
        (fields, eol, fold, rest) => {
          const lines = fields.map(([n, w]) => `${n}: ${w.join(fold ? `${eol} ` : ' ')}${eol}`);
          const text = `${lines.join('')}${eol}${rest}`;
          assert.deepEqual(
            scan(text).fields,
            fields.map(([n, w]) => ({ name: n.toLowerCase(), value: w.join(' ') })),
          );
          assert.equal(body(text), Buffer.from(rest).toString());
        },
      ),
    );
  });
});

describe('the limits of the header block', () => {
  const limits = { maxBlockBytes: 100, maxFieldBytes: 50, maxFields: 4 };
  const problem = (text: string) => {
    const result = scanHeader(Buffer.from(text), limits);
    return result.ok ? 'none' : result.problem;
  };

  it('allow exactly as much as they say', () => {
    const field = `A: ${'x'.repeat(45)}\r\n`;
    assert.equal(field.length, 50);
    assert.equal(problem(`${field}\r\n`), 'none');
    assert.equal(problem(`A: ${'x'.repeat(46)}\r\n\r\n`), 'field-too-big');
    assert.equal(problem(`${field}${field}\r\n${'body'.repeat(1000)}`), 'none');
    assert.equal(problem(`${field}${field}B:\n\r\n`), 'block-too-big');
    assert.equal(problem(`${'A: 1\r\n'.repeat(4)}\r\n`), 'none');
    assert.equal(problem(`${'A: 1\r\n'.repeat(5)}\r\n`), 'too-many-fields');
  });

  it('count the folded lines of a field together', () => {
    assert.equal(problem(`A: 1\r\n${' 123456\r\n'.repeat(6)}\r\n`), 'field-too-big');
  });

  it('refuse a block without end', () => {
    assert.equal(problem('A: 123456789012345678901234567890\r\n'.repeat(4)), 'block-too-big');
  });

  it('never pass a part of a block for the whole, wherever the limit cuts it', () => {
    const text = 'From: a@b\r\nX-Long-Name : 1\r\n2\r\nSubject: c\r\n folded\r\nTo:d\r\n\r\nbody\r\n\r\n';
    for (const whole of [text, text.replace('2\r\n', ''), text.replaceAll('\r\n', '\n')]) {
      const unlimited = scan(whole);
      for (let maxBlockBytes = 0; maxBlockBytes < whole.length; maxBlockBytes++) {
        const result = scanHeader(Buffer.from(whole), { ...HEADER_LIMITS, maxBlockBytes });
        if (result.ok) assert.deepEqual(result.header, unlimited, String(maxBlockBytes));
        else assert.ok(maxBlockBytes < unlimited.bodyOffset, String(maxBlockBytes));
      }
    }
  });

  it('do not count what comes after the block', () => {
    assert.equal(problem(`A: 1\r\nnot a field\r\n${'x'.repeat(1000)}`), 'none');
  });
});

describe('hostile header blocks', () => {
  const unbounded = { maxBlockBytes: 1e9, maxFieldBytes: 1e9, maxFields: 1e9 };
  const kinds: Record<string, string> = {
    'empty lines of white space': ' \r\n',
    'folded lines': ' x\r\n',
    'fields of one byte': 'a:\n',
    colons: ':',
    'bare CR': '\r',
    'bare LF after a field': 'a:b\n',
    NULs: '\0',
    'blanks before a colon that never comes': 'a ',
    'long names': 'abcdefgh',
    'broken UTF-8': 'a:\xff\r\n',
    'carriage returns in values': 'a:\r\r\n',
  };
  for (const [name, unit] of Object.entries(kinds)) {
    it(`cost time in proportion to their size: ${name}`, () => {
      const message = (bytes: number) =>
        Buffer.from(`A: b\r\n${unit.repeat(Math.ceil(bytes / unit.length))}`, 'latin1');
      const cost = (bytes: number) => {
        const raw = message(bytes);
        const started = process.cpuUsage();
        scanHeader(raw, unbounded);
        return process.cpuUsage(started).user;
      };
      cost(1000);
      // A quadratic scan of a megabyte takes minutes; a linear one some milliseconds, a slow machine many more.
      const micros = cost(1_000_000);
      assert.ok(micros < 3_000_000, `${micros} µs`);
    });
  }

  it('never throw, and never name a body offset outside the message', () => {
    const units = fc.constantFrom(...'a: \t\r\n\0ü', 'From: x\r\n', '\r\n');
    fc.assert(
      fc.property(fc.string({ unit: units, maxLength: 60 }), (text) => {
        const raw = Buffer.from(text);
        const result = scanHeader(raw, { maxBlockBytes: 40, maxFieldBytes: 20, maxFields: 3 });
        if (!result.ok) return;
        assert.ok(result.header.bodyOffset <= raw.length);
        for (const { name, value } of result.header.fields) {
          assert.match(name, /^[!-9;-~]+$/);
          assert.ok(!value.includes('\n'));
        }
      }),
      { numRuns: 500 },
    );
  });
});
