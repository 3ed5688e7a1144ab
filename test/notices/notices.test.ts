// Notices from the outcome of an attempt to a mailbox: who is told what, how often, and through which failures.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { digestLocator } from '../../src/mail/reserved.ts';
import type { NewItem } from '../../src/store/item.ts';
import { eventually } from '../support/eventually.ts';
import { NOW } from '../support/item.ts';
import { fieldsOf, fileOf, textOf } from '../support/mailbox.ts';
import { replyMessage, replyWithAttachment } from '../support/message.ts';
import { addUser } from '../support/mint.ts';
import { testScratch } from '../support/scratch.ts';
import { reply, startNoticing } from './noticing.ts';

const DAY_MS = 86_400_000;
const EMPTY = 'On Friday, Tracker wrote:\n> Does it work?\n';

describe('a notice', () => {
  it('of an empty reply has all that keeps mail systems from answering, and what was sent', async (t) => {
    const test = await startNoticing(t);
    const raw = reply(EMPTY);
    const item = await test.send(raw);
    const mail = await test.mailbox.nthMail(1);
    assert.equal(mail.mailFrom, '<>');
    assert.deepEqual(mail.recipients, ['<alice@example.com>']);
    assert.deepEqual(fieldsOf(mail, 'To'), ['alice@example.com']);
    assert.deepEqual(fieldsOf(mail, 'From'), ['Tracker <noreply@reply.example.org>']);
    assert.deepEqual(fieldsOf(mail, 'Auto-Submitted'), ['auto-replied']);
    assert.deepEqual(fieldsOf(mail, 'X-Loop'), ['mailgw.reply.example.org']);
    const id = /^Message-ID: <(.*)>\r$/im.exec(raw)?.[1];
    assert.deepEqual(fieldsOf(mail, 'In-Reply-To'), [`<${id}>`]);
    assert.deepEqual(fieldsOf(mail, 'References'), [`<the-notification@reply.example.org> <${id}>`]);
    const [notice] = await test.ended(1);
    assert.deepEqual(fieldsOf(mail, 'Message-ID'), [`<${notice?.id}@reply.example.org>`]);
    assert.deepEqual([notice?.state, notice?.kind, notice?.itemId], ['sent', 'empty', item]);
    assert.match(textOf(mail), /> > Does it work\?/);
    assert.equal(fileOf(mail)?.toString(), raw);
    const counted = test.meter.samples('mailgw_notices_total').filter(({ value }) => value > 0);
    assert.deepEqual(counted, [{ labels: { kind: 'empty', outcome: 'sent' }, value: 1 }]);
  });

  it('of a post that the platform refused says why, and quotes what was typed', async (t) => {
    const test = await startNoticing(t);
    test.platform.answerNext(422);
    await test.send(reply('It works now, SECRET.\n\nSchöne Grüße\n'));
    const text = textOf(await test.mailbox.nthMail(1));
    assert.match(text, /422 Unprocessable/);
    assert.match(text, /^> It works now, .*\n>\n> Schöne Grüße$/m);
  });

  it('of a reply that was given up', async (t) => {
    const test = await startNoticing(t);
    test.platform.answerAlways(503);
    const id = await test.send(reply('Hello\n'));
    await test.inState(id, 'waiting');
    test.pass(60_000);
    await test.inState(id, 'failed');
    const mail = await test.mailbox.nthMail(1);
    assert.match(fieldsOf(mail, 'Subject')[0] ?? '', /Not_posted.*|Not posted/);
    assert.match(textOf(mail), /given up[^]*> Hello/);
    assert.equal((await test.ended(1))[0]?.kind, 'undelivered');
  });

  it('of attachments that were left out of the post names them', async (t) => {
    const test = await startNoticing(t);
    const raw = replyWithAttachment(
      { to: 'someone', body: 'See the file.' },
      'virus.exe',
      Buffer.from('MZ…'),
    );
    await test.inState(await test.send(raw), 'posted');
    const mail = await test.mailbox.nthMail(1);
    assert.match(textOf(mail), /^- virus\.exe$/m);
    assert.equal(fileOf(mail), undefined);
  });

  it('of a message that cannot be read brings the message back', async (t) => {
    const test = await startNoticing(t);
    const raw = replyMessage({
      to: 'someone',
      headers: ['Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary=b'],
      body: '--b\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n--b\nContent-Type: application/octet-stream\n\n-----BEGIN PGP MESSAGE-----\n--b--\n',
    });
    await test.inState(await test.send(raw), 'failed');
    assert.equal(fileOf(await test.mailbox.nthMail(1))?.toString(), raw);
    assert.equal((await test.ended(1))[0]?.kind, 'unreadable');
  });

  it('of a reply to a digest that does not say which post it answers names the posts, and how to', async (t) => {
    const test = await startNoticing(t);
    const locator = digestLocator('abc');
    const posts = ['site#7', 'Roof leaks'].map((label) => ({
      thread: `t/${label}`,
      repliedToAt: NOW,
      label,
    }));
    await test.store.addDigests([{ locator, userNumber: 1, posts, expiresAt: NOW + DAY_MS }]);
    await test.inState(await test.send(reply('I agree.\n'), { thread: locator }), 'failed');
    const mail = await test.mailbox.nthMail(1);
    assert.equal((await test.ended(1))[0]?.kind, 'unclear');
    assert.match(
      textOf(mail),
      /^>>1 {2}site#7\n>>2 {2}Roof leaks\n\nThis is what you wrote:\n\n> I agree\.$/m,
    );
    await test.inState(await test.send(reply('>>2\nI agree.\n'), { thread: locator }), 'posted');
    const { data } = await test.platform.nthPost(1);
    assert.deepEqual([data.thread, data.body.text], ['t/Roof leaks', 'I agree.']);
  });

  it('is written in the language of the reply, or else of the site', async (t) => {
    const test = await startNoticing(t, undefined, 'fr');
    await test.send(reply(EMPTY, ['Content-Language: de-CH, en']));
    assert.match(textOf(await test.mailbox.nthMail(1)), /^Guten Tag,/);
    test.pass(DAY_MS);
    await test.send(reply(EMPTY, ['Content-Language: xx']));
    assert.match(textOf(await test.mailbox.nthMail(2)), /^Bonjour,/);
  });

  it("is the site's own text where it has one", async (t) => {
    const scratch = testScratch(t);
    writeFileSync(scratch.path('empty.en.txt'), 'Subject: Nothing there\n\nDear user of {thread},\nbye\n');
    const test = await startNoticing(t, scratch.directory);
    await test.send(reply(EMPTY), { thread: 'acme/site/1' });
    assert.equal(textOf(await test.mailbox.nthMail(1)).trim(), 'Dear user of acme/site/1,\nbye');
  });
});

