// Stamping: which mail gets a reply address, what of it changes, and what keeps it from one.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { PROBE_THREAD } from '../../src/mail/probe.ts';
import type { StampPlan } from '../../src/mail/stamping.ts';
import { parseToken, userKey, verifySealedToken } from '../../src/mail/token.ts';
import type { LogEvent, LogFields } from '../../src/observe/log.ts';
import { recogniseByRules } from '../../src/outbound/rules.ts';
import { createStamp, type StampedOriginal, type StampOptions } from '../../src/outbound/stamp.ts';
import type { User } from '../../src/store/directory.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import type { Store } from '../../src/store/store.ts';
import { testScratch } from '../support/scratch.ts';

const FORM = { prefix: 'reply+', domain: 'reply.example.org' };
const PEPPER = Buffer.alloc(32, 7);
const SALT = Buffer.alloc(32, 9);
const NOW = Date.UTC(2026, 10, 20, 12);
const POSTED = Date.UTC(2026, 10, 20, 10);
const RULES = [
  {
    field: 'X-Tracker-Issue',
    thread: 'issue/{X-Tracker-Issue}',
    from: undefined,
    repliedTo: 'X-Tracker-Time',
  },
];

const FIELDS = [
  'Received: from app.example.org',
  '\tby mx.example.org; Fri, 20 Nov 2026 10:00:01 +0000',
  'From: "Bob via Tracker" <tracker@example.org>',
  'Reply-To: noreply@example.org',
  'To: alice@example.com',
  'Subject: =?utf-8?q?Re:_Gr=C3=BC=C3=9Fe?=',
  'Date: Fri, 20 Nov 2026 10:00:00 +0000',
  'X-Tracker-Issue: 42',
];

interface Bench {
  readonly store: Store;
  readonly alice: User;
  readonly events: { readonly event: LogEvent; readonly fields: LogFields }[];
  readonly remembered: StampedOriginal[];
  readonly stamp: (fields: readonly string[], envelope?: Envelope) => Promise<StampPlan>;
  /** Plans the sample, whose body is there or not yet. */
  readonly planned: (body: Buffer | undefined) => Promise<StampPlan>;
}

interface Envelope {
  readonly reversePath?: string;
  readonly recipients?: readonly string[];
}

async function open(t: TestContext, changed: Partial<StampOptions> = {}): Promise<Bench> {
  const store = await openSqliteStore({ path: testScratch(t).path('mailgw.db'), mode: 'tool' });
  t.after(() => store.close());
  const add = (name: string, ...addresses: string[]) =>
    store.addUser({ name, addresses, salt: SALT, now: NOW });
  const alice = await add('alice', 'alice@example.com', 'alice@home.example');
  await add('bob', 'bob@example.com', 'shared@example.com');
  await add('carol', 'shared@example.com');
  await add('gone', 'gone@example.com');
  await store.setUser('gone', { enabled: false });
  const events: Bench['events'] = [];
  const remembered: StampedOriginal[] = [];
  const stamp = createStamp({
    form: FORM,
    forms: [FORM],
    pepper: () => Promise.resolve({ ok: true, pepper: PEPPER }),
    maxAgeMs: 90 * 86_400_000,
    envelope: 'reply-address',
    from: 'keep',
    plusTags: 'compare',
    loopTokens: ['mailgw.reply.example.org'],
    recognise: recogniseByRules(RULES),
    directory: store,
    doubt: () => undefined,
    remember: (original) => remembered.push(original),
    log: (event, fields = {}) => events.push({ event, fields }),
    now: () => NOW,
    ...changed,
  });
  assert.ok(alice);
  return {
    store,
    alice,
    events,
    remembered,
    stamp: (fields, { reversePath = 'tracker@example.org', recipients = ['alice@example.com'] } = {}) =>
      stamp({ beginning: Buffer.from(`${fields.join('\r\n')}\r\n\r\n`), reversePath, recipients }),
    planned: (body) =>
      stamp({
        beginning: Buffer.from(`${FIELDS.filter((line) => !line.startsWith('X-')).join('\r\n')}\r\n\r\n`),
        reversePath: 'tracker@example.org',
        recipients: ['alice@example.com'],
        body,
      }),
  };
}

/** The header's lines of the only copy. */
function linesOf({ copies }: StampPlan): string[] {
  assert.equal(copies.length, 1);
  return copies[0]?.beginning.toString('utf8').split('\r\n').slice(0, -2) ?? [];
}

const replyToOf = (stamps: StampPlan): string =>
  /^Reply-To: <(.*)>$/m.exec(linesOf(stamps).join('\n'))?.[1] ?? assert.fail('no Reply-To');

/** Replaces the field of a name, or leaves it out. */
const withField = (name: string, ...lines: string[]): string[] =>
  FIELDS.flatMap((line) => (line.startsWith(`${name}:`) ? lines : [line]));

