// The spam rule in the gate: where it stands, whom it asks and how often, and what becomes of the message.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { openSpamPolicy } from '../../src/gate/spam-policy.ts';
import type { Finding } from '../../src/gate/trail.ts';
import type { LogEvent, LogFields } from '../../src/observe/log.ts';
import type { Config } from '../../src/site/config.ts';
import { SETTINGS } from '../../src/site/table.ts';
import { answering, type SpamdPlace, serveRequests } from '../support/spamd.ts';
import { claimOf, itemsIn, message, openGate, send, type TestGate } from './gate.ts';

type SpamSettings = Config['spam'];

const DEFAULTS = Object.fromEntries(
  Object.entries(SETTINGS.spam).map(([key, setting]) => {
    const read = setting.read(setting.fallback);
    assert.ok(read.ok);
    return [key, read.value];
  }),
) as SpamSettings;

const YES = 'X-Spam-Status: Yes, score=7.2 required=5.0';
const NO = 'X-Spam-Status: No, score=-1.9 required=5.0';
const OK = 'SPAMD/1.1 0 EX_OK\r\n';
const NOBODY: SpamdPlace = { host: '127.0.0.1', port: 1 };

function openWith(t: TestContext, settings: Partial<SpamSettings>): Promise<TestGate> {
  return openGate(t, { spam: openSpamPolicy({ ...DEFAULTS, ...settings }) });
}

/** The verdict of the item that was leased, as a sink would get it. */
async function leasedSpam({ store, clock }: TestGate): Promise<unknown> {
  const [item] = await store.lease({ now: clock.now * 1000, leaseMs: 1000, limit: 1 });
  return item?.spam;
}

describe('a reply that the filter calls spam', () => {
  it('is held by default, and posted with its mark once it is released', async (t) => {
    const test = await openWith(t, {});
    assert.equal(await send(test, await test.sealed(), message([YES])), 'held');
    const [item] = await itemsIn(test);
    assert.deepEqual([item?.state, item?.holdReason], ['held', 'spam']);
    await test.store.operate('release', item!.id, test.clock.now * 1000);
    assert.deepEqual(await leasedSpam(test), { score: 7.2, flagged: true });
  });

  it('is discarded, or posted with its mark, where the site says so', async (t) => {
    const discarding = await openWith(t, { action: 'discard' });
    const claim = await claimOf(discarding.gate, await discarding.sealed());
    const [verdict] = await discarding.gate.message(
      { reversePath: '' },
      [claim],
      message(['Return-Path: x', YES]),
    );
    assert.equal(verdict?.reason, 'bounce', 'automatic mail never comes as far as the filter');
    assert.equal(await send(discarding, await discarding.sealed(), message([YES])), 'discarded: spam');
    assert.deepEqual(await itemsIn(discarding), []);

    const tagging = await openWith(t, { action: 'tag' });
    assert.equal(await send(tagging, await tagging.sealed(), message([YES])), 'queued');
    assert.deepEqual(await leasedSpam(tagging), { score: 7.2, flagged: true });
  });

  it('is what the site calls spam: its own threshold', async (t) => {
    const test = await openWith(t, { threshold: 8 });
    assert.equal(await send(test, await test.sealed(), message([YES])), 'queued');
    assert.deepEqual(await leasedSpam(test), { score: 7.2, flagged: false });
    const strict = await openWith(t, { threshold: -3 });
    assert.equal(await send(strict, await strict.sealed(), message([NO])), 'held');
  });

  it('stays spam when the sender adds that it is none', async (t) => {
    const test = await openWith(t, {});
    for (const lines of [
      [NO, YES],
      [YES, NO],
      [NO, 'X-Spam-Flag: NO', 'X-Spam: Yes'],
    ]) {
      assert.equal(await send(test, await test.sealed(), message(lines)), 'held');
    }
  });

  it('stays held for what held it before', async (t) => {
    const test = await openWith(t, {});
    await send(test, await test.sealed(), message(['List-Id: <a.example.com>', YES]));
    const [item] = await itemsIn(test);
    assert.equal(item?.holdReason, 'list');
  });
});

