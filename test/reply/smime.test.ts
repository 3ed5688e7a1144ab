// S/MIME that hides nothing: what is signed opaquely, or compressed, is read in its place.
import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { describe, it } from 'node:test';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { openCms } from '../../src/reply/mime/cms.ts';
import { COMPRESSED, SIGNED_BER, SIGNED_DER, SIGNED_FILE, SIGNED_TWICE } from './fixtures/cms.ts';
import { entity, file, multipart, parse, parsed, plain, refusal } from './support/mail.ts';

const TYPE = 'application/pkcs7-mime; name=smime.p7m';

/** An element with a definite length. */
function der(tag: number, ...content: Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const length = Buffer.from(body.length.toString(16).padStart(8, '0'), 'hex');
  return Buffer.concat([Buffer.from([tag, 0x84]), length, body]);
}

/** A signedData, or what the object identifier says, with these elements as its content. */
function cms(content: Buffer, oid = '2a864886f70d010702'): Buffer {
  const type = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));
  const info = der(0x30, type('2a864886f70d010701'), der(0xa0, content));
  return der(0x30, type(oid), der(0xa0, der(0x30, der(0x02, Buffer.from([1])), der(0x31), info)));
}

const signed = (text: string): Buffer => cms(der(0x04, Buffer.from(text)));
const compressed = (packed: Buffer): Buffer => cms(der(0x04, packed), '2a864886f70d0109100109');

describe('an S/MIME signature around the text (RFC 8551 §3.5.2)', () => {
  const forms: [string, Buffer][] = [
    ['DER', SIGNED_DER],
    ['BER', SIGNED_BER],
    ['signed twice', SIGNED_TWICE],
    ['signed, then compressed (RFC 3274)', COMPRESSED],
  ];
  for (const [name, bytes] of forms) {
    it(`is opened, and said to be unverified: ${name}`, async () => {
      const types = [
        `${TYPE}; smime-type=signed-data`,
        'application/x-pkcs7-mime',
        'application/octet-stream; name=smime.p7m',
        'application/octet-stream; name=Message.P7M',
        `${TYPE}; smime-type=enveloped-data`,
        `${TYPE}; smime-type=certs-only`,
        'application/pkcs7-signature; name=smime.p7m',
      ];
      const binary = entity([`Content-Type: ${TYPE}`, 'Content-Transfer-Encoding: binary'], bytes);
      for (const root of [...types.map((type) => file(type, bytes)), binary]) {
        const reply = await parsed(root);
        assert.equal(reply.body.text, 'Signed: Grüße.');
        assert.match(reply.body.quoted, /^On Sat, .*\n> Which\?$/);
        assert.equal(reply.smimeSignature, 'unverified');
        assert.deepEqual(reply.attachments, []);
        assert.deepEqual(reply.dropped, []);
      }
    });
  }

  it('gives its files as attachments', async () => {
    const reply = await parsed(
      file(TYPE, SIGNED_FILE, 'Content-Disposition: attachment; filename=smime.p7m'),
    );
    assert.equal(reply.body.text, 'See the file.');
    assert.deepEqual(
      reply.attachments.map(({ filename, content }) => [filename, Buffer.from(content).toString()]),
      [['a.csv', '1;2']],
    );
  });

  it('says nothing of the sender: the fields are those of the message', async () => {
    const reply = await parsed(file(TYPE, SIGNED_DER));
    assert.deepEqual(reply.from, { address: 'alice@example.com', name: 'Alice' });
    const whole =
      'Content-Type: message/rfc822\r\n\r\nFrom: Eve <eve@example.net>\r\nSubject: x\r\n\r\nHello.\r\n';
    const wrapped = await parsed(file(TYPE, signed(whole)));
    assert.deepEqual(wrapped.from, { address: 'alice@example.com', name: 'Alice' });
    assert.deepEqual([wrapped.subject, wrapped.body.text], ['Re: hello', 'Hello.']);
  });

  it('is opened beside other parts too, as gateways append their footers', async () => {
    const reply = await parsed(multipart('mixed', [file(TYPE, SIGNED_FILE), plain('A footer.')]));
    assert.equal(reply.body.text, 'See the file.\n\nA footer.');
  });

  it('is read without a header within, as some tools sign', async () => {
    assert.equal((await parsed(file(TYPE, signed('Only text.\r\n')))).body.text, 'Only text.');
  });

  it('is not there in other mail', async () => {
    assert.equal('smimeSignature' in (await parsed(plain('hi'))), false);
  });

  it('around a document is no text', async () => {
    for (const content of ['%PDF-1.7\n1 0 obj', 'PK\x03\x04\0\0']) {
      assert.equal(await refusal(file(`${TYPE}; smime-type=signed-data`, signed(content))), 'opaque-smime');
    }
  });
});

