// What is done inside the machine that wordpress-page.slow.test.ts boots: "WordPress in ten minutes" of docs/platforms.md.
//
// Contract: each `sh` block is typed into one bash, word for word but for the password, which WordPress makes; a `toml` block
// takes the place of the sections that it names. mailgw is installed beforehand, as the page says. WordPress is Debian's; mail
// to alice ends in root's mailbox. Where the page says to comment and to reply, the test does that.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../support/eventually.ts';
import { MAIL_PROGRAMS, readNotification } from '../support/mail-programs.ts';
import { runOk } from '../support/process.ts';
import { Scratch } from '../support/scratch.ts';
import { submit } from '../support/smtp.ts';
import { ADMIN, AUTHOR, READER, startWordPress, type WordPress } from '../support/wordpress.ts';
import { checkout, takeSteps } from './steps.ts';
import { installPostfix, Terminal } from './terminal.ts';

const CONFIG = '/etc/mailgw/mailgw.toml';
const MAILBOX = '/var/mail/root';
const REPLY = 'It works now, by mail.';

const page = readFileSync(join(checkout, 'docs/platforms.md'), 'utf8');
const [, section = ''] = /^## WordPress in ten minutes\n(.*?)^## /ms.exec(page) ?? [];
const blocks = [...section.matchAll(/^```(sh|toml)\n(.*?)^```$/gms)].map(([, kind = '', lines = '']) => {
  return { kind, lines };
});
const [begin, config, wire, look] = blocks;
assert.deepEqual(
  blocks.map(({ kind }) => kind),
  ['sh', 'toml', 'sh', 'sh'],
);

const terminal = new Terminal(checkout);
const scratch = new Scratch();
let wordpress: WordPress;
let post = 0;

async function type(lines = ''): Promise<string> {
  const printed = await terminal.run(lines);
  process.stdout.write(`$ ${lines}${printed}`);
  return printed;
}

/** A Postfix, and mailgw as the Debian package or README's first lines leave it. */
async function prepare(): Promise<void> {
  await installPostfix();
  await runOk('postconf', [
    '-e',
    'myhostname = mx.example.org',
    'virtual_alias_maps = inline:{alice@example.com=root}',
  ]);
  const units = ['mailgw.service', 'mailgw.socket', 'mailgw-policy.socket', 'mailgw-outbound.socket'];
  await type(`cp ${units.map((name) => `systemd/${name}`).join(' ')} /etc/systemd/system/\n`);
  await type(
    'systemd-sysusers "$PWD/systemd/mailgw.sysusers" && systemd-tmpfiles --create "$PWD/systemd/mailgw.tmpfiles"\n',
  );
  await type('systemctl daemon-reload\n');
}

async function startSite(): Promise<void> {
  wordpress = await startWordPress(scratch, { port: 8080, sendmail: '/usr/sbin/sendmail -t -i' });
  const old = { post: await wordpress.post(ADMIN), author: wordpress.idOf(READER), content: 'An old one' };
  await wordpress.ask('/wp/v2/comments', {}, { ...old, date_gmt: '2026-01-01T00:00:00', status: 'approve' });
  post = await wordpress.post(AUTHOR);
}

/** Writes the sections of the page in the place of those that are there. */
async function configure(): Promise<void> {
  const wanted = config?.lines ?? '';
  const names = [...wanted.matchAll(/^\[(\w+)\]$/gm)].map(([, name = '']) => name);
  assert.deepEqual(names, ['outbound', 'sink']);
  const kept = readFileSync(CONFIG, 'utf8')
    .split(/^(?=\[\w+\]$)/m)
    .filter((part) => !names.some((name) => part.startsWith(`[${name}]`)));
  writeFileSync(CONFIG, `${kept.join('')}\n${wanted}`);
  await Promise.resolve();
}

/** The first mail in the mailbox to have a text. */
async function mailWith(text: string): Promise<Buffer> {
  return await eventually(
    () => {
      const mails = existsSync(MAILBOX) ? readFileSync(MAILBOX, 'utf8').split(/^From .*\n/m) : [];
      const mail = mails.find((each) => each.includes(text));
      return mail === undefined ? undefined : Buffer.from(mail.replaceAll('\n', '\r\n'));
    },
    () => `no mail with ${text}`,
  );
}

async function reply(): Promise<void> {
  const notification = await readNotification(await mailWith('Does it work?'));
  assert.match(notification.replyTo, /^reply\+[a-z2-7]{48}@reply\.example\.org$/);
  const [program = assert.fail()] = MAIL_PROGRAMS;
  const typed = { name: 'Alice', address: AUTHOR.address, messageId: 'r1@example.com', text: REPLY };
  const data = program.answer(notification, typed);
  const { queueId } = await submit(25, { from: AUTHOR.address, to: [notification.replyTo], data });
  assert.ok(queueId !== undefined);
}

await takeSteps({
  'has a Postfix and a mailgw': prepare,
  'has a WordPress': startSite,
  'makes key and configuration': async () => {
    const lines = (begin?.lines ?? '').replace(/gateway:[^']+/, wordpress.key);
    assert.notEqual(lines, begin?.lines);
    await type(lines);
    await configure();
  },
  'is wired': async () => {
    await type(wire?.lines);
  },
  'stamps the notification of a comment': async () => {
    await wordpress.sayOnPage(READER, post, 'Does it work?');
    await mailWith('Does it work?');
  },
  'takes the reply to it': reply,
  'has the reply below the comment, as its author’s': async () => {
    const comment = await eventually(
      async () => (await wordpress.comments(post)).find(({ content }) => content.raw === REPLY),
      () => 'no reply',
    );
    const [first] = await wordpress.comments(post);
    assert.deepEqual([comment.parent, comment.author], [first?.id, wordpress.idOf(AUTHOR)]);
  },
  'says so': async () => {
    const printed = await type(look?.lines);
    assert.match(printed, /posted/);
    assert.match(printed, /by the key of gateway/);
  },
});
