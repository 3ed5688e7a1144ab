// Users of a platform taken into the directory: a sink of the site's own lists them, from a file that the test writes.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { EXIT, Fault } from '../../src/actions/fault.ts';
import { readPlatformUsers } from '../../src/actions/import-users.ts';
import type { PlatformUser } from '../../src/sinks/sink.ts';
import { startDaemon } from '../support/daemon.ts';
import { testScratch } from '../support/scratch.ts';
import { initialise, parseRows, type Row, type Tool } from './tool.ts';

/** A sink that lists what a file has, a user a line; a line that is no JSON breaks the list off with it. */
const MODULE = `
import { readFileSync } from 'node:fs';
export function createSink({ list }) {
  return {
    async deliver() { return { kind: 'posted', diagnostic: 'noted' }; },
    async *users() {
      for (const line of readFileSync(list, 'utf8').split('\\n')) {
        if (line === '') continue;
        if (!line.startsWith('{')) throw new Error(line);
        yield JSON.parse(line);
      }
    },
    async close() {},
  };
}
`;

/** The platform of a test: its users, and the tool that asks it. */
class Platform {
  readonly tool: Tool;
  readonly module: string;
  readonly #list: string;

  constructor(tool: Tool) {
    this.tool = tool;
    this.module = tool.scratch.path('sink.mjs');
    this.#list = tool.scratch.path('list.jsonl');
    writeFileSync(this.module, MODULE, { mode: 0o644 });
    const text = readFileSync(tool.config, 'utf8');
    const [before = ''] = text.split(/^\[sink\]$/m);
    const sink = `[sink]\ntype = "${this.module}"\nlist = "${this.#list}"\n`;
    writeFileSync(tool.config, `${before}${sink}`);
    this.has();
  }

