// `--json` of every command there is: one object per line, keys in snake case, whatever the exit status.

import assert from 'node:assert/strict';
import { appendFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { loadEntries } from '../../src/ctl/commands.ts';
import { testScratch } from '../support/scratch.ts';
import { initialise, newItem, parseRows, type Row, type Tool } from './tool.ts';

const ENTRIES = await loadEntries();

/** A command line for every command, in an order that works, with keys that its first object has;
 * none for what another program or a daemon would have to answer. */
const LINES: readonly (readonly [command: string, args: readonly string[], keys: readonly string[]])[] = [
  ['init', ['--domain', 'reply.example.org'], ['path', 'action', 'what']],
  ['config check', [], ['config', 'ok', 'problems', 'notes']],
  ['config show', [], ['key', 'value', 'default', 'doc']],
  [
    'user add',
    ['bob', '--address', 'bob@example.com'],
    ['user', 'number', 'enabled', 'addresses', 'created_at'],
  ],
  ['user set', ['bob', '--no-addresses'], ['user', 'addresses']],
  ['user put', ['carol', '--disabled'], ['user', 'number', 'enabled', 'addresses', 'result']],
  ['user import', ['--from', 'webhook'], []],
  ['user rename', ['carol', 'caroline'], ['user', 'number', 'enabled', 'addresses']],
  ['user list', [], ['user', 'enabled']],
  ['user show', ['alice'], ['user', 'salt_fingerprint', 'grace_ends_at']],
  ['user disable', ['bob'], ['user', 'enabled']],
  ['user enable', ['bob'], ['user', 'enabled']],
  ['user remove', ['bob', '--yes'], ['user', 'removed_at', 'restorable_until']],
  ['user restore', ['bob'], ['user', 'number', 'released', 'left_out']],
  ['salt rotate', ['alice', '--grace', '1d'], ['user', 'salt_fingerprint', 'grace_ends_at']],
  ['pepper list', [], ['pepper_fingerprint', 'in_file']],
  ['pepper accept', ['--yes'], ['pepper_fingerprint', 'accepted']],
  ['salt list', [], ['user', 'salt_fingerprint', 'current']],
  [
    'address mint',
    ['--user', 'alice', '--thread', 'acme/7'],
    ['reply_to', 'message_id', 'user', 'thread', 'replied_to', 'expires_at'],
  ],
  ['address explain', ['nobody@reply.example.org'], ['address', 'verdict', 'explanation']],
  ['thread rename', ['acme/7', 'acme/8'], ['thread', 'thread_number', 'formerly', 'open_items']],
  ['token create', ['forge', '--scope', 'mint'], ['name', 'scopes', 'created_at', 'token']],
  ['token list', [], ['name', 'scopes', 'created_at']],
  ['token revoke', ['forge'], ['name', 'revoked']],
  ['source confirm', ['ses'], []],
  ['notify', [], []],
  ['notification list', [], []],
  ['notification show', ['none'], []],
  ['check', ['MESSAGE', '--to', 'nobody@reply.example.org'], ['step', 'verdict', 'reason', 'rules']],
  [
    'queue list',
    [],
    [
      'id',
      'state',
      'user',
      'thread',
      'message_id',
      'received_at',
      'attempts',
      'due_at',
      'last_diagnostic',
      'bytes',
    ],
  ],
  ['queue shape', [], ['state', 'items', 'until_1m', 'older', 'bytes']],
  ['queue show', ['item-1'], ['id', 'hold_reason', 'settled_at']],
  ['queue cat', ['item-1'], ['id', 'bytes', 'content_base64']],
  ['queue hold', ['item-1'], ['id', 'action', 'state']],
  ['queue release', ['item-1'], ['id', 'action', 'state']],
  ['queue retry', ['--all', '--state', 'ready', '--yes'], ['id', 'action', 'state']],
  ['queue drop', ['item-2'], ['id', 'action', 'state']],
  ['queue pause', [], ['paused']],
  ['queue resume', [], ['paused']],
  ['source list', [], ['name', 'kind', 'state', 'waiting', 'failed', 'messages']],
  ['source test', [], []],
  ['source sync', [], []],
  ['source claim', ['support'], []],
  ['spam check', ['MESSAGE'], ['source', 'flagged', 'score', 'verdict']],
  ['spam learn', ['--spam', 'item-1'], []],
  ['spam ping', [], []],
  ['notice list', [], []],
  ['db check', [], ['store', 'ok', 'items', 'problems']],
  ['db backup', ['COPY'], ['store', 'backup', 'items', 'bytes']],
  ['db restore', ['nowhere.db'], []],
  ['db prune', [], ['contents', 'rows', 'fingerprints']],
  ['db vacuum', [], ['store', 'bytes_before', 'bytes_after']],
  ['db copy', ['--undo'], ['store', 'undone']],
  ['db restored', ['--backed-up-at', '1d'], []],
  ['db sql', ['--least'], ['role', 'owner', 'database', 'schema_from', 'schema_to', 'sql']],
  ['host list', [], []],
  ['host forget', ['mx2'], []],
  ['stats', [], ['ready', 'failed', 'oldest_age_seconds', 'paused', 'sink', 'verdicts']],
  ['verdicts', [], ['at', 'verdict', 'reason', 'cause', 'detail', 'address', 'from_domain', 'session']],
  ['reload', [], []],
  ['trace', ['item-1'], ['id', 'queue_id', 'tries', 'notices', 'way']],
  ['top', [], ['time', 'items', 'last_minute', 'daemon', 'threads']],
  ['doctor', [], ['check', 'status', 'what', 'why', 'fix']],
  ['postfix-config', [], ['main_cf', 'master_cf', 'commands']],
  ['completion', ['bash'], ['shell', 'script']],
];

/** A mailbox where nobody listens. */
const MAILBOX = '\n[[imap]]\nname = "support"\nhost = "127.0.0.1"\nport = 9\ntls = "off"\nuser = "u"\n';

const firstWord = (words: string): string => words.split(' ', 1)[0] ?? '';

/** The keys of an object and of all objects in it. */
function keysIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(keysIn);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [key, ...keysIn(inner)]);
}

