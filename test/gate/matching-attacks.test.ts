// Mail without a token that is to be nobody's post: what others sent on, replayed, altered, spoofed or guessed.
//
// Alice was sent a notification of shop/1, Bob one of shop/2; Mallory has seen both. Not one mail of hers may be posted, and
// none of Alice's may be posted where she did not write it.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { User } from '../../src/store/directory.ts';
import { addUser } from '../support/mint.ts';
import { inWords, itemsIn } from './gate.ts';
import { ADDRESS, type MatchGate, mail, openMatching, PASS, results, told } from './matching.ts';

const ALICES = 'n1@tracker.example';
const BOBS = 'n2@tracker.example';
const ANSWERS_ALICES = `In-Reply-To: <${ALICES}>`;
const TO = `To: <${ADDRESS}>`;

/** A pass for Mallory, who is nobody here, and for a domain of hers. */
const HERS = results(
  'dmarc=pass header.from=evil.example; dkim=pass header.d=evil.example; spf=pass smtp.mailfrom=mallory@evil.example',
);
/** A pass that rests on a signature, which covers these fields. */
const signed = (fields: string): readonly string[] => [
  ...results('dmarc=pass header.from=example.com; dkim=pass header.d=example.com'),
  `DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=s; h=${fields}; bh=x; b=y`,
];

interface Shop extends MatchGate {
  readonly bob: User;
}

async function openShop(t: TestContext): Promise<Shop> {
  const test = await openMatching(t);
  const bob = await addUser(test.store, 'bob');
  await test.notify({ id: ALICES, thread: 'shop/1', subject: 'Hinges' });
  await test.notify({ id: BOBS, user: bob, thread: 'shop/2', subject: 'The roof' });
  return { ...test, bob };
}

