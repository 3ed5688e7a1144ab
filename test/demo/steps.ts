// The steps of the demonstration: a reply, a forged one, a repeated one, and what became of them.
//
// Contract: everything is real: the daemon, its socket, SQLite, mailgw-ctl, HTTP. Each step checks what it shows and
// throws when it is not what a reader may expect.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { type Daemon, type Minted, startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { type Mailbox, startMailbox } from '../support/mailbox.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { repositoryRoot, run } from '../support/process.ts';
import type { Scratch } from '../support/scratch.ts';
import { deliver, type TransactionResult } from './lmtp-client.ts';
import {
  ALICE,
  forge,
  HELPDESK,
  notificationOrder,
  PICTURE,
  plainNotification,
  plainReply,
  reply,
  SIGNATURE,
  THREAD,
  TYPED,
} from './messages.ts';
import { threadPage } from './page.ts';
import type { Story } from './story.ts';

/** What runs, and what has been made with it. */
export interface Stage {
  readonly story: Story;
  readonly platform: Platform;
  readonly daemon: Daemon;
  /** Alice's mail provider, for what Postfix would send. */
  readonly mailbox: Mailbox;
  /** Where mailgwd's HTTP interface is. */
  readonly api: string;
  /** Where Postfix hands over mail on its way out. */
  readonly outbound: string;
  /** Where the platform's page is. */
  readonly page: string;
  /** When Bob's post was made, to the second. */
  readonly openedAt: Date;
}

/** How long a line of the log may take after what it reports. */
const LOGGED_WITHIN_MS = 10_000;

/** Starts the platform and the daemon in the scratch directory. */
export async function startStage(story: Story, scratch: Scratch): Promise<Stage> {
  story.step('Start the platform and the daemon');
  const openedAt = new Date(Math.floor(Date.now() / 1000) * 1000);
  const platform = await startPlatform(scratch);
  platform.page = threadPage(platform.posts, openedAt);
  const page = new URL('/', platform.sink.url).href;
  // No filter stands before this daemon that could say who a mail is from: the token alone is trusted.
  const mailbox = await startMailbox(scratch);
  const listen = `127.0.0.1:${await freePort()}`;
  const settings = {
    log: { format: 'human' },
    sender: { policy: 'off' },
    api: { listen },
    outbound: {
      relay: mailbox.server,
      socket: scratch.path('outbound.sock'),
      rule: [{ field: HELPDESK.field, thread: `helpdesk/ticket/{${HELPDESK.field}}` }],
    },
  };
  const daemon = await startDaemon(scratch, { sink: platform.sink, settings });
  story.show({
    platform: `${page} (a stand-in for yours; it takes posts at ${platform.sink.url})`,
    mailgwd: `process ${daemon.pid}, LMTP on ${daemon.socket}`,
    api: `http://${listen}`,
    store: scratch.path('mailgw.db'),
  });
  return {
    story,
    platform,
    daemon,
    mailbox,
    api: `http://${listen}`,
    outbound: scratch.path('outbound.sock'),
    page,
    openedAt,
  };
}

/** Adds Alice, and gives the platform a token for what it needs. */
export async function addAlice({ story, daemon }: Stage): Promise<string> {
  story.step('Alice is a user, and the platform gets a token for the HTTP interface');
  await ctl(story, daemon, 'user', 'add', ALICE.user, '--address', ALICE.address);
  const printed = await ctl(story, daemon, 'token', 'create', 'tracker', '--scope', 'mint,send');
  return story.expectMatch(printed, /^(mgw_\S+)$/m, 'a token');
}

/** Has the notification about Bob's post sent through the HTTP interface, and shows the mail that comes to Alice. */
export async function notify(stage: Stage, token: string): Promise<Minted> {
  const { story, mailbox, api, openedAt } = stage;
  story.step('The platform has mailgw send Alice a notification');
  const order = notificationOrder(openedAt);
  story.say(`POST ${api}/v1/notifications`);
  story.quote(JSON.stringify(order, undefined, 2));
  const answer = await fetch(`${api}/v1/notifications`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(order),
  });
  const queued = (await answer.json()) as Minted;
  story.expectEqual(answer.status, 202, 'the status');
  story.say('202: it is on disk. The mail that Postfix gets from mailgw a moment later:');
  const { header, body } = await mailbox.nthMail(1);
  story.quote(unixLines(`${header.trimEnd()}\n\n${body.toString('utf8')}`));
  story.expectMatch(header, /^(Reply-To):\s+reply\+[a-z2-7]{48}@/m, 'a reply address');
  return { reply_to: queued.reply_to, message_id: queued.message_id };
}

