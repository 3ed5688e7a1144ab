// A second daemon on a store, whatever was removed beside it: it ends with 69, and the first one's leases stay.

import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Daemon } from '../support/daemon.ts';
import { newMessageId, replyMessage } from '../support/message.ts';
import { testScratch } from '../support/scratch.ts';
import { LmtpWire } from './lmtp-wire.ts';
import { makeSite } from './site.ts';

/** Attempts under way at a time. */
const UNDER_WAY = 4;

const REMOVED: readonly (readonly [string, readonly string[]])[] = [
  ['nothing', []],
  ["the lock's file", ['.lock']],
  ['the control socket', ['.sock']],
  ['both', ['.lock', '.sock']],
];

describe('a second mailgwd on a store', { concurrency: 2 }, () => {
  for (const [what, suffixes] of REMOVED) {
    it(`ends with 69 where ${what} was removed, and what is under way is posted once`, async (t) => {
      const scratch = testScratch(t);
      const { daemon, ledger, store, recipients } = await makeSite(scratch, { threads: UNDER_WAY });
      await daemon.start();
      ledger.withhold();
      const wire = await LmtpWire.connect(daemon.socket);
      assert.ok(wire);
      t.after(() => {
        wire.close();
      });
      for (const { address } of recipients) {
        await wire.begin([address]);
        await wire.finish(replyMessage({ to: address, messageId: newMessageId() }), 1, false);
      }
      await ledger.until(
        () => ledger.requests === UNDER_WAY,
        () => daemon.log(),
      );
      for (const suffix of suffixes) rmSync(store + suffix);

      const second = new Daemon(daemon.socket, daemon.config, scratch.path('second.log'), {});
      assert.equal(await second.startToEnd(), 'exit 69');
      assert.match(
        second.log(),
        /^mailgwd: store\.path: \S+ is in use by another mailgwd; only one may run on a store$/m,
      );
      ledger.release();
      await ledger.until(
        () => daemon.log().split('"outcome":"posted"').length === UNDER_WAY + 1,
        () => daemon.log(),
      );
      assert.equal(ledger.requests, UNDER_WAY);
      assert.equal(await daemon.stop(), 'exit 0');
      await daemon.start();
    });
  }
});
