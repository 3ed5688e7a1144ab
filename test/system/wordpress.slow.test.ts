// The whole circle with Debian's WordPress, unchanged: its own notification of a comment goes by sendmail(1) and a real Postfix,
// gets a reply address on its way out, is answered by mail programs, and the answers stand below the comment as their author's.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { MAIL_PROGRAMS, type MailProgram, readNotification } from '../support/mail-programs.ts';
import { fieldsOf, type ReceivedMail } from '../support/mailbox.ts';
import { type OutboundSite, startOutboundSite } from '../support/outbound.ts';
import { postfixUnavailable } from '../support/postfix.ts';
import { repositoryRoot } from '../support/process.ts';
import { suiteScratch } from '../support/scratch.ts';
import {
  ADMIN,
  AUTHOR,
  READER,
  type SiteComment,
  type SiteUser,
  startWordPress,
  type WordPress,
  wordpressUnavailable,
} from '../support/wordpress.ts';

const skip = postfixUnavailable() || wordpressUnavailable();

/** Text on the page as it stands in its source. */
const onPage = (text: string): string => text.replaceAll('&', '&amp;').replaceAll("'", '&#8217;');

describe('a comment in WordPress, told by its own mail', { skip, concurrency: false }, () => {
  const scratch = suiteScratch();
  let wordpress: WordPress;
  let site: OutboundSite;

  before(async () => {
    wordpress = await startWordPress(scratch, {
      sendmail: `/usr/sbin/sendmail -C ${scratch.path('postfix')} -t -i`,
      host: 'blog.example.org',
    });
    const token = scratch.path('wordpress.key');
    writeFileSync(token, `${wordpress.key}\n`, { mode: 0o600 });
    site = await startOutboundSite(scratch, {
      settings: { outbound: { rule: [], users: 'ask' } },
      sink: { type: 'wordpress', url: wordpress.origin, token_file: token },
      postfix: { settings: { content_filter: 'mailgw_out:unix:mailgw/outbound.sock' } },
    });
  });
  after(() => scratch.close());

  /** Waits for the mail to somebody whose subject is as wanted. */
  const mailTo = async ({ address }: SiteUser, subject: RegExp): Promise<ReceivedMail> => {
    const fits = (mail: ReceivedMail): boolean =>
      mail.recipients.some((path) => path.includes(address)) &&
      subject.test(fieldsOf(mail, 'Subject').join());
    return await eventually(
      () => site.mailbox.mails.find(fits),
      () => site.postfix.log(),
    );
  };

  /** Answers a mail by a program; the reply goes through Postfix. */
  const answer = async (program: MailProgram, mail: ReceivedMail, user: SiteUser, text: string) => {
    const notification = await readNotification(mail.raw);
    const messageId = `${Math.random()}@${user.address.split('@')[1] ?? ''}`;
    const data = program.answer(notification, { name: user.login, address: user.address, messageId, text });
    await site.postfix.accept({ from: user.address, to: [notification.replyTo], data });
  };

  const commentWith = async (post: number, text: string): Promise<SiteComment> =>
    await eventually(
      async () => (await wordpress.comments(post)).find(({ content }) => content.raw.includes(text)),
      () => `${text}\n${site.daemon.log()}`,
    );

  it("reaches the post's author with a reply address, and every program's answer stands below it as theirs", async () => {
    const post = await wordpress.post(AUTHOR);
    const old = {
      post: await wordpress.post(ADMIN),
      author: wordpress.idOf(READER),
      date_gmt: '2026-01-01T00:00:00',
    };
    await wordpress.ask('/wp/v2/comments', {}, { ...old, content: 'An old one', status: 'approve' });
    const said =
      'Does it work? <b>Really</b>\n\nhttp://blog.example.org/wp-admin/comment.php?action=spam&c=1';
    await wordpress.sayOnPage(READER, post, said);
    const mail = await mailTo(AUTHOR, /^\[A blog\] Comment: "Post number \d+"$/);
    const [replyTo = '', ...more] = fieldsOf(mail, 'Reply-To');
    assert.match(replyTo, /^<reply\+[a-z2-7]{48}@reply\.example\.org>$/);
    assert.deepEqual(more, []);
    assert.deepEqual(fieldsOf(mail, 'From'), ['Bob <wordpress@blog.example.org>']);
    const told = (await wordpress.comments(post)).find(({ content }) => content.raw.startsWith('Does it'));
    assert.match(mail.body.toString(), /^New comment on your post/);
    assert.match(mail.body.toString(), new RegExp(`&c=${told?.id}#wpbody-content\\r\\n\\r\\n$`));

    for (const program of MAIL_PROGRAMS) {
      const text = `It's fine & works with ${program.name}.`;
      await answer(program, mail, AUTHOR, text);
      const comment = await commentWith(post, text.replace('&', '&amp;'));
      assert.deepEqual(
        [comment.parent, comment.author, comment.author_name, comment.status],
        [told?.id, wordpress.idOf(AUTHOR), 'Alice', 'approved'],
      );
      assert.ok((await wordpress.page(post)).includes(onPage(text)), text);
      // Who answers between the lines has the line that is answered above; all others have their text alone.
      if (program.inline === undefined) assert.equal(comment.content.raw, text.replace('&', '&amp;'));
      else assert.match(comment.content.raw, /<blockquote>New comment on your post "Post/);
    }
    assert.equal((await wordpress.comments(post)).length, 1 + MAIL_PROGRAMS.length);
  });

  it('reaches a moderator whom mailgw learns from WordPress, and stays in moderation under their answer', async () => {
    const newcomer: SiteUser = {
      login: 'eve',
      password: 'p4ssword of eve',
      address: 'eve@example.net',
      role: 'subscriber',
    };
    await wordpress.add(newcomer);
    const post = await wordpress.post(ADMIN);
    await wordpress.sayOnPage(newcomer, post, 'I am new here');
    const mail = await mailTo(ADMIN, /^\[A blog\] Please moderate: /);
    assert.match(fieldsOf(mail, 'Reply-To').join(), /^<reply\+/);
    const [program = assert.fail()] = MAIL_PROGRAMS;
    await answer(program, mail, ADMIN, 'Welcome!');
    const [first, reply] = [await commentWith(post, 'I am new here'), await commentWith(post, 'Welcome!')];
    assert.deepEqual([reply.parent, reply.author], [first.id, wordpress.idOf(ADMIN)]);
    assert.deepEqual([first.status, reply.status], ['hold', 'approved']);
    const users = await site.daemon.ctl('user', 'list');
    assert.match(JSON.stringify(users), new RegExp(`"${ADMIN.login}"[^}]*"${ADMIN.address}"`));
  });

  it('that came by mail is told by mail too, with the lines that the page has for that', async () => {
    const page = readFileSync(join(repositoryRoot, 'docs/platforms.md'), 'utf8');
    const [, plugin = assert.fail()] = /^```php\n(.*?)^```$/ms.exec(page) ?? [];
    const post = await wordpress.post(AUTHOR);
    wordpress.plugIn('mailgw', plugin);
    await wordpress.ask(
      '/wp/v2/comments',
      {},
      { post, author: wordpress.idOf(READER), content: 'By its interface' },
    );
    const told = (mail: ReceivedMail): boolean => mail.body.includes('By its interface');
    const mail = await eventually(
      () => site.mailbox.mails.find(told),
      () => site.postfix.log(),
    );
    assert.match(fieldsOf(mail, 'Reply-To').join(), /^<reply\+/);
    assert.ok(mail.recipients.join().includes(AUTHOR.address));
  });

  it('is not taken for one where WordPress writes of something else: that goes out as it came', async () => {
    const form = new URLSearchParams({ user_login: AUTHOR.login });
    const options = { method: 'POST', redirect: 'manual', body: form } as const;
    await fetch(`${wordpress.origin}/wp-login.php?action=lostpassword`, options);
    const mail = await mailTo(AUTHOR, /Password Reset/);
    assert.deepEqual(fieldsOf(mail, 'Reply-To'), []);
    assert.match(mail.body.toString(), /wp-login\.php/);
  });
});