/** Hands Alice's reply to the daemon; returns the message and the id of the queue item. */
export async function sendReply(stage: Stage, minted: Minted): Promise<{ message: string; id: string }> {
  const { story, openedAt } = stage;
  story.step('Alice replies; Postfix would hand this over by LMTP');
  const message = reply(minted, openedAt, new Date());
  story.quote(unixLines(message).replace(/^(iVBOR.{40}).*\n(.+\n)*/m, '$1…\n'));
  const { result } = await send(stage, minted.reply_to, message);
  const queued = /^250 2\.0\.0 queued as (\S+)$/;
  const id = story.expectMatch(result.data[0]?.text ?? '', queued, '"250 2.0.0 queued as ID"');
  story.say('250 means: the reply is on disk, in the queue. Postfix may forget it.');
  return { message, id };
}

/** Waits for the post and shows what the platform was given. */
export async function showPost({ story, platform, daemon }: Stage, id: string): Promise<void> {
  story.step('The post arrives at the platform');
  const { data } = await platform.nthPost(1);
  const request = await platform.nthRequest(1);
  story.say(`POST ${platform.sink.url}, signature verified (Standard Webhooks)`);
  story.show({
    'idempotency-key': request.idempotencyKey,
    user: data.user,
    thread: data.thread,
    subject: data.subject,
    'body.markdown': data.body.markdown,
    'body.signature': data.body.signature,
    'body.quoted': data.body.quoted,
    ...Object.fromEntries(
      data.attachments.map(({ filename, content_type, bytes, sha256 }, index) => [
        `attachments[${index}]`,
        `${filename}, ${content_type}, ${bytes} bytes\nsha256 ${sha256}`,
      ]),
    ),
  });
  story.expectEqual([data.id, request.idempotencyKey], [id, id], 'the id and Idempotency-Key');
  story.expectEqual([data.user, data.thread], [ALICE.user, THREAD.locator], 'the user and thread');
  story.expectEqual(data.body.text.trim(), TYPED, 'the text without quote and signature');
  story.expectEqual(data.body.signature.replace(/^-- \n/, ''), SIGNATURE, 'the signature');
  story.expectMatch(data.body.quoted, /wrote:\n> The logo/, 'the quote with its first line');
  const { filename, contentType, content } = PICTURE;
  const sha256 = createHash('sha256').update(content).digest('hex');
  story.expectEqual(
    data.attachments.map((file) => [file.filename, file.content_type, file.bytes, file.sha256, file.content]),
    [[filename, contentType, content.length, sha256, content.toString('base64')]],
    'the attachment',
  );
  await showLog(story, daemon, 0, / attempt .*\bposted\b/);
}

/** Sends the reply to an address that nobody minted. */
export async function sendForged(stage: Stage, minted: Minted, message: string): Promise<void> {
  const { story, platform } = stage;
  story.step('A forged reply: the last character of the token is another one');
  const forged = forge(minted.reply_to);
  const { result, mark } = await send(stage, forged, message.replaceAll(minted.reply_to, forged));
  story.expectMatch(result.recipients[0]?.text ?? '', /^550 5\.1\.1 /, '"550 5.1.1"');
  await showLog(story, stage.daemon, mark, / verdict .*reason=no-such-address\b/);
  story.say('Refused before the message itself was sent; the platform never hears of it.');
  story.expectEqual(platform.requests.length, 1, 'the number of requests at the platform');
}

/** Sends the very same reply again. */
export async function sendAgain(stage: Stage, minted: Minted, message: string, id: string): Promise<void> {
  const { story } = stage;
  story.step('The first reply again, as when a mail server repeats itself');
  const { result, mark } = await send(stage, minted.reply_to, message);
  story.expectEqual(result.data[0]?.text, `250 2.0.0 duplicate of ${id}`, 'the reply');
  await showLog(story, stage.daemon, mark, / verdict .*reason=duplicate\b/);
  story.say('Accepted, so that it is not sent a third time, and not posted twice.');
}