it('goes to the registered address, whatever tag the sender wrote from', async (t) => {
  const test = await startNoticing(t);
  await test.send(reply(EMPTY).replace('<alice@example.com>', '<Alice+lists@EXAMPLE.com>'));
  assert.deepEqual((await test.mailbox.nthMail(1)).recipients, ['<alice@example.com>']);
});

describe('nobody is told (G7)', () => {
  const cases: readonly [string, Partial<NewItem>, readonly string[]][] = [
    ['whose sender was not authenticated', { authentication: { policy: 'flag', result: 'fail' } }, []],
    ['where the sender policy is off', { authentication: { policy: 'off', result: 'none' } }, []],
    ['with the null reverse-path', { reversePath: '' }, []],
    ['that a machine sent', {}, ['Auto-Submitted: auto-generated']],
    ['that came through a list', {}, ['List-Id: <all.example.com>']],
    ['of a user who is gone', { user: 'nobody' }, []],
  ];
  for (const [what, change, headers] of cases) {
    it(`of a reply ${what}`, async (t) => {
      const test = await startNoticing(t);
      await test.inState(await test.send(reply(EMPTY, headers), change), 'failed');
      // A good one, sent after it, is the first to arrive.
      await test.inState(await test.send(reply(EMPTY, ['Content-Language: de'])), 'failed');
      assert.match(textOf(await test.mailbox.nthMail(1)), /^Guten Tag,/);
    });
  }

  it('whose user has left, though another person has the name and the address', async (t) => {
    const test = await startNoticing(t);
    await test.mailbox.down();
    const user = await test.store.userByName('alice');
    await test.inState(await test.send(reply(EMPTY), { userNumber: user!.number }), 'failed');
    await test.store.removeUser('alice', NOW);
    await addUser(test.store, 'alice');
    test.pass(120_000);
    const [notice] = await test.ended(1);
    assert.deepEqual(
      [notice?.state, notice?.lastDiagnostic],
      ['failed', 'withdrawn: the user is gone or disabled'],
    );
  });

  it('at an address that is no longer registered', async (t) => {
    const test = await startNoticing(t);
    await test.mailbox.down();
    await test.send(reply(EMPTY));
    await test.store.setUser('alice', { addresses: ['alice@elsewhere.example'] });
    test.pass(120_000);
    const [notice] = await test.ended(1);
    assert.deepEqual(
      [notice?.state, notice?.lastDiagnostic],
      ['failed', 'withdrawn: the address is no longer registered'],
    );
  });

  it('twice of a kind on one day (UTC)', async (t) => {
    const test = await startNoticing(t);
    const send = async (): Promise<void> => {
      await test.inState(await test.send(reply(EMPTY)), 'failed');
    };
    for (let n = 0; n < 5; n++) await send();
    test.platform.answerNext(422);
    await test.inState(await test.send(reply('Hello\n')), 'failed');
    await test.ended(2);
    test.pass(DAY_MS - (NOW % DAY_MS));
    for (let n = 0; n < 5; n++) await send();
    const notices = await test.ended(3);
    assert.deepEqual(
      notices.map(({ kind }) => kind),
      ['empty', 'refused', 'empty'],
    );
    assert.equal(test.mailbox.mails.length, 3);
  });
});

