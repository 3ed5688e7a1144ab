// A swarm: notifications by the hundred to hundreds of users, answered by mail programs of ten kinds, by way of a real Postfix.
//
// Half of the posts are notified of over HTTP, half by the platform's own mail, which is stamped on its way out. What is
// posted of each answer is compared with what was typed. Some answers come twice, and forged and expired ones come between.
// Programs that mark nothing are told by what mailgw remembers of the notification: with originals = "0B" some posts fail.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import Sqlite from 'better-sqlite3';
import { ApiClient } from '../support/api.ts';
import { freePort } from '../support/free-port.ts';
import { MAIL_PROGRAMS, type ReadNotification, readNotification } from '../support/mail-programs.ts';
import { fieldsOf } from '../support/mailbox.ts';
import { type OutboundSite, startOutboundSite } from '../support/outbound.ts';
import type { PostedReply } from '../support/platform.ts';
import { policySocketIn, postfixUnavailable } from '../support/postfix.ts';
import { roundsOf } from '../support/rounds.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';
import { submit } from '../support/smtp.ts';
import { type SwarmPost, swarmAnswer, swarmPost } from './swarm.ts';

const skip = postfixUnavailable();

/** Two users are notified of each post. */
const READERS = 2;

const NOTIFICATIONS = READERS * roundsOf(500, 50);
const USERS = roundsOf(300, 30);
/** Odd, so that each thread is notified of in both ways. */
const THREADS = 2 * roundsOf(50, 5) + 1;

/** Every such answer is sent twice; beside every such one go a forged and an expired one. */
const TWICE = 20;
const FALSE = 25;

/** Requests and sessions at a time. */
const AT_ONCE = 8;

const WITHIN_MS = 150_000;
const DAY_MS = 86_400_000;

const findUser = (n: number): number => n % USERS;
const addressOf = (user: number): string => `user${user}@example.com`;
const NAMES = ['Alice Example', 'Jörg Müller', '佐藤 花子', 'Renée d’Arc', 'Иван Петров'];

/** An answer under way. */
interface Answer {
  readonly n: number;
  readonly user: number;
  readonly post: SwarmPost;
  readonly program: (typeof MAIL_PROGRAMS)[number];
  readonly notification: ReadNotification;
  readonly messageId: string;
  readonly typed: string;
}

