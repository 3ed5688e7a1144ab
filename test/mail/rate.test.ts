// Token buckets: what is left, when one flows in again, and what a saved bucket is worth after the clock was set.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addressBucket, hasOne, leftIn, type Rate, takeOne, untilFull } from '../../src/mail/rate.ts';
import { mintBoundToken, mintSealedToken, parseToken } from '../../src/mail/token.ts';

const HOUR_MS = 3_600_000;
const TEN_YEARS_MS = 10 * 365 * 24 * HOUR_MS;
const PER_HOUR: Rate = { count: 30, perMs: HOUR_MS };

/** Takes as many as there are, at most `most`; the bucket after it. */
function drain(fullAt: number, now: number, rate: Rate, most = 1_000_000): { taken: number; fullAt: number } {
  let taken = 0;
  let at = fullAt;
  while (taken < most && hasOne(at, now, rate)) {
    at = takeOne(at, now, rate);
    taken += 1;
  }
  return { taken, fullAt: at };
}

describe('a token bucket', () => {
  it('holds exactly its count, whatever the rate and the time', () => {
    for (const count of [1, 2, 3, 7, 30, 120, 999]) {
      for (const perMs of [1000, 60_000, HOUR_MS, 24 * HOUR_MS]) {
        for (const now of [0, 0.1, 123_456.789, 1e10]) {
          const rate = { count, perMs };
          const { taken, fullAt } = drain(0, now, rate);
          assert.equal(taken, count, `${count}/${perMs} at ${now}`);
          assert.equal(leftIn(fullAt, now, rate), 0);
        }
      }
    }
  });

  it('gets one back after each interval, and is full after the whole span', () => {
    const { fullAt } = drain(0, 0, PER_HOUR);
    assert.equal(hasOne(fullAt, 119_999, PER_HOUR), false);
    assert.equal(drain(fullAt, 120_000, PER_HOUR).taken, 1);
    assert.equal(drain(fullAt, 600_000, PER_HOUR).taken, 5);
    assert.equal(drain(fullAt, HOUR_MS, PER_HOUR).taken, 30);
    assert.equal(drain(fullAt, 100 * HOUR_MS, PER_HOUR).taken, 30);
  });

  it('says how many are left', () => {
    const { fullAt } = drain(0, 0, PER_HOUR, 12);
    assert.equal(leftIn(fullAt, 0, PER_HOUR), 18);
    assert.equal(leftIn(0, 0, PER_HOUR), 30);
    assert.equal(leftIn(fullAt, HOUR_MS, PER_HOUR), 30);
  });
});

describe('a saved bucket, some time later by the wall clock', () => {
  const saved = { savedAt: 1_700_000_000_000, fullAt: 1_700_000_000_000 + HOUR_MS / 2 };

  it('has refilled meanwhile', () => {
    assert.equal(untilFull(saved, saved.savedAt, PER_HOUR), HOUR_MS / 2);
    assert.equal(untilFull(saved, saved.savedAt + HOUR_MS / 4, PER_HOUR), HOUR_MS / 4);
    assert.equal(untilFull(saved, saved.savedAt + HOUR_MS, PER_HOUR), 0);
  });

  it('is as it was saved when the clock was set back, by an hour or ten years', () => {
    for (const back of [HOUR_MS, TEN_YEARS_MS]) {
      assert.equal(untilFull(saved, saved.savedAt - back, PER_HOUR), HOUR_MS / 2);
    }
  });

  it('is full at most when the clock was set ahead, and never more than full', () => {
    const remaining = untilFull(saved, saved.savedAt + TEN_YEARS_MS, PER_HOUR);
    assert.equal(drain(remaining, 0, PER_HOUR).taken, 30);
  });

  it('keeps nobody out for longer than the span, whatever the row says', () => {
    const absurd = { savedAt: saved.savedAt, fullAt: saved.savedAt + TEN_YEARS_MS };
    assert.equal(untilFull(absurd, saved.savedAt, PER_HOUR), HOUR_MS);
  });
});

describe("an address's bucket", () => {
  const key = Buffer.alloc(32, 1);

  it('is named by no byte of a MAC, so that the store holds no token', () => {
    const text = mintSealedToken(key, { userNumber: 1, threadNumber: 2, repliedTo: 3, locator: 'a' });
    const other = mintSealedToken(Buffer.alloc(32, 2), {
      userNumber: 1,
      threadNumber: 2,
      repliedTo: 3,
      locator: 'a',
    });
    assert.notEqual(text, other);
    assert.equal(addressBucket(parseToken(text)!), addressBucket(parseToken(other)!));
  });

  it('is one for all variants of a bound token that RCPT cannot tell apart', () => {
    const nonce = Buffer.from('deadbeef', 'hex');
    const text = mintBoundToken(key, { userNumber: 1, nonce, messageId: 't/1/2@reply.example.org' });
    const variant = text.slice(0, -1) + (text.endsWith('a') ? 'b' : 'a');
    assert.equal(addressBucket(parseToken(text)!), addressBucket(parseToken(variant)!));
  });

  it('differs by thread, post and nonce', () => {
    const sealed = (threadNumber: number, repliedTo: number): string =>
      mintSealedToken(key, { userNumber: 1, threadNumber, repliedTo, locator: 'a' });
    const bound = (nonce: string): string =>
      mintBoundToken(key, { userNumber: 1, nonce: Buffer.from(nonce, 'hex'), messageId: 'x' });
    const tokens = [sealed(1, 1), sealed(1, 2), sealed(2, 1), bound('00000001'), bound('00000002')];
    assert.equal(new Set(tokens.map((token) => addressBucket(parseToken(token)!))).size, tokens.length);
  });
});
