// What mallory sends to a reply address of alice's that came into her hands, to be taken for alice: by every way that is
// known, with every spelling of it by chance.
//
// Contract: the same messages for the same seed. Her host is mail.evil.example at HOSTILE_ADDRESS; she has the keys and the
// DNS of evil.example and of what zoneOf() lists as hers, any mail that alice's domains signed, and no other key.
// A message is in latin1: one character for each octet.

import type { Chance } from '../fault/rounds.ts';
import { DISGUISES, PAIRS } from './disguises.ts';
import { sign } from './dkim.ts';
import { AUTHSERV_ID } from './filters.ts';
import { type Cast, domainOf, EVIL, HERS, VICTIMS } from './forgery-cast.ts';
import { hostileMessages } from './hostile.ts';
import { newMessageId } from './message.ts';

/** One message of hers. */
export interface Forgery {
  readonly kind: string;
  readonly helo: string;
  /** The reverse-path, without brackets. */
  readonly from: string;
  readonly data: string;
}

type Draft = Omit<Forgery, 'kind'>;

/** One choice of everything that a way leaves open. */
interface Scene extends Cast {
  readonly chance: Chance;
  readonly victim: string;
  readonly number: number;
}

/** A message from its fields; the body says which one it is. */
function letter({ number }: Scene, fields: readonly string[]): string {
  const lines = [
    ...fields,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    '',
    `forged ${number}`,
    '',
  ];
  return lines.join('\r\n');
}

/** The fields of a reply. */
function fieldsOf(
  scene: Scene,
  { from = `Alice <${scene.victim}>`, to = scene.to }: { from?: string; to?: string } = {},
) {
  const date = new Date().toUTCString().replace('GMT', '+0000');
  return [
    `From: ${from}`,
    `To: ${to}`,
    'Subject: Re: a question',
    `Message-ID: <${newMessageId()}>`,
    `Date: ${date}`,
  ];
}

const bySomebody = ({ chance, victim }: Scene): Omit<Draft, 'data'> => ({
  helo: chance.oneOf([
    'mail.evil.example',
    `mail.${domainOf(victim)}`,
    domainOf(victim),
    AUTHSERV_ID,
    '[192.0.2.66]',
  ]),
  from: chance.oneOf([
    'mallory@evil.example',
    'mallory@evil.example',
    victim,
    '',
    `alice@tenant.${domainOf(victim)}`,
  ]),
});

const hers: Omit<Draft, 'data'> = { helo: 'mail.evil.example', from: 'mallory@evil.example' };

const signedByHer = (message: string, { evil }: Cast, domain: string = EVIL): string =>
  sign(message, { key: evil, domain, selector: 'm' });

const signedByAlice = (message: string, scene: Scene, names?: readonly string[], tags?: string): string =>
  sign(message, {
    key: scene.alice,
    domain: domainOf(scene.victim),
    selector: 's1',
    ...(names && { names }),
    ...(tags !== undefined && { tags }),
  });

const NAMES = [
  ...[
    'Authentication-Results',
    'authentication-results',
    'AUTHENTICATION-RESULTS',
    'Authentication-Results ',
  ],
  ...[
    'Authentication-Results\t',
    'Authentication-Results\0',
    'Authentication-Results\xa0',
    'ARC-Authentication-Results',
  ],
];

const ID = AUTHSERV_ID;
const IDS = [
  ...[
    ID,
    ID.toUpperCase(),
    `"${ID}"`,
    `${ID} 1`,
    `(x) ${ID}`,
    `${ID} (x)`,
    `\r\n\t${ID}`,
    `${ID}.`,
    `${ID}/1`,
    `${ID}\0`,
  ],
  ...[
    `(a(b)c)${ID}`,
    `"mx\\.example.org"`,
    `${ID}(x)1`,
    `\t ${ID}\t`,
    `"${ID}" 1`,
    `x;${ID}`,
    `${ID}\r\n `,
    `${ID}:25`,
  ],
];

const RESULTS = [
  (domain: string) => `dmarc=pass header.from=${domain}`,
  (domain: string) => `spf=pass smtp.mailfrom=alice@${domain}`,
  (domain: string) => `dkim=pass header.d=${domain} header.s=s1 header.b=AAAAAAAA`,
  (domain: string) =>
    `dkim=pass (2048-bit key)\r\n\theader.i=@${domain} header.d=${domain};\r\n\tdmarc=pass (p=none) header.from=${domain}`,
  (domain: string) => `dmarc (x) = (y) pass (z) header.from=${domain}`,
  (domain: string) => `DMARC=Pass header.from="${domain}"; none`,
  (domain: string) => `spf=none; dkim=none; dmarc/1=pass header . from = ${domain}`,
];

