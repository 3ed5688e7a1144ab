import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Leased } from '../../src/delivery/attempt.ts';
import { UnderWay, wantedBytes } from '../../src/delivery/under-way.ts';

const MIB = 1024 * 1024;
const item = (id: string, bytes: number): Leased => ({ item: { id, bytes } }) as Leased;
const idOf = (leased: Leased | undefined): string | undefined => leased?.item.id;

describe('large messages under way', () => {
  it('begin while all fit, and one always; small ones pass by, other large ones do not', () => {
    const underWay = new UnderWay();
    const huge = item('huge', 100 * MIB);
    const ahead = [huge, item('other', MIB), item('small', 1000), item('third', 30 * MIB)];
    const next = (): string | undefined => {
      const taken = underWay.takeNext(ahead, 40 * MIB);
      if (taken !== undefined) underWay.begin(taken);
      return idOf(taken);
    };
    assert.deepEqual([next(), next(), next()], ['huge', 'small', undefined]);
    assert.ok((wantedBytes(ahead) ?? Infinity) < MIB);
    assert.deepEqual(underWay.takeSurplus(ahead).map(idOf), ['third']);
    underWay.end(huge);
    assert.deepEqual([next(), next()], ['other', undefined]);
    assert.equal(wantedBytes(ahead), undefined);
    ahead.push(item('fits', 39 * MIB), item('not', MIB));
    assert.deepEqual([next(), next()], ['fits', undefined]);
  });
});
