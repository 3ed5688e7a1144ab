// The contract of acceptance: G1 as far as a reader sees it, and G2, at most one item per fingerprint.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import type { Store } from '../../src/store/store.ts';
import { accept, ids, lease, NOW, newItem, POSTED, RAW, settle } from '../support/item.ts';

/** Gives an empty store that closes with the test; it keeps the content of what was posted where that is asked for. */
export type OpenStore = (t: TestContext, options?: { readonly keepContent: boolean }) => Promise<Store>;

/** Registers the tests of acceptance. */
export function describeAcceptance(open: OpenStore): void {
  describe('acceptance', () => {
    it('a new item is queued, ready at once, with everything it came with', async (t) => {
      const store = await open(t);
      const item = newItem({ queueId: '4XyZ1k3Qz2z9sT' });
      assert.deepEqual(await accept(store, [item]), [{ kind: 'queued', id: item.id }]);
      const { id, user, thread, messageId, reversePath, repliedToAt, receivedAt } = item;
      const common = { id, user, thread, messageId, reversePath, repliedToAt, receivedAt };
      assert.deepEqual(await store.get(id), {
        ...common,
        bounce: undefined,
        state: 'ready',
        attempts: 0,
        dueAt: receivedAt,
        leaseUntil: undefined,
        settledAt: undefined,
        holdReason: undefined,
        spamScore: item.spam?.score,
        lastDiagnostic: undefined,
        bytes: RAW.length,
        lane: undefined,
      });
      assert.deepEqual(Buffer.from((await store.content(id)) ?? ''), RAW);
      const { authentication, spam } = item;
      const leased = {
        ...common,
        queueId: item.queueId,
        userNumber: undefined,
        bounce: undefined,
        authentication,
        spam,
        attempts: 1,
        workerDeaths: 0,
        bytes: RAW.length,
      };
      assert.deepEqual(await lease(store), [leased]);
    });

    it('what may be missing stays missing, and any octets stay as they are', async (t) => {
      const store = await open(t);
      const noise = randomBytes(300_000);
      const first = newItem({ messageId: undefined, spam: undefined, reversePath: '' });
      const second = newItem({ spam: { score: undefined, flagged: true }, thread: 'übung/世界' });
      await accept(store, [first, second], Uint8Array.from(noise));
      const leased = await lease(store);
      assert.deepEqual(
        leased.map(({ messageId, spam, reversePath, thread }) => ({ messageId, spam, reversePath, thread })),
        [first, second].map(({ messageId, spam, reversePath, thread }) => ({
          messageId,
          spam,
          reversePath,
          thread,
        })),
      );
      for (const { id } of leased) {
        assert.ok(Buffer.from((await store.content(id)) ?? '').equals(noise));
      }
    });

    it('a message of any size may be given as a whole buffer or as a part of one', async (t) => {
      const store = await open(t);
      for (const bytes of [0, 1, 32 * 1024, 1024 * 1024]) {
        const whole = newItem();
        const part = newItem();
        const octets = randomBytes(bytes + 20);
        const buffer = new Uint8Array(new ArrayBuffer(bytes));
        buffer.set(octets.subarray(10, bytes + 10));
        await accept(store, [whole], buffer);
        await accept(store, [part], octets.subarray(10, bytes + 10));
        for (const { id } of [whole, part]) {
          const content = Buffer.from((await store.content(id)) ?? 'none');
          assert.ok(content.equals(octets.subarray(10, bytes + 10)), `${bytes} octets`);
        }
      }
    });

    it('a held item waits for the operator and is due never', async (t) => {
      const store = await open(t);
      const item = newItem({ hold: 'list' });
      assert.deepEqual(await accept(store, [item]), [{ kind: 'held', id: item.id }]);
      assert.deepEqual(await lease(store, NOW * 2), []);
      assert.equal(await store.nextDueAt(), undefined);
      const view = await store.get(item.id);
      assert.deepEqual([view?.state, view?.holdReason, view?.dueAt], ['held', 'list', undefined]);
    });

    it('all items of one message are answered in order, duplicates among them', async (t) => {
      const store = await open(t);
      const earlier = newItem();
      await accept(store, [earlier]);
      const first = newItem({ user: 'bob' });
      const held = newItem({ hold: 'spam' });
      const again = newItem({ fingerprint: earlier.fingerprint });
      const twin = newItem({ fingerprint: first.fingerprint });
      assert.deepEqual(await accept(store, [first, again, held, twin]), [
        { kind: 'queued', id: first.id },
        { kind: 'duplicate', id: earlier.id },
        { kind: 'held', id: held.id },
        { kind: 'duplicate', id: first.id },
      ]);
      assert.deepEqual(ids(await store.list({})), [earlier.id, first.id, held.id]);
    });

    it('the fingerprint of a post is known for good, whatever becomes of its row', async (t) => {
      const store = await open(t);
      const posted = newItem();
      const dropped = newItem({ thread: 'test/thread/2' });
      await accept(store, [posted, dropped]);
      for (const leased of await lease(store)) await settle(store, leased, POSTED);
      await store.operate('drop', dropped.id, NOW);
      const copies = [posted, dropped].map(({ fingerprint }) => newItem({ fingerprint }));
      assert.deepEqual(await accept(store, copies), [
        { kind: 'duplicate', id: posted.id },
        { kind: 'duplicate', id: dropped.id },
      ]);
    });

    it('the fingerprint of what the operator drops is forgotten', async (t) => {
      const store = await open(t);
      for (const hold of [undefined, 'spam', 'spoofed']) {
        const dropped = newItem({ hold });
        await accept(store, [dropped]);
        await store.operate('drop', dropped.id, NOW);
        const copy = newItem({ hold, fingerprint: dropped.fingerprint });
        assert.equal(await store.duplicateOf(copy), undefined);
        assert.notEqual((await accept(store, [copy]))[0]?.kind, 'duplicate');
        assert.equal(await store.duplicateOf(copy), copy.id);
      }
    });

    it('of a hundred copies of each belief at the same time one is kept', async (t) => {
      const store = await open(t);
      const fingerprint = randomBytes(16).toString('latin1');
      const beliefs = (['fail', 'none', 'pass'] as const).flatMap((result) =>
        ['spam', undefined].map((hold) => ({
          hold,
          authentication: { policy: 'flag', result } as const,
        })),
      );
      const copies = beliefs.flatMap((belief) =>
        Array.from({ length: 100 }, () => newItem({ fingerprint, ...belief })),
      );
      await Promise.all(copies.map((copy) => accept(store, [copy])));
      const kept = await store.list({});
      assert.equal(kept.length, beliefs.length, 'each came before the better ones');
      assert.equal(kept.at(-1)?.state, 'ready');
    });

    it('of a hundred copies at the same time one is queued, and all name it', async (t) => {
      const store = await open(t);
      const fingerprint = randomBytes(16).toString('latin1');
      const copies = Array.from({ length: 100 }, () => newItem({ fingerprint }));
      const acceptances = (await Promise.all(copies.map((copy) => accept(store, [copy])))).flat();
      const first = acceptances.filter(({ kind }) => kind === 'queued');
      assert.equal(first.length, 1);
      assert.deepEqual(new Set(ids(acceptances)), new Set(ids(first)));
      assert.deepEqual(ids(await store.list({})), ids(first));
    });

    it('a message that cannot be stored is nobody else’s failure', async (t) => {
      const store = await open(t);
      const twin = newItem();
      await accept(store, [twin]);
      // Same id, other fingerprint: a bug of the caller's, which must not take others along.
      const broken = store.accept([newItem({ id: twin.id })], RAW);
      const sound = newItem();
      const [refusal, acceptance] = await Promise.allSettled([broken, accept(store, [sound])]);
      assert.equal(refusal.status, 'rejected');
      assert.deepEqual(acceptance, { status: 'fulfilled', value: [{ kind: 'queued', id: sound.id }] });
      assert.deepEqual(ids(await store.list({})), [twin.id, sound.id]);
    });

    it('a message is stored with all of its items or with none', async (t) => {
      const store = await open(t);
      const twin = newItem();
      await accept(store, [twin]);
      const good = newItem();
      await assert.rejects(store.accept([good, newItem({ id: twin.id })], RAW));
      assert.equal(await store.get(good.id), undefined);
      assert.deepEqual(await accept(store, [good]), [{ kind: 'queued', id: good.id }]);
    });

    it('a closed store accepts nothing', async (t) => {
      const store = await open(t);
      await store.close();
      await assert.rejects(store.accept([newItem()], RAW));
    });
  });
}