/** Fields that pretend to be of the site's own filter and hosts, in any order and place. */
function ownFields(scene: Scene): Draft {
  const { chance, to, victim } = scene;
  const domain = domainOf(victim);
  const results = (): string =>
    `${chance.oneOf(NAMES)}:${chance.oneOf([' ', '', '\t', '\r\n '])}${chance.oneOf(IDS)}; ${chance.oneOf(RESULTS)(domain)}`;
  const received = (): string =>
    chance.oneOf([
      `Received: from mail.${domain} (mail.${domain} [192.0.2.10])\r\n\tby ${ID} (Postfix) with ESMTPS id 4XyZ1k2Lm3\r\n\tfor <${to}>; Sat, 28 Nov 2026 10:00:00 +0000 (UTC)`,
      `Received: by ${ID} (Postfix, from userid 0)\r\n\tid 4XyZ1k2Lm3; Sat, 28 Nov 2026 10:00:00 +0000 (UTC)`,
      `Received: from localhost by ${ID} with LMTP id AAAA; Sat, 28 Nov 2026 10:00:00 +0000`,
      'Received: x',
    ]);
  const flood = chance.below(20) === 0 ? Array.from({ length: 110 }, results) : [];
  const some = Array.from({ length: 1 + chance.below(4) }, () =>
    chance.oneOf([results, results, received])(),
  );
  const fields = fieldsOf(scene);
  fields.splice(chance.below(fields.length), 0, results());
  return { ...bySomebody(scene), data: letter(scene, [...flood, ...some, ...fields]) };
}

/** A From of hers, signed by her own domain, which vouches for her. */
function authors(scene: Scene): Draft {
  const { chance, victim } = scene;
  const her = chance.oneOf(['mallory@evil.example', 'alice@evil.example']);
  const [, ...rest] = fieldsOf(scene);
  const from =
    chance.below(3) === 0
      ? chance.oneOf(PAIRS)(victim, her)
      : [`From: ${chance.oneOf(DISGUISES)(victim, her)}`];
  const message = letter(scene, [...from, ...rest]);
  return { ...hers, data: chance.below(4) === 0 ? message : signedByHer(message, scene) };
}

/** What is vouched for by a domain of hers that is near alice's in name. */
function neighbours(scene: Scene): Draft {
  const { chance } = scene;
  const domain = chance.oneOf(HERS.filter((name) => name !== EVIL));
  const victim = domain.includes('nodmarc')
    ? (VICTIMS.find((one) => one.includes('nodmarc')) ?? scene.victim)
    : scene.victim;
  const message = letter(scene, fieldsOf({ ...scene, victim }));
  const from = chance.oneOf([`alice@${domain}`, `mallory@${domain}`, 'mallory@evil.example', '']);
  const helo = chance.oneOf([domain, 'mail.evil.example']);
  return { helo, from, data: chance.below(5) === 0 ? message : signedByHer(message, scene, domain) };
}

/** A genuine signature over something else, or a signature of hers that names alice's domain. */
function broken(scene: Scene): Draft {
  const { chance, evil, alice, victim } = scene;
  const domain = domainOf(victim);
  const message = letter(scene, fieldsOf(scene));
  const names = chance.oneOf([
    ['from', 'to', 'subject', 'message-id'],
    ['from', 'to'],
    ['to', 'subject'],
    ['from', 'from', 'to', 'to'],
  ]);
  const genuine = signedByAlice(letter({ ...scene, number: -1 }, fieldsOf(scene)), scene, names);
  const signature = genuine.slice(0, genuine.indexOf('\r\n'));
  const tags = chance.oneOf([
    '',
    `i=@${domain}; `,
    `i=alice@${domain}; `,
    'l=0; ',
    'x=1000000000; ',
    'q=dns/txt; ',
    't=1; ',
  ]);
  const data = chance.oneOf([
    () => `${signature}\r\n${message}`,
    () => sign(message, { key: evil, domain, selector: 's1', names, tags }),
    () => sign(message, { key: evil, domain, selector: 'm', names, tags }),
    () => sign(message, { key: evil, domain: EVIL, selector: 'm', names, tags }),
    () => sign(message, { key: evil, domain: EVIL, selector: 'm', tags: `i=alice@${domain}; d=${domain}; ` }),
    () => sign(message, { key: evil, domain: `${EVIL}; d=${domain}`, selector: 'm', names }),
    () => `${signature}\r\n${signedByHer(message, scene)}`,
    () => sign(message, { key: alice, domain, selector: 's1', tags: 'x=1000000000; t=999999999; ' }),
    () => sign(message, { key: alice, domain, selector: 's1' }).replace('forged', 'Forged'),
    () => sign(message, { key: alice, domain, selector: 's1' }).replace('Re: a', 'Re: another'),
  ])();
  return { ...bySomebody(scene), data };
}

/** What signers sign: as little as they may, as Gmail does, and with names that are not there, which forbids to add them. */
const SIGNED = [
  ['from', 'subject', 'message-id'],
  ['to', 'subject', 'message-id', 'date', 'from', 'cc'],
  [
    'from',
    'from',
    'to',
    'to',
    'cc',
    'cc',
    'subject',
    'subject',
    'date',
    'message-id',
    'mime-version',
    'content-type',
  ],
];

