import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { cells, isPrintable, printable, printableJson, truncate } from '../../src/system/printable.ts';
import { TOOL } from '../support/command.ts';
import { run } from '../support/process.ts';
import { testScratch } from '../support/scratch.ts';
import { initialise, newItem, onTerminal, runTool, type Tool } from './tool.ts';

// Moves the cursor, sets the title, clears the screen by C1 CSI, turns the line around, hides, ends the line.
const HOSTILE =
  'a\u001b[2J\u001b]0;owned\u0007\u009b2J\u202egpj\u2066\u200b\u2028x\r\nmailgw-ctl: all is well\ttab\u007f';
const RAW_HOSTILE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b\u2028-\u202e\u2066-\u2069\ufeff]/u;

async function hostileStore(t: TestContext): Promise<Tool> {
  const tool = await initialise(testScratch(t));
  const store = await tool.open();
  tool.scratch.defer(() => store.close());
  await store.addUser({ name: HOSTILE, addresses: [HOSTILE], salt: new Uint8Array(32), now: Date.now() });
  await store.accept(
    [newItem({ id: 'hostile-1', user: HOSTILE, thread: HOSTILE, messageId: HOSTILE, reversePath: HOSTILE })],
    Buffer.from(HOSTILE),
  );
  const [leased] = await store.lease({ now: Date.now(), leaseMs: 1000, limit: 1 });
  await store.settle([
    {
      id: 'hostile-1',
      attempts: leased?.attempts ?? 0,
      settlement: { kind: 'failed', at: Date.now(), diagnostic: HOSTILE },
    },
  ]);
  return tool;
}

describe('what came from mail and users', () => {
  it('never reaches the output raw, from any command, as text or JSON', async (t) => {
    const tool = await hostileStore(t);
    const printing = [
      ['user', 'list'],
      ['user', 'show', HOSTILE],
      ['user', 'disable', HOSTILE],
      ['user', 'enable', HOSTILE],
      ['salt', 'rotate', HOSTILE],
      ['salt', 'list'],
      ['address', 'mint', '--user', HOSTILE, '--thread', 'x'],
      ['address', 'explain', HOSTILE],
      ['queue', 'list'],
      ['queue', 'show', 'hostile-1'],
    ];
    const complaining = [
      ['user', 'add', HOSTILE],
      ['user', 'show', `${HOSTILE}x`],
      ['user', 'add', 'x', '--address', HOSTILE],
      ['address', 'mint', '--user', HOSTILE, '--thread', HOSTILE],
      ['address', 'mint', '--user', HOSTILE, '--thread', 'x', '--replied-to', HOSTILE],
      ['queue', 'list', '--state', HOSTILE],
      ['queue', 'show', HOSTILE],
      ['queue', 'retry', 'hostile-1', HOSTILE],
      ['check', HOSTILE, '--to', HOSTILE],
      [HOSTILE],
      ['user', `--${HOSTILE}`],
    ];
    for (const command of [...printing, ...printing.map((words) => ['--json', ...words])])
      assert.doesNotMatch(await tool.text(...command), RAW_HOSTILE, command.join(' '));
    for (const command of complaining) {
      const { code, stdout, stderr } = await tool.run(...command);
      assert.notEqual(code, 0, command.join(' '));
      assert.doesNotMatch(stdout + stderr, RAW_HOSTILE, command.join(' '));
    }
  });

  it('is given whole in JSON', async (t) => {
    const tool = await hostileStore(t);
    const [row] = await tool.rows('queue', 'list');
    assert.deepEqual([row?.user, row?.thread, row?.last_diagnostic], [HOSTILE, HOSTILE, HOSTILE]);
  });

  it('is a message made safe on a terminal, and the bytes themselves elsewhere', async (t) => {
    const tool = await hostileStore(t);
    const shown = await onTerminal(tool, 80, '', 'queue', 'cat', 'hostile-1');
    assert.match(shown, /^a\\x1b\[2J\\x1b\]0;owned\\x07\\x9b2J\\u\{202e\}/);
    assert.doesNotMatch(shown.replaceAll(/[\r\n\t]/g, ''), RAW_HOSTILE);
    const bytes = execFileSync(process.execPath, [
      TOOL,
      '--config',
      tool.config,
      'queue',
      'cat',
      'hostile-1',
    ]);
    assert.equal(bytes.toString(), HOSTILE);
  });
});

