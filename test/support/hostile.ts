// What a sender writes to have a filter of ours say that they are somebody else.
//
// Contract: every value is legal where it stands, or a filter would have to refuse it: local parts are quoted, tags hold
// no semicolon unless encoded. The same values on every run.

/** One message of Mallory's, as far as filters repeat it. */
export interface Hostile {
  /** What follows `MAIL FROM:<`, without the brackets. */
  readonly from: string;
  readonly helo: string;
  /** The DKIM-Signature fields. */
  readonly signatures: readonly string[];
  /** Who she wants to be. */
  readonly author: string;
}

const VICTIMS = ['alice@nodmarc.example', 'alice@example.com'] as const;

/** Characters that end what a filter put around the text. */
const CLOSERS = ['x) ', 'x)) ', 'x', 'x; ', '(x) ', 'x\\" ', 'x\\\\) ', 'x\\) ', 'x=y) ', 'x\\"; '] as const;
/** Characters that swallow what follows. */
const OPENERS = [' a=b (y', '', ' a=\\"y', ' (\\"y', ' a=b c.d=e', ' ((y', ' a=b (y (z)'] as const;

function payloads(domain: string): string[] {
  return [
    `smtp.mailfrom=evil.example; dmarc=pass header.from=${domain};`,
    `; dmarc=pass header.from=${domain};`,
    `header.d=evil.example; dkim=pass header.d=${domain};`,
    `; spf=pass smtp.mailfrom=alice@${domain};`,
    `smtp.mailfrom=alice@${domain}`,
    `header.d=${domain} header.i=@${domain}`,
  ];
}

/** All texts that one victim's domain is worth. */
function texts(domain: string): string[] {
  return payloads(domain).flatMap((payload) =>
    CLOSERS.flatMap((closer) => OPENERS.map((opener) => `${closer}${payload}${opener}`)),
  );
}

const PLAIN: Omit<Hostile, 'author'> = {
  from: 'mallory@evil.example',
  helo: 'mail.evil.example',
  signatures: [],
};

/** A signature whose tags are as given; nothing in it verifies. */
function signature(tags: Readonly<Record<string, string>>): string {
  const all = {
    v: '1',
    a: 'rsa-sha256',
    c: 'relaxed/relaxed',
    d: 'evil.example',
    s: 'm',
    h: 'from:to:subject',
    bh: 'AAAA',
    ...tags,
  };
  const given = Object.entries({ b: 'AAAAAAAAAAAA', ...all });
  return given.map(([name, value]) => `${name}=${value}`).join('; ');
}

/** The text with its semicolons and equals signs in dkim-quoted-printable, for a tag that is decoded. */
function encoded(text: string): string {
  return text.replaceAll(
    /[;= ]/g,
    (character) => `=${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

/** Every way in for one text. */
function ways(text: string): Omit<Hostile, 'author'>[] {
  const bare = text.replaceAll(';', ' ');
  const short = text.replaceAll(/[; ]/g, '');
  return [
    { ...PLAIN, from: `"${text}"@evil.example` },
    { ...PLAIN, helo: text },
    { ...PLAIN, helo: short.replaceAll('pass', 'pass(a)') },
    { ...PLAIN, signatures: [signature({ d: bare })] },
    { ...PLAIN, signatures: [signature({ s: bare })] },
    { ...PLAIN, signatures: [signature({ i: `${encoded(text)}@evil.example` })] },
    { ...PLAIN, signatures: [signature({ i: `"${bare}"@evil.example` })] },
    { ...PLAIN, signatures: [signature({ b: `\\"(${short}` })], from: `"y)) ${text}"@evil.example` },
    { ...PLAIN, signatures: [signature({ b: short }), signature({ b: `(${short}` })] },
    { ...PLAIN, from: '', helo: text },
  ];
}

/** `count` messages, spread over all texts, ways and victims. */
export function hostileMessages(count: number): Hostile[] {
  const all = VICTIMS.flatMap((author) =>
    texts(author.slice(author.indexOf('@') + 1)).flatMap((text) =>
      ways(text).map((way) => ({ ...way, author })),
    ),
  );
  // A prime step meets all ways and texts alike.
  const step = 1013;
  return Array.from(
    { length: count },
    (_, index) => all[(index * step) % all.length] ?? { ...PLAIN, author: VICTIMS[0] },
  );
}
