// What the daemon opened ends in the opposite order, whatever fails.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Life } from '../../src/daemon/life.ts';

describe("the daemon's life", () => {
  it('ends in the opposite order, one thing after the other', async () => {
    const life = new Life();
    const said: string[] = [];
    for (const name of ['store', 'gate', 'listener']) {
      life.ends(async () => {
        said.push(`${name} ends`);
        await turn();
        said.push(`${name} has ended`);
      });
    }
    await life.end();
    const names = ['listener', 'gate', 'store'];
    assert.deepEqual(
      said,
      names.flatMap((name) => [`${name} ends`, `${name} has ended`]),
    );
  });

  it('ends the rest when something fails, and throws the first failure', async () => {
    const life = new Life();
    const ended: string[] = [];
    life.ends(() => ended.push('store'));
    life.ends(() => Promise.reject(new Error('the second')));
    life.ends(() => {
      throw new Error('the first');
    });
    await assert.rejects(life.end(), /^Error: the first$/);
    assert.deepEqual(ended, ['store']);
  });

  it('ends everything once', async () => {
    const life = new Life();
    let ends = 0;
    life.ends(() => ++ends);
    await life.end();
    await life.end();
    assert.equal(ends, 1);
  });
});
