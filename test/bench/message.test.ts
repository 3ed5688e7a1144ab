import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { classifyAutomatic } from '../../src/mail/automatic.ts';
import { scanHeader } from '../../src/mail/header.ts';
import { senderOf } from '../../src/mail/mailbox.ts';
import { buildMail, copyMail, numberMail } from './message.ts';

describe('the mails of the load client', () => {
  it('have the octets asked for, CR LF at every line end and no line that needs dot-stuffing', () => {
    for (let bytes = 4096; bytes < 4096 + 170; bytes++) {
      const mail = buildMail(bytes, 'reader@client.example', 'run');
      const text = mail.wire.toString('latin1', 0, mail.dotEnd);
      assert.equal(text.length, bytes + '.\r\n'.length);
      assert.equal(text.replaceAll('\r\n', '').search(/[\r\n]/), -1);
      assert.ok(text.endsWith('\r\n.\r\n'));
      assert.equal(text.indexOf('\r\n.'), bytes - 2);
      assert.ok(text.split('\r\n').every((line) => line.length <= 998));
    }
  });

  it('are mail that the gate queues: a person wrote it, and there is one sender', () => {
    for (const bytes of [4096, 100 * 1024]) {
      const mail = buildMail(bytes, 'reader@client.example', 'run');
      const raw = mail.wire.subarray(0, mail.dotEnd - '.\r\n'.length);
      assert.equal(classifyAutomatic(raw, 'reader@client.example'), null);
      const scan = scanHeader(raw);
      assert.ok(scan.ok);
      assert.ok(senderOf(scan.header).ok);
    }
  });

  it('carry large content as an attachment', () => {
    const text = buildMail(100 * 1024, 'reader@client.example', 'run').wire.toString('latin1');
    assert.match(text, /Content-Disposition: attachment/);
    assert.match(text, /\r\n--=_bench--\r\n\.\r\nQUIT\r\n$/);
  });

  it('get a Message-ID of their own, without touching another copy', () => {
    const first = buildMail(4096, 'reader@client.example', 'run7');
    const second = copyMail(first);
    numberMail(second, 0x1234abcd);
    assert.match(second.wire.toString('latin1'), /\r\nMessage-ID: <run7\.1234abcd@client\.example>\r\n/);
    assert.match(first.wire.toString('latin1'), /\r\nMessage-ID: <run7\.00000000@client\.example>\r\n/);
  });
});
