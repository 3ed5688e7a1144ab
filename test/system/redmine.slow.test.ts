// The whole circle with programs that nobody changed: Redmine's own notifications, by way of a real Postfix and stamped, to
// mail programs, and their answers as notes in Redmine, by the users who wrote them.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { MAIL_PROGRAMS, readNotification } from '../support/mail-programs.ts';
import { fieldsOf, type ReceivedMail } from '../support/mailbox.ts';
import { postfixUnavailable } from '../support/postfix.ts';
import { type RedmineJournal, redmineUnavailable } from '../support/redmine.ts';
import { readNotes } from '../support/redmine-page.ts';
import { type RedmineSite, startRedmineSite } from '../support/redmine-site.ts';
import { testScratch } from '../support/scratch.ts';

/** What the programs' users type, an answer each; what Redmine would act upon is to be read as it stands. */
const ANSWERS = [
  'The gutter is full of leaves, I saw it from the road.',
  'Müßte größtenteils gehen – außer am Übergang.\n\nSchöne Grüße aus Köln',
  'Who has the ladder? {{toc}} is no answer.',
  'See #1 and h1. for what I mean.',
  'Three things:\n\n- the cable is loose\n- the lamp is broken\n- nobody has the key',
  '明日までに確認します。',
  'Fine 👍',
  'It costs 5 * 3 * 2 euros, "all in".',
  'No, not before Friday: John is away.',
  'Done, and the snake_case_name is gone.',
] as const;

const skip = redmineUnavailable() || postfixUnavailable();

/** A text as it is read, however its lines fall. */
const words = (text: string): string => text.replace(/\s+/g, ' ').trim();

/** Waits for the mail to somebody that is about a journal of an issue, or its beginning. */
async function notified({ mailbox }: RedmineSite, to: string, about: RegExp): Promise<ReceivedMail> {
  return eventually(
    () =>
      mailbox.mails.find(
        (mail) =>
          mail.recipients.join().includes(`<${to}>`) && about.test(fieldsOf(mail, 'Message-ID').join()),
      ),
    () => mailbox.mails.map(({ header }) => header).join('\n'),
    60_000,
  );
}

/** Waits for the notes of an issue. */
async function notes(
  { redmine, daemon }: RedmineSite,
  issue: number,
  least: number,
): Promise<readonly RedmineJournal[]> {
  return eventually(
    async () => {
      const found = await redmine.journals(issue);
      return found.length >= least ? found : undefined;
    },
    () => daemon.log(),
    60_000,
  );
}

describe('Redmine, whose mail goes through mailgw', { skip, concurrency: false }, () => {
  it('gets as notes of its users what they answer to its own notifications', async (t) => {
    const circle = await startRedmineSite(testScratch(t));
    const { redmine, postfix } = circle;
    const issue = await redmine.issue(); // by bob, and alice is told
    let [about, reader, other] = [/^<redmine\.issue-/, 'alice', 'bob'];
    for (const [at, program] of MAIL_PROGRAMS.entries()) {
      const from = `${reader}@example.com`;
      const mail = await notified(circle, from, about);
      const notification = await readNotification(mail.raw);
      assert.match(notification.replyTo, /^reply\+[a-z2-7]{48}@reply\.example\.org$/);
      assert.deepEqual(fieldsOf(mail, 'X-Mailer'), ['Redmine']);
      const text = ANSWERS[at] ?? assert.fail();
      const messageId = `answer-${at}@client.example.com`;
      const data = program.answer(notification, { name: reader, address: from, messageId, text });
      await postfix.accept({ from, to: [notification.replyTo], data });
      const note = (await notes(circle, issue, at + 1))[at] ?? assert.fail();
      assert.equal(note.user.name.toLowerCase(), `${reader} example`);
      const shown = readNotes(await redmine.page(issue)).get(note.id)?.text ?? '';
      const typed = words(text.replace(/^- /gm, ''));
      // Answers between the lines of what they answer keep these.
      if (program.inline === undefined) assert.equal(words(shown), typed, program.name);
      else assert.ok(words(shown).includes(typed), shown);
      // The note is itself a notification, to whom it concerns, who answers it.
      about = new RegExp(`^<redmine\\.journal-${note.id}\\.`);
      [reader, other] = [other, reader];
    }
    assert.equal((await redmine.journals(issue)).length, MAIL_PROGRAMS.length);
    const users = (await circle.daemon.ctl('user', 'list')).map(({ user, name }) => user ?? name);
    assert.deepEqual(users.toSorted(), ['alice', 'bob']);
  });

  it('takes no public answer to a private note', async (t) => {
    const circle = await startRedmineSite(testScratch(t));
    const { redmine, postfix, daemon } = circle;
    const issue = await redmine.issue();
    const body = { issue: { notes: 'Between us.', private_notes: true } };
    await redmine.ask('PUT', `/issues/${issue}.json`, body, 'bob');
    const [secret] = await redmine.journals(issue);
    const mail = await notified(
      circle,
      'alice@example.com',
      new RegExp(`^<redmine\\.journal-${secret?.id}\\.`),
    );
    const notification = await readNotification(mail.raw);
    const typed = { name: 'Alice', address: 'alice@example.com', messageId: 'x@client.example', text: 'Oh.' };
    const data = MAIL_PROGRAMS[0]?.answer(notification, typed) ?? assert.fail();
    await postfix.accept({ from: typed.address, to: [notification.replyTo], data });
    await eventually(
      async () => ((await daemon.ctl('queue', 'list', '--state', 'failed')).length > 0 ? true : undefined),
      () => daemon.log(),
    );
    assert.match(daemon.log(), /private note/);
    assert.equal((await redmine.journals(issue)).length, 1);
  });
});