async function filled(tool: Tool): Promise<void> {
  await tool.text('user', 'add', 'alice', '--address', 'alice@example.com');
  const store = await tool.open('tool');
  for (const id of ['item-1', 'item-2'])
    await store.accept([newItem({ id })], Buffer.from('Subject: x\r\n\r\nx'));
  const refused = { verdict: 'rejected', reason: 'expired', session: 's1' } as const;
  await store.addPastVerdicts([{ at: Date.now(), ...refused }], Date.now());
  await store.close();
}

describe('--json', () => {
  it('has a line here for every command', () => {
    const commands = ENTRIES.flatMap((entry) =>
      'commands' in entry
        ? entry.commands.map(({ words }) => `${entry.name} ${firstWord(words)}`)
        : [firstWord(entry.words)],
    );
    assert.deepEqual(LINES.map(([command]) => command).toSorted(), commands.toSorted());
  });

  it('gives one object per line, with keys in snake case, by every command', async (t) => {
    const tool = await initialise(testScratch(t));
    await filled(tool);
    appendFileSync(tool.config, MAILBOX);
    const files: Record<string, string> = {
      MESSAGE: tool.scratch.path('reply.eml'),
      COPY: tool.scratch.path('copy.db'),
    };
    writeFileSync(files.MESSAGE ?? '', 'From: alice@example.com\n\nA reply.\n');
    for (const [command, args, keys] of LINES) {
      if (command === 'notify') continue; // it reads standard input: notify.test.ts
      const words = [...command.split(' '), ...args.map((word) => files[word] ?? word)];
      const { stdout, stderr } = await tool.run('--json', ...words);
      const rows: Row[] = parseRows(stdout);
      const [first = {}] = rows;
      assert.ok(
        keys.every((key) => key in first),
        `${command}: ${stdout}${stderr}`,
      );
      for (const row of rows) {
        assert.ok(!Array.isArray(row) && typeof row === 'object', `${command}: ${stdout}`);
        for (const key of keysIn(row)) assert.match(key, /^[a-z][a-z0-9_]*$/, command);
      }
    }
  });
});
