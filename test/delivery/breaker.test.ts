import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  Breaker,
  LONGEST_PAUSE_MS,
  MOST_USERS,
  OPENING_FAILURES,
  type Tried,
} from '../../src/delivery/breaker.ts';
import type { Outcome } from '../../src/sinks/sink.ts';

const POSTED: Outcome = { kind: 'posted', diagnostic: '201' };
const REFUSED: Outcome = { kind: 'failed', diagnostic: '422' };
const DOWN: Outcome = { kind: 'deferred', diagnostic: '503' };
const BROKEN: Outcome = { kind: 'deferred', diagnostic: '401', broken: true };
const asked = (ms: number): Outcome => ({ kind: 'deferred', diagnostic: '429', retryAfterMs: ms });

/** Without jitter: a pause is as long as it can be. */
const open = (random = 1): Breaker => new Breaker({ random: () => random, longestAskedMs: 3_600_000 });

/** An item of alice's, unless it is another's. */
const item = (id: string, user = 'alice'): Tried => ({ id, user });

function attempt(breaker: Breaker, id: string, outcome: Outcome | undefined, now = 0, user = 'alice'): void {
  breaker.begin(item(id, user), now);
  breaker.end(item(id, user), outcome, now);
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
    assert.deepEqual([breaker.isOpen, breaker.state], [false, undefined]);
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

  it('says nothing of a sink before an answer has shown something', () => {
    const breaker = open();
    attempt(breaker, 'a', undefined);
    attempt(breaker, 'b', DOWN);
    assert.equal(breaker.state, undefined);
    attempt(breaker, 'c', POSTED);
    assert.equal(breaker.state, 'up');
  });

  it('says at the first answer of its kind that the sink is misconfigured, and until it answers to the point', () => {
    const breaker = open();
    attempt(breaker, 'a', BROKEN);
    assert.deepEqual([breaker.isOpen, breaker.state], [false, 'broken']);
    attempt(breaker, 'b', DOWN);
    assert.equal(breaker.state, 'broken');
    attempt(breaker, 'c', REFUSED);
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
      breaker.begin(item(`probe-${n}`), now);
      assert.equal(breaker.room(now), 0, 'one probe at a time');
      breaker.end(item(`probe-${n}`), DOWN, now);
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
    for (let n = 0; n < 16; n++) breaker.begin(item(`item-${n}`), 0);
    for (let n = 0; n < 16; n++) breaker.end(item(`item-${n}`), DOWN, 0);
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

describe('a newcomer: a user of whom nothing has failed', () => {
  it('waits for no pause, and closes the breaker', () => {
    const breaker = tripped();
    assert.deepEqual(breaker.admission(0), { limit: 1, probe: { avoid: ['alice'], isStrict: true } });
    attempt(breaker, 'other', POSTED, 0, 'bob');
    assert.deepEqual([breaker.isOpen, breaker.state], [false, 'up']);
  });

  it('is one once: after it failed, the next one is another, a little later, and pauses are as long as before', () => {
    const breaker = tripped();
    attempt(breaker, 'other', DOWN, 0, 'bob');
    assert.deepEqual([breaker.admission(0).limit, breaker.newcomerMs(0), breaker.pauseMs(0)], [0, 100, 1000]);
    assert.deepEqual(breaker.admission(100), {
      limit: 1,
      probe: { avoid: ['alice', 'bob'], isStrict: true },
    });
    assert.equal(breaker.admission(1000).probe?.isStrict, false);
  });

  it('begins while a probe is under way, at most four at a time', () => {
    const breaker = tripped();
    breaker.begin(item('probe'), 1000);
    for (let n = 0; n < 4; n++) {
      assert.equal(breaker.admission(2000 + n * 1000).limit, 1);
      breaker.begin(item(`new-${n}`, `user-${n}`), 2000 + n * 1000);
    }
    assert.equal(breaker.admission(9000).limit, 0);
    breaker.end(item('new-0', 'user-0'), undefined, 9000);
    assert.equal(breaker.admission(9000).limit, 1);
  });

  it('is nobody any more when many users have failed: at most one attempt of each in an outage', () => {
    const breaker = tripped();
    let now = 0;
    let attempts = 0;
    for (; now < 3_600_000; now += 100) {
      const { limit, probe } = breaker.admission(now);
      if (probe?.isStrict === false) attempt(breaker, `probe-${now}`, DOWN, now);
      else if (limit > 0) attempt(breaker, `new-${attempts}`, DOWN, now, `user-${attempts++}`);
    }
    assert.equal(attempts, MOST_USERS - 1);
    assert.equal(breaker.newcomerMs(now), undefined);
  });

  it('is not let in while the sink asked to be left alone', () => {
    const breaker = open();
    attempt(breaker, 'a', asked(30_000));
    assert.deepEqual([breaker.admission(29_999).limit, breaker.newcomerMs(10_000)], [0, 20_000]);
  });
});

describe('items that fail by themselves', () => {
  const round = (breaker: Breaker, now: number): void => {
    for (let n = 0; n < 40; n++) attempt(breaker, `poison-${n}`, DOWN, now);
  };

  it('open the breaker twice, and never after the sink took others both times', () => {
    const breaker = open();
    for (const isOpen of [true, true, false, false]) {
      round(breaker, 0);
      assert.equal(breaker.isOpen, isOpen);
      attempt(breaker, 'other', POSTED, 0, 'bob');
      assert.ok(breaker.failsByItself('poison-39'));
    }
    for (let n = 0; n < OPENING_FAILURES; n++) attempt(breaker, `item-${n}`, DOWN, 0, 'bob');
    assert.equal(breaker.isOpen, true);
  });

  it('are forgotten when they are posted or refused', () => {
    const breaker = open();
    round(breaker, 0);
    attempt(breaker, 'other', POSTED, 0, 'bob');
    attempt(breaker, 'poison-0', POSTED);
    attempt(breaker, 'poison-1', REFUSED);
    assert.deepEqual(
      ['poison-0', 'poison-1', 'poison-2'].map((id) => breaker.failsByItself(id)),
      [false, false, true],
    );
  });
});

describe('a sink that asks to be left alone', () => {
  it('is left alone for that time by every item, though its other answers are posts', () => {
    const breaker = open();
    for (const id of ['a', 'b', 'c']) breaker.begin(item(id), 0);
    breaker.end(item('a'), asked(30_000), 0);
    breaker.end(item('b'), POSTED, 10);
    breaker.end(item('c'), asked(20_000), 20);
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
