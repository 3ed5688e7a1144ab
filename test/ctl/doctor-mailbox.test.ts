// What doctor says of mailboxes, on a real Dovecot and on servers that behave as others do.

import assert from 'node:assert/strict';
import { appendFileSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import type { Mailboxes } from '../../src/store/mailboxes.ts';
import {
  type Dovecot,
  dovecotUnavailable,
  mail,
  PROVIDED,
  startDovecot,
  tableOf,
} from '../support/dovecot-mailbox.ts';
import { Place } from '../support/place.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';
import { initialise, parseRows, type Row, type Tool } from './tool.ts';

/** What doctor finds about mailboxes, by check. */
async function found(tool: Tool): Promise<ReadonlyMap<string, Row>> {
  const { stdout } = await tool.run('--json', 'doctor');
  const rows = parseRows(stdout).filter(({ check }) => String(check).startsWith('mailbox.'));
  return new Map(rows.map((row) => [String(row.check).replace('mailbox.', ''), row]));
}

const told = (row: Row | undefined): string =>
  [row?.status, row?.what, row?.why, row?.fix].filter((text) => typeof text === 'string').join(' | ');

interface Patient {
  readonly tool: Tool;
  readonly dovecot: Dovecot;
}

async function patientOf(
  scratch: Scratch,
  more = '',
  change: (table: string) => string = (table) => table,
): Promise<Patient> {
  const tool = await initialise(scratch);
  const dovecot = await startDovecot(scratch);
  appendFileSync(tool.config, change(tableOf(dovecot, more)));
  return { tool, dovecot };
}

/** Notes in the store what a daemon would have. */
async function noted(tool: Tool, write: (store: Mailboxes, now: number) => Promise<unknown>): Promise<void> {
  const store = await tool.open('tool');
  await write(store, Date.now());
  await store.close();
}

const FILTERED = 'authserv_id = "mx.example.net"\nown_received = 2\n';

describe('doctor, on a mailbox', { skip: dovecotUnavailable() }, () => {
  it('says that all is well: what the server has, whose results stand there, who reads it', async (t) => {
    const { tool, dovecot } = await patientOf(testScratch(t), FILTERED);
    await dovecot.deliver(mail('a@example.net', PROVIDED('a@example.net')));
    await noted(tool, async (store, now) => {
      await store.beginMailbox(
        { source: 'support', account: 'a', uidValidity: 1, highWater: 0, isWalking: false },
        now,
      );
      await store.claimMailbox({ source: 'support', owner: 'host-a', now, leaseMs: 60_000 });
    });
    const findings = await found(tool);
    assert.match(told(findings.get('open')), /^ok \| support: 127\.0\.0\.1:\d+, folder "INBOX": 1 messages/);
    assert.match(told(findings.get('server')), /^ok \| support: the server has IDLE, UIDPLUS and MOVE$/);
    assert.match(told(findings.get('authserv_id')), /^ok \| support: authserv_id "mx\.example\.net" stands/);
    assert.match(
      told(findings.get('recipients')),
      /^note \| support: 0 of the newest 1 messages name a reply address of yours; .*To in 1, yours in 0 \(such as .+@.+\)/,
    );
    assert.match(told(findings.get('messages')), /^ok \| support: 0 put off, none given up/);
    assert.match(told(findings.get('owner')), /^ok \| support: read by host-a, until \d{4}-/);
  });

  it('names the authserv-id where none is configured, and that nothing is posted without', async (t) => {
    const { tool, dovecot } = await patientOf(testScratch(t));
    await dovecot.deliver(mail('a@example.net', PROVIDED('a@example.net')));
    const finding = (await found(tool)).get('authserv_id');
    assert.match(told(finding), /^problem \| support: authserv_id is empty/);
    assert.match(told(finding), /authserv_id = "mx\.example\.net" and own_received = 2/);
  });

  it('warns of an authserv-id that no message has', async (t) => {
    const { tool, dovecot } = await patientOf(
      testScratch(t),
      'authserv_id = "mx.google.com"\nown_received = 2\n',
    );
    await dovecot.deliver(mail('a@example.net', PROVIDED('a@example.net')));
    assert.match(
      told((await found(tool)).get('authserv_id')),
      /^warning \| support: authserv_id is "mx\.google\.com" .* of "mx\.example\.net" below 2 Received \| replies/,
    );
  });

  it('tells what was given up and what has waited long, and how to try again', async (t) => {
    const { tool } = await patientOf(testScratch(t), FILTERED);
    await noted(tool, async (store, now) => {
      const place = { source: 'support', uidValidity: 1, highWater: undefined };
      await store.beginMailbox({ ...place, account: 'a', highWater: 9, isWalking: false }, now);
      await store.putOffMessage({
        ...place,
        uid: 4,
        state: 'failed',
        reason: 'no header',
        dueAt: undefined,
        at: now,
      });
      await store.putOffMessage({
        ...place,
        uid: 5,
        state: 'waiting',
        reason: 'store full',
        dueAt: now,
        at: now - 7_200_000,
      });
    });
    const { stdout } = await tool.run('--json', 'doctor');
    const texts = parseRows(stdout)
      .filter(({ check }) => check === 'mailbox.messages')
      .map(told);
    assert.equal(texts.length, 2, stdout);
    assert.match(
      texts[0] ?? '',
      /^warning \| support: 1 given up, the first with UID 4: no header .*sync support --retry/,
    );
    assert.match(
      texts[1] ?? '',
      /^warning \| support: 1 put off for more than an hour, the first with UID 5: store full/,
    );
  });

  it('tells what looks unread in the mailbox although it was taken', async (t) => {
    const { tool, dovecot } = await patientOf(testScratch(t), FILTERED);
    for (let count = 0; count < 3; count++) await dovecot.deliver(mail('a@example.net'));
    const uidValidity = Number((await tool.row('source', 'test')).uid_validity);
    await noted(tool, (store, now) =>
      store.beginMailbox(
        { source: 'support', account: 'a', uidValidity, highWater: 2, isWalking: false },
        now,
      ),
    );
    const findings = await found(tool);
    assert.match(
      told(findings.get('unread')),
      /^note \| support: 2 of them were read by mailgw and are unread/,
    );
    assert.match(told(findings.get('owner')), /^warning \| support: nobody reads it/);
  });

  const unopened: readonly (readonly [what: string, change: (table: string) => string, says: RegExp])[] = [
    [
      'a folder that is not there',
      (table) => `${table}folder = "Replies"\n`,
      /^problem \| .*"Replies".* \| make the folder/,
    ],
    [
      'a server that is not there',
      (table) => table.replace(/port = \d+/, 'port = 9'),
      /^problem \| .* \| mend imap\.support\.host/,
    ],
    [
      'a server without TLS',
      (table) => table.replace('"off"', '"starttls"'),
      /^problem \| .* \| imap\.support\.host must be the name/,
    ],
    [
      'neither password nor token',
      (table) => table.replace(/password_file.*\n/, ''),
      /^problem \| .* \| mend imap\.support in mailgw\.toml/,
    ],
  ];
  for (const [what, change, says] of unopened) {
    it(`says how to mend ${what}`, async (t) => {
      const { tool } = await patientOf(testScratch(t), FILTERED, change);
      const findings = await found(tool);
      assert.match(told(findings.get('open')), says);
      assert.match(told(findings.get('owner')), /^note \| support: was never read/);
    });
  }

  it('says where to write a password that is refused', async (t) => {
    const { tool, dovecot } = await patientOf(testScratch(t), FILTERED);
    writeFileSync(dovecot.passwordFile, 'wrong\n');
    assert.match(
      told((await found(tool)).get('open')),
      /^problem \| support: .* \| write the password of replies at 127\.0\.0\.1 into imap\.support\.password_file/,
    );
  });
});

describe('doctor, on a mailbox at Exchange Online', () => {
  /** A server that lets the user in and refuses what follows, as Exchange Online where IMAP is off (imapflow#314). */
  async function closedMailbox(scratch: Scratch): Promise<number> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.write('* OK The Microsoft Exchange IMAP4 service is ready.\r\n');
      socket.on('data', (bytes) => {
        for (const line of String(bytes).split('\r\n').filter(Boolean)) {
          const [tag = '*', command = ''] = line.split(' ');
          const answers: Record<string, string> = {
            CAPABILITY: `* CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE IDLE\r\n${tag} OK done`,
            AUTHENTICATE: `${tag} OK AUTHENTICATE completed.`,
            LOGOUT: `* BYE\r\n${tag} OK`,
          };
          const answer =
            answers[command.toUpperCase()] ?? `${tag} BAD User is authenticated but not connected.`;
          socket.write(`${answer}\r\n`);
        }
      });
    });
    const place = new Place();
    await place.up(server);
    scratch.defer(() =>
      place.down(() => {
        for (const socket of sockets) socket.destroy();
      }),
    );
    return place.port;
  }

  it('says that an administrator must enable IMAP', async (t) => {
    const tool = await initialise(testScratch(t));
    const port = await closedMailbox(tool.scratch);
    const table = `\n[[imap]]\nname = "m365"\nhost = "127.0.0.1"\nport = ${port}\ntls = "off"\nuser = "r@example.net"\ntoken_command = ["/bin/echo", "token"]\n`;
    appendFileSync(tool.config, table);
    assert.match(
      told((await found(tool)).get('open')),
      /^problem \| m365: .*authenticated but not connected.* \| the token is good, and IMAP is off for this mailbox: an administrator .* r@example\.net/,
    );
  });
});