describe('a notification that its body alone tells', () => {
  it('is planned again when the body is there, and stamped by what that says', async (t) => {
    const shown: (string | undefined)[] = [];
    const { planned } = await open(t, {
      recognise: ({ body }) => {
        const text = body?.()?.toString();
        shown.push(text);
        const thread = /^Thread: (.*)$/m.exec(text ?? '')?.[1];
        return thread === undefined ? undefined : { thread, repliedTo: undefined };
      },
    });
    const before = await planned(undefined);
    assert.deepEqual([before.copies, before.wantsBody], [[], true]);
    const stamps = await planned(Buffer.from('Thread: comment/7'));
    assert.deepEqual([stamps.copies[0]?.thread, stamps.wantsBody], ['comment/7', undefined]);
    const other = await planned(Buffer.from('Hello'));
    assert.deepEqual([other.copies, other.wantsBody, other.otherwise], [[], undefined, 'no-notification']);
    assert.deepEqual(shown, [undefined, 'Thread: comment/7', 'Hello']);
  });

  it('is held up for nobody who does not ask', async (t) => {
    const { planned } = await open(t);
    assert.equal((await planned(undefined)).wantsBody, undefined);
  });
});

describe('a notification to a known user', () => {
  it('has their reply address in Reply-To and as reverse-path, and every other byte as it came', async (t) => {
    const { stamp, alice } = await open(t);
    const stamps = await stamp(FIELDS);
    const address = replyToOf(stamps);
    assert.deepEqual(linesOf(stamps), withField('Reply-To', `Reply-To: <${address}>`));
    const [copy] = stamps.copies;
    assert.deepEqual(
      [copy?.user, copy?.thread, copy?.recipients, copy?.reversePath],
      ['alice', 'issue/42', [0], address],
    );
    const token = parseToken(address.slice('reply+'.length, address.indexOf('@')));
    assert.ok(token?.form === 'sealed');
    assert.deepEqual([token.userNumber, token.repliedTo], [alice.number, POSTED / 1000]);
    assert.ok(verifySealedToken(userKey(PEPPER, SALT), token, 'issue/42'));
  });

  it('has every other Reply-To taken out, whatever its spelling, and the own one behind From where there was none', async (t) => {
    const { stamp } = await open(t);
    const many = withField(
      'Reply-To',
      'REPLY-TO: a@example.org,',
      ' b@example.org',
      'Reply-to : c@example.org',
    );
    const stamps = await stamp(many);
    assert.deepEqual(linesOf(stamps), withField('Reply-To', `Reply-To: <${replyToOf(stamps)}>`));
    const without = withField('Reply-To');
    const added = await stamp(without);
    assert.equal(linesOf(added).length, without.length + 1);
    assert.equal(
      linesOf(added).findIndex((line) => line.startsWith('Reply-To:')),
      3,
    );
  });

  it('keeps its reverse-path where the site wants it, and always the null one', async (t) => {
    const { stamp } = await open(t, { envelope: 'keep' });
    assert.equal((await stamp(FIELDS)).copies[0]?.reversePath, undefined);
    const other = await open(t);
    const stamps = await other.stamp(FIELDS, { reversePath: '' });
    assert.deepEqual([stamps.copies.length, stamps.copies[0]?.reversePath], [1, undefined]);
  });

  it('is one copy for each user, also where one has two addresses or is named twice', async (t) => {
    const { stamp } = await open(t);
    const recipients = [
      'ALICE@example.com',
      'x@example.com',
      'bob@example.com',
      'alice@home.example',
      'bob@example.com',
    ];
    const { copies, otherwise } = await stamp(FIELDS, { recipients });
    assert.deepEqual(
      copies.map(({ user, recipients: places }) => [user, places]),
      [
        ['alice', [0, 3]],
        ['bob', [2, 4]],
      ],
    );
    assert.equal(otherwise, 'unknown-user');
  });

  it('is remembered with thread, time, subject, author and bytes', async (t) => {
    const { stamp, remembered } = await open(t);
    const { remember } = await stamp(FIELDS);
    remember?.(Buffer.from('the bytes'));
    assert.deepEqual(
      remembered.map(({ raw, ...rest }) => ({ ...rest, raw: Buffer.from(raw).toString() })),
      [
        {
          thread: 'issue/42',
          repliedTo: POSTED,
          subject: 'Re: Grüße',
          author: { name: 'Bob via Tracker', address: 'tracker@example.org' },
          raw: 'the bytes',
        },
      ],
    );
  });
});

