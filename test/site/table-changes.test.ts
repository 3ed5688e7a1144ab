// What a reload tells of sections that are lists of tables: table by table, with the files that they name.

import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { changedSettings, type SettingChange } from '../../src/site/changes.ts';
import { readSettings, type Settings } from '../../src/site/settings.ts';
import { initialise, type Tool } from '../ctl/tool.ts';
import { testScratch } from '../support/scratch.ts';

function settingsOf(tool: Tool): Settings {
  const read = readSettings(tool.config);
  assert.ok(read.ok, JSON.stringify(read));
  return read.settings;
}

/** Writes the tables of mailboxes after what init has made. */
function writeTables(tool: Tool, base: string, tables: string): void {
  writeFileSync(tool.config, base);
  appendFileSync(tool.config, tables);
}

const told = ({ key, from, to }: SettingChange): string =>
  [key, ...(from === undefined ? [] : [`${from} -> ${String(to)}`])].join(': ');

describe('a change of [[imap]]', () => {
  const table = (name: string, host: string, more = ''): string =>
    `\n[[imap]]\nname = "${name}"\nhost = "${host}"\nuser = "replies"\n${more}`;

  const changes: readonly (readonly [what: string, from: string, to: string, told: readonly string[]])[] = [
    ['a mailbox that is new', '', table('a', 'mx'), ['imap.a: nothing -> [[imap]]']],
    ['one that is gone', table('a', 'mx'), '', ['imap.a: [[imap]] -> nothing']],
    [
      'another server of one of two',
      table('a', 'x') + table('b', 'y'),
      table('a', 'x') + table('b', 'z'),
      ['imap.b.host: "y" -> "z"'],
    ],
    ['another order', table('a', 'x') + table('b', 'y'), table('b', 'y') + table('a', 'x'), []],
    [
      'a user that is an address',
      table('a', 'x'),
      table('a', 'x').replace('"replies"', '"r@example.org"'),
      ['imap.a.user'],
    ],
    [
      'a program whose arguments may be secret',
      table('a', 'x', 'token_command = ["t", "k1"]\n'),
      table('a', 'x', 'token_command = ["t", "k2"]\n'),
      ['imap.a.token_command'],
    ],
    ['a default that is written down', table('a', 'x'), table('a', 'x', 'folder = "INBOX"\n'), []],
  ];

  for (const [what, from, to, expected] of changes) {
    it(`is told of ${what}`, async (t) => {
      const tool = await initialise(testScratch(t));
      const base = readFileSync(tool.config, 'utf8');
      writeTables(tool, base, from);
      const before = settingsOf(tool);
      writeTables(tool, base, to);
      assert.deepEqual(changedSettings(before, settingsOf(tool)).map(told), expected);
    });
  }

  it('is told of a password that is another in the same file, without it', async (t) => {
    const tool = await initialise(testScratch(t));
    const file = tool.scratch.path('a.password');
    writeFileSync(file, 'first\n', { mode: 0o600 });
    appendFileSync(tool.config, table('a', 'x', `password_file = "${file}"\n`));
    const before = settingsOf(tool);
    writeFileSync(file, 'second\n');
    assert.deepEqual(changedSettings(before, settingsOf(tool)), [
      { key: 'imap.a.password_file', isFileOnly: true, needsRestart: false },
    ]);
  });
});

describe('doctor, on the password of a mailbox', () => {
  it('names the file that others may read, and how to close it', async (t) => {
    const tool = await initialise(testScratch(t));
    const file = tool.scratch.path('a.password');
    writeFileSync(file, 'secret\n', { mode: 0o644 });
    const table = `\n[[imap]]\nname = "a"\nhost = "127.0.0.1"\nport = 9\nuser = "u"\npassword_file = "${file}"\n`;
    appendFileSync(tool.config, table);
    const { stdout } = await tool.run('--json', 'doctor');
    const rows = stdout.split('\n').filter((line) => line.includes('"files.source_secret"'));
    assert.equal(rows.length, 1, stdout);
    assert.match(rows[0] ?? '', /imap\.a\.password_file: \S+a\.password: mode 0644 lets group or world in/);
    assert.match(rows[0] ?? '', /chmod 0600 \S+a\.password/);
  });
});
