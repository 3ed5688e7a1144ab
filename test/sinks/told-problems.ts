// What the page shows of a key that is wrong, or lacks a right, held to what `mailgw-ctl doctor` prints of such a key.
//
// Contract: below the heading of each platform the page has blocks of doctor's lines; `unfit` makes a key for each, in their
// order. The lines have to be the same, but for what differs from site to site: the platform's address, the path of the key,
// numbers, and what the page leaves out with "…".

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SinkTable } from '../../src/sinks/sink-kind.ts';
import { runCommand } from '../support/command.ts';
import { type Settings, writeConfig } from '../support/daemon.ts';
import { NO_SINK } from '../support/intake.ts';
import { repositoryRoot } from '../support/process.ts';
import type { Scratch } from '../support/scratch.ts';
import { NAMES } from './lacking.ts';

/** Makes a key that is not fit, and whatever it takes for that; it is given one that is nobody's. */
export type Unfit = (wrong: string) => string | Promise<string>;

/** Asserts that doctor prints of each key what the page shows. */
export async function assertDoctorTells(
  scratch: Scratch,
  table: SinkTable,
  keys: { readonly unfit: readonly Unfit[]; readonly wrong: string },
): Promise<void> {
  const shown = problemsOnPage(String(table.type));
  assert.equal(shown.length, keys.unfit.length, 'a key for each problem on the page');
  for (const [at, make] of keys.unfit.entries()) {
    const key = scratch.path(`unfit-${at}.key`);
    writeFileSync(key, `${await make(keys.wrong)}\n`, { mode: 0o600 });
    const sink = { ...table, token_file: key } as Settings[string];
    const config = writeConfig(scratch, scratch.path('unfit.sock'), {
      sink: NO_SINK,
      change: (settings) => ({ ...settings, sink }),
    });
    const { stdout } = await runCommand(config, ['--config', config, 'doctor']);
    const [printed = stdout] = problemsIn(stdout).filter((each) => each.startsWith('PROBLEM sink.'));
    assert.match(printed, asPattern(shown[at] ?? ''));
  }
}

/** Gives the problems that the page shows of a platform. */
function problemsOnPage(type: string): readonly string[] {
  const page = readFileSync(join(repositoryRoot, 'docs/platforms.md'), 'utf8');
  const [, needs = ''] = /^## What each platform needs\n(.*?)^## /ms.exec(page) ?? [];
  const section = needs.split(/^### /m).find((each) => each.startsWith(NAMES[type] ?? 'none'));
  assert.ok(section !== undefined, type);
  const blocks = [...section.matchAll(/^```text\n(.*?)^```$/gms)];
  return blocks.flatMap(([, lines = '']) => problemsIn(lines));
}

/** Gives the problems of a text: a line each, and the lines below it that stand further in. */
function problemsIn(text: string): readonly string[] {
  return text.match(/^PROBLEM .*\n(?: +.*\n)*/gm) ?? [];
}

/** Makes a pattern of a text, with room for what differs from site to site. */
function asPattern(text: string): RegExp {
  const escaped = text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(
    `^${escaped
      .replace(/https:\/\/[\w\\.]+(?=: \d{3} )/g, 'http://127\\.0\\.0\\.1:\\d+')
      .replace(/\/etc\/mailgw\/[\w\\.]+/g, '\\S+')
      .replace(/ticket \d+/g, 'ticket \\d+')
      .replaceAll('…', '.*')}$`,
  );
}
