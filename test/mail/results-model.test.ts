// No text of a sender's in a field that a filter writes makes anybody somebody else: a model of four filters' quoting,
// with generated text in every place where they repeat it.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { judgeSender } from '../../src/mail/authentication.ts';
import { scanHeader } from '../../src/mail/header.ts';
import { senderOf } from '../../src/mail/mailbox.ts';

/** What a sender chose, as SMTP and the message let her: a local part is quoted where it must be, tags hold no semicolon. */
interface Chosen {
  readonly local: string;
  readonly helo: string;
  readonly domain: string;
  readonly selector: string;
  readonly identity: string;
  readonly bytes: string;
}

/** Pieces that end what surrounds them, claim a result, or swallow what follows. */
const PIECES = [
  ...[
    '(',
    ')',
    '"',
    '\\',
    ' ',
    '=',
    '.',
    ',',
    'x',
    'evil.example',
    '@',
    '/',
    ':',
    '<',
    '>',
    "'",
    '\t',
    'ü',
    '\u00a0',
  ],
  ...[
    'dmarc=pass header.from=example.com',
    'dkim=pass header.d=example.com',
    'spf=pass smtp.mailfrom=example.com',
  ],
  ...[
    'header.d=example.com',
    'smtp.mailfrom=alice@example.com',
    'a=b',
    'reason="',
    'x) ',
    ' (y',
    '"x',
    'y"',
    '\\"',
    '\\\\',
  ],
];
const text = fc
  .array(fc.constantFrom(...PIECES, ';', '; '), { maxLength: 12 })
  .map((pieces) => pieces.join(''));
const tag = fc.array(fc.constantFrom(...PIECES), { maxLength: 8 }).map((pieces) => pieces.join(''));
const ATOM = /^[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*$/;

const chosen = fc.record({ local: text, helo: tag, domain: tag, selector: tag, identity: tag, bytes: tag });

/** RFC 5321: a local part that is no dot-atom is a quoted string. */
const onTheWire = (local: string): string =>
  ATOM.test(local) ? local : `"${local.replaceAll(/["\\]/g, '\\$&')}"`;

/** rspamd 3.4: quotes where there are special characters; a backslash stays as it is. */
const rspamdQuote = (value: string): string =>
  /[()<>,;:\\"/[\]?= \t\v]/.test(value) ? `"${value.replaceAll('"', '\\"')}"` : value;

const FILTERS: Readonly<Record<string, (sender: Chosen) => string>> = {
  'rspamd, which quotes within comments and escapes no backslash': ({ local, domain, selector, bytes }) => {
    const path = rspamdQuote(`${local}@evil.example`);
    const signature = `header.d=${rspamdQuote(domain)} header.s=${rspamdQuote(selector)} header.b=${rspamdQuote(bytes)}`;
    return `dkim=permerror (${rspamdQuote('no key')}) ${signature}; spf=pass (mx: domain of ${path} designates 192.0.2.66 as permitted sender) smtp.mailfrom=${path}; dmarc=fail reason="SPF not aligned (relaxed), No valid DKIM" header.from=example.com (policy=reject)`;
  },
  'rspamd with its results in another order': ({ local, domain, bytes }) => {
    const path = rspamdQuote(`${local}@evil.example`);
    return `dkim=fail (x) header.d=${rspamdQuote(domain)} header.b=${rspamdQuote(bytes)}; dmarc=none; spf=pass (mx: domain of ${path} designates 192.0.2.66 as permitted sender) smtp.mailfrom=${path}`;
  },
  'a filter that copies the reverse-path and HELO as they came': ({ local, helo }) => {
    const path = `${onTheWire(local)}@evil.example`;
    return `spf=pass (sender SPF authorized) smtp.mailfrom=${path} (client-ip=192.0.2.66; helo=${helo.replaceAll(/[()\s]/g, '')}; envelope-from=${path}; receiver=<UNKNOWN>); dmarc=none header.from=example.com`;
  },
  'a filter that copies the reverse-path into a comment': ({ local }) =>
    `dmarc=fail (p=reject) header.from=example.com; spf=pass (domain of ${onTheWire(local)}@evil.example designates it) smtp.mailfrom=evil.example`,
  'a filter that quotes as RFC 8601 says': ({ local, domain, identity, bytes }) => {
    const quoted = (value: string): string => `"${value.replaceAll(/["\\]/g, '\\$&')}"`;
    return `dkim=fail reason="no key" header.d=${quoted(domain)} header.i=${quoted(identity)} header.b=${quoted(bytes)}; spf=pass smtp.mailfrom=${onTheWire(local)}@evil.example; dmarc=none`;
  },
};

/** The verdict on a message of "alice" with this field. */
function resultOf(results: string): string {
  const lines = [
    `Authentication-Results: mx.example.org; ${results.replaceAll(/[\r\n]/g, '')}`,
    'Received: from mail.evil.example by mx.example.org (Postfix) with ESMTP id 4Xabc',
    'From: alice@example.com',
  ];
  const scan = scanHeader(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`));
  assert.ok(scan.ok);
  const from = senderOf(scan.header);
  assert.ok(from.ok);
  return judgeSender(scan.header, from.mailbox, { authservId: 'mx.example.org' }).result;
}

describe("a sender's text in a field of the filter's", () => {
  for (const [filter, write] of Object.entries(FILTERS)) {
    it(`is never a pass, in ${filter}`, () => {
      const isNoPass = fc.property(chosen, (sender) => resultOf(write(sender)) !== 'pass');
      fc.assert(isNoPass, { numRuns: 3000 });
    });
  }

  it('leaves a genuine pass alone where it is plain', () => {
    const local = fc.stringMatching(/^[a-z0-9+_=/-]{1,20}(?:\.[a-z0-9']{1,9})?$/);
    const isPass = fc.property(local, (name) => {
      const path = rspamdQuote(`${name}@example.com`);
      return (
        resultOf(
          `dmarc=none; spf=pass (mx: domain of ${path} designates 192.0.2.1 as permitted sender) smtp.mailfrom=${path}`,
        ) === 'pass'
      );
    });
    fc.assert(isPass, { numRuns: 1000 });
  });
});
