// A store with every kind of row that there is, filled through the ports.
//
// Contract: the store has a user of number 1 named alice already. Whatever is added, nothing of it is posted by a daemon by
// itself: its threads are nobody's, and what would wait is due in a day.

import { randomBytes } from 'node:crypto';
import type { NewItem } from '../../src/store/item.ts';
import type { Store } from '../../src/store/store.ts';
import { accept, newItem } from './item.ts';
import { newNotification } from './notification.ts';

const DAY_MS = 86_400_000;
const MIB = 1024 * 1024;

/** The largest message that is taken. */
export const LARGEST = 25 * MIB;

/** Fills the store; `now` is the time of everything in it. */
export async function fillStore(store: Store, now: number): Promise<void> {
  await fillUsers(store, now);
  await fillThreads(store, now);
  await fillSplit(store, now);
  await fillItems(store, now);
  await fillMails(store, now);
  await fillMemory(store, now);
  await fillSources(store, now);
}

async function fillUsers(store: Store, now: number): Promise<void> {
  const salt = (): Buffer => randomBytes(32);
  for (const name of ['bob', 'carol', 'dora', 'erased'])
    await store.addUser({
      name,
      addresses: [`${name}@example.com`, `${name}+x@example.com`],
      salt: salt(),
      now,
    });
  await store.setUser('dora', { enabled: false });
  await store.rotateSalt('bob', salt(), now + 1, now + DAY_MS);
  const bounce = (user: string, kind: 'hard' | 'soft'): NewItem =>
    newItem({ user, bounce: kind, thread: `other/${user}`, receivedAt: now, hold: 'operator' });
  await accept(store, [bounce('carol', 'hard'), bounce('bob', 'soft')]);
  await store.removeUser('carol', now + 2);
  const erased = await store.userByName('erased');
  await store.eraseUser(erased?.number ?? 0);
}

async function fillThreads(store: Store, now: number): Promise<void> {
  await store.threadNumbers(['other/1', 'other/2', 'other/ümlaut \u{1F600}']);
  await store.renameThread('other/2', 'other/two', now);
  const post = { repliedToAt: now, label: 'one "quoted"' };
  const posts = ['other/1', 'other/two'].map((thread) => ({ ...post, thread }));
  await store.addDigests([{ locator: 'mailgw:digest/1', userNumber: 2, posts, expiresAt: now + DAY_MS }]);
}

/** A reply to the digest that was split; its parts are leased, and put off, with the other items. */
async function fillSplit(store: Store, now: number): Promise<void> {
  const reply = newItem({ user: 'bob', userNumber: 2, thread: 'mailgw:digest/1', receivedAt: now });
  await accept(store, [reply]);
  const [item] = await store.lease({ now, leaseMs: DAY_MS, limit: 1, leftOut: ['alice'] });
  if (item === undefined) return;
  const parts = ['other/1', 'other/two'].map((thread, at) => ({ post: at + 1, thread, repliedToAt: now }));
  const settlement = { kind: 'split', at: now, diagnostic: 'split into 2', parts } as const;
  await store.settle([{ id: item.id, attempts: item.attempts, settlement }]);
}

async function fillItems(store: Store, now: number): Promise<void> {
  const of = (thread: string, change: Partial<NewItem> = {}): NewItem =>
    newItem({ user: 'bob', userNumber: 2, thread, receivedAt: now, repliedToAt: now, ...change });
  await accept(store, [of('other/large')], randomBytes(LARGEST));
  await accept(store, [of('other/empty')], Buffer.alloc(0));
  await accept(store, [of('other/exact')], randomBytes(512 * 1024));
  const held = { hold: 'spam', holdDetail: 'a score of 9', spam: { score: 9.1, flagged: true } };
  await accept(store, [of('other/held', held), of('other/vouched', { vouchedFor: 'bob@example.com' })]);
  const written = randomBytes(16).toString('latin1');
  await accept(store, [
    of('other/1', { written, matched: 'subject', authentication: { policy: 'off', result: 'none' } }),
  ]);
  await accept(store, [of('other/posted'), of('other/failed'), of('other/waits'), of('other/leased')]);
  await accept(store, [of('other/waits'), of('other/leased')]);
  const leased = await store.lease({ now, leaseMs: DAY_MS, limit: 100, leftOut: ['alice'] });
  const later = {
    kind: 'deferred',
    at: now,
    dueAt: now + DAY_MS,
    diagnostic: 'sink: 503 \u00e9',
    workerDied: false,
  } as const;
  for (const { id, attempts, thread } of leased) {
    if (thread === 'other/leased') continue;
    const ended =
      thread === 'other/posted'
        ? ({ kind: 'posted', at: now } as const)
        : thread === 'other/failed'
          ? ({ kind: 'failed', at: now, diagnostic: 'sink: 422' } as const)
          : later;
    await store.settle([{ id, attempts, settlement: ended }]);
  }
}

