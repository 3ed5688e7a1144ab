// Names that are left and peppers that are rotated: what is out goes on being taken while the list has it.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { acceptPepper, judgePeppers, mayBeOut, mintingPepper } from '../../src/site/pepper.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import { LmtpWire } from '../fault/lmtp-wire.ts';
import { type Daemon, type Minted, type Settings, startDaemon } from '../support/daemon.ts';
import { NO_SINK } from '../support/intake.ts';
import { replyMessage } from '../support/message.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';

const DAY_MS = 86_400_000;

interface Place {
  readonly scratch: Scratch;
  readonly daemon: Daemon;
  /** Addresses of alice's: a sealed and a bound one. */
  readonly sealed: Minted;
  readonly bound: Minted;
}

/** A daemon that has given addresses. */
async function place(t: TestContext, settings: Settings = {}): Promise<Place> {
  const scratch = testScratch(t);
  const daemon = await startDaemon(scratch, { sink: NO_SINK, settings });
  await daemon.addUser('alice');
  return { scratch, daemon, ...(await mintBoth(daemon)) };
}

async function mintBoth(daemon: Daemon): Promise<Pick<Place, 'sealed' | 'bound'>> {
  return {
    sealed: await daemon.mint({ user: 'alice', thread: 'a/b/1' }),
    bound: await daemon.mint({ user: 'alice', thread: 'a/b/1', bound: true }),
  };
}

/** What becomes of a reply to each address: the answer at RCPT, or the one to the dot. */
async function fates({ daemon }: Place, minted: readonly Minted[]): Promise<string[]> {
  const wire = await LmtpWire.connect(daemon.socket);
  assert.ok(wire);
  const found: string[] = [];
  try {
    for (const { reply_to: to, message_id: inReplyTo } of minted) {
      const replies = await wire.begin([to]);
      const isTaken = replies?.isDataWanted === true;
      const [answer] = isTaken
        ? await wire.finish(replyMessage({ to, inReplyTo }), 1)
        : (replies?.recipients ?? []);
      if (!isTaken) wire.write('RSET\r\n');
      if (!isTaken) await wire.replies(1);
      found.push((answer ?? 'none').replace(/ as \S+$/, ''));
    }
    return found;
  } finally {
    wire.close();
  }
}

const QUEUED = '250 2.0.0 queued';
const REFUSED = /^550 5\.1\.1 /;

function edit({ daemon }: Place, key: string, value: unknown): void {
  const before = readFileSync(daemon.config, 'utf8');
  const after = before.replace(new RegExp(`^${key} = .*$`, 'm'), `${key} = ${JSON.stringify(value)}`);
  assert.notEqual(after, before);
  writeFileSync(daemon.config, after);
}

function writePepper({ scratch }: Place, name: string): string {
  writeFileSync(scratch.path(name), randomBytes(32).toString('base64'), { mode: 0o600 });
  return scratch.path(name);
}

describe('a domain and a prefix that the site leaves', () => {
  it('are verified for as long as they stand behind the new ones, and mint no more', async (t) => {
    const where = await place(t);
    const { daemon, sealed, bound } = where;
    edit(where, 'domain', ['answers.example.org', 'reply.example.org']);
    edit(where, 'prefix', ['r.', 'reply+']);
    const told = await daemon.ctl('reload');
    assert.deepEqual(
      told.map(({ key, to }) => [key, to]),
      [
        ['reply.domain', '["answers.example.org","reply.example.org"]'],
        ['reply.prefix', '["r.","reply+"]'],
      ],
      'nothing is void, so nobody is asked',
    );
    const fresh = await mintBoth(daemon);
    for (const { reply_to: to, message_id: id } of [fresh.sealed, fresh.bound]) {
      assert.match(to, /^r\.[a-z2-7]{48}@answers\.example\.org$/);
      assert.match(id, /@answers\.example\.org>$/);
    }
    assert.deepEqual(await fates(where, [sealed, bound, fresh.sealed, fresh.bound]), [
      QUEUED,
      QUEUED,
      QUEUED,
      QUEUED,
    ]);
    const crossed = sealed.reply_to.replace('@reply.example.org', '@answers.example.org');
    assert.deepEqual(await fates(where, [{ ...sealed, reply_to: crossed }]), [QUEUED], 'every combination');
  });

  it('are not taken away without the operator’s word, and are refused then', async (t) => {
    const where = await place(t, { reply: { domain: ['new.example.org', 'reply.example.org'] } });
    const { daemon } = where;
    const old = { ...where.sealed, reply_to: where.sealed.reply_to.replace('@new.', '@reply.') };
    assert.deepEqual(await fates(where, [old]), [QUEUED]);
    edit(where, 'domain', 'new.example.org');
    const refused = await daemon.tryCtl('reload');
    assert.equal(refused.code, 78);
    assert.match(
      refused.stderr,
      /^mailgw-ctl: reply\.domain: .* is out under "reply\.example\.org" would be refused/,
    );
    assert.deepEqual(await fates(where, [old]), [QUEUED], 'the old list holds');
    await daemon.ctl('reload', '--yes');
    assert.match((await fates(where, [old]))[0]!, REFUSED);
    assert.deepEqual(await fates(where, [where.sealed]), [QUEUED]);
  });

  it('keep being ours: mail from there is a loop, and no user may write from there', async (t) => {
    const where = await place(t, { reply: { domain: ['new.example.org', 'old.example.org'] } });
    const { daemon, sealed } = where;
    for (const domain of ['new.example.org', 'old.example.org']) {
      const added = await daemon.tryCtl('user', 'set', 'alice', '--address', `alice@${domain}`);
      assert.match(added.stderr, /is in reply\.domain/, domain);
      const wire = await LmtpWire.connect(daemon.socket);
      await wire?.begin([sealed.reply_to]);
      const from = sealed.reply_to.replace(/@.*/, `@${domain}`);
      const loop = replyMessage({ to: sealed.reply_to, from });
      assert.deepEqual(await wire?.finish(loop, 1), ['250 2.0.0 discarded']);
      await wire?.begin([sealed.reply_to]);
      const notice = `X-Loop: mailgw.${domain}\r\n${replyMessage({ to: sealed.reply_to })}`;
      assert.deepEqual(await wire?.finish(notice, 1), ['250 2.0.0 discarded']);
      wire?.close();
    }
  });
});

