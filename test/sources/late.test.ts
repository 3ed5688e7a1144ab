// A source that comes with a reload: opened once, when the site first has it.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openLate } from '../../src/sources/late.ts';
import type { Intake, OpenSource } from '../../src/sources/source.ts';
import { eventually } from '../support/eventually.ts';

/** A site of which only this matters: whether it has the source, and what a reload calls. */
function lateSite(isThere: boolean) {
  const site = { isThere, loads: 0, opens: 0, stops: 0, fails: false };
  const faults: string[] = [];
  let changed = (): void => undefined;
  const open: OpenSource<object> = () => {
    site.opens += 1;
    return site.fails
      ? Promise.reject(new Error('the port is taken'))
      : Promise.resolve({
          views: () => [{ name: 'one', kind: 'late', state: 'serving' }],
          stop: () => {
            site.stops += 1;
            return Promise.resolve();
          },
        });
  };
  const follow = (_section: string, hear: () => void): void => {
    changed = hear;
    hear();
  };
  const opened = () =>
    openLate({ follow } as Intake<object>, {
      section: 'late',
      isWanted: () => site.isThere,
      load: () => {
        site.loads += 1;
        return Promise.resolve(open);
      },
      onFault: (reason) => faults.push(reason),
    });
  return {
    site,
    faults,
    opened,
    reload: () => {
      changed();
    },
  };
}

describe('a source that a reload brings', () => {
  it('is not loaded before, and opened once', async () => {
    const { site, opened, reload } = lateSite(false);
    const source = await opened();
    assert.deepEqual([site.loads, source.views?.()], [0, []]);
    site.isThere = true;
    reload();
    reload();
    await eventually(
      () => source.views?.()[0],
      () => 'its part',
    );
    reload();
    assert.deepEqual([site.loads, site.opens], [1, 1]);
    await source.stop(0);
    assert.equal(site.stops, 1);
  });

  it('is opened at the start where the site has it, which fails with it', async () => {
    const { site, opened } = lateSite(true);
    site.fails = true;
    await assert.rejects(opened(), /the port is taken/);
  });

  it('tells why it cannot be opened, and is with the next reload', async () => {
    const { site, faults, opened, reload } = lateSite(false);
    const source = await opened();
    Object.assign(site, { isThere: true, fails: true });
    reload();
    await eventually(
      () => faults[0],
      () => 'a fault',
    );
    assert.deepEqual(faults, ['the port is taken']);
    site.fails = false;
    reload();
    await eventually(
      () => source.views?.()[0],
      () => 'its part',
    );
    assert.equal(site.opens, 2);
  });

  it('is not opened any more once it is stopped', async () => {
    const { site, opened, reload } = lateSite(false);
    const source = await opened();
    await source.stop(0);
    site.isThere = true;
    reload();
    assert.equal(site.loads, 0);
  });
});