async function fillMails(store: Store, now: number): Promise<void> {
  const draft = {
    from: 'bob@example.com',
    subject: 'Re: a "quote"',
    messageId: 'reply@client.example.com',
    references: ['one@reply.example.org'],
    language: 'de',
    thread: 'other/1',
    receivedAt: now,
    reason: '',
    files: ['roof.png'],
    text: 'It leaks.\n',
  };
  const ofBob = { user: 'bob', userNumber: 2, createdAt: now, draft };
  await store.addNotice({
    ...ofBob,
    id: 'notice1',
    kind: 'expired',
    itemId: undefined,
    original: randomBytes(MIB),
  });
  await store.addNotice({ ...ofBob, id: 'notice2', kind: 'refused', itemId: undefined });
  const wish = { now, leaseMs: DAY_MS / 24, longestMs: DAY_MS };
  const notice = await store.leaseNotice(wish);
  const ended = { kind: 'sent', at: now, diagnostic: '250 ok' } as const;
  if (notice !== undefined) await store.settleNotice(notice.id, notice.attempts, ended);
  await store.leaseNotice(wish);
  const notification = { user: 'bob', userNumber: 2, thread: 'other/1', createdAt: now };
  await store.addNotification(newNotification({ ...notification, idempotencyKey: 'a key' }));
  await store.addNotification(newNotification(notification));
  const [first] = await store.leaseNotifications({ ...wish, limit: 1 });
  if (first !== undefined) await store.settleNotification(first.id, first.attempts, ended);
}

async function fillMemory(store: Store, now: number): Promise<void> {
  const at = { thread: 'other/1', repliedToAt: now, expiresAt: now + DAY_MS };
  const author = { authorName: 'Ann Ex', authorAddress: 'ann@ex.example' };
  const original = { ...at, ...author, digest: randomBytes(16), subject: 'Hinges', sketch: randomBytes(40) };
  await store.rememberOriginals([original], 64 * MIB);
  await store.setContexts([{ userNumber: 2, ...at, context: '{"a":[1,"\u00e9"]}' }]);
  const notified = {
    messageId: 'one@reply.example.org',
    userNumber: 2,
    subjectKey: randomBytes(8),
    sentAt: now,
  };
  await store.rememberNotified([{ ...at, ...notified }]);
  await store.addVerdicts([
    { verdict: 'queued', reason: '', count: 3, lastAt: now },
    { verdict: 'discarded', reason: 'auto', cause: 'list', count: 1, lastAt: now },
  ]);
  const refused = {
    at: now,
    verdict: 'rejected',
    reason: 'no-such-address',
    detail: 'forged',
    session: 's1',
  } as const;
  await store.addPastVerdicts([refused, { ...refused, user: 'alice', messageId: 'é@example.com' }], now);
  const bucket = {
    savedAt: now,
    names: ['total'],
    fullAts: [now + DAY_MS],
    lives: [1],
    takenMs: [5000],
    gone: [],
  };
  await store.saveBuckets(bucket);
  await store.addToken({ name: 'forge', scopes: ['mint', 'notify'], createdAt: now }, randomBytes(32));
  const answer = {
    key: 'forge/mint/1',
    request: randomBytes(32),
    status: 200,
    body: '{"a":1}',
    answeredAt: now,
  };
  await store.keepAnswer(answer, 0);
  await store.acceptPepper(randomBytes(8), now, true);
  await store.setPaused(true);
  await store.setPaused(false);
}

async function fillSources(store: Store, now: number): Promise<void> {
  const box = { source: 'box', uidValidity: 4_294_967_295 };
  await store.beginMailbox(
    { ...box, account: 'a@imap.example.org/INBOX', highWater: 10, isWalking: true },
    now,
  );
  const message = { ...box, reason: '451 later', highWater: 11, at: now };
  await store.putOffMessage({ ...message, uid: 11, state: 'waiting', dueAt: now + DAY_MS });
  await store.putOffMessage({ ...message, uid: 12, state: 'failed', dueAt: undefined });
  await store.passCall({ kind: 'call', source: 'ses', call: 'one', digest: randomBytes(32), at: now });
}
