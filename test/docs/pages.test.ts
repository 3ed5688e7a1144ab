// What the pages name exists: files, headings, settings, log events; and what CONTRIBUTING.md walks through can be done.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';
import { type Setting, show } from '../../src/config/kinds.ts';
import { tomlKey } from '../../src/config/names.ts';
import { LOG_EVENTS } from '../../src/observe/log.ts';
import { SETTINGS } from '../../src/site/table.ts';
import { repositoryRoot, run } from '../support/process.ts';
import { anchors, codeSpans, links, PAGE_NAMES, readPage, type Span, takeApart } from './pages.ts';
import { roomsPage } from './rooms.ts';
import { SINK_OPTIONS } from './settings-page.ts';

/** Pages that programs write. */
const MADE = ['docs/settings.md', 'docs/metrics.md', 'docs/performance.md'];
const MAX_COLUMNS = 190;

/** What the platform is told, which look like settings. */
const EVENTS = ['reply.created', 'thread.created', 'bounce.received'];

const pages = PAGE_NAMES.map(readPage);
const spans = pages.flatMap(codeSpans);
const where = ({ page, line, text }: Span): string => `${page}:${line}: ${text}`;

/** The source of mailgw-ctl doctor, which names its checks as settings are named. */
const checks = readdirSync(join(repositoryRoot, 'src', 'ctl'), { recursive: true, encoding: 'utf8' })
  .filter((name) => /^(?:doctor|postfix)\/.*\.ts$/.test(name))
  .map((name) => readFileSync(join(repositoryRoot, 'src', 'ctl', name), 'utf8'))
  .join('');

/** Every setting as `section.key`, with its default as mailgw.toml has it. */
const settings = new Map<string, string>([
  ...Object.entries(SETTINGS).flatMap(([section, table]) =>
    Object.entries<Setting<unknown>>(table).map(
      ([property, { fallback }]) => [`${section}.${tomlKey(property)}`, show(fallback)] as const,
    ),
  ),
  ...[...SINK_OPTIONS.values()].flat().map(({ key }) => [`sink.${key}`, ''] as const),
]);

