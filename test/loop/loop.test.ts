// 1,000 rounds, in full, of mailgw, its own notices, an answering machine that answers everything to everyone, and a list that
// reflects: nothing is posted, and no more than one notice a day is sent.
//
// Method: the real daemon; in every round a notification goes to the machine and to the list, and a person sends an
// empty reply, of which mailgw tells them. Whatever comes of it is carried on, notices included. libfaketime lets ten
// days go by, where it is installed; without it one day has to do.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { SettableClock, settableClockUnavailable } from '../fault/set-clock.ts';
import { startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { fieldsOf, startMailbox } from '../support/mailbox.ts';
import { startPlatform } from '../support/platform.ts';
import { roundsOf } from '../support/rounds.ts';
import { testScratch } from '../support/scratch.ts';
import { SmtpSession } from '../support/smtp.ts';
import { ALICE, type Carried, carry, LIST, write } from './parties.ts';

const DAYS = settableClockUnavailable === false ? 10 : 1;
const ROUNDS_A_DAY = Math.ceil(roundsOf(1000) / DAYS);
const ROUNDS = DAYS * ROUNDS_A_DAY;
const DAY_MS = 86_400_000;
const EMPTY = 'On Friday, Tracker wrote:\r\n> Does it work?';

it('mailgw, its notices, an answering machine and a list end in silence', async (t) => {
  const scratch = testScratch(t);
  const clock = new SettableClock(scratch);
  const platform = await startPlatform(scratch);
  const mailbox = await startMailbox(scratch);
  const daemon = await startDaemon(scratch, {
    sink: platform.sink,
    environment: settableClockUnavailable === false ? clock.environment : {},
    settings: {
      sender: { policy: 'strict', authserv_id: 'mx.example.org' },
      notice: { kinds: ['empty', 'refused', 'attachment'], server: mailbox.server },
    },
  });
  await daemon.addUser('alice', ALICE);
  const { reply_to: replyTo } = await daemon.mint({ user: 'alice', thread: 'loop/1' });
  const session = await SmtpSession.open(daemon.socket);
  await session.say('LHLO mx.example.org');
  const members = [ALICE, replyTo];
  const carried: Carried[] = [];
  const send = async (from: string, to: string, raw: string): Promise<void> => {
    carried.push(...(await carry(session, { from, to, raw, depth: 0 }, members)));
  };
  const notification = (): string =>
    write(
      ['From: Tracker <tracker@platform.example>', `Reply-To: ${replyTo}`, 'Subject: New post'],
      'Hello.',
    );

  for (let day = 0; day < DAYS; day++) {
    clock.set(day * DAY_MS);
    for (let round = 0; round < ROUNDS_A_DAY; round++) {
      await send('tracker@platform.example', ALICE, notification());
      await send('tracker@platform.example', LIST, notification());
      await send(
        ALICE,
        replyTo,
        write([`From: Alice <${ALICE}>`, `To: ${replyTo}`, 'Subject: Re: New post'], EMPTY),
      );
    }
    const notice = await mailbox.nthMail(day + 1);
    assert.equal(notice.mailFrom, '<>');
    for (const to of [ALICE, LIST]) await send('', to, notice.raw.toString('latin1'));
  }
  session.close();

  const failed = async (): Promise<true | undefined> => {
    const [stats] = await daemon.ctl('stats');
    return stats?.failed === ROUNDS && stats.ready === 0 && stats.waiting === 0 ? true : undefined;
  };
  await eventually(failed, () => 'an end of all attempts', 60_000);
  const replies = carried.map(
    ({ letter, reply }) => `${letter.to === replyTo ? 'to us' : 'elsewhere'}: ${reply}`,
  );
  const count = (wanted: RegExp): number => replies.filter((reply) => wanted.test(reply)).length;
  t.diagnostic(`${replies.length} messages came to mailgw, ${count(/discarded/)} of them discarded`);
  assert.equal(count(/^to us: 250 2\.0\.0 queued as /), ROUNDS);
  assert.equal(count(/^to us: 250 2\.0\.0 (?:queued|discarded)/), count(/^to us: /));
  assert.equal(count(/^elsewhere: 550 5\.1\.1 /), count(/^elsewhere: /));
  assert.equal(platform.requests.length, 0);
  assert.equal(mailbox.mails.length, DAYS);
  assert.equal(new Set(mailbox.mails.map((mail) => fieldsOf(mail, 'Message-ID')[0])).size, DAYS);
});
