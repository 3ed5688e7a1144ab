// Replies without a token from a mailbox or a provider: there is no RCPT, and nobody is answered.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type Arrived, arrive } from '../../src/gate/arrival.ts';
import type { LogFields } from '../../src/observe/log.ts';
import { Meter } from '../../src/observe/meter.ts';
import { inWords, itemsIn, message } from './gate.ts';
import { ADDRESS, mail, openMatching, PASS } from './matching.ts';

const ANSWERS = 'In-Reply-To: <n1@tracker.example>';

async function open(t: TestContext) {
  const test = await openMatching(t);
  await test.notify();
  const verdicts: LogFields[] = [];
  const counts: unknown[] = [];
  let uid = 0;
  const shared = {
    gate: () => test.gate,
    log: (event: string, fields: LogFields = {}) => {
      if (event === 'verdict') verdicts.push(fields);
    },
    meter: new Meter(),
    count: (...counted: unknown[]) => counts.push(counted),
  };
  const bring = (lines: readonly string[], candidates: readonly string[] = [ADDRESS]): Promise<Arrived> => {
    const envelope = { reversePath: 'alice@example.com', rules: { results: 'topmost' } } as const;
    const receipt = {
      kind: 'call',
      source: 'hook',
      call: `c${++uid}`,
      digest: Buffer.from('x'),
      at: 1,
    } as const;
    return arrive(shared, { session: 'hook', envelope, candidates, raw: message(lines), receipt });
  };
  return { ...test, verdicts, counts, bring };
}

const told = ({ kind, verdicts }: Arrived): string => [kind, ...verdicts.map(inWords)].join(', ');

describe('an arrival without a token', () => {
  it('is matched where it is to one of the addresses, and says so in the log and the counts', async (t) => {
    const test = await open(t);
    assert.equal(
      told(await test.bring(mail(ANSWERS), ['shared@example.org', ADDRESS.toUpperCase()])),
      'settled, queued',
    );
    const [verdict] = test.verdicts;
    assert.deepEqual([verdict?.matched, verdict?.user, verdict?.thread], ['message-id', 'alice', 'shop/1']);
    assert.deepEqual(test.counts, [['accepted', 'queued', 'matched by message-id']]);
    assert.equal((await itemsIn(test)).length, 1);
  });

  it('is no such address where it is to nothing, or to another address, whoever wrote it', async (t) => {
    const test = await open(t);
    assert.equal(told(await test.bring(mail('Subject: Lunch'))), 'settled, rejected: no-such-address');
    assert.equal(
      told(await test.bring(mail('From: eve@example.net', ANSWERS))),
      'settled, rejected: no-such-address',
    );
    assert.equal(
      told(await test.bring(mail(ANSWERS), ['shared@example.org'])),
      'settled, rejected: no-such-address',
    );
    assert.deepEqual(
      test.verdicts.map(({ detail }) => detail),
      ['unmatched', 'unmatched', 'no-token'],
    );
  });

  it('is judged by its token alone where one is among the candidates, good or not', async (t) => {
    const test = await open(t);
    const good = await test.sealed({ thread: 'shop/9' });
    const forged = good.replace(/.(?=@)/, (last) => (last === 'a' ? 'b' : 'a'));
    for (const [token, expected] of [
      [good, 'settled, queued'],
      [forged, 'settled, rejected: no-such-address'],
    ] as const)
      assert.equal(told(await test.bring(mail(ANSWERS), [ADDRESS, token])), expected);
    assert.deepEqual(
      (await itemsIn(test)).map(({ thread }) => thread),
      ['shop/9'],
    );
  });

  it('is not matched by Delivered-To: its author has to have written to the address', async (t) => {
    const test = await open(t);
    assert.equal(
      told(await test.bring([...PASS, 'To: carol@example.com', ANSWERS])),
      'settled, discarded: spoofed',
    );
  });

  it('is taken once, however often its source brings it', async (t) => {
    const test = await open(t);
    const lines = mail(ANSWERS, 'Message-ID: <r1@mail.example.com>');
    assert.equal(told(await test.bring(lines)), 'settled, queued');
    assert.equal(told(await test.bring(lines)), 'settled, duplicate');
  });
});
