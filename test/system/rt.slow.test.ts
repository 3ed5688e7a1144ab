// The whole circle with Request Tracker: its own notification, unchanged, stamped on its way through a real Postfix, answered in
// mail programs, and the answers in the ticket.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { words } from '../sinks/platform-contract.ts';
import type { Settings } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { MAIL_PROGRAMS, type ReadNotification, readNotification } from '../support/mail-programs.ts';
import { fieldsOf, type Mailbox, type ReceivedMail } from '../support/mailbox.ts';
import { replyMessage } from '../support/message.ts';
import { type OutboundSite, startOutboundSite } from '../support/outbound.ts';
import { postfixUnavailable } from '../support/postfix.ts';
import { BOB, RT_ADDRESS, type Rt, rtUnavailable, startRt } from '../support/rt.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';
import { ALICE } from '../support/site.ts';

const skip = postfixUnavailable() || rtUnavailable();

/** Request Tracker, which hands its mail to the site's sendmail(1), and a site that posts to it; alice has a token. */
async function startCircle(
  scratch: Scratch,
  outbound: Settings[string] = {},
): Promise<{ rt: Rt; site: OutboundSite }> {
  const sendmail = { path: '/usr/sbin/sendmail', args: `-oi -t -C ${scratch.path('postfix')}` };
  const rt = await startRt(scratch, { sendmail });
  const tokens = scratch.path('user-tokens');
  mkdirSync(tokens, { mode: 0o700 });
  writeFileSync(`${tokens}/${ALICE.user}.token`, `${rt.tokens.alice}\n`, { mode: 0o600 });
  writeFileSync(scratch.path('rt.token'), `${rt.tokens.mailgw}\n`, { mode: 0o600 });
  const site = await startOutboundSite(scratch, {
    sink: { type: 'rt', url: rt.origin, token_file: scratch.path('rt.token'), user_tokens: tokens },
    settings: { outbound: { rule: [], ...outbound } },
    postfix: { settings: { content_filter: 'mailgw_out:unix:mailgw/outbound.sock' } },
  });
  await site.daemon.addUser(BOB.user, BOB.address);
  return { rt, site };
}

const isTo = (mail: ReceivedMail, address: string): boolean =>
  mail.recipients.some((path) => path.startsWith(`<${address}>`));

const isStamped = (mail: ReceivedMail): boolean =>
  fieldsOf(mail, 'Reply-To').some((value) => /^<reply\+[a-z2-7]{48}@reply\.example\.org>$/.test(value));

/** Waits for the stamped notification to somebody that says something. */
async function notified(mailbox: Mailbox, address: string, says: string): Promise<ReceivedMail> {
  return eventually(
    () => mailbox.mails.find((mail) => isTo(mail, address) && isStamped(mail) && mail.raw.includes(says)),
    () => mailbox.mails.map((mail) => `${mail.recipients.join()}\n${mail.raw.toString()}`).join('\n\n'),
  );
}

/** Waits for so many posts in a ticket. */
async function posted(rt: Rt, site: OutboundSite, thread: string, count: number) {
  return eventually(
    async () => {
      const comments = await rt.comments(thread);
      return comments.length >= count ? comments : undefined;
    },
    () => site.daemon.log(),
    60_000,
  );
}