describe('a pepper that is rotated', () => {
  it('verifies behind the new one, which mints once the daemon has it', async (t) => {
    const where = await place(t);
    const { daemon, scratch, sealed, bound } = where;
    edit(where, 'pepper_file', [writePepper(where, 'pepper-2'), scratch.path('pepper')]);
    const early = await mintBoth(daemon);
    assert.deepEqual(
      await fates(where, [early.sealed]),
      [QUEUED],
      'minted before the reload, taken before it',
    );
    assert.deepEqual(
      (await daemon.ctl('reload')).map(({ key }) => key),
      ['reply.pepper_file'],
    );
    await daemon.ctl('pepper', 'list'); // after the daemon asked its store
    const late = await mintBoth(daemon);
    assert.deepEqual(
      await fates(where, [sealed, bound, early.bound, late.sealed, late.bound]),
      Array<string>(5).fill(QUEUED),
    );
    const peppers = await daemon.ctl('pepper', 'list');
    assert.deepEqual(
      peppers.map((row) => [row.in_force, row.in_file]),
      [
        [false, true],
        [true, true],
      ],
    );
    await daemon.restart();
    assert.deepEqual(await fates(where, [sealed, late.sealed]), [QUEUED, QUEUED]);
  });

  it('is not taken away without the operator’s word while its addresses may be out', async (t) => {
    const where = await place(t);
    const { daemon, scratch, sealed } = where;
    const second = writePepper(where, 'pepper-2');
    edit(where, 'pepper_file', [second, scratch.path('pepper')]);
    await daemon.ctl('reload');
    const late = await mintBoth(daemon);
    edit(where, 'pepper_file', second);
    const refused = await daemon.tryCtl('reload');
    assert.equal(refused.code, 78);
    assert.match(
      refused.stderr,
      /^mailgw-ctl: reply\.pepper_file: .* is out under the pepper [0-9a-f]{12} would/,
    );
    assert.deepEqual(await fates(where, [sealed]), [QUEUED]);
    await daemon.ctl('reload', '--yes');
    assert.match((await fates(where, [sealed]))[0]!, REFUSED);
    assert.deepEqual(await fates(where, [late.sealed]), [QUEUED], 'no "pepper accept" is needed');
  });

  it('may stand and go without a question where it never minted', async (t) => {
    const where = await place(t);
    const { daemon, scratch, sealed } = where;
    edit(where, 'pepper_file', [scratch.path('pepper'), writePepper(where, 'spare')]);
    await daemon.ctl('reload');
    edit(where, 'pepper_file', scratch.path('pepper'));
    await daemon.ctl('reload');
    assert.deepEqual(await fates(where, [sealed]), [QUEUED]);
  });

  it('has addresses that are out for as long as the last that it minted is good', async (t) => {
    const scratch = testScratch(t);
    const store = await openSqliteStore({ path: scratch.path('mailgw.db'), mode: 'tool' });
    scratch.defer(() => store.close());
    const [one, two, never] = ['one', 'two', 'never'].map((file) => ({ bytes: randomBytes(32), file }));
    assert.ok(one && two && never);
    await acceptPepper(store, one.bytes, 10 * DAY_MS);
    await acceptPepper(store, two.bytes, 20 * DAY_MS);
    const isOut = (pepper: { bytes: Uint8Array }, day: number): Promise<boolean> =>
      mayBeOut(store, pepper.bytes, 90 * DAY_MS, day * DAY_MS);
    assert.deepEqual([await isOut(one, 109), await isOut(one, 111)], [true, false]);
    assert.deepEqual([await isOut(two, 109), await isOut(two, 500)], [true, true]);
    assert.equal(await isOut(never, 20), false);
    const standing = await judgePeppers(store, [never, two]);
    assert.equal(standing.kind, 'next');
    const minting = await mintingPepper(store, [never, two], 0);
    assert.ok(minting.ok && minting.pepper === two.bytes, 'what the daemon verifies now');
    assert.equal((await judgePeppers(store, [never, one])).kind, 'other', 'the one in force is missing');
  });
});