/** Mail that is no post, by what it is; the verdict that it gets. */
const NO_POST: Readonly<Record<string, readonly [readonly string[], string]>> = {
  'a notification of Alice that a third person got and answers': [
    [...HERS, TO, 'From: Mallory <mallory@evil.example>', ANSWERS_ALICES, 'Subject: Re: Hinges'],
    'discarded: unmatched',
  ],
  'the same, with Alice in the display name': [
    [...HERS, TO, 'From: "Alice <alice@example.com>" <mallory@evil.example>', ANSWERS_ALICES],
    'discarded: unmatched',
  ],
  'the same, with Alice as a comment': [
    [...HERS, TO, 'From: mallory@evil.example (alice@example.com)', ANSWERS_ALICES],
    'discarded: unmatched',
  ],
  'the same, from two authors': [
    [...HERS, TO, 'From: mallory@evil.example, alice@example.com', ANSWERS_ALICES],
    'discarded: malformed',
  ],
  'the same, with two From fields': [
    [...HERS, TO, 'From: mallory@evil.example', 'From: alice@example.com', ANSWERS_ALICES],
    'discarded: malformed',
  ],
  'a notification of Alice that Bob got and answers': [
    [...PASS, TO, 'From: Bob <bob@example.com>', ANSWERS_ALICES],
    'discarded: unmatched',
  ],
  "a notification of Bob's that Alice answers, under a subject of hers": [
    mail(`In-Reply-To: <${BOBS}>`, 'Subject: Re: Hinges'),
    'discarded: unmatched',
  ],
  "Alice's answer to Bob, who had sent his on, under a subject of hers": [
    mail('In-Reply-To: <m1@example.com>', `References: <${BOBS}> <m1@example.com>`, 'Subject: Re: Hinges'),
    'discarded: unmatched',
  ],
  "a mail of Alice's that names her notification and one that Bob alone was sent": [
    mail(ANSWERS_ALICES, `References: <${BOBS}> <${ALICES}>`),
    'discarded: unmatched',
  ],
  'a guessed Message-ID': [mail('In-Reply-To: <shop/1/1795166100@tracker.example>'), 'discarded: unmatched'],
  "a subject of Bob's": [mail('Subject: Re: The roof'), 'discarded: unmatched'],
  'Alice spoofed: the filter says so': [
    [...results('dmarc=fail header.from=example.com'), TO, ANSWERS_ALICES],
    'discarded: spoofed',
  ],
  'Alice spoofed: the filter says nothing': [
    [...results('dmarc=none; spf=none smtp.mailfrom=mallory@evil.example'), TO, ANSWERS_ALICES],
    'discarded: spoofed',
  ],
  'Alice spoofed: a pass below our Received': [
    [PASS[1]!, PASS[0]!, TO, ANSWERS_ALICES],
    'discarded: spoofed',
  ],
  'Alice spoofed: results of another server': [
    [
      'Authentication-Results: mx.evil.example; dmarc=pass header.from=example.com',
      PASS[1]!,
      TO,
      ANSWERS_ALICES,
    ],
    'discarded: spoofed',
  ],
  "Alice's mail to a colleague, sent here by another": [
    [...signed('from:to:subject:in-reply-to:references'), 'To: Carol <carol@example.com>', ANSWERS_ALICES],
    'discarded: spoofed',
  ],
  'the same, with our address as the name of the colleague': [
    [...PASS, `To: "${ADDRESS}" <carol@example.com>`, ANSWERS_ALICES],
    'discarded: spoofed',
  ],
  'the same, with our address in a second To': [
    [...PASS, TO, 'To: carol@example.com', ANSWERS_ALICES],
    'discarded: spoofed',
  ],
  'the same, with our address in Reply-To and Delivered-To': [
    [...PASS, 'To: carol@example.com', `Reply-To: ${ADDRESS}`, `Delivered-To: ${ADDRESS}`, ANSWERS_ALICES],
    'discarded: spoofed',
  ],
  'the same, with a To that her signature leaves out': [
    [...signed('from:subject:in-reply-to'), TO, ANSWERS_ALICES],
    'discarded: spoofed',
  ],
  "Alice's mail to us, its In-Reply-To put there by another": [
    [...signed('from:to:subject'), TO, ANSWERS_ALICES],
    'discarded: spoofed',
  ],
  "Alice's mail to us, its References put there by another": [
    [...signed('from:to:subject:in-reply-to'), TO, 'In-Reply-To: <x@example.com>', `References: <${ALICES}>`],
    'discarded: spoofed',
  ],
  "Alice's mail to us, a second In-Reply-To put above hers": [
    [...signed('from:to:subject:in-reply-to'), TO, ANSWERS_ALICES, 'In-Reply-To: <x@example.com>'],
    'discarded: unmatched',
  ],
  "Alice's mail to us, its Subject put there by another": [
    [...signed('from:to'), TO, 'Subject: Re: Hinges'],
    'discarded: spoofed',
  ],
  "Alice's mail to us, a second Subject put above hers": [
    [...signed('from:to:subject'), TO, 'Subject: Re: Hinges', 'Subject: Lunch'],
    'discarded: unmatched',
  ],
  "Alice's mail to us, of whose text the signature covers the beginning alone": [
    [...signed('from:to:subject:in-reply-to; l=5'), TO, ANSWERS_ALICES],
    'discarded: spoofed',
  ],
  "Alice's absence": [mail(ANSWERS_ALICES, 'Auto-Submitted: auto-replied'), 'discarded: auto-reply'],
  "Alice's absence, as old servers say it": [
    mail(ANSWERS_ALICES, 'Precedence: bulk'),
    'discarded: auto-reply',
  ],
  'a report': [mail(ANSWERS_ALICES, 'Content-Type: multipart/report; boundary=x'), 'discarded: bounce'],
};