/** What is wrong with a link, if anything. */
function flawOf({ page, text }: Span): string | undefined {
  if (/^https?:\/\//.test(text)) return undefined;
  const [path = '', anchor] = text.split('#');
  const target = path === '' ? page : normalize(join(dirname(page), path));
  if (!existsSync(join(repositoryRoot, target))) return 'no such file';
  if (anchor === undefined) return undefined;
  return anchors(readPage(target)).has(anchor) ? undefined : 'no such heading';
}

describe('the pages', () => {
  it('link to files and headings that exist', () => {
    const all = pages.flatMap(links);
    assert.ok(all.length > 50, String(all.length));
    const flawed = all.map((link) => [where(link), flawOf(link)]).filter(([, flaw]) => flaw !== undefined);
    assert.deepEqual(flawed, []);
  });

  it('show the rooms that the import rule holds', () => {
    const page = readFileSync(join(repositoryRoot, 'CONTRIBUTING.md'), 'utf8');
    assert.equal(roomsPage(page), page, 'run: npm run docs');
  });

  it('say of their examples how long they are', () => {
    const claims = pages.flatMap(({ name, lines }) =>
      Array.from(lines.join('\n').matchAll(/\[(?:in )?(\d+) lines\]\(([^)]+)\)/g), ([, count, path = '']) => {
        const text = readFileSync(join(repositoryRoot, dirname(name), path), 'utf8');
        return { name, path, claimed: Number(count), found: text.trimEnd().split('\n').length };
      }),
    );
    assert.ok(claims.length > 1);
    assert.deepEqual(
      claims.filter(({ claimed, found }) => claimed !== found),
      [],
    );
  });

  it('name files of this repository that exist', () => {
    const paths = spans.filter(({ text }) =>
      /^(?:src|test|docs|systemd|postfix-examples|packaging|bin|\.ci)\/[\w./-]*$/.test(text),
    );
    assert.ok(paths.length > 20, String(paths.length));
    const missing = paths.filter(({ text }) => !existsSync(join(repositoryRoot, text)));
    assert.deepEqual(missing.map(where), []);
  });

  it('name settings that exist', () => {
    const sections = [...Object.keys(SETTINGS), 'sink'].join('|');
    const named = spans.filter(({ text }) => new RegExp(`^(?:${sections})\\.[a-z_]+(?: = .*)?$`).test(text));
    assert.ok(named.length > 40, String(named.length));
    const isKnown = ({ text }: Span): boolean =>
      settings.has(text.replace(/ = .*/, '')) || EVENTS.includes(text) || checks.includes(`'${text}'`);
    assert.deepEqual(named.filter((span) => !isKnown(span)).map(where), []);
  });

  it('give settings the defaults that they have', () => {
    const units: Readonly<Record<string, string>> = {
      days: 'd',
      MiB: 'MiB',
      min: 'min',
      s: 's',
      h: 'h',
      ms: 'ms',
    };
    const claim = /(\d+) (days|MiB|min|s|h|ms)[\w ]* \(`([a-z_]+\.[a-z_]+)`\)/g;
    const claims = pages
      .filter(({ name }) => !MADE.includes(name))
      .flatMap(({ name, lines }) => [...lines.join(' ').matchAll(claim)].map((match) => ({ name, match })));
    assert.ok(claims.length >= 5, String(claims.length));
    for (const { name, match } of claims) {
      const [all, number = '', unit = '', key = ''] = match;
      assert.equal(settings.get(key), `"${number}${units[unit] ?? ''}"`, `${name}: ${all}`);
    }
  });

  it('explain every event of the log that is a warning or an error, and none that does not exist', () => {
    const operating = readFileSync(join(repositoryRoot, 'docs', 'operating.md'), 'utf8');
    const [, table = ''] = /\| event \| when [^\n]*\n\|---\|---\|---\|\n([^]*?)\n\n/.exec(operating) ?? [];
    const listed = table
      .split('\n')
      .flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, name = '']) => name));
    const known = Object.entries(LOG_EVENTS);
    assert.deepEqual(
      listed.filter((name) => !known.some(([event]) => event === name)),
      [],
    );
    const urgent = known.filter(([, level]) => level === 'warn' || level === 'error').map(([event]) => event);
    assert.deepEqual(
      urgent.filter((event) => !listed.includes(event)),
      [],
    );
  });

  it(`keep lines of prose within ${MAX_COLUMNS} columns`, () => {
    const long = pages
      .filter(({ name }) => !MADE.includes(name))
      .flatMap((page) =>
        takeApart(page).prose.map((line, index) => ({ page: page.name, line: index + 1, text: line })),
      )
      .filter(({ text }) => [...text].length > MAX_COLUMNS && !text.trim().startsWith('|'));
    assert.deepEqual(long.map(where), []);
  });
});

it('the way of one mail in CONTRIBUTING.md names functions that are where it says', () => {
  const page = readFileSync(join(repositoryRoot, 'CONTRIBUTING.md'), 'utf8');
  const steps = [...page.matchAll(/^\d+\. `(src\/[^`]+)`, `(?:\w+\.)?(\w+)`/gm)];
  assert.ok(steps.length > 10);
  for (const [, file = '', name = ''] of steps)
    assert.match(readFileSync(join(repositoryRoot, file), 'utf8'), new RegExp(`\\b${name}\\b.*[({]`), file);
});

describe('the first change in CONTRIBUTING.md', () => {
  it('applies to the files as they are', async () => {
    const { blocks } = takeApart(readPage('CONTRIBUTING.md'));
    const changes = blocks.filter(({ language }) => language === 'diff');
    assert.equal(changes.length, 2);
    for (const { lines } of changes) {
      const change = ['-C', repositoryRoot, 'apply', '--check', '-'];
      const result = await run('git', change, `${lines.join('\n')}\n`);
      assert.deepEqual([result.code, result.stderr], [0, '']);
    }
  });
});
