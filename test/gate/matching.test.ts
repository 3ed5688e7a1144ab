// Replies without a token: what a user was sent decides where they go, and nothing else does.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Finding } from '../../src/gate/trail.ts';
import { addUser } from '../support/mint.ts';
import { inWords, itemsIn, message, openGate } from './gate.ts';
import { ADDRESS, MATCHING, mail, openMatching, PASS, told } from './matching.ts';

const DAY = 86_400;

describe('a reply without a token', () => {
  it('goes where the notification came from that its In-Reply-To or its References name', async (t) => {
    const test = await openMatching(t);
    await test.notify({ id: 'n1@Tracker.example', thread: 'shop/1', ago: 60 });
    await test.notify({ id: 'n2@tracker.example', thread: 'shop/1' });
    const verdicts = [
      await test.write(mail('In-Reply-To: <n1@tracker.example>')),
      await test.write(
        mail('References: <root@tracker.example> <n1@tracker.EXAMPLE>\r\n <n2@tracker.example>'),
      ),
      await test.write(
        mail('In-Reply-To: <a@colleague.example>', 'References: <n1@tracker.example> <a@colleague.example>'),
      ),
      await test.write(mail('In-Reply-To: n1@tracker.example')),
    ];
    assert.deepEqual(verdicts.map(told), Array(4).fill('queued by message-id: alice, shop/1'));
    const [first, second] = await itemsIn(test);
    assert.equal(first?.repliedToAt, (test.clock.now - 60) * 1000);
    assert.equal(second?.repliedToAt, test.clock.now * 1000, 'the newest that is named');
    const [trace] = await test.store.traces(first.id);
    assert.equal(trace?.matched, 'message-id');
    assert.deepEqual(trace.authentication, { policy: 'strict', result: 'pass' });
  });

  it('goes by its subject where it names nothing, however programs and lists have changed it', async (t) => {
    const test = await openMatching(t);
    await test.notify({ subject: '[shop] Die Tür klemmt', thread: 'shop/1' });
    await test.notify({ id: 'n2@tracker.example', subject: 'The roof', thread: 'shop/2' });
    for (const subject of [
      'AW: [shop] Die Tür klemmt',
      '=?utf-8?Q?AW=EF=BC=9A_=5Bshop=5D_die_t=C3=BCr_klemmt?=',
      '[users] Re: [shop] Die  Tür klemmt',
      'SV: Re[2]: [shop] Die Tür klemmt',
    ])
      assert.equal(
        told(await test.write(mail(`Subject: ${subject}`))),
        'queued by subject: alice, shop/1',
        subject,
      );
    assert.equal(
      told(await test.write(mail('Subject: Re: the ROOF', 'In-Reply-To: <x@elsewhere.example>'))),
      'queued by subject: alice, shop/2',
    );
    for (const subject of ['Die Tür klemmt', 'Re: [shop] Die Tür', 'Re:', 'Re: the roof leaks'])
      assert.equal(told(await test.write(mail(`Subject: ${subject}`))), 'discarded: unmatched', subject);
  });

  it('is held with the candidates named where there are several, and posted nowhere by itself', async (t) => {
    const test = await openMatching(t);
    await test.notify({ thread: 'shop/1', subject: 'Hinges', ago: 10 });
    await test.notify({ id: 'n2@tracker.example', thread: 'shop/2', subject: 'Re: hinges' });
    const bySubject = await test.write(mail('Subject: Re: Hinges'));
    assert.equal(told(bySubject), 'held by subject: alice, shop/2');
    assert.equal(bySubject.detail, 'by subject it may be to shop/2 or shop/1; released it goes to shop/2');
    const byId = await test.write(
      mail('In-Reply-To: <n1@tracker.example>', 'References: <n2@tracker.example> <n1@tracker.example>'),
    );
    assert.equal(told(byId), 'held by message-id: alice, shop/1');
    assert.match(byId.detail ?? '', /shop\/1 or shop\/2; released it goes to shop\/1/);
    const items = await itemsIn(test);
    assert.deepEqual(
      items.map(({ holdReason }) => holdReason),
      ['several-threads', 'several-threads'],
    );
    assert.match(items[0]?.lastDiagnostic ?? '', /shop\/2 or shop\/1/);
    const one = await test.write(mail('Subject: Re: Hinges', 'In-Reply-To: <n1@tracker.example>'));
    assert.equal(told(one), 'queued by message-id: alice, shop/1', 'an id is better than a subject');
  });

  it('is of one thread where that has another name by now', async (t) => {
    const test = await openMatching(t);
    await test.store.threadNumber('old/1');
    await test.notify({ thread: 'old/1', subject: 'Hinges', ago: 3600 });
    await test.store.renameThread('old/1', 'new/1', (test.clock.now - 60) * 1000);
    await test.notify({ id: 'n2@tracker.example', thread: 'new/1', subject: 'Hinges' });
    const both = await test.write(mail('Subject: Re: Hinges'));
    assert.equal(inWords(both), 'queued');
    await test.write(mail('In-Reply-To: <n1@tracker.example>'));
    assert.deepEqual(
      (await itemsIn(test)).map(({ thread }) => thread),
      ['new/1', 'new/1'],
    );
  });

  it('counts by its subject for so long after it was sent, and by its id until its address would expire', async (t) => {
    const test = await openMatching(t);
    await test.notify({ subject: 'Hinges' });
    test.clock.now += 30 * DAY;
    assert.equal(told(await test.write(mail('Subject: Re: Hinges'))), 'queued by subject: alice, shop/1');
    test.clock.now += 1;
    assert.equal(told(await test.write(mail('Subject: Re: Hinges'))), 'discarded: unmatched');
    test.clock.now += 60 * DAY - 1;
    const late = mail('In-Reply-To: <n1@tracker.example>');
    assert.equal(told(await test.write(late)), 'queued by message-id: alice, shop/1');
    test.clock.now += 1;
    assert.equal(inWords(await test.write(late)), 'discarded: expired');
  });

  it('is matched by the rules that the site has, and by no other', async (t) => {
    const [ids, subjects] = (['message-id', 'subject'] as const).map((rule) => ({
      ...MATCHING.matching,
      by: [rule],
    }));
    const byId = await openMatching(t, { matching: ids });
    const bySubject = await openMatching(t, { matching: subjects });
    for (const test of [byId, bySubject]) await test.notify({ subject: 'Hinges' });
    const lines = [mail('In-Reply-To: <n1@tracker.example>'), mail('Subject: Re: Hinges')];
    const tell = async (test: typeof byId) => [
      told(await test.write(lines[0]!)),
      told(await test.write(lines[1]!)),
    ];
    assert.deepEqual(await tell(byId), ['queued by message-id: alice, shop/1', 'discarded: unmatched']);
    assert.deepEqual(await tell(bySubject), ['discarded: unmatched', 'queued by subject: alice, shop/1']);
  });

  it('is refused with a 5yz where that tells its author and nobody else', async (t) => {
    const test = await openMatching(t);
    const own = 'spf=pass smtp.mailfrom=alice@example.com; dmarc=pass header.from=example.com';
    const lines = [
      `Authentication-Results: mx.example.org; ${own}`,
      ...PASS.slice(1),
      `To: ${ADDRESS}`,
      'Subject: Hello',
    ];
    const refused = await test.write(lines);
    assert.deepEqual(
      [refused.verdict, refused.reason, refused.detail],
      ['rejected', 'no-such-address', 'unmatched'],
    );
    const stranger = await test.write([...lines, 'From: Bob <bob@elsewhere.example>'], {
      reversePath: 'bob@elsewhere.example',
    });
    assert.deepEqual(
      [inWords(stranger), stranger.detail],
      ['discarded: unmatched', 'From is the address of no user'],
    );
  });

  it('is one item with the same reply to its reply address', async (t) => {
    const test = await openMatching(t, { senderPolicy: 'strict', addressed: 'off' });
    await test.notify();
    const address = await test.sealed({ thread: 'shop/1' });
    const lines = mail('In-Reply-To: <n1@tracker.example>', 'Message-ID: <r1@mail.example.com>');
    const [verdict] = await test.gate.message(
      { reversePath: 'alice@example.com' },
      [await claimIn(test, address)],
      message(lines),
    );
    assert.equal(inWords(verdict!), 'queued');
    assert.equal(inWords(await test.write(lines)), 'duplicate');
  });

  it('is judged by its token where it has one, held or not', async (t) => {
    const test = await openMatching(t);
    await test.notify();
    const address = await test.sealed({ thread: 'shop/9' });
    const lines = [...PASS, `To: ${address}, ${ADDRESS}`, 'In-Reply-To: <n1@tracker.example>'];
    assert.equal((await test.write(lines)).detail, 'it names a reply address, which decides');
    const claims = [await claimIn(test, address), await claimIn(test, ADDRESS)];
    const verdicts = await test.gate.message(
      { reversePath: 'alice@example.com' },
      claims,
      message(mail('In-Reply-To: <n1@tracker.example>')),
    );
    assert.deepEqual(verdicts.map(inWords), ['queued', 'discarded: unmatched']);
  });

  it('to nothing is put off for a day after a restore, which may have lost what it is to', async (t) => {
    const test = await openMatching(t);
    const lines = mail('In-Reply-To: <n1@tracker.example>');
    test.mark({ restoredAt: (test.clock.now - DAY + 1) * 1000, upTo: 5 });
    assert.equal(told(await test.write(lines)), 'deferred: restored');
    const stranger = await test.write(mail('From: eve@elsewhere.example'));
    assert.equal(told(stranger), 'discarded: unmatched');
    test.clock.now += 1;
    assert.equal(told(await test.write(lines)), 'discarded: unmatched');
    await test.notify();
    assert.equal(told(await test.write(lines)), 'queued by message-id: alice, shop/1');
  });

  it('says what each rule saw', async (t) => {
    const test = await openMatching(t);
    await test.notify();
    const trail: Finding[] = [];
    const recipient = await test.gate.recipient(ADDRESS.toUpperCase(), trail);
    assert.equal(recipient.kind, 'unmatched');
    const raw = message(mail('In-Reply-To: <n1@tracker.example>'));
    await test.gate.judge({ reversePath: 'alice@example.com' }, await claimIn(test, ADDRESS), raw, trail);
    assert.deepEqual(
      trail.map(({ rule }) => rule),
      ['address', 'match', 'automatic', 'malformed', 'age', 'sender_policy', 'spam'],
    );
    assert.equal(trail[1]?.saw, 'by message-id: alice was sent <n1@tracker.example>; thread: shop/1');
  });
});