describe('a notice that cannot be sent', () => {
  it('waits while Postfix is down, and is then sent under the same Message-ID', async (t) => {
    const test = await startNoticing(t);
    await test.mailbox.down();
    await test.send(reply(EMPTY));
    const deferred = (): true | undefined =>
      test.log.some(({ event }) => event === 'notice_deferred') || undefined;
    await eventually(deferred, () => JSON.stringify(test.log));
    await test.mailbox.up();
    test.pass(60_000);
    const mail = await test.mailbox.nthMail(1);
    const [notice] = await test.ended(1);
    assert.equal(notice?.attempts, 2);
    assert.deepEqual(fieldsOf(mail, 'Message-ID'), [`<${notice.id}@reply.example.org>`]);
    assert.deepEqual(fieldsOf(mail, 'Date'), [new Date(NOW).toUTCString().replace('GMT', '+0000')]);
  });

  it('ends when its recipient is refused for good, and no address is logged', async (t) => {
    const test = await startNoticing(t);
    test.mailbox.rcptReply = '550 5.1.1 <alice@example.com>: no such user';
    await test.send(reply(EMPTY));
    const [notice] = await test.ended(1);
    assert.equal(notice?.state, 'failed');
    assert.match(notice.lastDiagnostic ?? '', /550/);
    assert.ok(!JSON.stringify(test.log).includes('alice@'));
  });

  it('is given up after three days, and the reply itself is still there', async (t) => {
    const test = await startNoticing(t);
    await test.mailbox.down();
    const item = await test.send(reply(EMPTY));
    await test.inState(item, 'failed');
    await eventually(
      async () => (await test.store.listNotices(1))[0]?.lastDiagnostic,
      () => 'an attempt',
    );
    test.pass(3 * DAY_MS);
    const [notice] = await test.ended(1);
    assert.match(notice?.lastDiagnostic ?? '', /^given up: /);
    assert.notEqual(await test.store.content(item), undefined);
  });
});
