// The clock of leases in PostgreSQL, told its times: whoever notices first that this host's clock was set, it counts once.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DatabaseClock } from '../../src/store/postgres/clock.ts';
import type { Moment } from '../../src/system/moment.ts';

const HOUR_MS = 3_600_000;
const START = 1_700_000_000_000;

/** A host whose clock can be set, and a database whose clock goes right. */
class World {
  readonly clock: DatabaseClock;
  #setMs: number;
  #passedMs = 0;

  constructor(setMs = 0) {
    this.#setMs = setMs;
    this.clock = new DatabaseClock(this.now);
    this.hear();
  }

  get now(): Moment {
    return { wall: START + this.#passedMs + this.#setMs, monotonic: 1000.25 + this.#passedMs };
  }

  get database(): number {
    return START + this.#passedMs;
  }

  pass(ms: number): void {
    this.#passedMs += ms;
  }

  set(byMs: number): void {
    this.#setMs += byMs;
  }

  /** Measures; the clock may be set while the answer is on its way. */
  hear(wayMs = 10, setMs = 0): void {
    const before = this.now;
    this.pass(wayMs / 2);
    const at = this.database;
    this.set(setMs);
    this.pass(wayMs / 2);
    this.clock.hear(at, before, this.now);
  }

  /** How far this host's times lie off the database's. */
  get offMs(): number {
    return this.clock.toDatabase(this.now.wall) - this.database;
  }
}

describe('the clock of leases', () => {
  it('counts a small difference as none, and takes a large one as it is', () => {
    assert.equal(new World(100).clock.toDatabase(START), START);
    const behind = new World(-HOUR_MS);
    assert.equal(behind.offMs, 0);
    assert.equal(behind.clock.differenceMs, HOUR_MS);
    assert.equal(behind.clock.toHost(behind.clock.toDatabase(START)), START);
  });

  for (const byMs of [HOUR_MS, -HOUR_MS]) {
    const name = byMs > 0 ? 'ahead' : 'back';
    it(`follows this host's clock once when it is set ${name}, whoever notices first`, () => {
      const told = new World();
      told.set(byMs);
      told.clock.moved(byMs);
      assert.equal(told.offMs, 0);
      told.hear();
      assert.equal(told.offMs, 0);
      const heard = new World();
      heard.set(byMs);
      heard.hear();
      assert.equal(heard.offMs, 0);
      heard.pass(900);
      heard.clock.moved(byMs);
      assert.equal(heard.offMs, 0);
      heard.hear();
      assert.equal(heard.offMs, 0);
    });

    it(`follows when it is set ${name} while a measurement is under way`, () => {
      const world = new World();
      world.hear(8000, byMs);
      assert.equal(world.offMs, 0);
      world.clock.moved(byMs);
      assert.equal(world.offMs, 0);
    });
  }

  it('adds to what was heard only what was set since', () => {
    const world = new World();
    world.set(HOUR_MS);
    world.hear();
    world.set(5000);
    world.clock.moved(HOUR_MS + 5000);
    assert.equal(world.offMs, 0);
    world.hear();
    world.clock.moved(2 * HOUR_MS);
    assert.equal(world.offMs, -2 * HOUR_MS, 'what is told later is another one');
  });

  it('forgets a clock that was set and set back before anybody was told', () => {
    const world = new World();
    world.set(HOUR_MS);
    world.hear();
    world.set(-HOUR_MS);
    world.hear();
    assert.equal(world.offMs, 0);
    world.set(3000);
    world.clock.moved(3000);
    assert.equal(world.offMs, 0);
  });

  it('takes what the database says when its own clock is set', () => {
    const world = new World();
    const before = world.now;
    world.pass(10);
    world.clock.hear(world.database - 5 + HOUR_MS, before, world.now);
    assert.equal(world.offMs, HOUR_MS);
  });
});
