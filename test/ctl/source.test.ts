// `mailgw-ctl source` on a real Dovecot: what it tells of a mailbox, and that it leaves it as it was.

import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { dovecotUnavailable, mail, PROVIDED, startDovecot, tableOf } from '../support/dovecot-mailbox.ts';
import { testScratch } from '../support/scratch.ts';
import { initialise, parseRows, type Tool } from './tool.ts';

async function address(tool: Tool): Promise<string> {
  await tool.text('user', 'add', 'alice', '--address', 'alice@example.com');
  return String((await tool.row('address', 'mint', '--user', 'alice', '--thread', 'acme/7')).reply_to);
}

describe('mailgw-ctl source test', { skip: dovecotUnavailable() }, () => {
  it('says what the server can, whom the mail names and which lines belong into the file, and marks nothing', async (t) => {
    const tool = await initialise(testScratch(t));
    const dovecot = await startDovecot(tool.scratch);
    const replyTo = await address(tool);
    await dovecot.deliver(mail('Forum <noreply@example.net>', PROVIDED(replyTo)));
    await dovecot.deliver(mail('somebody@example.net', PROVIDED('somebody@example.net')));
    await dovecot.deliver(mail(replyTo, ['Authentication-Results: forged.example; spf=pass']));
    appendFileSync(tool.config, tableOf(dovecot));
    const text = await tool.text('source', 'test', 'support');
    const token = replyTo.replace(/^.*\+(.*)@.*$/, '$1');
    assert.ok(!text.includes(token), `a token is shown: ${text}`);
    assert.match(text, /^support: 127\.0\.0\.1:\d+, folder "INBOX": works$/m);
    assert.match(text, /^ {2}server {6}has IDLE, UIDPLUS, MOVE$/m);
    assert.match(
      text,
      /^ {2}messages {4}3, of which 0 would be looked at now: it was never read, and since = "now"/m,
    );
    assert.match(text, /^ {2}recipients {2}2 of the newest 3 are for a reply address of yours$/m);
    assert.match(text, /^ {14}Delivered-To: in 2, yours in 1: .*somebody@example\.net/m);
    assert.match(text, /^ {2}results {5}of "mx\.example\.net" below 2 Received, in 2 of 3$/m);
    assert.match(text, /^authserv_id = "mx\.example\.net"\nown_received = 2$/m);
    assert.deepEqual(await dovecot.flags(), [[], [], []]);
    appendFileSync(tool.config, 'authserv_id = "mx.example.net"\nown_received = 2\n');
    const again = await tool.text('source', 'test');
    assert.match(again, /^ {14}as the file says$/m);
    assert.doesNotMatch(again, /^authserv_id/m);
  });

  it('counts what the next pass would take: all, what is above what was read, and all again under other UIDs', async (t) => {
    const tool = await initialise(testScratch(t));
    const dovecot = await startDovecot(tool.scratch);
    for (let count = 0; count < 5; count++) await dovecot.deliver(mail('a@example.net'));
    appendFileSync(tool.config, tableOf(dovecot, 'since = "all"\n'));
    const look = () => tool.row('source', 'test', 'support');
    const first = await look();
    assert.deepEqual([first.messages, first.would_take], [5, 5]);
    const store = await tool.open('tool');
    const state = { source: 'support', account: 'a', highWater: 3, isWalking: false };
    await store.beginMailbox({ ...state, uidValidity: Number(first.uid_validity) }, Date.now());
    const second = await look();
    assert.deepEqual([second.would_take, second.because], [2, 'it was read up to UID 3']);
    await store.beginMailbox({ ...state, uidValidity: 1 }, Date.now());
    await store.close();
    const third = await look();
    assert.equal(third.would_take, 5);
    assert.match(String(third.because), /^UIDVALIDITY was 1 and is \d+: the folder is walked again/);
  });

  const failures: readonly (readonly [
    what: string,
    change: (table: string) => string,
    code: number,
    says: RegExp,
  ])[] = [
    ['a folder that is not there', (table) => `${table}folder = "Nowhere"\n`, 78, /folder "Nowhere"/],
    ['a server that is not there', (table) => table.replace(/port = \d+/, 'port = 9'), 69, /127\.0\.0\.1:9/],
    [
      'a password that is not set',
      (table) => table.replace(/password_file.*\n/, ''),
      78,
      /neither password_file nor token_command/,
    ],
  ];
  for (const [what, change, code, says] of failures) {
    it(`names ${what}, and ends with ${code}`, async (t) => {
      const tool = await initialise(testScratch(t));
      const dovecot = await startDovecot(tool.scratch);
      appendFileSync(tool.config, change(tableOf(dovecot)));
      await tool.fails(code, says, 'source', 'test', 'support');
    });
  }

  it('goes on to the next mailbox where one refuses the password', async (t) => {
    const tool = await initialise(testScratch(t));
    const dovecot = await startDovecot(tool.scratch);
    const wrong = tool.scratch.path('wrong.password');
    writeFileSync(wrong, 'wrong\n', { mode: 0o600 });
    appendFileSync(
      tool.config,
      tableOf({ ...dovecot, passwordFile: wrong }, 'folder = "Other"\n', 'first') + tableOf(dovecot),
    );
    const result = await tool.run('--json', 'source', 'test');
    assert.equal(result.code, 78, result.stderr);
    assert.match(result.stderr, /^mailgw-ctl: source "first": .*/);
    assert.deepEqual(
      parseRows(result.stdout).map(({ name }) => name),
      ['support'],
    );
  });

  it('says that another installation reads a mailbox, which claim makes ours', async (t) => {
    const tool = await initialise(testScratch(t));
    const dovecot = await startDovecot(tool.scratch);
    await dovecot.deliver(mail('a@example.net'));
    appendFileSync(tool.config, tableOf(dovecot));
    const other = '$Mailgw-aaaaaaaa';
    await dovecot.mark(other);
    await tool.fails(
      78,
      /source "support": another installation of mailgw reads this mailbox/,
      'source',
      'test',
    );
    const doctor = await tool.run('--json', 'doctor');
    assert.match(doctor.stdout, /another installation of mailgw.*mailgw-ctl source claim support/s);
    assert.deepEqual(await tool.row('source', 'claim', 'support'), { name: 'support', messages: 1 });
    const [flags = []] = await dovecot.flags();
    assert.ok(flags.length === 1 && /^\$Mailgw-[a-z2-7]{8}$/.test(flags[0] ?? '') && flags[0] !== other);
    await tool.text('source', 'test');
    await tool.fails(65, 'source "b": there is none of this name; there are support', 'source', 'claim', 'b');
  });

  it('names the sources there are where a name is none of theirs', async (t) => {
    const tool = await initialise(testScratch(t));
    appendFileSync(tool.config, '\n[[imap]]\nname = "a"\nhost = "127.0.0.1"\nuser = "u"\n');
    await tool.fails(65, 'source "b": there is none of this name; there are a', 'source', 'test', 'b');
  });
});