/** Does each of the works, some at a time. */
async function each<T>(works: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const left = works.values();
  const worker = async (): Promise<void> => {
    for (const one of left) await work(one);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

interface Swarm extends OutboundSite {
  readonly api: ApiClient;
  /** By Message-ID and address, the number of the notification. */
  readonly sent: Map<string, number>;
}

/** Starts a site that serves HTTP and refuses false addresses in the SMTP session, with all users. */
async function startSwarm(scratch: Scratch): Promise<Swarm> {
  const port = await freePort();
  const site = await startOutboundSite(scratch, {
    settings: {
      api: { listen: `127.0.0.1:${port}` },
      policy: { socket: policySocketIn(scratch), group: 'postfix' },
    },
    postfix: { variants: ['main-policy.cf'] },
  });
  const [row] = await site.daemon.ctl('token', 'create', 'tracker', '--scope', 'send,users,mint');
  const api = new ApiClient({ port }, String(row?.token));
  await each([...Array(USERS).keys()], async (user) => {
    const { status } = await api.ask('PUT', `/v1/users/user-${user}`, {
      body: { addresses: [addressOf(user)] },
    });
    assert.equal(status, 201);
  });
  return { ...site, api, sent: new Map() };
}

/** Notifies the readers of one post: by HTTP of every second, of the others by the platform's own mail. */
async function notify({ api, port, sent }: Swarm, at: number): Promise<void> {
  const post = swarmPost(at, THREADS);
  const repliedTo = new Date(Date.now() - 3_600_000 + at * 1000);
  const readers = Array.from({ length: READERS }, (_, k) => at * READERS + k);
  if (at % 2 === 1) {
    const messageId = `<post-${at}@tracker.example.org>`;
    for (const n of readers) sent.set(`${messageId} ${addressOf(findUser(n))}`, n);
    const to = readers.map((n) => addressOf(findUser(n)));
    const { data } = await submit(port, {
      from: 'tracker@example.org',
      to,
      data: ownMail(post, messageId, repliedTo),
    });
    assert.equal(data?.code, 250);
    return;
  }
  for (const n of readers) {
    const { thread, author, subject, text, html } = post;
    const { status, json } = await api.ask('POST', '/v1/notifications', {
      body: {
        user: `user-${findUser(n)}`,
        thread,
        replied_to: repliedTo.toISOString(),
        subject,
        text,
        from: { name: author },
        ...(html === undefined ? {} : { html }),
      },
      headers: { 'idempotency-key': `post-${at}-${n}` },
    });
    assert.equal(status, 202);
    sent.set(`${json.message_id} ${addressOf(findUser(n))}`, n);
  }
}

/** A notification as the platform writes it by itself, in 8 bits. */
function ownMail({ thread, author, subject, text, html }: SwarmPost, messageId: string, date: Date): string {
  const word = (value: string): string => `=?utf-8?B?${Buffer.from(value).toString('base64')}?=`;
  const plain = `Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n${text}\n`;
  const marked = `Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n${html ?? ''}\n`;
  const body =
    html === undefined
      ? plain
      : `Content-Type: multipart/alternative; boundary="b1"\n\n--b1\n${plain}\n--b1\n${marked}\n--b1--\n`;
  return [
    `From: ${word(author)} <tracker@example.org>`,
    'To: watchers@tracker.example.org',
    `Subject: ${word(subject)}`,
    `Message-ID: ${messageId}`,
    `Date: ${date.toUTCString().replace('GMT', '+0000')}`,
    `X-Tracker-Issue: ${thread.replace('issue/', '')}`,
    'MIME-Version: 1.0',
    body,
  ]
    .join('\n')
    .replaceAll('\n', '\r\n');
}

/** Reads what came into the mailbox and has each notification answered. */
async function answersTo({ mailbox, sent }: Swarm): Promise<Answer[]> {
  const answers = mailbox.mails.map(async (mail): Promise<Answer> => {
    const address = /<(.*?)>/.exec(mail.recipients.join())?.[1] ?? '';
    const key = `${fieldsOf(mail, 'Message-ID').join().trim()} ${address}`;
    const n = sent.get(key) ?? assert.fail(`${key} was not sent`);
    const post = swarmPost(Math.floor(n / READERS), THREADS);
    return {
      ...{ n, user: findUser(n), post },
      program: MAIL_PROGRAMS[n % MAIL_PROGRAMS.length] ?? assert.fail(),
      notification: await readNotification(mail.raw),
      messageId: `answer-${n}@client.example.com`,
      typed: swarmAnswer(Math.floor(n / MAIL_PROGRAMS.length) + n, post),
    };
  });
  return (await Promise.all(answers)).toSorted((a, b) => a.n - b.n);
}

/** Sends one answer, some of them twice, and false ones beside some. */
async function send({ postfix, daemon }: Swarm, answer: Answer): Promise<void> {
  const { n, user, post, program, notification, messageId, typed: text } = answer;
  const from = addressOf(user);
  const name = NAMES[user % NAMES.length] ?? '';
  const data = program.answer(notification, { name, address: from, messageId, text });
  const { replyTo } = notification;
  await postfix.accept({ from, to: [replyTo], data });
  if (n % TWICE === 0) await postfix.accept({ from, to: [replyTo], data });
  if (n % FALSE !== 0) return;
  const forged = replyTo.replace(/.(?=@)/, (last) => (last === 'b' ? 'c' : 'b'));
  const repliedTo = new Date(Date.now() - 100 * DAY_MS).toISOString();
  const expired = await daemon.mint({ user: `user-${user}`, thread: post.thread, repliedTo });
  for (const [to, code] of [
    [forged, /^550 5\.1\.1 /],
    [expired.reply_to, /^550 5\.7\.1 .*expired/],
  ] as const) {
    const bad = { name, address: from, messageId: `false-${messageId}`, text: 'This is not to be posted.' };
    const result = await postfix.send({ from, to: [to], data: program.answer(notification, bad) });
    assert.match(result.recipients[0]?.text ?? '', code);
    assert.equal(result.data, undefined);
  }
}

/** Lines as they were typed: of a post from HTML alone without the marks of Markdown. */
const linesOf = (text: string): string[] =>
  text
    .replaceAll(/\\([!-/:-@[-`{-~])/g, '$1')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');

/** Parts a post with answers between quotes, which stay with their attribution: what was typed, and what stays. */
function partInline(lines: readonly string[], attribution: string): { own: string[]; shown: string[] } {
  const isShown = (line: string, at: number): boolean =>
    line.startsWith('>') || (at === 0 && line === attribution);
  return {
    own: lines.filter((line, at) => !isShown(line, at)),
    shown: lines.filter(isShown).map((line) => line.replace(/^>\s*/, '')),
  };
}

/** Says what is wrong with a post; nothing where it is what was typed. */
function faultOf(answer: Answer, { data }: PostedReply): object[] {
  const { n, program, post, typed, notification, user } = answer;
  const attribution = program.inline?.(notification);
  const lines = linesOf(data.body.text);
  const { own, shown } =
    attribution === undefined ? { own: lines, shown: [] } : partInline(lines, attribution);
  const said = new Set(['', attribution, ...linesOf(notification.text)]);
  const wanted = [`user-${user}`, post.thread, linesOf(typed), []];
  const strange = shown.filter((line) => !said.has(line));
  const isRight = isDeepStrictEqual([data.user, data.thread, own, strange], wanted);
  if (isRight && data.attachments.length === 0) return [];
  return [{ n, program: program.name, typed, data, notification }];
}

/** The ids of the items in the order of their arrival. */
function arrivals(scratch: Scratch): { id: string; thread: string }[] {
  const store = new Sqlite(scratch.path('mailgw.db'), { readonly: true });
  try {
    return store
      .prepare<[], { id: string; thread: string }>(
        "SELECT id, thread FROM item WHERE state = 'posted' ORDER BY item_number",
      )
      .all();
  } finally {
    store.close();
  }
}

const byThread = (rows: readonly { id: string; thread: string }[]): Record<string, string[]> => {
  const threads: Record<string, string[]> = {};
  for (const { id, thread } of rows) (threads[thread] ??= []).push(id);
  return Object.fromEntries(Object.entries(threads).toSorted(([a], [b]) => (a < b ? -1 : 1)));
};

/** Each post is what was typed, once, by its user, in its thread, and in the order of arrival. */
function checkPosts(answers: readonly Answer[], posts: readonly PostedReply[], scratch: Scratch): void {
  const posted = new Map(posts.map((post) => [post.data.message_id, post]));
  assert.equal(posts.length, answers.length);
  assert.equal(posted.size, answers.length);
  assert.equal(new Set(posts.map(({ data }) => data.user)).size, USERS);
  const faults = answers.flatMap((answer) => {
    const post = posted.get(`<${answer.messageId}>`);
    return post === undefined ? [{ missing: answer.n }] : faultOf(answer, post);
  });
  assert.deepEqual(faults.slice(0, 12), [], `${faults.length} of ${answers.length} posts`);
  assert.deepEqual(byThread(posts.map(({ data }) => data)), byThread(arrivals(scratch)));
}

describe('a swarm of notifications', () => {
  it(`${NOTIFICATIONS} to ${USERS} users: every post is what was typed in answer`, {
    skip,
  }, async (t: TestContext) => {
    const scratch = testScratch(t);
    const swarm = await startSwarm(scratch);
    const { platform, postfix, daemon, mailbox } = swarm;
    await each([...Array(NOTIFICATIONS / READERS).keys()], (at) => notify(swarm, at));
    await mailbox.nthMail(NOTIFICATIONS, WITHIN_MS);
    await postfix.queueEmpty(WITHIN_MS);

    const answers = await answersTo(swarm);
    assert.deepEqual(
      answers.map(({ n }) => n),
      [...Array(NOTIFICATIONS).keys()],
    );
    await each(answers, (answer) => send(swarm, answer));
    await platform.nthPost(NOTIFICATIONS, WITHIN_MS);
    await postfix.queueEmpty(WITHIN_MS);
    assert.equal(await daemon.stop(), 'exit 0');
    checkPosts(answers, platform.posts, scratch);
    assert.doesNotMatch(postfix.log(), /status=bounced|status=sent \(221/);
  });
});
