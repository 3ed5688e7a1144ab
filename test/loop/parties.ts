// The parties of a mail loop, all on the loopback: the registered mailbox of a user, whose answering machine answers
// everything to everyone, and a list that reflects whatever comes to it; between them and mailgw a few lines of transport.
//
// Contract: the answering machine heeds no custom: it answers the null reverse-path, Auto-Submitted and X-Loop too; what it
// writes bears one of the signs that such programs leave. Every message is carried to its end, and so is what follows from
// it. Limits: machine and list would answer each other for ever without mailgw; they lose patience at DEEPEST.

import type { SmtpSession } from '../support/smtp.ts';

/** A message under way. */
export interface Letter {
  readonly from: string;
  readonly to: string;
  readonly raw: string;
  /** How many messages led to this one. */
  readonly depth: number;
}

/** The addresses of the parties. */
export const ALICE = 'alice@example.com';
export const LIST = 'everybody@lists.example.net';

/** What vacation programs put into their answers; a sign each. */
const SIGNS: readonly (readonly string[])[] = [
  ['Auto-Submitted: auto-replied'],
  ['Auto-Submitted: auto-generated (vacation)'],
  ['X-Autoreply: yes'],
  ['X-Autorespond: yes'],
  ['Precedence: auto_reply'],
  ['Precedence: bulk'],
  ['X-MS-Exchange-Inbox-Rules-Loop: alice@example.com'],
];

const DEEPEST = 4;
let sent = 0;

/** What was said by a party to mailgw, and what mailgw said to that. */
export interface Carried {
  readonly letter: Letter;
  readonly reply: string;
}

/** Carries a letter and everything that follows from it; what mailgw was sent, with its replies. */
export async function carry(
  session: SmtpSession,
  first: Letter,
  members: readonly string[],
): Promise<Carried[]> {
  const waiting = [first];
  const carried: Carried[] = [];
  for (let letter = waiting.shift(); letter !== undefined; letter = waiting.shift()) {
    if (letter.depth > DEEPEST) continue;
    if (letter.to === ALICE) waiting.push(...answers(letter));
    else if (letter.to === LIST) waiting.push(...reflections(letter, members));
    else carried.push({ letter, reply: await deliver(session, letter) });
  }
  return carried;
}

/** Delivers a letter by LMTP; the reply that decided. */
async function deliver(session: SmtpSession, { from, to, raw }: Letter): Promise<string> {
  await session.say(`MAIL FROM:<${from}>`);
  const rcpt = await session.say(`RCPT TO:<${to}>`);
  const decided = rcpt.code === 250 ? await session.content(raw) : rcpt;
  await session.say('RSET');
  return decided.text;
}

/** Alice's answering machine: to the reverse-path, to From and to Reply-To, whoever they are, but not to itself. */
function answers(letter: Letter): Letter[] {
  const fields = [...letter.raw.matchAll(/^(?:From|Reply-To): .*?([^\s<>]+@[^\s<>]+)>?\r$/gim)];
  const to = new Set([letter.from, ...fields.map(([, address]) => address ?? '')]);
  to.delete('');
  to.delete(ALICE);
  const sign = SIGNS[sent % SIGNS.length] ?? [];
  return [...to].map((address) => ({
    // Some use the null reverse-path, as they should; some do not.
    from: sent % 2 === 0 ? ALICE : '',
    to: address,
    raw: write(
      [...sign, `From: Alice <${ALICE}>`, `To: <${address}>`, 'Subject: Re: I am away'],
      'Back on Monday.',
    ),
    depth: letter.depth + 1,
  }));
}

/** The list: the same message to every member, with the list's reverse-path and signs above. */
function reflections(letter: Letter, members: readonly string[]): Letter[] {
  const raw = `List-Id: <everybody.lists.example.net>\r\nReply-To: ${LIST}\r\n${letter.raw}`;
  return members.map((to) => ({ from: `bounces+${LIST}`, to, raw, depth: letter.depth + 1 }));
}

/** Writes a message; what our own filter says of Alice's mail stands on top. */
export function write(lines: readonly string[], body: string): string {
  const trace = [
    'Authentication-Results: mx.example.org; dmarc=pass header.from=example.com',
    'Received: from mail.example.com by mx.example.org with ESMTP; Sat, 21 Nov 2026 10:00:00 +0000',
  ];
  return [...trace, `Message-ID: <loop-${++sent}@example.com>`, ...lines, '', body, ''].join('\r\n');
}
