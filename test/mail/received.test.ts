import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { scanHeader } from '../../src/mail/header.ts';
import { postfixQueueId } from '../../src/mail/received.ts';

/** The queue id of a message with these Received fields. */
function idOf(...received: string[]): string | undefined {
  const scan = scanHeader(Buffer.from(`${received.map((value) => `Received: ${value}\r\n`).join('')}\r\n`));
  assert.ok(scan.ok);
  return postfixQueueId(scan.header);
}

describe('the queue id in a Received field of Postfix', () => {
  const cases: readonly [string, string, string | undefined][] = [
    [
      'over SMTP',
      'from mail.example.com (mail.example.com [192.0.2.7])\r\n\tby mx.example.org (Postfix) with ESMTP id 9F21C4002A\r\n\tfor <x@example.org>; Fri, 20 Nov 2026 09:14:03 +0000 (UTC)',
      '9F21C4002A',
    ],
    [
      'over TLS, whose comment nests',
      'from a.example (a.example [192.0.2.7])\r\n\t(using TLSv1.3 with cipher X (256/256 bits)\r\n\t key-exchange id ECDHE) (No client certificate requested)\r\n\tby mx.example.org (Postfix) with ESMTPS id 4XyZ1w2vBczDs\r\n\tfor <x@example.org>; Fri, 20 Nov 2026 09:14:03 +0000',
      '4XyZ1w2vBczDs',
    ],
    [
      'of local mail',
      'by mx.example.org (Postfix, from userid 1000)\r\n\tid 4XyZ1w2vBczDs; Fri, 20 Nov 2026',
      '4XyZ1w2vBczDs',
    ],
    [
      'of a client that calls itself "id"',
      'from id (by id FORGED00 [192.0.2.7]) by mx.example.org (Postfix) with SMTP id 9F21C4002A; x',
      '9F21C4002A',
    ],
    ['that has none', 'from a by b with LMTP; Fri, 20 Nov 2026', undefined],
    ['with one that is none of Postfix', 'from a by b id <x@y>; Fri, 20 Nov 2026', undefined],
    ['that ends early', 'from a by b id', undefined],
    ['in the date', 'from a by b; id 9F21C4002A', undefined],
    ['with an open comment', 'from a (by b id 9F21C4002A; x', undefined],
  ];
  for (const [name, value, expected] of cases) {
    it(name, () => {
      assert.equal(idOf(value), expected);
    });
  }

  it('is that of the topmost field, whatever stands below', () => {
    assert.equal(idOf('by a id AAAAAA1; x', 'by b id BBBBBB2; x'), 'AAAAAA1');
    assert.equal(idOf('from filter by b; x', 'by b id BBBBBB2; x'), undefined);
    assert.equal(idOf(), undefined);
  });

  it('is looked for in the beginning of a field of any length', () => {
    assert.equal(idOf(`from ${'('.repeat(90_000)} by b id 9F21C4002A; x`), undefined);
  });
});