describe('with matching off', () => {
  it('the address is none of ours, and nothing is looked up', async (t) => {
    const test = await openGate(t, { authservId: 'mx.example.org', notified: undefined });
    const verdict = await test.gate.recipient(ADDRESS);
    assert.equal(verdict.kind, 'refused');
    assert.equal(test.gate.takesWithoutToken(ADDRESS), false);
  });
});

async function claimIn({ gate }: Pick<Awaited<ReturnType<typeof openMatching>>, 'gate'>, address: string) {
  const verdict = await gate.recipient(address);
  if (verdict.kind === 'refused') throw new Error(`refused: ${verdict.disposition.reason}`);
  return verdict.claim;
}

describe('the rates of replies without a token', () => {
  it('are those of the user', async (t) => {
    const taken: unknown[] = [];
    const rates = {
      reached: () => undefined,
      take: (charged: unknown, standing: unknown) => {
        taken.push([charged, standing]);
        return taken.length > 2 ? ('rate.per_user' as const) : undefined;
      },
      giveBack: () => undefined,
    };
    const test = await openMatching(t, { rates });
    const bob = await addUser(test.store, 'bob');
    await test.notify();
    await test.notify({ user: bob, id: 'b@tracker.example' });
    const lines = mail('In-Reply-To: <n1@tracker.example>');
    await test.write(lines);
    await test.write([
      `Authentication-Results: mx.example.org; dmarc=none`,
      ...PASS.slice(1),
      ...lines.slice(2),
    ]);
    assert.equal(inWords(await test.write(lines)), 'deferred: rate-limited');
    const charged = { form: 'matched', userNumber: test.alice.number };
    assert.deepEqual(taken, [
      [charged, 'vouched'],
      [charged, 'unvouched'],
      [charged, 'vouched'],
    ]);
  });
});
