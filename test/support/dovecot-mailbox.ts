// A private Dovecot with one mailbox, for tests of what an operator does: IMAP in the clear on a port of the loopback.
//
// Contract: startDovecot returns once the server greets; everything is below the scratch directory, and it ends with the
// scratch. Mail comes in as files of the Maildir, as a delivery agent writes them. Any user may log in with the password.
// Failure: dovecotUnavailable() says why the machine cannot run it; the tests skip with that sentence.

import { randomUUID } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { DaemonProcess } from './process.ts';
import type { Scratch } from './scratch.ts';

const PROGRAM = '/usr/sbin/dovecot';
const IMAP = '/usr/lib/dovecot/imap';
const NOBODY = 65_534;
const READY_WITHIN_MS = 20_000;

/** Why Dovecot cannot run here, or false if it can: the value of a test's `skip`. */
export function dovecotUnavailable(): string | false {
  if (process.getuid?.() !== 0) return 'unavailable: Dovecot is started as root';
  return existsSync(PROGRAM) && existsSync(IMAP) ? false : 'unavailable: dovecot-imapd is not installed';
}

/** A running Dovecot. */
export interface Dovecot {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** The file that holds the password, for its owner alone. */
  readonly passwordFile: string;
  /** Puts a message into INBOX. */
  deliver(raw: string | Uint8Array): void;
  /** Lists the messages of INBOX by file name, whose end has the flags (`:2,S`). */
  files(): readonly string[];
}

const CONFIGURATION = (directory: string, port: number, password: string): string => `
base_dir = ${directory}/run
state_dir = ${directory}/state
log_path = ${directory}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
first_valid_uid = 1
mail_location = maildir:${directory}/Maildir
default_internal_user = nobody
default_login_user = nobody
default_internal_group = nogroup
passdb {
  driver = static
  args = password=${password}
}
userdb {
  driver = static
  args = uid=${NOBODY} gid=${NOBODY} home=${directory}
}
service imap-login {
  chroot =
  inet_listener imap {
    port = ${port}
  }
  inet_listener imaps {
    port = 0
  }
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
`;

/** Starts one that ends with the scratch. */
export async function startDovecot(scratch: Scratch): Promise<Dovecot> {
  const [port, password] = [await freePort(), 'correct-horse'];
  const directory = scratch.path('dovecot');
  for (const name of ['', 'Maildir', 'Maildir/tmp', 'Maildir/new', 'Maildir/cur'].map(
    (each) => `dovecot/${each}`,
  )) {
    mkdirSync(scratch.path(name), { recursive: true });
    chownSync(scratch.path(name), NOBODY, NOBODY);
  }
  const passwordFile = scratch.path('mailbox.password');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  const config = scratch.path('dovecot.conf');
  writeFileSync(config, CONFIGURATION(directory, port, password));
  const daemon = new DaemonProcess(PROGRAM, ['-F', '-c', config], scratch.path('dovecot.out'));
  scratch.defer(async () => {
    if (daemon.ended === undefined) await daemon.end('SIGTERM');
  });
  await eventually(
    async () => {
      if (daemon.ended !== undefined) throw new Error(`dovecot ended: ${daemon.ended}\n${daemon.output()}`);
      return await greets(port);
    },
    () => daemon.output(),
    READY_WITHIN_MS,
  );
  let count = 0;
  const deliver = (raw: string | Uint8Array): void => {
    count += 1;
    const name = `${1_700_000_000 + count}.M${count}P${process.pid}.test`;
    const [fresh, place] = [`${directory}/Maildir/tmp/${name}`, `${directory}/Maildir/new/${name}`];
    writeFileSync(fresh, raw);
    chownSync(fresh, NOBODY, NOBODY);
    renameSync(fresh, place);
  };
  const files = (): string[] =>
    ['new', 'cur'].flatMap((name) => readdirSync(`${directory}/Maildir/${name}`)).sort();
  return { port, user: 'replies', password, passwordFile, deliver, files };
}

function greets(port: number): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const end = (greeted: true | undefined): void => {
      socket.destroy();
      resolve(greeted);
    };
    socket.once('data', (greeting) => {
      end(String(greeting).startsWith('* OK') ? true : undefined);
    });
    socket.once('error', () => {
      end(undefined);
    });
    socket.once('close', () => {
      end(undefined);
    });
  });
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
