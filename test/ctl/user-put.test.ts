// Users brought to a state, one or as many as standard input has lines; and users who get another name.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { TOOL } from '../support/command.ts';
import { type RunResult, run } from '../support/process.ts';
import { testScratch } from '../support/scratch.ts';
import { initialise, newItem, parseRows, type Tool } from './tool.ts';

/** Runs `user put -` with these lines on standard input. */
async function putLines(tool: Tool, lines: readonly string[], ...options: string[]): Promise<RunResult> {
  const file = tool.scratch.path('users.jsonl');
  writeFileSync(file, `${lines.join('\n')}\n`);
  const words = [process.execPath, TOOL, '--config', tool.config, ...options, 'user', 'put', '-'];
  return await run('sh', ['-c', `${words.map((word) => `'${word}'`).join(' ')} < '${file}'`]);
}

describe('mailgw-ctl user put', () => {
  it('brings one user to a state, the same however often', async (t) => {
    const tool = await initialise(testScratch(t));
    const put = ['user', 'put', 'alice', '--address', 'a@example.com', '--address', 'b@example.com'];
    const results = [await tool.row(...put), await tool.row(...put), await tool.row(...put, '--disabled')];
    assert.deepEqual(
      results.map(({ result, enabled, addresses }) => [result, enabled, addresses]),
      [
        ['created', true, ['a@example.com', 'b@example.com']],
        ['unchanged', true, ['a@example.com', 'b@example.com']],
        ['changed', false, ['a@example.com', 'b@example.com']],
      ],
    );
    const salt = (await tool.row('user', 'show', 'alice')).salt_fingerprint;
    assert.equal((await tool.row('user', 'put', 'alice', '--address', 'A@example.com')).enabled, false);
    assert.equal(await tool.text('user', 'put', 'alice', '--enabled'), 'user alice changed\n');
    assert.deepEqual((await tool.row('user', 'put', 'alice', '--no-addresses')).addresses, []);
    assert.equal((await tool.row('user', 'show', 'alice')).salt_fingerprint, salt, 'what is out stays good');
    await tool.fails(
      65,
      /^mailgw-ctl: --address "x": is not a mail address/,
      'user',
      'put',
      'alice',
      '--address',
      'x',
    );
    await tool.fails(64, /exclude each other/, 'user', 'put', 'alice', '--enabled', '--disabled');
  });

  it('takes many from JSON lines: bad ones are named, good ones kept, and the end is 65', async (t) => {
    const tool = await initialise(testScratch(t));
    await tool.text('user', 'add', 'old', '--address', 'old@example.com');
    const lines = [
      '{"user":"alice","addresses":["a@example.com"]}',
      '{"user":"bob","addresses":["b@example.com"],"enabled":false}',
      '{"user":"alice"}',
      '{"user":"old","addresses":[]}',
      'no JSON',
      '',
      '{"user":"carol","addresses":["carol"]}',
      '{"user":" dave "}',
      '{"user":"eve","adresses":[]}',
      '{"user":"eve","addresses":"e@example.com"}',
      '{"user":"eve","enabled":"yes"}',
      '{"addresses":[]}',
      '{"user":"last"}',
    ];
    const { code, stdout, stderr } = await putLines(tool, lines, '--json');
    assert.equal(code, 65);
    assert.deepEqual(parseRows(stdout), [
      { user: 'alice', result: 'created' },
      { user: 'bob', result: 'created' },
      { user: 'alice', result: 'unchanged' },
      { user: 'old', result: 'changed' },
      { user: 'last', result: 'created' },
    ]);
    const told = new Map(
      [...stderr.matchAll(/^mailgw-ctl: line (\d+): (.*)$/gm)].map(([, n, what]) => [n, what]),
    );
    assert.deepEqual(
      [...told.keys()].map(Number).toSorted((a, b) => a - b),
      [5, 7, 8, 9, 10, 11, 12],
    );
    assert.match(told.get('7') ?? '', /"carol": is not a mail address/);
    assert.match(told.get('9') ?? '', /^adresses: unknown key; expected user, addresses, enabled$/);
    assert.match(told.get('10') ?? '', /^addresses: "e@example\.com" is not a list of addresses$/);
    assert.match(stderr, /7 of 13 lines were not carried out/);
    const users = await tool.rows('user', 'list');
    assert.deepEqual(
      users.map(({ user, enabled, addresses }) => [user, enabled, addresses]),
      [
        ['alice', true, ['a@example.com']],
        ['bob', false, ['b@example.com']],
        ['last', true, []],
        ['old', true, []],
      ],
    );
  });

  it('puts 10,000', async (t) => {
    const tool = await initialise(testScratch(t));
    const lines = Array.from({ length: 10_000 }, (_, index) =>
      JSON.stringify({ user: `user-${index}`, addresses: [`user-${index}@example.com`] }),
    );
    const { code, stdout } = await putLines(tool, lines);
    assert.equal(code, 0);
    assert.match(stdout, /^10000 users created, 0 changed, 0 unchanged$/m);
    assert.match((await putLines(tool, lines)).stdout, /^0 users created, 0 changed, 10000 unchanged$/m);
  });
});

