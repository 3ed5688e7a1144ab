// Parts: built anew by what they read, put in force at once, ended when nobody uses them.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Setup } from '../../src/site/settings.ts';
import { Site } from '../../src/site/site.ts';
import { configOf, LEAST } from '../config/least.ts';

/** A setup of which only the configuration is looked at. */
function setupOf(domain = 'reply.example.org'): Setup {
  const config = configOf(LEAST.replace('reply.example.org', domain));
  const settings = {
    config,
    written: {},
    digests: new Map(),
    stale: new Set<string>(),
    peppers: [{ bytes: Buffer.alloc(32), file: '' }] as const,
    texts: { text: () => ({ subject: '', body: '' }) },
  };
  return {
    settings,
    sinks: [],
  };
}

/** A site with a part that counts how often it was built, and says when it ends. */
function siteWith(reads: 'everything' | readonly string[]) {
  const site = new Site(setupOf());
  const said: string[] = [];
  let built = 0;
  const part = site.part<number>({
    reads,
    open: () => ++built,
    warm: (number) => said.push(`warm ${number}`),
    close: (number) => {
      said.push(`end ${number}`);
      return Promise.resolve();
    },
  });
  return { site, part, said };
}

describe('a part', () => {
  it('is built anew by a change of a key or a section that it reads, and by no other', () => {
    const { site, part } = siteWith(['reply', 'delivery.parse_timeout']);
    for (const key of ['replyx.domain', 'delivery.parse_timeouts', 'delivery.concurrency', 'rate.total']) {
      site.change(setupOf(), [key]);
      assert.equal(part(), 1, key);
    }
    site.change(setupOf(), ['reply.prefix']);
    site.change(setupOf(), ['rate.total', 'delivery.parse_timeout']);
    assert.equal(part(), 3);
  });

  it('that reads everything is built anew by every reload', () => {
    const { site, part } = siteWith('everything');
    site.change(setupOf(), []);
    assert.equal(part(), 2);
  });

  it('is warmed when it comes into force, and ended only when its users are done with it', async () => {
    const { site, said } = siteWith(['log']);
    site.warm();
    const endOld = site.change(setupOf(), ['log.level']);
    assert.deepEqual(said, ['warm 1', 'warm 2']);
    await endOld();
    assert.deepEqual(said.slice(2), ['end 1']);
    await site.close();
    assert.deepEqual(said.slice(3), ['end 2']);
  });

  it('is built of the setup in force, and sees the parts before it as they are then', () => {
    const site = new Site(setupOf());
    const domain = site.part({
      reads: ['reply.domain'],
      open: ({ settings }) => settings.config.reply.domain[0],
    });
    const sentence = site.part({ reads: 'everything', open: () => `replies to ${domain()}` });
    site.change(setupOf('other.example.org'), ['reply.domain']);
    assert.equal(sentence(), 'replies to other.example.org');
    assert.equal(site.config.reply.domain[0], 'other.example.org');
  });

  it('ends after those that were added behind it', async () => {
    const site = new Site(setupOf());
    const ended: string[] = [];
    for (const name of ['sink', 'parser']) {
      const close = (): Promise<void> => {
        ended.push(name);
        return Promise.resolve();
      };
      site.part({ reads: [], open: () => name, close });
    }
    await site.close();
    assert.deepEqual(ended, ['parser', 'sink']);
  });
});
