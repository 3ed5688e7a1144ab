import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { testScratch } from '../support/scratch.ts';
import { initialise } from './tool.ts';

describe('mailgw-ctl user', () => {
  it('adds, shows, changes, disables, enables and removes a user', async (t) => {
    const tool = await initialise(testScratch(t));
    const added = await tool.row(
      ...['user', 'add', 'alice', '--address', 'alice@example.com', '--address', 'a@home.example'],
    );
    assert.deepEqual(Object.keys(added), ['user', 'number', 'enabled', 'addresses', 'created_at']);
    assert.deepEqual(added.addresses, ['alice@example.com', 'a@home.example']);
    const shown = await tool.row('user', 'show', 'alice');
    assert.deepEqual(Object.keys(shown), [
      ...['user', 'number', 'enabled', 'addresses', 'created_at'],
      ...['salt_fingerprint', 'salt_created_at', 'grace_ends_at'],
      ...['hard_bounces', 'soft_bounces', 'last_bounce_at', 'replies_left'],
    ]);
    assert.match(String(shown.salt_fingerprint), /^[0-9a-f]{12}$/);

    const changed = await tool.row('user', 'set', 'alice', '--address', 'new@example.com');
    assert.deepEqual(changed.addresses, ['new@example.com']);
    assert.equal((await tool.row('user', 'disable', 'alice')).enabled, false);
    await tool.fails(
      65,
      'user "alice": is disabled, an address would be refused; "mailgw-ctl user enable" enables them',
      ...['address', 'mint', '--user', 'alice', '--thread', 't'],
    );
    assert.equal((await tool.row('user', 'enable', 'alice')).enabled, true);
    assert.deepEqual((await tool.row('user', 'set', 'alice', '--no-addresses')).addresses, []);
    await tool.row('user', 'remove', 'alice', '--yes');
    assert.deepEqual(await tool.rows('user', 'list'), []);
    assert.match(await tool.text('user', 'list'), /^There are no users; "mailgw-ctl user add"/);
  });

  it('speaks in sentences and tables to people', async (t) => {
    const tool = await initialise(testScratch(t));
    assert.equal(
      await tool.text('user', 'add', 'alice', '--address', 'alice@example.com'),
      'user alice added, writing from alice@example.com\n',
    );
    const [head, line] = (await tool.text('user', 'list')).split('\n');
    assert.match(head ?? '', /^USER +NUMBER +ENABLED +ADDRESSES +CREATED AT$/);
    assert.match(line ?? '', /^alice +1 +yes +alice@example\.com +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.match(await tool.text('user', 'show', 'alice'), /^grace ends at +-$/m);
  });

  it('warns when a user could not reply under the strict policy', async (t) => {
    const tool = await initialise(testScratch(t));
    const { code, stderr } = await tool.run('user', 'add', 'bob');
    assert.equal(code, 0);
    assert.match(stderr, /^mailgw-ctl: note: user bob has no address, and sender\.policy = "strict"/);
  });

  it('refuses what cannot be, naming the value and what was expected', async (t) => {
    const tool = await initialise(testScratch(t));
    await tool.text('user', 'add', 'alice', '--address', 'alice@example.com');
    const add = (name: string, address: string): string[] => ['user', 'add', name, '--address', address];
    await tool.fails(
      65,
      'user "alice": exists already; "mailgw-ctl user set" changes a user',
      ...add('alice', 'a@example.com'),
    );
    for (const name of ['', ' ', 'a\nb', '\u202eevil', 'x'.repeat(256)]) {
      await tool.fails(
        65,
        /: expected 1 to 255 octets without control characters/,
        ...add(name, 'a@b.example'),
      );
    }
    for (const address of [
      'alice',
      'a b@example.com',
      'a@',
      'a@b.example> NOTIFY=NEVER',
      'a@b.example\r\nX: y',
    ]) {
      await tool.fails(
        65,
        /^mailgw-ctl: --address ".*": is not a mail address; expected one/,
        ...add('bob', address),
      );
    }
    await tool.fails(65, /is in reply\.domain/, ...add('bob', 'x@REPLY.example.org'));
    await tool.fails(64, /^mailgw-ctl: user set: expected --address/, 'user', 'set', 'alice');
    for (const command of ['set', 'show', 'disable', 'enable', 'remove']) {
      const rest = command === 'set' ? ['--no-addresses'] : [];
      await tool.fails(
        65,
        'user "nobody": there is no such user; "mailgw-ctl user list" shows them',
        ...['user', command, 'nobody', ...rest],
      );
    }
  });
});

describe('mailgw-ctl salt', () => {
  it('rotates one user or all, with and without a grace period, and never prints a salt', async (t) => {
    const tool = await initialise(testScratch(t));
    await tool.text('user', 'add', 'alice', '--address', 'alice@example.com');
    await tool.text('user', 'add', 'bob', '--address', 'bob@example.com');
    const before = await tool.rows('salt', 'list');
    assert.deepEqual(Object.keys(before[0] ?? {}), [
      'user',
      'salt_fingerprint',
      'current',
      'created_at',
      'ends_at',
    ]);

    const rotated = await tool.row('salt', 'rotate', 'alice', '--grace', '7d');
    assert.deepEqual(Object.keys(rotated), ['user', 'salt_fingerprint', 'created_at', 'grace_ends_at']);
    assert.equal(
      Date.parse(String(rotated.grace_ends_at)) - Date.parse(String(rotated.created_at)),
      7 * 86_400_000,
    );
    const alice = (await tool.rows('salt', 'list')).filter(({ user }) => user === 'alice');
    assert.deepEqual(
      alice.map(({ current, salt_fingerprint }) => [current, salt_fingerprint]),
      [
        [true, rotated.salt_fingerprint],
        [false, before[0]?.salt_fingerprint],
      ],
    );

    const asked =
      /^mailgw-ctl: salt rotate --all: every reply address of 2 users is void at once; nothing was done.*--yes/;
    await tool.fails(64, asked, 'salt', 'rotate', '--all');
    await tool.fails(
      64,
      /^mailgw-ctl: user remove alice: .*nothing was done.*--yes/,
      'user',
      'remove',
      'alice',
    );
    assert.equal((await tool.rows('salt', 'rotate', '--all', '--yes')).length, 2);
    const after = await tool.rows('salt', 'list');
    assert.deepEqual(
      after.map(({ user, current }) => [user, current]),
      [
        ['alice', true],
        ['bob', true],
      ],
    );
    const store = await tool.open('tool');
    const salt = (await store.userByName('alice'))?.salts[0]?.salt ?? new Uint8Array();
    await store.close();
    const everything = (await tool.text('salt', 'list')) + (await tool.text('user', 'show', 'alice'));
    for (const encoding of ['hex', 'base64'] as const) {
      assert.ok(!everything.includes(Buffer.from(salt).toString(encoding).slice(0, 10)));
    }
  });

  it('wants either a user or --all, and a duration', async (t) => {
    const tool = await initialise(testScratch(t));
    await tool.text('user', 'add', 'alice', '--address', 'alice@example.com');
    await tool.fails(64, 'salt rotate: expected either a user or --all', 'salt', 'rotate');
    await tool.fails(64, 'salt rotate: expected either a user or --all', 'salt', 'rotate', 'alice', '--all');
    for (const grace of ['7', 'x', '-7d', '9999999w']) {
      await tool.fails(
        65,
        `--grace "${grace}": is not a duration such as "12h" or "7d", of at most ten years`,
        ...['salt', 'rotate', 'alice', `--grace=${grace}`],
      );
    }
    await tool.fails(65, /user "bob": there is no such user/, 'salt', 'rotate', 'bob');
  });
});
