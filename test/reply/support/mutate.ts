/** Messages changed at random, the same for a seed everywhere. */
import { COMPRESSED, SIGNED_BER, SIGNED_FILE } from '../fixtures/cms.ts';
import { entity, file, html, multipart, PNG, plain } from './mail.ts';

const HEAD = Buffer.from(
  'From: =?utf-8?Q?J=C3=B6rg?= (x) <j@example.com>\r\nSubject: =?utf-8?B?R3LDvG4=?= ok\r\n' +
    'Date: Fri, 21 Nov 1997 09:55:06 -0600\r\nIn-Reply-To: <t/1@example.org>\r\nMIME-Version: 1.0\r\n',
);

const QUOTED = 'Works for me.\n\nOn Friday Bob <b@example.com> wrote:\n> does it?\n> hm\n\n-- \nAlice\n';
const RICH =
  '<html><body><p>Works <b>for</b> me <img src="cid:a@x"></p><blockquote type="cite">does it?</blockquote>';

const FIXTURES: readonly Buffer[] = [
  plain(QUOTED),
  entity(
    ['Content-Type: text/plain; format=flowed; delsp=yes; charset=iso-8859-1'],
    Buffer.from('Gr\xfc \nn\n> a \n> b', 'latin1'),
  ),
  multipart('related', [
    multipart('alternative', [plain(QUOTED), html(RICH)]),
    file('image/png; name="=?utf-8?Q?=C3=BC?=.png"', PNG, 'Content-ID: <a@x>'),
  ]),
  multipart('signed; micalg=pgp-sha256', [
    plain(QUOTED),
    entity(['Content-Type: application/pgp-signature'], 'x'),
  ]),
  multipart('mixed', [
    entity(
      ['Content-Type: text/html; charset=windows-1251', 'Content-Transfer-Encoding: quoted-printable'],
      'a=E0=\n=E1<br>',
    ),
    file('text/csv', 'a;b', "Content-Disposition: attachment; filename*0*=utf-8''%C3%BC; filename*1=.csv"),
    entity(['Content-Type: message/rfc822'], 'From: a@example.com\n\nx'),
    entity(
      ['Content-Type: application/x-y; name=u', 'Content-Transfer-Encoding: x-uuencode'],
      'begin 644 u\n#0V%T\n`\nend\n',
    ),
  ]),
  multipart('encrypted', [
    entity(['Content-Type: application/pgp-encrypted'], 'Version: 1'),
    file('a/b', 'x'),
  ]),
  entity(
    ['Content-Type: text/plain; charset=utf-7', 'Content-Transfer-Encoding: base64'],
    Buffer.from('RnIrQVBZLXNjaGU='),
  ),
  entity(['Content-Type: text/enriched'], '<bold>hi</bold>\n\n<<there'),
  file('application/pkcs7-mime; name=smime.p7m', SIGNED_FILE),
  entity(['Content-Type: application/pkcs7-mime', 'Content-Transfer-Encoding: binary'], SIGNED_BER),
  multipart('mixed', [file('application/octet-stream; name=smime.p7m', COMPRESSED), plain(QUOTED)]),
  entity(
    ['Content-Type: text/plain'],
    Buffer.from('\x1b$BI}\x1b(B \x1b$(D0!\x1b(B\r\nGr\xfc\xdfe\r\n\xc3\xbc', 'latin1'),
  ),
].map((root) => Buffer.concat([HEAD, root]));

const TOKENS = [
  '\r\n',
  '\n\n',
  '--',
  '=',
  ';',
  '"',
  '<',
  '>',
  '\0',
  '\xff',
  '=?utf-8?Q?',
  '?=',
  'boundary=',
  '\u202e',
]
  .concat([
    'Content-Type: ',
    'multipart/mixed',
    'text/html',
    'base64',
    '(',
    '\\',
    "*0*=utf-8''",
    '&#0;',
    '> ',
    ':\n>',
  ])
  .map((token) => Buffer.from(token, 'latin1'));

/** mulberry32: small, and the same for a seed everywhere. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function mutate(raw: Buffer, below: (limit: number) => number): Buffer {
  const at = below(raw.length + 1);
  const to = Math.min(raw.length, at + below(60));
  switch (below(6)) {
    case 0:
      return Buffer.concat([raw.subarray(0, at), raw.subarray(to)]);
    case 1:
      return Buffer.concat([raw.subarray(0, to), raw.subarray(at)]);
    case 2:
      return raw.subarray(0, Math.max(1, at));
    case 3: {
      const changed = Buffer.from(raw);
      changed[Math.min(at, raw.length - 1)] = below(256);
      return changed;
    }
    case 4: {
      const token = Buffer.concat(
        Array.from({ length: 1 + below(20) ** 2 }, () => TOKENS[below(TOKENS.length)]!),
      );
      return Buffer.concat([raw.subarray(0, at), token, raw.subarray(to)]);
    }
    default: {
      const other = FIXTURES[below(FIXTURES.length)]!;
      return Buffer.concat([raw.subarray(0, at), other.subarray(below(other.length))]);
    }
  }
}

/** Gives one message after the other. */
export function createMutations(seed: number): () => Buffer {
  const below = randomFrom(seed);
  return () => {
    let raw = FIXTURES[below(FIXTURES.length)]!;
    for (let times = 1 + below(6); times > 0; times--) raw = mutate(raw, below);
    return raw;
  };
}