/** What she puts on top or below to have the address named. */
const NAMING: readonly ((address: string) => string[])[] = [
  () => [],
  (address) => [`Cc: ${address}`],
  (address) => [`CC: Tracker <${address}>`],
  (address) => [`Cc : <${address}>`],
  (address) => [`To: ${address}`],
  (address) => [`Resent-To: ${address}`, `Delivered-To: ${address}`],
  (address) => [`Bcc: ${address}`, `X-Original-To: ${address}`],
  (address) => [`In-Reply-To: <${address}>`, `Reply-To: <${address}>`],
  (address) => ['Cc: bob@example.com', `Cc: ${address}`],
  (address) => ['Resent-From: mallory@evil.example', `Resent-Cc: ${address}`, `Cc: ${address}`],
];

/** Mail that alice's domain signed, to somebody else, sent on to this address. */
function replays(scene: Scene): Draft {
  const { chance, to, other } = scene;
  const addressee = chance.oneOf([
    ...[
      'mallory@evil.example',
      other,
      `"${to}" <mallory@evil.example>`,
      `mallory@evil.example (${to})`,
      'list@lists.example',
    ],
    ...[`Tracker <${other}>, mallory@evil.example`, `${to.slice(0, to.indexOf('@'))}@evil.example`, null],
  ]);
  const fields = fieldsOf(scene, { to: addressee ?? '' }).filter(
    (field) => addressee !== null || !field.startsWith('To:'),
  );
  const isToThere = addressee !== null;
  // Signers sign the To that is there, and of what is not there some promise that it never was.
  const names = chance.oneOf(
    SIGNED.map((each) => (isToThere && !each.includes('to') ? [...each, 'to'] : each)),
  );
  const signed = signedByAlice(
    letter(scene, fields),
    scene,
    isToThere ? names : names.filter((name) => name !== 'to' || chance.below(2) === 0),
  );
  const added = chance
    .oneOf(NAMING)(to)
    .map((field) => `${field}\r\n`)
    .join('');
  const data =
    chance.below(2) === 0
      ? `${added}${signed}`
      : signed.replace('\r\nMIME-Version', `\r\n${added}MIME-Version`);
  return { ...bySomebody(scene), data };
}

/** A reply of alice's whose signature leaves room for her text below. */
function appended(scene: Scene): Draft {
  const message = letter({ ...scene, number: -2 }, fieldsOf(scene));
  const bytes = message.length - message.indexOf('\r\n\r\n') - 4;
  const names = scene.chance.oneOf(SIGNED.slice(1));
  const signed = signedByAlice(message, scene, names, `l=${bytes}; `);
  return { ...bySomebody(scene), data: `${signed}forged ${scene.number}\r\n` };
}

/** A copy that a list sends of what alice wrote to it, or of what mallory did in her name. */
function listCopies(scene: Scene): Draft {
  const { chance, to } = scene;
  const list = [
    'List-Id: <list.lists.example>',
    'List-Post: <mailto:list@lists.example>',
    'Sender: list-bounces@lists.example',
    'Precedence: list',
  ];
  const fields = fieldsOf(scene, {
    to: chance.oneOf(['list@lists.example', to, `list@lists.example, ${to}`]),
  });
  const original = letter(scene, fields);
  const isAltered = chance.below(2) === 0;
  const signed = isAltered
    ? signedByAlice(original, scene).replace('Subject: ', 'Subject: [list] ')
    : signedByAlice(letter(scene, fieldsOf(scene, { to: 'list@lists.example' })), scene, SIGNED[1]);
  const arc =
    chance.below(2) === 0
      ? [`ARC-Authentication-Results: i=1; ${ID}; dmarc=pass header.from=${domainOf(scene.victim)}`]
      : [];
  return {
    ...hers,
    from: chance.oneOf(['list-bounces@evil.example', '']),
    data: `${[...arc, ...list].join('\r\n')}\r\n${signed}`,
  };
}

/** What a filter repeats of the sender's; see hostile.ts. */
const REPEATED = hostileMessages(2000);

function repeated(scene: Scene): Draft {
  const { helo, from, author, signatures } = REPEATED[scene.number % REPEATED.length]!;
  const fields = fieldsOf(scene, { from: `Alice <${author}>` });
  return {
    helo,
    from,
    data: letter(scene, [...signatures.map((value) => `DKIM-Signature: ${value}`), ...fields]),
  };
}

const KINDS = { repeated, ownFields, authors, neighbours, broken, replays, appended, listCopies };

/** `count` messages, of each kind as many. */
export function forgeries(count: number, cast: Cast, chance: Chance): Forgery[] {
  const kinds = Object.entries(KINDS);
  return Array.from({ length: count }, (_, number) => {
    const [kind, draft] = kinds[number % kinds.length]!;
    return { kind, ...draft({ ...cast, chance, number, victim: chance.oneOf(VICTIMS) }) };
  });
}
