// Who is notified is noted as a notification is stamped: before it goes out, and for users alone.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { PROBE_THREAD } from '../../src/mail/probe.ts';
import { recogniseByRules } from '../../src/outbound/rules.ts';
import { createStamp, type StampedMail, type StampOptions } from '../../src/outbound/stamp.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import { addUser } from '../support/mint.ts';
import { testScratch } from '../support/scratch.ts';

const NOW = Date.UTC(2026, 10, 20, 12);
const FORM = { prefix: 'reply+', domain: 'reply.example.org' };
const RULE = { field: 'X-Issue', thread: 'issue/{X-Issue}', from: undefined, repliedTo: undefined };
const FIELDS = [
  'From: Tracker <tracker@example.org>',
  'Subject: =?utf-8?q?Re:_Gr=C3=BC=C3=9Fe?=',
  'Message-ID: <42.1@Tracker.example.org>',
  'Date: Fri, 20 Nov 2026 10:00:00 +0000',
  'X-Issue: 42',
];

async function open(t: TestContext, changed: Partial<StampOptions> = {}) {
  const store = await openSqliteStore({ path: testScratch(t).path('mailgw.db'), mode: 'tool' });
  t.after(() => store.close());
  const [alice, bob] = [await addUser(store, 'alice'), await addUser(store, 'bob')];
  const noted: StampedMail[] = [];
  const events: unknown[] = [];
  const plan = createStamp({
    form: FORM,
    forms: [FORM],
    pepper: () => Promise.resolve({ ok: true, pepper: Buffer.alloc(32, 7) }),
    maxAgeMs: 90 * 86_400_000,
    envelope: 'reply-address',
    from: 'keep',
    plusTags: 'compare',
    loopTokens: [],
    recognise: recogniseByRules([RULE]),
    directory: store,
    doubt: () => undefined,
    noteNotified: (mails) => {
      noted.push(...mails);
      return Promise.resolve();
    },
    log: (event, fields) => events.push([event, fields]),
    now: () => NOW,
    ...changed,
  });
  const stamp = (recipients: readonly string[], fields = FIELDS) =>
    plan({
      beginning: Buffer.from(`${fields.join('\r\n')}\r\n\r\n`),
      reversePath: 'tracker@example.org',
      recipients,
    });
  return { alice, bob, noted, events, stamp };
}

describe('who is notified', () => {
  it('is noted for each user whose copy is stamped, with its own Message-ID and Subject', async (t) => {
    const { alice, bob, noted, stamp } = await open(t);
    const { copies } = await stamp(['alice@example.com', 'nobody@example.com', 'bob@example.com']);
    assert.equal(copies.length, 2);
    const mail = {
      thread: 'issue/42',
      repliedTo: Date.UTC(2026, 10, 20, 10) / 1000,
      messageId: ' <42.1@Tracker.example.org>',
      subject: 'Re: Grüße',
    };
    assert.deepEqual(
      noted.map((each) => ({ ...each, messageId: ` ${each.messageId.trim()}` })),
      [alice, bob].map(({ number: userNumber }) => ({ ...mail, userNumber })),
    );
  });

  it('is noted without a Message-ID where the platform gave none', async (t) => {
    const { noted, stamp } = await open(t);
    await stamp(
      ['alice@example.com'],
      FIELDS.filter((line) => !line.startsWith('Message-ID')),
    );
    assert.deepEqual(
      noted.map(({ messageId }) => messageId),
      [''],
    );
  });

  it('is not noted of mail that goes out as it came, nor of a probe', async (t) => {
    const { alice, noted, stamp } = await open(t);
    await stamp(['nobody@example.com']);
    await stamp(
      ['alice@example.com'],
      FIELDS.filter((line) => !line.startsWith('X-Issue')),
    );
    const probe = await open(t, {
      probed: () => Promise.resolve(alice),
      recognise: () => ({ thread: PROBE_THREAD, repliedTo: undefined }),
    });
    await probe.stamp(['alice@example.com']);
    assert.deepEqual([...noted, ...probe.noted], []);
  });

  it('does not keep a notification back where it cannot be noted', async (t) => {
    const { events, stamp } = await open(t, { noteNotified: () => Promise.reject(new Error('disk')) });
    assert.equal((await stamp(['alice@example.com'])).copies.length, 1);
    assert.deepEqual(events, [['stamp_failed', { reason: 'who is notified is not remembered: disk' }]]);
  });
});
