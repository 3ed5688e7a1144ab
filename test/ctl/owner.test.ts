// As root the tool becomes the store's owner. Only root can show that; CI runs as root.
import assert from 'node:assert/strict';
import {
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { TOOL } from '../support/command.ts';
import { run } from '../support/process.ts';
import { testScratch } from '../support/scratch.ts';
import { initialise, parseRows, runTool, type Tool } from './tool.ts';

const NOBODY = 65534;
const asRoot = { skip: process.getuid?.() === 0 ? false : 'needs root, to become another user' };

/** A set-up as a system has it: the store's directory is the service user's, the secrets are root's alone. */
async function serviceStore(t: TestContext): Promise<{ tool: Tool; directory: string }> {
  const tool = await initialise(testScratch(t));
  const directory = tool.scratch.path('store');
  mkdirSync(directory);
  chownSync(directory, NOBODY, NOBODY);
  const text = readFileSync(tool.config, 'utf8');
  writeFileSync(tool.config, text.replace(tool.scratch.path('mailgw.db'), `${directory}/mailgw.db`));
  return { tool, directory };
}

const ownersIn = (directory: string): string[] => [
  ...new Set(
    readdirSync(directory).map((name) => {
      const { uid, gid } = statSync(`${directory}/${name}`);
      return `${uid}:${gid}`;
    }),
  ),
];

describe('mailgw-ctl run by root', asRoot, () => {
  it('makes a first store that belongs to the owner of its directory, and closed to others', async (t) => {
    const { tool, directory } = await serviceStore(t);
    await tool.text('user', 'add', 'alice', '--address', 'alice@example.com');
    assert.deepEqual(ownersIn(directory), [`${NOBODY}:${NOBODY}`]);
    for (const name of readdirSync(directory)) assert.equal(statSync(`${directory}/${name}`).mode & 0o077, 0);
  });

  it('reads secrets that only root may read before it drops, and mints', async (t) => {
    const { tool, directory } = await serviceStore(t);
    await tool.text('user', 'add', 'alice', '--address', 'alice@example.com');
    const row = await tool.row('address', 'mint', '--user', 'alice', '--thread', 'a/1');
    assert.match(String(row.reply_to), /^reply\+[a-z2-7]{48}@/);
    assert.equal(statSync(tool.scratch.path('pepper')).uid, 0);
    assert.deepEqual(ownersIn(directory), [`${NOBODY}:${NOBODY}`]);
  });

  it('leaves files that the service user can go on with', async (t) => {
    const { tool, directory } = await serviceStore(t);
    await tool.text('user', 'add', 'alice', '--address', 'alice@example.com');
    const { code, stderr } = await run('setpriv', [
      ...[`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'],
      ...[
        process.execPath,
        TOOL,
        '--config',
        tool.config,
        'user',
        'add',
        'bob',
        '--address',
        'bob@example.com',
      ],
    ]);
    assert.deepEqual([code, stderr], [0, '']);
    assert.deepEqual(
      (await tool.rows('user', 'list')).map(({ user }) => user),
      ['alice', 'bob'],
    );
    assert.deepEqual(ownersIn(directory), [`${NOBODY}:${NOBODY}`]);
  });

  it('does not follow a link of the service user to a file of root', async (t) => {
    const { tool, directory } = await serviceStore(t);
    const target = tool.scratch.path('root.db');
    const linked = await run('setpriv', [
      ...[`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'],
      ...['ln', '-s', target, `${directory}/mailgw.db`],
    ]);
    assert.equal(linked.code, 0, linked.stderr);
    assert.notEqual((await tool.run('user', 'add', 'alice')).code, 0);
    assert.equal(existsSync(target), false);
  });

  it('gives what init makes to the named owner', async (t) => {
    const scratch = testScratch(t);
    const directory = scratch.path('all');
    const made = await runTool([
      'init',
      '--domain',
      'r.example',
      '--directory',
      directory,
      '--owner',
      'nobody',
    ]);
    assert.equal(made.code, 0, made.stderr);
    for (const name of ['pepper', 'webhook.secret'])
      assert.equal(statSync(`${directory}/${name}`).uid, NOBODY);
    assert.deepEqual([statSync(directory).uid, statSync(`${directory}/mailgw.toml`).uid], [NOBODY, 0]);

    chownSync(`${directory}/pepper`, 0, 0);
    const again = await runTool(['init', '--directory', directory, '--owner', 'nobody']);
    assert.match(
      again.stderr,
      /^mailgw-ctl: note: \S+\/pepper belongs to user 0 and was left so; "chown 65534:/m,
    );
    assert.equal(statSync(`${directory}/pepper`).uid, 0);
  });
});

describe('mailgw-ctl run by a user without access', asRoot, () => {
  const asNobody = (tool: Tool, ...args: string[]): ReturnType<typeof run> =>
    run('setpriv', [
      ...[`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'],
      ...[process.execPath, TOOL, '--config', tool.config, ...args],
    ]);

  it('says which file and who could', async (t) => {
    const tool = await initialise(testScratch(t));
    await tool.text('user', 'add', 'alice', '--address', 'alice@example.com');
    const store = await asNobody(tool, 'user', 'list');
    assert.deepEqual(
      [store.code, store.stderr],
      [
        74,
        `mailgw-ctl: store.path: ${tool.scratch.directory}: this user (${NOBODY}) may not write it; run the command as root or as the user of the daemon\n`,
      ],
    );
    const pepper = await asNobody(tool, 'address', 'mint', '--user', 'alice', '--thread', 'x');
    assert.equal(pepper.code, 78);
    assert.match(
      pepper.stderr,
      /pepper: cannot be read: EACCES.*; run the command as root or as the user of the daemon, to whom the file must belong$/m,
    );
    assert.deepEqual(parseRows(pepper.stdout), []);
  });

  it('ends init with 73', async (t) => {
    const tool = await initialise(testScratch(t));
    cpSync(tool.config, tool.scratch.path('other.toml'));
    const { code, stderr } = await run('setpriv', [
      ...[`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', process.execPath, TOOL, 'init'],
      ...['--domain', 'r.example', '--directory', tool.scratch.path('mine')],
    ]);
    assert.equal(code, 73);
    assert.match(stderr, /cannot be made: EACCES.*; run the command as root, or choose --directory/);
  });
});