describe('a table', () => {
  it('fits the terminal, cutting what may be cut and never an id', async (t) => {
    const tool = await hostileStore(t);
    for (const columns of [60, 80, 100, 132]) {
      const lines = (await onTerminal(tool, columns, 'NO_COLOR=1', 'queue', 'list')).trimEnd().split('\r\n');
      assert.equal(lines.length, 2);
      for (const line of lines) assert.ok(cells(line) <= columns, `${cells(line)} of ${columns}: ${line}`);
      assert.match(lines[1] ?? '', /^hostile-1 +failed .*…/);
    }
    const narrow = await runTool(['--config', tool.config, 'queue', 'list'], ['COLUMNS=50']);
    assert.ok(narrow.stdout.split('\n').every((line) => cells(line) <= 50));
  });

  it('is not cut where there is no terminal and no COLUMNS', async (t) => {
    const tool = await hostileStore(t);
    assert.doesNotMatch(await tool.text('queue', 'list'), /…/);
  });

  it('has colour on a terminal only, and not with NO_COLOR or on a dumb one', async (t) => {
    const tool = await hostileStore(t);
    const colour = /\u001b\[1m/;
    assert.match(await onTerminal(tool, 80, 'TERM=xterm', 'user', 'list'), colour);
    assert.doesNotMatch(await onTerminal(tool, 80, 'TERM=xterm NO_COLOR=1', 'user', 'list'), colour);
    assert.doesNotMatch(await onTerminal(tool, 80, 'TERM=dumb', 'user', 'list'), colour);
    assert.doesNotMatch(await tool.text('user', 'list'), colour);
  });
});

describe('standard output', () => {
  it('may be closed early by its reader, and the command still does all of its work', async (t) => {
    const tool = await initialise(testScratch(t));
    for (const name of ['alice', 'bob', 'carol']) {
      await tool.text('user', 'add', name, '--address', `${name}@example.com`);
    }
    const fingerprints = async (): Promise<unknown[]> =>
      (await tool.rows('salt', 'list')).map((row) => row.salt_fingerprint);
    const before = await fingerprints();
    const words = `'${process.execPath}' '${TOOL}' --config '${tool.config}' salt rotate --all --yes`;
    const command = `{ sleep 0.3; ${words}; echo "status $?" >&2; } | true`;
    assert.equal((await run('bash', ['-c', command])).stderr, 'status 0\n');
    const after = await fingerprints();
    assert.deepEqual([after.length, after.filter((fingerprint) => before.includes(fingerprint))], [3, []]);
  });

  it("may be closed early along with standard error, and the status is still the command's own", async (t) => {
    const tool = await initialise(testScratch(t));
    const statusOf = async (...args: string[]): Promise<string> => {
      const words = [process.execPath, TOOL, '--config', tool.config, ...args].map((word) => `'${word}'`);
      const command = `{ sleep 0.3; ${words.join(' ')}; echo "$?" >&3; } 2>&1 3>&4 | true`;
      return (await run('bash', ['-c', `{ ${command}; } 4>&1`])).stdout.trim();
    };
    assert.equal(await statusOf('queue', 'show', 'nothing'), '65');
    assert.equal(await statusOf('queue'), '64');
    assert.equal(await statusOf('stats'), '0');
  });

  it('that cannot be written ends the command with 74', async (t) => {
    const tool = await initialise(testScratch(t));
    const command = `'${process.execPath}' '${TOOL}' --config '${tool.config}' stats > /dev/full`;
    const { code, stderr } = await run('bash', ['-c', command]);
    assert.equal(code, 74);
    assert.match(stderr, /^mailgw-ctl: standard output: cannot be written: .*ENOSPC/);
  });
});

describe('printable text', () => {
  const text = fc.string({ unit: 'binary', maxLength: 40 });

  it('holds nothing that a terminal acts on, and is its own printable text', () => {
    fc.assert(
      fc.property(text, (value) => {
        const safe = printable(value);
        assert.ok(isPrintable(safe));
        assert.equal(printable(safe), safe);
        assert.equal(isPrintable(value), safe === value);
      }),
    );
  });

  it('leaves letters, emoji and joiners of every script alone', () => {
    for (const value of ['übersicht', '議題', 'می‌خواهم', '👩‍👩‍👧', 'a b\\n'])
      assert.equal(printable(value), value);
  });

  it('as JSON means the same value', () => {
    fc.assert(
      fc.property(text, (value) => {
        const json = printableJson({ value });
        assert.ok(isPrintable(json));
        assert.deepEqual(JSON.parse(json), { value });
      }),
    );
  });

  it('is cut to the cells it may take', () => {
    fc.assert(
      fc.property(text.map(printable), fc.integer({ min: 1, max: 30 }), (value, width) => {
        const cut = truncate(value, width);
        assert.ok(cells(cut) <= width);
        if (cells(value) <= width) assert.equal(cut, value);
      }),
    );
    assert.equal(truncate('議題一覧', 5), '議題…');
  });
});