describe('mailgw-ctl source list', () => {
  const TABLE = '\n[[imap]]\nname = "support"\nhost = "127.0.0.1"\nport = 9\nuser = "u"\n';

  it('tells what waits, what was given up and why, and who reads it, without a daemon', async (t) => {
    const tool = await initialise(testScratch(t));
    appendFileSync(tool.config, TABLE);
    const store = await tool.open('tool');
    const now = Date.now();
    await store.beginMailbox(
      { source: 'support', account: 'u@127.0.0.1', uidValidity: 7, highWater: 40, isWalking: false },
      now,
    );
    const note = (uid: number, state: 'waiting' | 'failed' | 'courtesy', reason: string) =>
      store.putOffMessage({
        ...{ source: 'support', uidValidity: 7, uid, state, reason, at: now, highWater: undefined },
        dueAt: state === 'failed' ? undefined : now + 60_000,
      });
    await note(38, 'failed', 'the message cannot be read');
    await note(39, 'waiting', 'the store is full');
    await note(40, 'courtesy', 'UID STORE: refused');
    await store.claimMailbox({ source: 'support', owner: 'host-a', now, leaseMs: 60_000 });
    await store.close();
    const [row = {}] = await tool.rows('source', 'list', 'support');
    const { state, waiting, failed, courtesies, owner, high_water: highWater, messages } = row;
    assert.deepEqual(
      [state, waiting, failed, courtesies, owner, highWater],
      ['unknown', 1, 1, 1, 'host-a', 40],
    );
    assert.deepEqual(
      (messages as { uid: number; state: string; reason: string }[]).map(({ uid, state: of, reason }) => [
        uid,
        of,
        reason,
      ]),
      [
        [38, 'failed', 'the message cannot be read'],
        [39, 'waiting', 'the store is full'],
        [40, 'courtesy', 'UID STORE: refused'],
      ],
    );
    const text = await tool.text('source', 'list');
    assert.match(text, /^support +imap +unknown +1 +1 +1 +40 .*no mailgwd serves this store/m);
    assert.match(text, /^support +38 +failed +1 .*the message cannot be read$/m);
    const stats = await tool.row('stats');
    const figures = { source: 'support', waiting: 1, failed: 1, courtesies: 1 };
    const counted = (sources: unknown): object => {
      const [{ last_at: last, ...rest } = {}] = sources as Record<string, unknown>[];
      assert.match(String(last), /^\d{4}-/);
      return rest;
    };
    assert.deepEqual(counted(stats.sources), figures);
    assert.match(await tool.text('stats'), /^support +1 +1 +1 +\d{4}-/m);
    assert.deepEqual(counted((await tool.row('top', '--once')).sources), figures);
    assert.match(
      await tool.text('top', '--once'),
      /^sources +support {2}waiting 1 {2}given up 1 {2}to be marked 1 /m,
    );
    await tool.fails(69, /no mailgwd serves this store/, 'source', 'sync', 'support', '--retry');
    const [again = {}] = await tool.rows('source', 'list', 'support');
    assert.deepEqual([again.waiting, again.failed], [2, 0]);
    writeFileSync(tool.config, readFileSync(tool.config, 'utf8').replace(TABLE, ''));
    const [left = {}] = await tool.rows('source', 'list');
    assert.deepEqual([left.name, left.state], ['support', 'removed']);
  });
});

