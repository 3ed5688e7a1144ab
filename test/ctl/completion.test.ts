import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { loadEntries } from '../../src/ctl/commands.ts';
import { run, runOk } from '../support/process.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';
import { runTool } from './tool.ts';

const ENTRIES = await loadEntries();

/** What is typed, and the command line that it becomes. */
const TYPED: readonly (readonly [string, string])[] = [
  ['que\tsha\t\n', 'queue shape'],
  ['--config x queue lis\t--state wai\t\n', '--config x queue list --state waiting'],
  ['completion fi\t\n', 'completion fish'],
  ['db backup scr\t\n', 'db backup script'],
  ['queue drop --spa\t--ye\t\n', 'queue drop --spam --yes'],
  ['user set queue li\t\n', 'user set queue li'],
  ['postfix-config --chec\tscr\t\n', 'postfix-config --check script'],
];

/** The script for a shell, in the file `script` of a scratch directory; skips where there is no such shell. */
async function scriptFor(t: TestContext, shell: string): Promise<Scratch | undefined> {
  if ((await run('which', [shell])).code !== 0) {
    t.skip(`${shell} is not installed`);
    return undefined;
  }
  const scratch = testScratch(t);
  const { code, stdout, stderr } = await runTool(['completion', shell]);
  assert.deepEqual([code, stderr], [0, '']);
  writeFileSync(scratch.path('script'), stdout);
  return scratch;
}

/** Types on the terminal of a shell that begins with the file `rc`; the command lines that the tool was run with. */
async function typeInto(command: string, scratch: Scratch): Promise<string[]> {
  const input = `cd ${scratch.directory}\n${TYPED.map(([keys]) => `mailgw-ctl ${keys}`).join('')}exit\n`;
  const shown = (await run('script', ['-qec', command, '/dev/null'], input)).stdout;
  return [...shown.matchAll(/GOT:(.*?)\.\r/g)].map(([, line = '']) => line);
}

const SPY = 'mailgw-ctl() { printf "GOT:%s.\\n" "$*"; }\n';

describe('mailgw-ctl completion', () => {
  it('completes what is typed into bash', async (t) => {
    const scratch = await scriptFor(t, 'bash');
    if (scratch === undefined) return;
    writeFileSync(scratch.path('rc'), `${SPY}source ${scratch.path('script')}\n`);
    const lines = await typeInto(`bash --noprofile --rcfile ${scratch.path('rc')} -i`, scratch);
    assert.deepEqual(
      lines,
      TYPED.map(([, line]) => line),
    );
  });

  it('completes what is typed into zsh', async (t) => {
    const scratch = await scriptFor(t, 'zsh');
    if (scratch === undefined) return;
    const places = scratch.path('functions');
    mkdirSync(places);
    copyFileSync(scratch.path('script'), join(places, '_mailgw-ctl'));
    const compinit = 'autoload -Uz compinit; compinit -u -D\n';
    // As a file that is read, and as a package installs it: found by its name.
    for (const setUp of [
      `${compinit}source ${scratch.path('script')}\n`,
      `fpath=(${places} $fpath); ${compinit}`,
    ]) {
      writeFileSync(scratch.path('.zshrc'), `${SPY}${setUp}`);
      const lines = await typeInto(`env ZDOTDIR=${scratch.directory} zsh -d -i`, scratch);
      assert.deepEqual(
        lines,
        TYPED.map(([, line]) => line),
        setUp,
      );
    }
  });

  it('gives fish every command with its summary', async (t) => {
    const scratch = await scriptFor(t, 'fish');
    if (scratch === undefined) return;
    const complete = async (...lines: string[]): Promise<string[]> => {
      const asked = lines.map((line) => `complete -C 'mailgw-ctl ${line}'`).join('; ');
      const script = `source ${scratch.path('script')}; ${asked}`;
      const home = `HOME=${scratch.directory}`;
      return (await runOk('env', [home, 'fish', '--no-config', '-c', script])).trimEnd().split('\n');
    };
    const top = ENTRIES.map((entry) =>
      'commands' in entry ? entry.name : (entry.words.split(' ', 1)[0] ?? ''),
    );
    const offered = await complete('');
    assert.deepEqual(
      offered.map((line) => line.replace(/\t.*/, '')),
      [...top].sort(),
    );
    assert.deepEqual(await complete('queue sha'), ['shape\tcount items by state and age']);
    assert.match((await complete('--config x queue list --state wai')).join(), /^waiting\t/);
    assert.match((await complete('queue drop --spa')).join(), /^--spam\tteach spamd first/);
    assert.match((await complete('postfix-config --che')).join(), /^--check\t[^[]*$/);
  });

  it('offers words only, for every shell', async () => {
    for (const shell of ['bash', 'zsh', 'fish'])
      assert.doesNotMatch((await runTool(['completion', shell])).stdout, /\[dir\]|<\w+>/, shell);
  });

  it('names the shells that there are', async () => {
    const { code, stderr } = await runTool(['completion', 'csh']);
    assert.deepEqual([code, stderr], [65, 'mailgw-ctl: completion "csh": is not one of bash, zsh, fish\n']);
  });
});