describe('From with the reply address', () => {
  const froms = [
    ['From: "Bob via Tracker" <tracker@example.org>', 'From: "Bob via Tracker" <@>'],
    ['From: =?utf-8?q?B=C3=B6b?= <tracker@example.org>', 'From: =?utf-8?q?B=C3=B6b?= <@>'],
    ['From: Böb <tracker@example.org>', 'From: Böb <@>'],
    [
      'From: =?utf-8?q?A?=\r\n =?utf-8?q?B?=\r\n <tracker@example.org>',
      'From: =?utf-8?q?A?=\r\n =?utf-8?q?B?=\r\n <@>',
    ],
    ['From: "a <b@c.d>" <tracker@example.org>', 'From: "a <b@c.d>" <@>'],
    ['From: tracker@example.org', 'From: @'],
    ['FROM:tracker@example.org (Bob)', 'FROM:@ (Bob)'],
    ['From: <tracker@example.org>', 'From: <@>'],
    ['From: Doe, Bob: Sales <tracker@example.org>', 'From: Doe, Bob: Sales <@>'],
  ];
  for (const [from = '', expected = ''] of froms) {
    it(`keeps the name as it is written: ${JSON.stringify(from)}`, async (t) => {
      const { stamp } = await open(t, { from: 'reply-address' });
      const stamps = await stamp(withField('From', from));
      const text = linesOf(stamps).join('\r\n');
      const address = /^Reply-To: <(.*)>/m.exec(text)?.[1] ?? '';
      assert.ok(
        text.includes(`\r\n${expected.replace('@', address).replace('b@c.d', 'b@c.d')}\r\n`) ||
          expected.includes('b@c.d'),
        text,
      );
      if (expected.includes('b@c.d')) assert.ok(text.includes(`"a <b@c.d>" <${address}>`), text);
    });
  }

  it('is not made where it cannot be read twice the same way: the mail goes out as it came', async (t) => {
    const { stamp } = await open(t, { from: 'reply-address' });
    const stamps = await stamp(withField('From', 'From: Bob <tracker@example.org> (see <b>)'));
    assert.deepEqual([stamps.copies.length, stamps.otherwise], [0, 'malformed']);
  });
});

describe('the time of the post', () => {
  const times: readonly (readonly [string, readonly string[], number])[] = [
    ['its own field in RFC 3339', ['X-Tracker-Time: 2026-11-19T08:00:00Z'], Date.UTC(2026, 10, 19, 8)],
    [
      'its own field as Date has it',
      ['X-Tracker-Time: Thu, 19 Nov 2026 09:00:00 +0100'],
      Date.UTC(2026, 10, 19, 8),
    ],
    [
      'its own field in Unix seconds',
      [`X-Tracker-Time: ${Date.UTC(2026, 10, 19, 8) / 1000}`],
      Date.UTC(2026, 10, 19, 8),
    ],
    ['Date where that is no time', ['X-Tracker-Time: yesterday'], POSTED],
    ['Date where there are two', ['X-Tracker-Time: 1795107731', 'X-Tracker-Time: 1795107731'], POSTED],
    ['now where it has not come yet', ['X-Tracker-Time: 2027-01-01T00:00:00Z'], NOW],
  ];
  for (const [what, fields, expected] of times) {
    it(`is ${what}`, async (t) => {
      const { stamp } = await open(t);
      const address = replyToOf(await stamp([...FIELDS, ...fields]));
      const token = parseToken(address.slice('reply+'.length, address.indexOf('@')));
      assert.equal(token?.form === 'sealed' && token.repliedTo, expected / 1000);
    });
  }

  it('is now without any Date, or with one that is none', async (t) => {
    const { stamp } = await open(t);
    for (const fields of [withField('Date'), withField('Date', 'Date: soon')]) {
      const address = replyToOf(await stamp(fields));
      const token = parseToken(address.slice('reply+'.length, address.indexOf('@')));
      assert.equal(token?.form === 'sealed' && token.repliedTo, NOW / 1000);
    }
  });
});