describe('mailgw-ctl source test, of a webhook', () => {
  const told: readonly (readonly [kind: string, more: string, path: string, tell: RegExp])[] = [
    ['sendgrid', '', '/in/in', /POST the raw, full MIME message/],
    ['mailgun', '', '/in/in/mime', /must end in "mime"/],
    ['postmark', 'path = "/mail/pm"\n', '/mail/pm', /Include raw email content in JSON payload/],
    ['resend', 'api_key_file = "/nonexistent"\n', '/in/in', /email\.received/],
    ['raw', '', '/in/in', /Standard Webhooks/],
  ];
  for (const [kind, more, path, tell] of told) {
    it(`says where calls of ${kind} are taken and what the provider is told`, async (t) => {
      const tool = await initialise(testScratch(t));
      appendFileSync(
        tool.config,
        `\n[[webhook]]\nname = "in"\nkind = "${kind}"\nsecret_file = "/nonexistent"\n${more}`,
      );
      const file = readFileSync(tool.config, 'utf8');
      writeFileSync(tool.config, file.replace(/^\[inbound\]$/m, '[inbound]\nlisten = "127.0.0.1:8026"'));
      const row = await tool.row('source', 'test', 'in');
      assert.deepEqual([row.kind, row.listen, row.path], [kind, '127.0.0.1:8026', path]);
      const text = await tool.text('source', 'test');
      assert.match(text, tell);
      assert.ok(text.includes(`https://HOST${path}`), text);
    });
  }
});