describe('what cannot be opened', () => {
  it('is refused as ever: encrypted, empty, damaged', async () => {
    const enveloped = cms(der(0x04, Buffer.from('x')), '2a864886f70d010703');
    assert.equal(await refusal(file(TYPE, enveloped)), 'encrypted');
    assert.equal(await refusal(file(TYPE, SIGNED_DER.subarray(0, 30))), 'opaque-smime');
    assert.equal(
      await refusal(file(`${TYPE}; smime-type=compressed-data`, compressed(Buffer.from('x')))),
      'opaque-smime',
    );
  });

  it('is left as it was where a list of certificates or a detached signature has no content', async () => {
    const empty = cms(Buffer.alloc(0));
    for (const type of [`${TYPE}; smime-type=certs-only`, 'application/pkcs7-signature; name=smime.p7m']) {
      const reply = await parsed(multipart('mixed', [plain('Hello.'), file(type, empty)]));
      assert.equal(reply.body.text, 'Hello.');
      assert.equal('smimeSignature' in reply, false);
    }
  });

  it('keeps the text of a signed mail that was cut off', async () => {
    assert.equal((await parsed(file(TYPE, SIGNED_BER.subarray(0, 186)))).body.text, 'Signed: Grüße.');
  });

  it('is bounded: what was compressed beyond the limit, structures in structures', async () => {
    const text = 'Content-Type: text/plain\r\n\r\n';
    assert.equal(openCms(compressed(deflateSync(Buffer.from(text))))?.content.toString(), text);
    assert.equal(openCms(compressed(deflateSync(Buffer.alloc(20 << 20)))), undefined);
    let nested = signed('Content-Type: text/plain\r\n\r\nHello.');
    for (let depth = 0; depth < 9; depth++) {
      const head = `Content-Type: ${TYPE}; smime-type=signed-data\r\n\r\n`;
      nested = cms(der(0x04, Buffer.from(head), nested));
    }
    assert.equal(await refusal(file(TYPE, nested)), 'opaque-smime');
  });

  it('never throws, however a structure is cut or changed', () => {
    const structure = fc.constantFrom(SIGNED_DER, SIGNED_BER, COMPRESSED);
    fc.assert(
      fc.property(
        structure,
        fc.nat(400),
        fc.uint8Array({ maxLength: 6 }),
        fc.nat(800),
        (bytes, at, patch, end) => {
          const changed = Buffer.from(bytes);
          Buffer.from(patch).copy(changed, at);
          assert.ok((openCms(changed.subarray(0, end))?.content.length ?? 0) <= 8 << 20);
        },
      ),
    );
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void openCms(Buffer.from(bytes))));
  });

  it('takes no longer for a mebibyte of open elements than for one of text', async () => {
    const open = Buffer.from('3080'.repeat(1 << 19), 'hex');
    const algorithms = Buffer.concat([
      Buffer.from('30800609', 'hex'),
      Buffer.from('2a864886f70d010702a0803080020101', 'hex'),
      open,
    ]);
    const pieces = cms(
      Buffer.concat([Buffer.from([0x24, 0x80]), Buffer.from('040178'.repeat(1 << 18), 'hex')]),
    );
    const deep = cms(Buffer.concat([Buffer.from('2480'.repeat(1 << 19), 'hex')]));
    for (const hostile of [open, algorithms, pieces, deep]) {
      const start = performance.now();
      await parse(file(TYPE, hostile));
      assert.ok(performance.now() - start < 5000);
    }
  });
});