describe('mail that goes out as it came', () => {
  const report = 'Content-Type: multipart/report; report-type=delivery-status; boundary=x';
  const mail: readonly (readonly [string, string, readonly string[]])[] = [
    ['no rule fits', 'no-notification', withField('X-Tracker-Issue')],
    ['the field stands twice', 'no-notification', [...FIELDS, 'X-Tracker-Issue: 43']],
    ['the field is empty', 'no-notification', withField('X-Tracker-Issue', 'X-Tracker-Issue: ')],
    [
      'a control hides in the field',
      'no-notification',
      withField('X-Tracker-Issue', 'X-Tracker-Issue: =?utf-8?q?4=0D=0A2?='),
    ],
    [
      'the field turns its text around',
      'no-notification',
      withField('X-Tracker-Issue', 'X-Tracker-Issue: 4\u202e2'),
    ],
    [
      'it is ours already',
      'own',
      withField('Reply-To', `Reply-To: <reply+${'a'.repeat(48)}@reply.example.org>`),
    ],
    [
      'From is a reply address',
      'own',
      withField('From', `From: <reply+${'a'.repeat(48)}@REPLY.example.org>`),
    ],
    ['it is a notice of ours', 'own', [...FIELDS, 'X-Loop: mailgw.reply.example.org']],
    ['a machine answers', 'automatic', [...FIELDS, 'Auto-Submitted: auto-replied (vacation)']],
    ['it is a report', 'automatic', [...FIELDS, report]],
    ['it has two From fields', 'malformed', [...FIELDS, 'From: x@example.org']],
    ['From has two addresses', 'malformed', withField('From', 'From: a@example.org, b@example.org')],
    ['it has no From', 'malformed', withField('From')],
    [
      'somebody has signed Reply-To',
      'signed',
      [...FIELDS, 'DKIM-Signature: v=1; d=example.org;', '\th=From:To: Reply-To :Subject; b=x'],
    ],
    ['a signature does not say what it covers', 'signed', [...FIELDS, 'DKIM-Signature: v=1; d=example.org']],
    ['the post is too old', 'expired', withField('Date', 'Date: Fri, 1 May 2026 10:00:00 +0000')],
    ['the header is larger than is read', 'header-too-large', [...FIELDS, `X-Large: ${'x'.repeat(300_000)}`]],
  ];
  for (const [what, reason, fields] of mail) {
    it(`${what}: ${reason}`, async (t) => {
      const { stamp, events } = await open(t);
      assert.deepEqual(await stamp(fields), { copies: [], otherwise: reason, remember: undefined });
      assert.deepEqual(events, []);
    });
  }

  for (const [recipient, reason] of [
    ['x@example.com', 'unknown-user'],
    ['shared@example.com', 'ambiguous-user'],
    ['gone@example.com', 'disabled-user'],
    ['alice+tag@example.com', 'unknown-user'],
  ] as const) {
    it(`to ${recipient}: ${reason}`, async (t) => {
      const { stamp } = await open(t);
      const { copies, otherwise } = await stamp(FIELDS, { recipients: [recipient] });
      assert.deepEqual([copies, otherwise], [[], reason]);
    });
  }

  it('a signature that covers nothing that changes hinders nobody, and a list or bulk mail is a notification', async (t) => {
    const { stamp } = await open(t);
    const signed = [...FIELDS, 'DKIM-Signature: v=1; d=example.org; h=From:Subject; b=x'];
    assert.equal((await stamp(signed)).copies.length, 1);
    const bulk = [...FIELDS, 'Precedence: bulk', 'List-Id: <tracker>', 'Auto-Submitted: auto-generated'];
    assert.equal((await stamp(bulk)).copies.length, 1);
    const rewriting = await open(t, { from: 'reply-address' });
    assert.equal((await rewriting.stamp(signed)).otherwise, 'signed');
  });

  it("where it names the probes' thread", async (t) => {
    const { stamp } = await open(t, { recognise: () => ({ thread: PROBE_THREAD, repliedTo: undefined }) });
    assert.equal((await stamp(FIELDS)).otherwise, 'no-notification');
  });

  it('where the store fails, the pepper is another one, or recognising throws: with a line in the log', async (t) => {
    const bench = await open(t, {
      recognise: () => {
        throw new Error('a bad platform');
      },
    });
    assert.equal((await bench.stamp(FIELDS)).otherwise, 'error');
    assert.deepEqual(bench.events, [{ event: 'stamp_failed', fields: { reason: 'a bad platform' } }]);
    const lost = await open(t, { doubt: () => ({ reason: 'store', why: 'the files are gone' }) });
    assert.equal((await lost.stamp(FIELDS)).otherwise, 'store');
    const problem = 'another pepper';
    const doubting = await open(t, { pepper: () => Promise.resolve({ ok: false, problem }) });
    assert.equal((await doubting.stamp(FIELDS)).otherwise, 'pepper');
    assert.deepEqual(doubting.events, [{ event: 'stamp_failed', fields: { reason: 'another pepper' } }]);
    const broken = await open(t);
    await broken.store.close();
    assert.equal((await broken.stamp(FIELDS)).otherwise, 'error');
    assert.equal(broken.events.length, 1);
  });

  it('unless the platform knows who somebody is', async (t) => {
    const bench = await open(t, {
      ask: (address) =>
        address === 'dora@example.com'
          ? bench.store.addUser({ name: 'dora', addresses: [address], salt: SALT, now: NOW })
          : Promise.resolve(undefined),
    });
    const { copies, otherwise } = await bench.stamp(FIELDS, {
      recipients: ['dora@example.com', 'x@example.com'],
    });
    assert.deepEqual([copies.map(({ user }) => user), otherwise], [['dora'], 'unknown-user']);
  });
});