describe('no post comes of', () => {
  for (const [what, [lines, expected]] of Object.entries(NO_POST))
    it(what, async (t) => {
      const test = await openShop(t);
      assert.equal(inWords(await test.write(lines)), expected);
      assert.deepEqual(await itemsIn(test), []);
    });

  it('a bounce of a notification', async (t) => {
    const test = await openShop(t);
    const lines = [...PASS, TO, 'From: MAILER-DAEMON@example.com', ANSWERS_ALICES];
    assert.equal(inWords(await test.write(lines, { reversePath: '' })), 'discarded: bounce');
    assert.equal(inWords(await test.write(mail(ANSWERS_ALICES), { reversePath: '' })), 'discarded: bounce');
    assert.deepEqual(await itemsIn(test), []);
  });

  it('mail from an address that two users share', async (t) => {
    const test = await openShop(t);
    await test.store.setUser('bob', { addresses: ['Alice@example.com'] });
    const verdict = await test.write(mail(ANSWERS_ALICES));
    assert.deepEqual(
      [inWords(verdict), verdict.detail],
      ['discarded: unmatched', 'From is the address of 2 users, and says not of which'],
    );
  });

  it('mail of a user who is disabled, or was removed and came back', async (t) => {
    const test = await openShop(t);
    await test.store.setUser('alice', { enabled: false });
    assert.equal((await test.write(mail(ANSWERS_ALICES))).detail, 'alice is disabled');
    await test.store.setUser('alice', { enabled: true });
    await test.store.removeUser('alice', test.clock.now * 1000);
    assert.equal(inWords(await test.write(mail(ANSWERS_ALICES))), 'discarded: unmatched');
    await test.store.restoreUser(test.alice.number, test.clock.now * 1000);
    assert.equal(inWords(await test.write(mail(ANSWERS_ALICES))), 'discarded: unmatched');
    assert.deepEqual(await itemsIn(test), []);
  });

  it('mail to somebody who has the name or the address of a user who was removed', async (t) => {
    const test = await openShop(t);
    await test.store.eraseUser(test.alice.number);
    await addUser(test.store, 'alice');
    assert.equal(
      inWords(await test.write(mail(ANSWERS_ALICES, 'Subject: Re: Hinges'))),
      'discarded: unmatched',
    );
  });
});

describe('a post comes of', () => {
  const posted: Readonly<Record<string, readonly string[]>> = {
    'an answer whose signature covers what it is to': [
      ...signed('from:to:subject:in-reply-to:references'),
      TO,
      ANSWERS_ALICES,
      `References: <${ALICES}>`,
    ],
    'one with our address in Cc': [
      ...PASS,
      'To: Carol <carol@example.com>',
      `Cc: Tracker <${ADDRESS}>`,
      ANSWERS_ALICES,
    ],
    'one that came straight from the author': [
      ...results('spf=pass smtp.mailfrom=alice@example.com'),
      TO,
      ANSWERS_ALICES,
    ],
    'one in a thread that Bob was notified of as well, before her': mail(
      ANSWERS_ALICES,
      `References: <b0@tracker.example> <${ALICES}>`,
    ),
  };
  for (const [what, lines] of Object.entries(posted))
    it(what, async (t) => {
      const test = await openShop(t);
      await test.notify({ id: 'b0@tracker.example', user: test.bob, thread: 'shop/1' });
      assert.equal(told(await test.write(lines)), 'queued by message-id: alice, shop/1');
    });

  it('mail to the same notification by each of those whom it went to, as theirs', async (t) => {
    const test = await openShop(t);
    await test.notify({ id: ALICES, user: test.bob, thread: 'shop/1' });
    assert.equal(told(await test.write(mail(ANSWERS_ALICES))), 'queued by message-id: alice, shop/1');
    const bobs = await test.write(mail(ANSWERS_ALICES, 'From: Bob <bob@example.com>'));
    assert.equal(told(bobs), 'queued by message-id: bob, shop/1');
    assert.deepEqual(
      (await itemsIn(test)).map(({ user }) => user),
      ['alice', 'bob'],
    );
  });
});
