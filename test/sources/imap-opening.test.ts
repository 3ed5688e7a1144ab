// A mailbox is opened on a real Dovecot, and every way in which it cannot be is told apart.

import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { after, before, describe, it, type TestContext } from 'node:test';
import { type MailboxOptions, openMailbox } from '../../src/sources/imap/connection.ts';
import { Credentials } from '../../src/sources/imap/credentials.ts';
import { MailboxError } from '../../src/sources/imap/mailbox-error.ts';
import type { ImapConfig } from '../../src/sources/imap/settings.ts';
import { message } from '../gate/gate.ts';
import { type Dovecot, dovecotUnavailable, startDovecot } from '../support/dovecot.ts';
import { suiteScratch, testScratch } from '../support/scratch.ts';
import { MAILBOX, mailboxOf } from './imap.ts';

const OPTIONS: MailboxOptions = { maxMessageBytes: 64 * 1024, commandMs: 5000 };

/** The failure to open a mailbox. */
async function failure(config: ImapConfig, options = OPTIONS): Promise<MailboxError> {
  try {
    const box = await openMailbox(config, options);
    await box.close();
  } catch (error) {
    if (error instanceof MailboxError) return error;
    throw error;
  }
  throw new Error('it was opened');
}

/** A server that answers commands by their words, in order of the table; gives its port and what it was sent. */
async function scripted(
  t: TestContext,
  answers: readonly (readonly [RegExp, string])[],
  capabilities = 'IMAP4rev1 SASL-IR AUTH=XOAUTH2',
): Promise<{ readonly port: number; readonly heard: string[] }> {
  const heard: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(`* OK [CAPABILITY ${capabilities}] ready\r\n`);
    socket.on('data', (bytes: Buffer) => {
      for (const line of bytes.toString('latin1').split('\r\n').slice(0, -1)) {
        heard.push(line);
        const [tag = ''] = line.split(' ');
        const answer = answers.find(([words]) => words.test(line))?.[1] ?? '$ OK done\r\n';
        socket.write(answer.replaceAll('$', tag));
      }
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.after(() => server.close());
  return { port: (server.address() as AddressInfo).port, heard };
}

/** A program that prints the next line of a file at each call, by which tokens grow old. */
function tokenProgram(t: TestContext, ...tokens: readonly string[]): readonly string[] {
  const path = testScratch(t).path('token');
  writeFileSync(`${path}.next`, `${tokens.join('\n')}\n`);
  writeFileSync(path, `#!/bin/sh\nhead -n 1 "$1.next"\nsed -i 1d "$1.next"\n`);
  chmodSync(path, 0o755);
  return [path, path];
}

const REFUSED = '$ NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)\r\n';
const SELECTED = '* 0 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 1] ok\r\n$ OK [READ-WRITE] ok\r\n';

describe('a mailbox that is opened', { skip: dovecotUnavailable() }, () => {
  const scratch = suiteScratch();
  let dovecot: Dovecot;
  let password = '';

  before(async () => {
    dovecot = await startDovecot(scratch);
    password = scratch.path('password');
    writeFileSync(password, `${dovecot.password}\n`, { mode: 0o600 });
  });
  after(() => scratch.close());

  const tls = (change: Partial<ImapConfig>): ImapConfig =>
    mailboxOf(dovecot, password, { host: 'localhost', caFile: dovecot.certificate, ...change });

  it('gives its messages by UID and marks none of them', async () => {
    const client = await dovecot.connect();
    const raw = message(['To: someone@example.com'], 'two\r\nlines\r\n');
    const uid = await client.append(raw);
    const box = await openMailbox(mailboxOf(dovecot, password), OPTIONS);
    assert.deepEqual(await box.searchAfter(uid - 1), [uid]);
    assert.deepEqual(await box.searchAfter(uid), [], 'the last one is not above itself');
    assert.deepEqual(await box.searchSince(new Date(Date.now() - 86_400_000)), [uid]);
    assert.deepEqual(await box.sizesOf([uid, uid + 1]), new Map([[uid, raw.length]]));
    assert.deepEqual(await box.fetchMessage(uid), raw);
    assert.equal((await box.fetchHeader(uid))?.toString(), raw.subarray(0, raw.indexOf('two')).toString());
    assert.equal(await box.fetchMessage(uid + 1), undefined);
    assert.deepEqual([await box.has(uid), await box.has(uid + 1)], [true, false]);
    assert.deepEqual([box.exists, box.uidNext > uid, box.uidValidity > 0], [1, true, true]);
    assert.ok(box.capabilities.has('UIDPLUS') && box.capabilities.has('IDLE'));
    assert.deepEqual((await client.list())[0]?.flags, []);
    await box.close();
    await assert.rejects(box.noop(), MailboxError);
    client.end();
  });

  it('is reached by TLS and by STARTTLS, where the authority is believed', async () => {
    for (const config of [tls({ tls: 'implicit', port: dovecot.tlsPort }), tls({ tls: 'starttls' })]) {
      const box = await openMailbox(config, OPTIONS);
      await box.close();
    }
  });

  it('is not where the certificate is not believed, or the server has no STARTTLS', async (t) => {
    const unknown = await failure(tls({ tls: 'implicit', port: dovecot.tlsPort, caFile: undefined }));
    assert.equal(unknown.kind, 'tls', unknown.message);
    const { port, heard } = await scripted(t, []);
    const stripped = await failure(mailboxOf(dovecot, password, { tls: 'starttls', port }));
    assert.equal(stripped.kind, 'tls', stripped.message);
    assert.deepEqual(
      heard.filter((line) => /LOGIN|AUTHENTICATE/.test(line)),
      [],
      'no password in the clear',
    );
  });

  it('is not with a wrong password, without the folder, or without the file', async () => {
    const wrong = scratch.path('wrong');
    writeFileSync(wrong, 'wrong\n', { mode: 0o600 });
    const kinds = [
      await failure(mailboxOf(dovecot, wrong)),
      await failure(mailboxOf(dovecot, password, { folder: 'nowhere' })),
      await failure(mailboxOf(dovecot, scratch.path('absent'))),
      await failure(mailboxOf(dovecot, password, { port: 1 })),
    ];
    assert.deepEqual(
      kinds.map(({ kind }) => kind),
      ['login', 'folder', 'settings', 'network'],
    );
    assert.match(kinds[1]?.message ?? '', /folder "nowhere": .*Mailbox doesn't exist/);
    assert.match(kinds[2]?.message ?? '', /password_file: .*absent: cannot be read/);
  });

  it('reads its password anew each time', async () => {
    const changing = scratch.path('changing');
    writeFileSync(changing, 'old\n', { mode: 0o600 });
    const credentials = new Credentials(mailboxOf(dovecot, changing));
    const options = { ...OPTIONS, credentials };
    assert.equal((await failure(mailboxOf(dovecot, changing), options)).kind, 'login');
    writeFileSync(changing, dovecot.password);
    await (await openMailbox(mailboxOf(dovecot, changing), options)).close();
  });
});

describe('a server that does not let us in', () => {
  const config = (port: number, tokenCommand: readonly string[]): ImapConfig => {
    return { ...MAILBOX, port, user: 'replies@example.com', tokenCommand };
  };

  it('is told from a wrong password where it is busy', async (t) => {
    const answers = [
      '[UNAVAILABLE] Temporary authentication failure',
      '[LIMIT] reached',
      '[ALERT] Too many simultaneous connections. (Failure)',
    ];
    for (const words of answers) {
      const { port } = await scripted(t, [[/AUTHENTICATE/, `$ NO ${words}\r\n`]]);
      assert.equal((await failure(config(port, tokenProgram(t, 'one')))).kind, 'busy', words);
    }
    const { port } = await scripted(t, [[/AUTHENTICATE/, REFUSED]]);
    assert.equal((await failure(config(port, tokenProgram(t, 'one', 'two')))).kind, 'login');
  });

  it('gets a new token where the one that was good is refused, and no third', async (t) => {
    const stale = (token: string): RegExp =>
      new RegExp(Buffer.from(`user=replies@example.com\x01auth=Bearer ${token}\x01\x01`).toString('base64'));
    const refusals: (readonly [RegExp, string])[] = [
      [/ SELECT /, SELECTED],
      [/ LIST /, '* LIST () "/" INBOX\r\n$ OK done\r\n'],
      [/ LOGOUT/, '* BYE\r\n$ OK done\r\n'],
    ];
    const { port, heard } = await scripted(t, refusals);
    const mailbox = config(port, tokenProgram(t, 'first', 'second', 'third', 'fourth'));
    const options = { ...OPTIONS, credentials: new Credentials(mailbox) };
    await (await openMailbox(mailbox, options)).close();
    await (await openMailbox(mailbox, options)).close();
    const sent = (): string[] => heard.filter((line) => line.includes('AUTHENTICATE'));
    assert.equal(sent().filter((line) => stale('first').test(line)).length, 2, 'kept');
    refusals.push([stale('first'), REFUSED]);
    await (await openMailbox(mailbox, options)).close();
    assert.match(sent().at(-1) ?? '', stale('second'));
    refusals.push([/AUTHENTICATE/, REFUSED]);
    assert.equal((await failure(mailbox, options)).kind, 'login');
    assert.match(sent().at(-1) ?? '', stale('third'));
  });

  it('is left when it says nothing, in time', async (t) => {
    const { port } = await scripted(t, [[/ SELECT /, '']]);
    const silent = await failure(config(port, tokenProgram(t, 'one')), { ...OPTIONS, commandMs: 200 });
    assert.equal(silent.kind, 'network');
    assert.match(silent.message, /no answer within 0\.2 s/);
  });

  it('is not asked where the program gives no token', async (t) => {
    const { port, heard } = await scripted(t, []);
    const problems = [
      await failure(config(port, ['/nonexistent/token'])),
      await failure(config(port, ['/bin/false'])),
      await failure(config(port, ['/bin/echo', 'two words'])),
    ];
    assert.deepEqual(
      problems.map(({ kind }) => kind),
      ['settings', 'network', 'settings'],
    );
    assert.equal(heard.length, 0);
  });
});
