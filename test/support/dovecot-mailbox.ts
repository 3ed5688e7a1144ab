// A mailbox on a private Dovecot as an operator has one: with the file of its password, the table that names it, and mail
// with the header of a provider.
//
// Contract: as of dovecot.ts; mail comes in by APPEND. Mail is one person's, to whomever the test says.

import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { type Dovecot as Server, startDovecot as startServer } from './dovecot.ts';
import type { Scratch } from './scratch.ts';

export { dovecotUnavailable } from './dovecot.ts';

/** A running Dovecot and its mailbox. */
export interface Dovecot extends Pick<Server, 'port' | 'user' | 'password'> {
  /** The file that holds the password, for its owner alone. */
  readonly passwordFile: string;
  /** Puts a message into INBOX. */
  deliver(raw: string): Promise<void>;
  /** Lists the flags of each message of INBOX. */
  flags(): Promise<readonly (readonly string[])[]>;
  /** Marks every message of INBOX with a flag or a keyword. */
  mark(flag: string): Promise<void>;
}

/** Starts one that ends with the scratch. */
export async function startDovecot(scratch: Scratch): Promise<Dovecot> {
  const server = await startServer(scratch);
  const { port, user, password } = server;
  const passwordFile = scratch.path('mailbox.password');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  const deliver = async (raw: string): Promise<void> => {
    const client = await server.connect();
    await client.append(raw);
    client.end();
  };
  const mark = async (flag: string): Promise<void> => {
    const client = await server.connect();
    await client.ask('SELECT INBOX');
    await client.ask(`STORE 1:* +FLAGS (${flag})`);
    client.end();
  };
  const flags = async (): Promise<readonly (readonly string[])[]> => {
    const client = await server.connect();
    const listed = await client.list();
    client.end();
    return listed.map((message) => message.flags);
  };
  return { port, user, password, passwordFile, deliver, flags, mark };
}

/** A table of the mailbox. */
export const tableOf = ({ port, user, passwordFile }: Dovecot, more = '', name = 'support'): string => `
[[imap]]
name = "${name}"
host = "127.0.0.1"
port = ${port}
tls = "off"
user = "${user}"
password_file = "${passwordFile}"
${more}`;

/** A message with the header of a provider's mailbox. */
export function mail(to: string, fields: readonly string[] = []): string {
  return [
    ...fields,
    'From: Alice <alice@example.com>',
    `To: ${to}`,
    'Subject: Re: it',
    `Message-ID: <${randomUUID()}@example.com>`,
    '',
    'A reply.',
    '',
  ].join('\r\n');
}

/** The header that a provider writes above what the sender wrote. */
export const PROVIDED = (address: string): readonly string[] => [
  `Delivered-To: ${address}`,
  'Received: by inner.example.net with LMTP id 1; Fri, 20 Nov 2026 09:00:02 +0000',
  'Received: from mail.example.com by mx.example.net with ESMTPS id 2; Fri, 20 Nov 2026 09:00:01 +0000',
  'Authentication-Results: mx.example.net; dkim=pass header.d=example.com; spf=pass',
];