describe('Request Tracker, unchanged, with mailgw behind its Postfix', { skip, concurrency: false }, () => {
  it('has its notification answered in ten mail programs, by the user who has a token', async (t) => {
    const { rt, site } = await startCircle(testScratch(t));
    const thread = await rt.ticket({
      Subject: 'The printer burns',
      Content: 'Smoke comes out of it.\n\nWhat now?',
      Requestor: ['carol@example.net'],
      AdminCc: [ALICE.address, BOB.address],
    });
    const mail = await notified(site.mailbox, ALICE.address, 'Smoke comes');
    // Its own header came through; one address was added where it named itself.
    assert.match(mail.header, /^X-Managed-BY: RT 5/m);
    assert.equal(fieldsOf(mail, 'From').length, 1);
    assert.match(fieldsOf(mail, 'From')[0] ?? '', /"Enoch Root via RT" <tracker@example\.org>/);
    assert.deepEqual(fieldsOf(mail, 'X-RT-Ticket'), ['rt.example.org #1']);
    assert.doesNotMatch(mail.header, new RegExp(`^Reply-To: ${RT_ADDRESS}`, 'm'));
    // What is answered by a machine already is left as it is.
    const autoreply = await eventually(
      () => site.mailbox.mails.find((each) => isTo(each, 'carol@example.net')),
      () => 'no autoreply',
    );
    assert.deepEqual(fieldsOf(autoreply, 'Reply-To'), [RT_ADDRESS]);

    const notification = await readNotification(mail.raw);
    const answers: string[] = [];
    for (const [at, program] of MAIL_PROGRAMS.entries()) {
      const text = `Pull the plug, says ${program.name}.\n\nThen call me: 2 < 3 & so on.`;
      answers.push(text);
      await answer(site, ALICE, notification, program, `answer-${at}@mail.example.com`, text);
      await posted(rt, site, thread, at + 1);
    }
    const comments = await rt.comments(thread);
    for (const [at, { author, text }] of comments.entries()) {
      assert.equal(author, 'alice');
      const [typed, program] = [words(answers[at] ?? ''), MAIL_PROGRAMS[at]];
      if (program?.inline === undefined) assert.equal(words(text), typed);
      // What was typed stands between the paragraphs that it answers.
      else
        for (const paragraph of (answers[at] ?? '').split('\n\n'))
          assert.ok(words(text).includes(paragraph), text);
    }
    assert.equal(comments.length, answers.length);
    assert.match(site.daemon.log(), /"user":"alice","thread":"ticket\/1".*"event":"stamped"/);
    const page = await rt.page(thread);
    for (const program of MAIL_PROGRAMS) assert.ok(page.includes(`Pull the plug, says ${program.name}.`));
  });

  it('has the reply of one without a token by the account, and mail goes round no second time', async (t) => {
    const { rt, site } = await startCircle(testScratch(t));
    const { mailbox, postfix } = site;
    const thread = await rt.ticket({ Content: 'Does it work now?', AdminCc: [ALICE.address, BOB.address] });
    const mail = await notified(mailbox, BOB.address, 'Does it work');
    const [program] = MAIL_PROGRAMS;
    const text = 'It works for me.';
    await answer(
      site,
      BOB,
      await readNotification(mail.raw),
      program ?? assert.fail(),
      'bob-1@mail.example.com',
      text,
    );
    const [comment] = await posted(rt, site, thread, 1);
    assert.deepEqual([comment?.author, comment?.text], ['mailgw', `bob wrote by mail:\n${text}`]);

    // Request Tracker tells everybody, with the account's correspondence as anybody's; those mails are answerable too.
    const next = await notified(mailbox, ALICE.address, text);
    await notified(mailbox, BOB.address, text);
    const second = await readNotification(next.raw);
    const away = replyMessage({
      to: second.replyTo,
      subject: 'Out of office',
      headers: ['Auto-Submitted: auto-replied'],
      body: 'I am away.\n',
    });
    await postfix.accept({ from: ALICE.address, to: [second.replyTo], data: away });
    await answer(site, ALICE, second, program ?? assert.fail(), 'alice-1@mail.example.com', 'For me too.');
    await posted(rt, site, thread, 2);
    await postfix.queueEmpty();
    await eventually(
      async () => {
        const items = await site.daemon.ctl('queue', 'list');
        return items.every(({ state }) => state === 'posted') ? true : undefined;
      },
      () => site.daemon.log(),
    );
    assert.deepEqual(
      (await rt.comments(thread)).map(({ author }) => author),
      ['mailgw', 'alice'],
    );
    // Who posted with a token is not told of it.
    assert.ok(!mailbox.mails.some((each) => isTo(each, ALICE.address) && each.raw.includes('For me too')));
    assert.ok(mailbox.mails.some((each) => isTo(each, BOB.address) && each.raw.includes('For me too')));
  });

  it('is asked who has an address, so that requestors of whom mailgw has not heard answer too', async (t) => {
    const { rt, site } = await startCircle(testScratch(t), { users: 'ask' });
    const thread = await rt.ticket({ Requestor: ['carol@example.net', 'dave@example.net'] });
    await rt.ask('POST', `/${thread}/correspond`, {
      Content: 'Is it plugged in?',
      ContentType: 'text/plain',
    });
    const mail = await notified(site.mailbox, 'carol@example.net', 'plugged in');
    const [program] = MAIL_PROGRAMS;
    const carol = { user: 'Carol', address: 'carol@example.net' };
    const notification = await readNotification(mail.raw);
    await answer(
      site,
      carol,
      notification,
      program ?? assert.fail(),
      'carol-1@mail.example.com',
      'Now it is.',
    );
    const comments = await posted(rt, site, thread, 2);
    assert.equal(comments[1]?.text, 'carol wrote by mail:\nNow it is.');
    // Somebody whom Request Tracker made of an address goes by the address.
    await notified(site.mailbox, 'dave@example.net', 'plugged in');
    assert.match(site.daemon.log(), /"user":"dave@example\.net","thread":"ticket\/1".*"event":"stamped"/);
  });
});

/** Answers a notification in a mail program, by way of the site's Postfix. */
async function answer(
  { postfix }: OutboundSite,
  by: { readonly user: string; readonly address: string },
  notification: ReadNotification,
  program: (typeof MAIL_PROGRAMS)[number],
  messageId: string,
  text: string,
): Promise<void> {
  const data = program.answer(notification, { name: by.user, address: by.address, messageId, text });
  await postfix.accept({ from: by.address, to: [notification.replyTo], data });
}
