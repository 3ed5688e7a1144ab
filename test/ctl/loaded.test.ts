// What a command loads: what it needs, and nothing of another command.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { loadedScripts } from '../support/loaded-scripts.ts';
import { testScratch } from '../support/scratch.ts';
import { initialise, runTool } from './tool.ts';

const COMMANDS = 'src/ctl/commands/';

/** Runs a command that must succeed; what it loaded. */
async function loadedBy(t: TestContext, ...words: string[]): Promise<string[]> {
  const { scratch, config } = await initialise(testScratch(t));
  const folder = scratch.path('scripts');
  const { code, stderr } = await runTool(['--config', config, ...words], [`NODE_V8_COVERAGE=${folder}`]);
  assert.equal(code, 0, stderr);
  return loadedScripts(folder);
}

const commandsOf = (loaded: readonly string[]): string[] =>
  loaded.filter((name) => name.startsWith(COMMANDS)).map((name) => name.slice(COMMANDS.length));

describe('mailgw-ctl', () => {
  it('loads one command', async (t) => {
    const loaded = await loadedBy(t, 'stats');
    assert.deepEqual(commandsOf(loaded), ['stats']);
    assert.ok(loaded.some((name) => name.startsWith('better-sqlite3/')));
    for (const room of ['src/reply/', 'src/outbound/', 'src/notices/', 'src/gate/'])
      assert.deepEqual(
        loaded.filter((name) => name.startsWith(room)),
        [],
        room,
      );
  });

  it('finds the command behind an option, and the one that help is asked for', async (t) => {
    assert.deepEqual(commandsOf(await loadedBy(t, '--json', 'verdicts')), ['verdicts']);
    assert.deepEqual(commandsOf(await loadedBy(t, 'help', 'reload')), ['reload']);
  });

  it('loads none for its version, and all for its help', async (t) => {
    const { scratch } = await initialise(testScratch(t));
    const loaded = async (word: string): Promise<string[]> => {
      const folder = scratch.path(word);
      await runTool([word], [`NODE_V8_COVERAGE=${folder}`]);
      return loadedScripts(folder);
    };
    const version = await loaded('--version');
    assert.deepEqual(commandsOf(version), []);
    assert.ok(!version.some((name) => name.startsWith('smol-toml/')));
    assert.ok(commandsOf(await loaded('--help')).length > 25);
  });

  it('suggests a command, wherever the word of another stands', async () => {
    const { code, stderr } = await runTool(['usre', 'list', 'queue']);
    assert.equal(code, 64);
    assert.match(stderr, /unknown command 'usre'\n\(Did you mean user\?\)/);
  });
});