/** Sends the second platform's own notification through the outbound listener, and answers it. */
export async function stampAnother(stage: Stage): Promise<void> {
  const { story, mailbox, daemon, platform, outbound } = stage;
  story.step('Another platform, which nobody changed: its own mail is stamped on its way out');
  const plain = plainNotification(new Date());
  story.say('Postfix hands it to mailgw, which knows the ticket by a rule of two lines:');
  story.quote(unixLines(plain));
  const { data } = await deliver(outbound, { from: HELPDESK.sender, to: [ALICE.address], data: plain });
  story.expectMatch(data[0]?.text ?? '', /^250 /, '"250", as the relay said');
  const { header, raw } = await mailbox.nthMail(2);
  story.say('and what comes out differs in the reply address alone:');
  story.quote(unixLines(header));
  const unstamped = raw.toString('utf8').replace(/^Reply-To: .*\r\n/m, '');
  story.expectEqual(unstamped, plain, 'the mail but for its reply address');
  const replyTo = story.expectMatch(
    header,
    /^Reply-To:\s*<?(reply\+[a-z2-7]{48}@[^\s>]+)/m,
    'a reply address',
  );
  const reply = plainReply(replyTo, new Date());
  await deliver(daemon.socket, { from: ALICE.address, to: [replyTo], data: reply });
  const { data: post } = await platform.nthPost(2);
  story.say('Alice answers, in a mail program that marks no quote. The post:');
  story.show({ user: post.user, thread: post.thread, 'body.markdown': post.body.markdown });
  story.expectEqual([post.user, post.thread], [ALICE.user, HELPDESK.thread], 'the user and thread');
  story.expectEqual(post.body.text.trim(), HELPDESK.typed, 'the text without the quote');
}

/** Shows the queue, and that the platform has one post. */
export async function showQueue({ story, daemon, platform }: Stage, id: string): Promise<void> {
  story.step('What the queue says');
  const listed = await ctl(story, daemon, 'queue', 'list');
  const items = listed.split('\n').slice(1, -1);
  story.expectEqual(
    items.map((line) => line.split(/ +/, 2)),
    [[id, 'posted']],
    'the items',
  );
  const stats = await ctl(story, daemon, 'stats');
  story.expectMatch(stats, /^posted +1$/m, 'one posted item');
  story.expectEqual(platform.posts.length, 1, 'the number of posts');
  story.expectEqual(platform.refused, [], 'requests without a valid signature');
}

// ---- What steps are made of -------------------------------------------------------------------------------------

/** Hands a message over and shows the dialogue; `mark` is where the log ended before. */
async function send(
  { story, daemon }: Stage,
  to: string,
  data: string,
): Promise<{ result: TransactionResult; mark: number }> {
  const mark = daemon.log().length;
  const result = await deliver(daemon.socket, { from: ALICE.address, to: [to], data });
  story.say(`\n${result.dialogue}`);
  return { result, mark };
}

/** Runs mailgw-ctl as a person would and shows what it prints. */
async function ctl(story: Story, daemon: Daemon, ...args: string[]): Promise<string> {
  story.say(`$ mailgw-ctl ${args.join(' ')}`);
  const program = join(repositoryRoot, 'bin', 'mailgw-ctl');
  const result = await run(process.execPath, [program, '--config', daemon.config, ...args]);
  if (result.code !== 0) throw new Error(`exit ${String(result.code)}: ${result.stdout}${result.stderr}`);
  story.say(result.stdout.trimEnd());
  return result.stdout;
}

/** Shows the lines of the daemon's log about transactions and attempts since `mark`, once the wanted one is there. */
async function showLog(story: Story, daemon: Daemon, mark: number, wanted: RegExp): Promise<void> {
  const look = (): string[] | undefined => {
    const lines = daemon.log().slice(mark).split('\n');
    return lines.some((line) => wanted.test(line)) ? lines : undefined;
  };
  const lines = await eventually(look, () => `${String(wanted)} in the log`, LOGGED_WITHIN_MS);
  story.say('mailgwd logs');
  story.quote(lines.filter((line) => / (?:verdict|attempt) /.test(line)).join('\n'));
}

function unixLines(message: string): string {
  return message.replaceAll('\r\n', '\n');
}
