import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import Sqlite from 'better-sqlite3';
import { loadEntries } from '../../src/ctl/commands.ts';
import { repositoryRoot, run, runOk } from '../support/process.ts';
import { testScratch } from '../support/scratch.ts';
import { mountTmpfs, tmpfsUnavailable } from '../support/tmpfs.ts';
import { initialise, runTool } from './tool.ts';

const ENTRIES = await loadEntries();

const reason = tmpfsUnavailable();

const firstWord = (words: string): string => words.split(' ', 1)[0] ?? '';

const COMMANDS = ENTRIES.flatMap((entry) =>
  'commands' in entry
    ? entry.commands.map(({ words }) => [entry.name, firstWord(words)])
    : [[firstWord(entry.words)]],
);

describe('mailgw-ctl help', () => {
  it('teaches every command with an example, and ends with 0', async () => {
    for (const command of COMMANDS) {
      const { code, stdout, stderr } = await runTool([...command, '--help']);
      assert.deepEqual([code, stderr], [0, '']);
      assert.match(stdout, new RegExp(`^Examples?:\n {2}mailgw-ctl ${command.join(' ')}`, 'm'));
      assert.match(stdout, /^ {2}--json /m);
    }
  });

  it('lists the first steps and the exit statuses', async () => {
    const { code, stdout } = await runTool(['--help']);
    assert.equal(code, 0);
    assert.match(stdout, /First steps:\n {2}mailgw-ctl init --domain/);
    assert.match(stdout, /64 usage, 65 bad input/);
    assert.equal((await runTool(['help', 'queue'])).code, 0);
    assert.match((await runTool(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/);
  });
});

describe('mailgw-ctl usage', () => {
  it('ends with 64 and names the mistake', async () => {
    const mistakes: readonly [string, RegExp][] = [
      ['', /^Usage: mailgw-ctl/],
      ['user', /^Usage: mailgw-ctl user/],
      ['usr list', /^mailgw-ctl: unknown command 'usr'\n\(Did you mean user\?\)/],
      ['user add', /^mailgw-ctl: missing required argument 'user'/],
      ['user list extra', /^mailgw-ctl: too many arguments/],
      ['user add x --adress y', /^mailgw-ctl: unknown option '--adress'\n\(Did you mean --address\?\)/],
      ['stats --config', /^mailgw-ctl: option '--config <file>' argument missing/],
    ];
    for (const [line, message] of mistakes) {
      const { code, stdout, stderr } = await runTool(line === '' ? [] : line.split(' '));
      assert.deepEqual([code, stdout], [64, ''], line);
      assert.match(stderr, message);
    }
  });

  it('says how to build when it was not built', async (t) => {
    const scratch = testScratch(t);
    mkdirSync(scratch.path('bin'));
    cpSync(join(repositoryRoot, 'bin', 'mailgw-ctl'), scratch.path('bin', 'mailgw-ctl'));
    writeFileSync(scratch.path('package.json'), '{"type":"module"}');
    const { code, stderr } = await run(process.execPath, [scratch.path('bin', 'mailgw-ctl'), 'stats']);
    assert.equal(code, 69);
    assert.match(stderr, /^mailgw-ctl: \S+\/dist\/src\/ctl\/main\.js: is missing; run "npm run build" in /);
  });
});

describe('mailgw-ctl and a file that cannot be read', () => {
  it('says why, and what to give it instead', async (t) => {
    const tool = await initialise(testScratch(t));
    const check = (file: string): string[] => ['check', file, '--to', 'x@reply.example.org'];
    const missing = tool.scratch.path('missing.eml');
    await tool.fails(
      74,
      `${missing}: cannot be read: there is no such file; expected a message, or "-" for standard input`,
      ...check(missing),
    );
    const { directory } = tool.scratch;
    await tool.fails(
      74,
      `${directory}: cannot be read: it is a directory; expected a file with one message`,
      ...check(directory),
    );
    const config = await runTool(['--config', directory, 'stats']);
    assert.equal(config.code, 78);
    assert.match(config.stderr, /: cannot be read: EISDIR: .*; name the file in it\n$/);
  });
});

describe('mailgw-ctl and a store that cannot be used', () => {
  it('says what is wrong with the file, with a status of its own', async (t) => {
    const tool = await initialise(testScratch(t));
    const path = tool.scratch.path('mailgw.db');
    writeFileSync(path, 'This is no database at all. '.repeat(100));
    await tool.fails(
      78,
      /^mailgw-ctl: store\.path: \S+ is not a database; restore it from a backup/,
      'user',
      'list',
    );
    rmSync(path);
    await tool.text('user', 'list');
    const database = new Sqlite(path);
    database.pragma('user_version = 99');
    database.close();
    await tool.fails(
      69,
      /^mailgw-ctl: store\.path: \S+ has schema 99, this mailgw knows \d+; run the newer/,
      'stats',
    );
  });

  it('says how to find who has locked it', async (t) => {
    const tool = await initialise(testScratch(t));
    await tool.text('user', 'list');
    const path = tool.scratch.path('mailgw.db');
    const other = new Sqlite(path);
    other.exec('BEGIN IMMEDIATE');
    await tool.fails(
      69,
      `store.path: ${path}: is locked by another process; "fuser -v ${path}" names it, then try again`,
      ...['user', 'add', 'alice'],
    );
    other.close();
  });

  it('names the mount where that is read-only', async (t) => {
    if (reason !== false) {
      t.skip(reason);
      return;
    }
    const tool = await initialise(testScratch(t));
    await tool.text('user', 'list');
    const place = await mountTmpfs(tool.scratch, 'mount', 16 * 1024 * 1024);
    cpSync(tool.scratch.path('mailgw.db'), join(place, 'mailgw.db'));
    await runOk('mount', ['-o', 'remount,ro', place]);
    const text = readFileSync(tool.config, 'utf8').replace(
      tool.scratch.path('mailgw.db'),
      join(place, 'mailgw.db'),
    );
    writeFileSync(tool.config, text);
    for (const command of [['stats'], ['db', 'check'], ['user', 'add', 'alice']])
      await tool.fails(
        74,
        `store.path: ${place}: is on a file system that is mounted read-only; mount it read-write`,
        ...command,
      );
  });

  it('does not make a directory for it', async (t) => {
    const tool = await initialise(testScratch(t));
    const text = `[reply]\ndomain = "r.example"\n[store]\npath = "${tool.scratch.path('no/where.db')}"\n`;
    writeFileSync(tool.config, `${text}[sender]\npolicy = "off"\n[sink]\ntype = "/sink.js"\n`);
    await tool.fails(
      73,
      /^mailgw-ctl: store\.path: \S+\/no: there is no such directory.*"mailgw-ctl init"/,
      'stats',
    );
  });
});