  /** Says whom the platform has; a text breaks the list off. */
  has(...users: readonly (readonly [name: string, ...addresses: string[]] | string)[]): void {
    const lines = users.map((user) => {
      if (typeof user === 'string') return user;
      const [name, ...addresses] = user;
      return JSON.stringify({ name, addresses });
    });
    writeFileSync(this.#list, `${lines.join('\n')}\n`);
  }

  /** Imports, and gives what became of each, with the exit status and what was told. */
  async import(...options: string[]): Promise<{ code: number | null; rows: Row[]; told: string[] }> {
    const words = ['user', 'import', '--from', 'sink', ...options];
    const { code, stdout, stderr } = await this.tool.run('--json', ...words);
    return { code, rows: parseRows(stdout), told: stderr.split('\n').filter((line) => line !== '') };
  }

  /** The directory: each user's addresses, `-` before who is disabled. */
  async directory(): Promise<Record<string, unknown>> {
    const users = await this.tool.rows('user', 'list');
    return Object.fromEntries(
      users.map(({ user, enabled, addresses }) => [
        `${enabled === true ? '' : '-'}${String(user)}`,
        addresses,
      ]),
    );
  }
}

async function platformOf(t: TestContext): Promise<Platform> {
  return new Platform(await initialise(testScratch(t)));
}

const resultsOf = (rows: readonly Row[]): unknown[] =>
  rows.map(({ user, result }) => `${String(user)} ${String(result)}`);

describe('mailgw-ctl user import', () => {
  it('adds new users, brings addresses up to date, and does it once', async (t) => {
    const platform = await platformOf(t);
    const { tool } = platform;
    await tool.text(
      'user',
      'add',
      'alice',
      '--address',
      'home@example.org',
      '--address',
      'Alice@Example.com',
    );
    await tool.text('user', 'add', 'ours', '--address', 'ours@example.org');
    const salt = (await tool.row('user', 'show', 'alice')).salt_fingerprint;
    platform.has(
      ['bob', 'bob@example.com', 'bob@example.net'],
      ['alice', 'alice@example.com', 'new@example.com'],
      ['mute'],
    );
    const dry = await platform.import('--dry-run');
    assert.deepEqual(resultsOf(dry.rows), ['bob created', 'alice changed', 'mute created']);
    assert.deepEqual(Object.keys(await platform.directory()), ['alice', 'ours']);
    const { code, rows, told } = await platform.import();
    assert.equal(code, 0);
    assert.deepEqual(rows, dry.rows);
    assert.match(told.join('\n'), /^mailgw-ctl: note: the platform names 1 new users without an address/);
    assert.deepEqual(await platform.directory(), {
      alice: ['alice@example.com', 'new@example.com', 'home@example.org'],
      bob: ['bob@example.com', 'bob@example.net'],
      mute: [],
      ours: ['ours@example.org'],
    });
    assert.equal((await tool.row('user', 'show', 'alice')).salt_fingerprint, salt, 'what is out stays good');
    assert.ok(typeof (await tool.row('user', 'show', 'bob')).salt_fingerprint === 'string');
    assert.deepEqual(resultsOf((await platform.import()).rows), [
      ...['bob unchanged', 'alice unchanged', 'mute unchanged'],
    ]);
  });

  it('takes addresses and users out only where that is asked for', async (t) => {
    const platform = await platformOf(t);
    platform.has(['alice', 'a@example.com', 'b@example.com'], ['bob', 'bob@example.com']);
    await platform.import();
    platform.has(['alice', 'b@example.com'], ['carol']);
    await platform.import();
    assert.deepEqual(await platform.directory(), {
      ...{ alice: ['b@example.com', 'a@example.com'], bob: ['bob@example.com'], carol: [] },
    });
    assert.deepEqual(resultsOf((await platform.import('--only-these', '--disable-missing')).rows), [
      ...['alice changed', 'carol unchanged', 'bob disabled'],
    ]);
    assert.deepEqual(await platform.directory(), {
      ...{ alice: ['b@example.com'], '-bob': ['bob@example.com'], carol: [] },
    });
    // Who shows no address any more may hide it; who was disabled here stays so, whatever the platform says.
    platform.has(['alice'], ['bob', 'bob@example.com', 'bob@example.net'], ['carol']);
    await platform.import('--only-these', '--disable-missing');
    assert.deepEqual(await platform.directory(), {
      ...{ alice: ['b@example.com'], '-bob': ['bob@example.com', 'bob@example.net'], carol: [] },
    });
  });

  it('disables nobody where the platform names nobody', async (t) => {
    const platform = await platformOf(t);
    await platform.tool.text('user', 'add', 'alice', '--address', 'alice@example.com');
    const { code, told } = await platform.import('--disable-missing');
    assert.equal(code, 65);
    assert.match(told.join('\n'), /--disable-missing: the platform names nobody/);
    assert.deepEqual(await platform.directory(), { alice: ['alice@example.com'] });
  });

  it('disables nobody where other platforms have users too', async (t) => {
    const platform = await platformOf(t);
    const { tool } = platform;
    platform.has(['alice', 'alice@example.com']);
    const text = readFileSync(tool.config, 'utf8');
    const [before = '', table = ''] = text.split('[sink]\n');
    const sinks = ['one', 'two'].map((name) => `[[sink]]\nname = "${name}"\nthreads = "${name}/"\n${table}`);
    writeFileSync(tool.config, `${before}${sinks.join('')}`);
    const words = ['user', 'import', '--from', 'one'];
    await tool.fails(
      64,
      /--disable-missing would disable the users of the other sinks/,
      ...words,
      '--disable-missing',
    );
    assert.match(await tool.text(...words), /^1 users created/);
    await tool.fails(
      65,
      /there is no such sink; expected "one" or "two"/,
      'user',
      'import',
      '--from',
      'sink',
    );
  });

  it('never gives anybody an address that somebody else has, and tells each', async (t) => {
    const platform = await platformOf(t);
    const { tool } = platform;
    await tool.text('user', 'add', 'owner', '--address', 'taken@example.com');
    await tool.text('user', 'add', 'twin1', '--address', 'twin1@example.com');
    await tool.text('user', 'add', 'gone', '--address', 'gone@example.com');
    await tool.text('user', 'remove', 'gone', '--yes');
    platform.has(
      ['thief', 'mine@example.com', 'TAKEN@Example.COM'],
      ['twin1', 'twin1@example.com', 'twin@example.com'],
      ['twin2', 'Twin@example.com'],
      ['gone', 'gone@example.com'],
      ['broken', 'no address'],
      ['reply', 'someone@reply.example.org'],
      [' spaces '],
      ['fine', 'fine@example.com'],
    );
    const { code, rows, told } = await platform.import();
    assert.equal(code, 65);
    assert.deepEqual(resultsOf(rows), [
      ...['thief refused', 'twin1 refused', 'twin2 refused', 'gone refused', 'broken refused'],
      ...['reply refused', ' spaces  refused', 'fine created'],
    ]);
    assert.deepEqual(
      told.map((line) => line.replace(/at \d{4}-[^;]+/, 'at TIME')),
      [
        'mailgw-ctl: user "thief": address "TAKEN@Example.COM": user "owner" of ours has it; if it is not theirs: mailgw-ctl user set owner',
        'mailgw-ctl: user "twin1": address "twin@example.com": the platform names "twin2" with it as well; expected one user',
        'mailgw-ctl: user "twin2": address "Twin@example.com": the platform names "twin1" with it as well; expected one user',
        'mailgw-ctl: user "gone": was removed at TIME; "mailgw-ctl user restore gone" brings them back',
        'mailgw-ctl: user "broken": address "no address": is not a mail address; expected one such as alice@example.com',
        'mailgw-ctl: user "reply": address "someone@reply.example.org": is in reply.domain; expected the address the user writes from',
        'mailgw-ctl: user " spaces ": expected 1 to 255 octets without control characters or spaces around them',
        'mailgw-ctl: 7 of 8 users were not taken in',
      ],
    );
    assert.deepEqual(await platform.directory(), {
      fine: ['fine@example.com'],
      owner: ['taken@example.com'],
      twin1: ['twin1@example.com'],
    });
  });

  it('takes an address with a tag for the one without, where the site does', async (t) => {
    const platform = await platformOf(t);
    const { tool } = platform;
    const text = readFileSync(tool.config, 'utf8');
    writeFileSync(tool.config, text.replace(/^#? ?plus_tags = .*$/m, 'plus_tags = "ignore"'));
    await tool.text('user', 'add', 'owner', '--address', 'taken+work@example.com');
    platform.has(['thief', 'taken@example.com'], ['owner', 'taken+home@example.com']);
    assert.deepEqual(resultsOf((await platform.import()).rows), ['thief refused', 'owner refused']);
    platform.has(['thief'], ['owner', 'taken+home@example.com']);
    assert.deepEqual(resultsOf((await platform.import()).rows), ['thief created', 'owner changed']);
  });
});

describe('the list that mailgw-ctl user import reads', () => {
  it('changes nothing where the list breaks off, and says where', async (t) => {
    const platform = await platformOf(t);
    platform.has(['alice', 'a@example.com'], ['bob'], '503 Service Unavailable');
    const { code, told } = await platform.import('--disable-missing');
    assert.equal(code, 69);
    assert.deepEqual(told, [
      'mailgw-ctl: --from "sink": the list ended after 2 users: 503 Service Unavailable; nothing was changed',
    ]);
    assert.deepEqual(await platform.directory(), {});
  });

  it('waits for the next user only so long', async () => {
    const aborted: unknown[] = [];
    const users = async function* (signal: AbortSignal): AsyncGenerator<PlatformUser> {
      yield { name: 'alice', addresses: [] };
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve);
      });
      aborted.push(signal.aborted);
    };
    await assert.rejects(readPlatformUsers({ users }, 'slow', 50), (error) => {
      assert.ok(error instanceof Fault);
      assert.equal(error.status, EXIT.unavailable);
      assert.match(error.message, /^--from "slow": the list ended after 1 users: no answer within/);
      return true;
    });
    await new Promise(setImmediate);
    assert.deepEqual(aborted, [true], 'the sink is told');
  });

  it('refuses a sink that lists nobody, and one that is not there', async (t) => {
    const tool = await initialise(testScratch(t));
    await tool.fails(
      78,
      /^mailgw-ctl: --from "webhook": this sink lists no users; "mailgw-ctl user put -"/,
      ...['user', 'import', '--from', 'webhook'],
    );
    await tool.fails(
      65,
      '--from "redmine": there is no such sink; expected "webhook"',
      ...['user', 'import', '--from', 'redmine'],
    );
    await tool.fails(64, /required option '--from <sink>'/, 'user', 'import');
  });

  it('takes 10,000 in a few seconds, and again; a user named on two pages is one', async (t) => {
    const platform = await platformOf(t);
    const users = Array.from({ length: 10_000 }, (_, n) => [`user-${n}`, `user-${n}@example.com`] as const);
    platform.has(...users, ...users.slice(0, 100));
    const counts: string[] = [];
    const begun = Date.now();
    const words = ['user', 'import', '--from', 'sink'];
    for (const more of [['--dry-run'], [], [], ['--disable-missing']]) {
      if (more[0] === '--disable-missing') platform.has(['user-7', 'user-7@example.com']);
      counts.push((await platform.tool.text(...words, ...more)).split('\n').at(-2) ?? '');
    }
    const took = Date.now() - begun;
    assert.deepEqual(counts, [
      '10000 users created, 0 changed, 0 unchanged, 0 disabled, 0 refused; nothing was changed (--dry-run)',
      '10000 users created, 0 changed, 0 unchanged, 0 disabled, 0 refused',
      '0 users created, 0 changed, 10000 unchanged, 0 disabled, 0 refused',
      '0 users created, 0 changed, 1 unchanged, 9999 disabled, 0 refused',
    ]);
    t.diagnostic(`four imports of 10,000 users: ${took} ms`);
  });

  it('runs beside the daemon, which takes replies of new users at once', async (t) => {
    const scratch = testScratch(t);
    const [module, list] = [scratch.path('sink.mjs'), scratch.path('list.jsonl')];
    writeFileSync(module, MODULE, { mode: 0o644 });
    writeFileSync(list, '{"name":"dora","addresses":["dora@example.com"]}\n');
    const daemon = await startDaemon(scratch, {
      sink: { url: 'http://127.0.0.1:9/', secret: '' },
      change: (settings) => ({ ...settings, sink: { type: module, list } }),
    });
    await daemon.ready();
    assert.deepEqual(await daemon.ctl('user', 'import', '--from', 'sink'), [
      { user: 'dora', result: 'created', addresses: ['dora@example.com'] },
    ]);
    const [minted] = await daemon.ctl('address', 'mint', '--user', 'dora', '--thread', 't/1');
    const [explained] = await daemon.ctl('address', 'explain', String(minted?.reply_to));
    assert.equal(explained?.verdict, 'valid');
  });
});
