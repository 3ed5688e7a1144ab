import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Breaker, LONGEST_PAUSE_MS, OPENING_FAILURES } from '../../src/delivery/breaker.ts';
import type { Outcome } from '../../src/delivery/sink.ts';

const POSTED: Outcome = { kind: 'posted', diagnostic: '201' };
const REFUSED: Outcome = { kind: 'failed', diagnostic: '422' };
const DOWN: Outcome = { kind: 'deferred', diagnostic: '503' };
const BROKEN: Outcome = { kind: 'deferred', diagnostic: '401', broken: true };
const asked = (ms: number): Outcome => ({ kind: 'deferred', diagnostic: '429', retryAfterMs: ms });

/** Without jitter: a pause is as long as it can be. */
const open = (random = 1): Breaker => new Breaker({ random: () => random, longestAskedMs: 3_600_000 });

function attempt(breaker: Breaker, id: string, outcome: Outcome | undefined, now = 0): void {
  breaker.begin(id, now);
  breaker.end(id, outcome, now);
}

function tripped(outcome: Outcome = DOWN): Breaker {
  const breaker = open();
  for (let n = 0; n < OPENING_FAILURES; n++) attempt(breaker, `item-${n}`, outcome);
  return breaker;
}

describe('a closed breaker', () => {
  it('opens when several items in a row find the sink down', () => {
    const breaker = open();
    for (let n = 1; n < OPENING_FAILURES; n++) attempt(breaker, `item-${n}`, DOWN);
    assert.deepEqual([breaker.isOpen, breaker.state], [false, 'up']);
    attempt(breaker, 'item-0', DOWN);
    assert.deepEqual([breaker.isOpen, breaker.state, breaker.room(0)], [true, 'down', 0]);
  });

  it('stays closed however often one item fails, or when posts come between', () => {
    const breaker = open();
    for (let n = 0; n < 100; n++) attempt(breaker, 'stuck', DOWN);
    assert.equal(breaker.isOpen, false);
    for (let n = 0; n < 100; n++) attempt(breaker, `item-${n}`, n % 3 === 0 ? POSTED : DOWN);
    assert.equal(breaker.isOpen, false);
  });

  it('is not tripped by items that the sink refuses, or that never reached it', () => {
    const breaker = open();
    for (let n = 0; n < 100; n++) attempt(breaker, `item-${n}`, n % 2 === 0 ? REFUSED : undefined);
    assert.deepEqual([breaker.isOpen, breaker.state], [false, 'up']);
  });

  it('says at the first answer of its kind that the sink is misconfigured, and until the next post', () => {
    const breaker = open();
    attempt(breaker, 'a', BROKEN);
    assert.deepEqual([breaker.isOpen, breaker.state], [false, 'broken']);
    attempt(breaker, 'b', REFUSED);
    assert.equal(breaker.state, 'broken');
    attempt(breaker, 'c', POSTED);
    assert.equal(breaker.state, 'up');
  });
});

describe('an open breaker', () => {
  it('lets one probe through after each pause; pauses double up to a minute', () => {
    const breaker = tripped();
    const pauses: number[] = [];
    for (let now = 0, n = 0; n < 9; n++) {
      const pause = breaker.pauseMs(now);
      pauses.push(pause / 1000);
      assert.equal(breaker.room(now + pause - 1), 0);
      now += pause;
      assert.equal(breaker.room(now), 1);
      breaker.begin(`probe-${n}`, now);
      assert.equal(breaker.room(now), 0, 'one probe at a time');
      breaker.end(`probe-${n}`, DOWN, now);
    }
    assert.deepEqual(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
  });

  it('draws its pauses between half and whole', () => {
    const short = new Breaker({ random: () => 0, longestAskedMs: 0 });
    for (let n = 0; n < OPENING_FAILURES; n++) attempt(short, `item-${n}`, DOWN);
    assert.equal(short.pauseMs(0), 500);
  });

  it('closes for all when a probe is posted', () => {
    const breaker = tripped(BROKEN);
    assert.equal(breaker.state, 'broken');
    attempt(breaker, 'probe', POSTED, 1000);
    assert.deepEqual([breaker.isOpen, breaker.state, breaker.room(1000)], [false, 'up', Infinity]);
  });

  it('probes again with another item when one is refused, without a longer pause and without closing', () => {
    const breaker = tripped();
    attempt(breaker, 'probe', REFUSED, 1000);
    assert.deepEqual([breaker.isOpen, breaker.pauseMs(1000)], [true, 1000]);
  });

  it('probes again at once when the probe never reached the sink', () => {
    const breaker = tripped();
    attempt(breaker, 'probe', undefined, 1000);
    assert.equal(breaker.room(1000), 1);
  });

  it('takes no notice of failures that were under way when it opened', () => {
    const breaker = open();
    for (let n = 0; n < 16; n++) breaker.begin(`item-${n}`, 0);
    for (let n = 0; n < 16; n++) breaker.end(`item-${n}`, DOWN, 0);
    assert.equal(breaker.pauseMs(0), 1000);
  });

  it('changes what it says of the sink with what its probes find', () => {
    const breaker = tripped();
    attempt(breaker, 'a', BROKEN, 1000);
    assert.equal(breaker.state, 'broken');
    attempt(breaker, 'b', asked(5000), 10_000);
    assert.equal(breaker.state, 'paused');
    attempt(breaker, 'c', DOWN, 20_000);
    assert.equal(breaker.state, 'down');
  });
});

describe('a sink that asks to be left alone', () => {
  it('is left alone for that time by every item, though its other answers are posts', () => {
    const breaker = open();
    for (const id of ['a', 'b', 'c']) breaker.begin(id, 0);
    breaker.end('a', asked(30_000), 0);
    breaker.end('b', POSTED, 10);
    breaker.end('c', asked(20_000), 20);
    assert.deepEqual([breaker.state, breaker.pauseMs(20), breaker.room(29_999)], ['paused', 29_980, 0]);
    attempt(breaker, 'probe', POSTED, 30_000);
    assert.deepEqual([breaker.state, breaker.isOpen], ['up', false]);
  });

  it('is believed up to the bound', () => {
    const breaker = open();
    attempt(breaker, 'a', asked(86_400_000));
    assert.equal(breaker.pauseMs(0), 3_600_000);
  });
});

describe('any history', () => {
  const outcomes = fc.constantFrom<Outcome | undefined>(POSTED, REFUSED, DOWN, BROKEN, undefined);
  it('leaves a breaker that probes within a minute and that one post closes', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(outcomes, fc.nat(90_000))), (history) => {
        const breaker = open();
        let now = 0;
        for (const [index, [outcome, step]] of history.entries()) {
          now += step;
          if (breaker.room(now) > 0) attempt(breaker, `item-${index}`, outcome, now);
          assert.ok(breaker.pauseMs(now) <= LONGEST_PAUSE_MS);
        }
        now += breaker.pauseMs(now);
        assert.ok(breaker.room(now) >= 1);
        attempt(breaker, 'last', POSTED, now);
        assert.deepEqual([breaker.isOpen, breaker.state], [false, 'up']);
      }),
    );
  });
});
