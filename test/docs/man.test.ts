import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { runTool } from '../ctl/tool.ts';
import { repositoryRoot, run, runOk } from '../support/process.ts';
import { MAN_PAGES } from './man-pages.ts';
import { SETTING_SECTIONS } from './setting-sections.ts';

/** A page as people see it; skips where there is no groff. */
async function rendered(t: TestContext, name: string): Promise<string | undefined> {
  if ((await run('which', ['groff'])).code !== 0) {
    t.skip('groff is not installed');
    return undefined;
  }
  const path = join(repositoryRoot, 'docs', 'man', name);
  const { code, stdout, stderr } = await run('groff', [
    '-man',
    '-ww',
    '-Tascii',
    '-P-cbou',
    '-rLL=500n',
    path,
  ]);
  assert.deepEqual([code, stderr], [0, ''], name);
  return stdout;
}

/** The words of the first column that match. */
const found = (page: string, pattern: RegExp): string[] =>
  [...page.matchAll(pattern)].map(([, word = '']) => word);

/** The commands and options of `--help`, of the program and everything below it. */
async function helped(path: readonly string[] = []): Promise<{ commands: string[]; options: string[] }> {
  const help = await runTool([...path, '--help']);
  assert.equal(help.code, 0, help.stderr);
  const [, list = ''] = /^Commands:\n((?: .*\n)*)/m.exec(help.stdout) ?? [];
  assert.ok(path.length < 3, `commands below ${path.join(' ')}`);
  const names = found(list, /^ {2}([a-z-]+)/gm).filter((name) => name !== 'help');
  const below = await Promise.all(names.map((name) => helped([...path, name])));
  const commands = names.length === 0 ? [path.join(' ')] : below.flatMap((each) => each.commands);
  return {
    commands,
    options: [
      ...found(help.stdout, /^ {2}(?:-h, )?(--[a-z-]+)/gm),
      ...below.flatMap(({ options }) => options),
    ],
  };
}

describe('docs/man', () => {
  it('says what the tables say (npm run docs writes it)', () => {
    for (const [path, make] of Object.entries(MAN_PAGES)) {
      assert.equal(readFileSync(path, 'utf8'), make(), basename(path));
    }
  });

  it('has every command and option of mailgw-ctl --help, and no other', async (t) => {
    const page = await rendered(t, 'mailgw-ctl.8');
    if (page === undefined) return;
    const { commands, options } = await helped();
    const body = page.slice(page.indexOf('\nCOMMANDS'), page.indexOf('\nEXIT STATUS'));
    assert.deepEqual(found(body, /^ {3}([a-z-]+(?: [a-z-]+)?)/gm).sort(), commands.sort());
    assert.deepEqual(
      [...new Set(found(page, /^ {7}(?:-h, )?(--[a-z-]+)/gm))].sort(),
      [...new Set(options)].sort(),
    );
  });

  it('has every option of mailgwd --help, and no other', async (t) => {
    const page = await rendered(t, 'mailgwd.8');
    if (page === undefined) return;
    const help = await runOk(process.execPath, [join(repositoryRoot, 'bin', 'mailgwd'), '--help']);
    const options = found(help, /^ {2}-\w, (--[a-z-]+)/gm);
    assert.notEqual(options.length, 0);
    assert.deepEqual(found(page, /^ {7}-\w, (--[a-z-]+)/gm), options);
  });

  it('has every setting, and no other', async (t) => {
    const page = await rendered(t, 'mailgw.toml.5');
    if (page === undefined) return;
    const settings = page.slice(page.indexOf('\nSETTINGS'), page.indexOf('\nSEE ALSO'));
    const keys = SETTING_SECTIONS.flatMap(({ heading, keys }) => [heading, ...keys.map(({ name }) => name)]);
    assert.deepEqual(
      found(settings, /^ {3}(?: {4})?(\[?\[?[a-z][a-z_0-9]*\]?\]?)(?:\s|$)/gm).slice(0, keys.length),
      keys,
    );
    assert.match(settings, /^ {3}\[sink\]$/m);
  });
});