describe('mailgw-ctl user rename', () => {
  it('keeps number, salts and addresses, and takes along what waits', async (t) => {
    const tool = await initialise(testScratch(t));
    await tool.text('user', 'add', 'alice', '--address', 'a@example.com');
    const before = await tool.row('user', 'show', 'alice');
    const { reply_to: address } = await tool.row('address', 'mint', '--user', 'alice', '--thread', 't/1');
    const store = await tool.open('tool');
    const userNumber = Number(before.number);
    for (const [id, hold] of [
      ['item-1', undefined],
      ['item-2', 'spam'],
    ] as const)
      await store.accept([newItem({ id, userNumber, hold })], Buffer.from('Subject: x\r\n\r\nx'));
    await store.close();
    assert.equal(
      await tool.text('user', 'rename', 'alice', 'alice.cooper'),
      'user alice is alice.cooper now; their reply addresses stay good\n',
    );
    assert.deepEqual(await tool.row('user', 'show', 'alice.cooper'), { ...before, user: 'alice.cooper' });
    const explained = await tool.row('address', 'explain', String(address));
    assert.deepEqual([explained.verdict, explained.user], ['valid', 'alice.cooper']);
    const items = await tool.rows('queue', 'list', '--user', 'alice.cooper');
    assert.deepEqual(items.map(({ id }) => id).toSorted(), ['item-1', 'item-2']);
    assert.equal((await tool.row('queue', 'release', 'item-2')).state, 'ready', 'it is still theirs');
    await tool.fails(65, /^mailgw-ctl: user "alice": there is no such user/, 'user', 'show', 'alice');
    await tool.text('user', 'rename', 'alice.cooper', 'alice');
    await tool.text('user', 'rename', 'alice', 'alice');
  });

  it('is refused where the name is taken, or is one of somebody who can come back', async (t) => {
    const tool = await initialise(testScratch(t));
    for (const user of ['alice', 'bob', 'carol'])
      await tool.text('user', 'put', user, '--address', `${user}@example.com`);
    await tool.text('user', 'remove', 'carol', '--yes');
    await tool.fails(
      65,
      'user "bob": is the name of another user, number 2; expected one that is free',
      ...['user', 'rename', 'alice', 'bob'],
    );
    await tool.fails(
      65,
      /^mailgw-ctl: user "carol": was removed at \S+, number 3, and can come back until \S+; expected .*"mailgw-ctl user remove carol --forever --number 3"$/m,
      ...['user', 'rename', 'alice', 'carol'],
    );
    await tool.fails(65, /^mailgw-ctl: user " x": expected 1 to 255 octets/, 'user', 'rename', 'alice', ' x');
    await tool.fails(
      65,
      /^mailgw-ctl: user "carol": was removed at .* brings them back/,
      'user',
      'rename',
      'carol',
      'x',
    );
    await tool.text('user', 'remove', 'carol', '--forever', '--number', '3', '--yes');
    await tool.text('user', 'rename', 'alice', 'carol');
  });
});