describe('a reply that the filter lets pass, or says nothing of', () => {
  it('is queued, with the score if there is one', async (t) => {
    const test = await openWith(t, {});
    assert.equal(await send(test, await test.sealed(), message([NO])), 'queued');
    assert.deepEqual(await leasedSpam(test), { score: -1.9, flagged: false });
  });

  it('is queued, held or deferred where there is no verdict, as the site says', async (t) => {
    const spamd = { source: 'spamd', spamd: NOBODY } as const;
    for (const [settings, expected] of [
      [{}, 'queued'],
      [{ unchecked: 'hold' }, 'held'],
      [spamd, 'queued'],
      [{ ...spamd, unchecked: 'hold' }, 'held'],
      [{ ...spamd, unchecked: 'defer' }, 'deferred: unchecked'],
    ] as const) {
      const test = await openWith(t, settings);
      assert.equal(await send(test, await test.sealed(), message()), expected);
      const [item] = await itemsIn(test);
      assert.equal(item?.holdReason, expected === 'held' ? 'unchecked' : undefined);
    }
  });

  it('is not looked at when the rule is off', async (t) => {
    const test = await openGate(t, { spam: openSpamPolicy({ ...DEFAULTS, source: 'off' }) });
    assert.equal(await send(test, await test.sealed(), message([YES])), 'queued');
    assert.equal(await leasedSpam(test), undefined);
  });
});

describe('spamd', () => {
  it('is asked once for a message, and not when no recipient got that far', async (t) => {
    const { place, heard } = await answering(t, `${OK}Spam: True ; 9.5 / 5.0\r\n\r\n`);
    const test = await openWith(t, { source: 'spamd', spamd: place });
    const claims = [];
    for (const thread of ['t/1', 't/2', 't/3'])
      claims.push(await claimOf(test.gate, await test.sealed({ thread })));
    const verdicts = await test.gate.message({ reversePath: 'alice@example.com' }, claims, message());
    assert.deepEqual(
      verdicts.map(({ reason, spam, spamScore }) => [reason, spam, spamScore]),
      claims.map(() => ['held', 'yes', 9.5]),
    );
    assert.equal(heard.length, 1);
    await send(test, await test.sealed(), message(['Auto-Submitted: auto-replied']));
    await send(test, await test.sealed(), message(['From: two@example.com, one@example.com']));
    assert.equal(heard.length, 1);
  });

  it('is judged by our own threshold too', async (t) => {
    const { place } = await answering(t, `${OK}Spam: False ; 4.5 / 5.0\r\n\r\n`);
    const test = await openWith(t, { source: 'spamd', spamd: place, threshold: 4 });
    assert.equal(await send(test, await test.sealed(), message()), 'held');
  });

  it('is said once to be down, and once to be back', async (t) => {
    let answer = '';
    const { place } = await serveRequests(t, (socket) => {
      socket.end(answer);
    });
    const events: [LogEvent, LogFields | undefined][] = [];
    const log = (event: LogEvent, fields?: LogFields) => void events.push([event, fields]);
    const policy = openSpamPolicy({ ...DEFAULTS, source: 'spamd', spamd: place }, log);
    const test = await openGate(t, { spam: policy });
    for (answer of ['', '', `${OK}Spam: False ; 0.1 / 5.0\r\n\r\n`, `${OK}Spam: False ; 0.1 / 5.0\r\n\r\n`]) {
      assert.equal(await send(test, await test.sealed(), message()), 'queued');
    }
    const reason = 'the connection was closed without an answer';
    assert.deepEqual(events, [
      ['spamd_failed', { reason }],
      ['spamd_recovered', undefined],
    ]);
  });
});

describe('what the rule saw', () => {
  it('is told to whoever asks', async (t) => {
    const told = async (settings: Partial<SpamSettings>, line: string): Promise<unknown> => {
      const test = await openWith(t, settings);
      const findings: Finding[] = [];
      const claim = await claimOf(test.gate, await test.sealed());
      await test.gate.judge({ reversePath: 'alice@example.com' }, claim, message([line]), findings);
      const { result, saw } = findings.at(-1) ?? {};
      return [result, saw];
    };
    assert.deepEqual(await told({}, YES), ['held', 'spam, score 7.2']);
    assert.deepEqual(await told({ action: 'tag' }, YES), ['flagged', 'spam, score 7.2']);
    assert.deepEqual(await told({ action: 'discard' }, 'X-Spam: Yes'), ['discarded', 'spam']);
    assert.deepEqual(await told({}, NO), ['pass', 'not spam, score -1.9']);
    assert.deepEqual(await told({ source: 'off' }, YES), ['off', 'spam.source is "off"']);
    assert.deepEqual(await told({}, 'X-Other: Yes'), [
      'pass',
      'the header has no X-Spam-Status, X-Spam-Flag, X-Spam to go by',
    ]);
  });
});
