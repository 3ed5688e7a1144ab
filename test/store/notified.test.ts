// The bound on who is remembered, on a connection with a small one.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { prepareNotified, prepareNotifiedViews } from '../../src/store/sqlite/notified.ts';
import { ensureStore, openConnection } from '../../src/store/sqlite/schema.ts';
import { testScratch } from '../support/scratch.ts';

describe('the rows of who was notified', () => {
  it('are bounded: those go first that expire first', (t) => {
    const scratch = testScratch(t);
    const path = scratch.path('mailgw.db');
    ensureStore(path);
    const database = openConnection(path, { readonly: false, busyTimeoutMs: 1000 });
    scratch.defer(() => {
      database.close();
    });
    const { port, forget } = prepareNotified(database, 250);
    const { notifiedByIds } = prepareNotifiedViews(database);
    const row = (n: number, userNumber = 1) => ({
      messageId: `${n}@x.example`,
      userNumber,
      thread: 't',
      repliedToAt: n,
      subjectKey: new Uint8Array(),
      sentAt: n,
      expiresAt: n,
    });
    const kept = (): number =>
      notifiedByIds(
        1,
        Array.from({ length: 900 }, (_, n) => `${n}@x.example`),
      ).own.length;
    port.rememberNotified(Array.from({ length: 200 }, (_, n) => row(n)));
    port.rememberNotified(Array.from({ length: 200 }, (_, n) => row(n)));
    assert.equal(kept(), 200, 'the same again');
    port.rememberNotified(Array.from({ length: 500 }, (_, n) => row(200 + n)));
    assert.equal(kept(), 250);
    assert.deepEqual(notifiedByIds(1, ['449@x.example']).own, []);
    assert.equal(notifiedByIds(1, ['450@x.example']).own.length, 1);
    forget(1);
    port.rememberNotified(Array.from({ length: 250 }, (_, n) => row(n)));
    assert.equal(kept(), 250, 'what was forgotten leaves room');
  });
});
