// A command of mailgw-ctl: in a short run within this process, in a full one as a process of its own.
//
// Contract: the same command line is read and the same is printed. What is left out in a short run is the start of the
// program, which takes longer than most commands; tests of how it ends, or of a terminal, start it themselves.
// Limits: a command gives up root for good, so one on a store of another user is always a process of its own.

import { existsSync, lstatSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runCommandLine } from '../../src/ctl/program.ts';
import type { Output } from '../../src/ctl/terminal/print.ts';
import { type RunResult, repositoryRoot, run } from './process.ts';
import { ROUNDS } from './rounds.ts';

/** The path of the tool. */
export const TOOL = join(repositoryRoot, 'bin', 'mailgw-ctl');

/** Runs a command line on the site of this configuration; without one, a command line that is for no site. */
export async function runCommand(config: string | undefined, words: readonly string[]): Promise<RunResult> {
  if (ROUNDS === 'short' && (config === undefined || isOurs(config))) return await runHere(words);
  return await runProcess(words);
}

/** Runs a command line as a process, with nothing but these arguments; `environment` as `NAME=value`. */
export async function runProcess(
  words: readonly string[],
  environment: readonly string[] = [],
): Promise<RunResult> {
  return await run('env', [
    '-u',
    'COLUMNS',
    '-u',
    'NO_COLOR',
    ...environment,
    process.execPath,
    TOOL,
    ...words,
  ]);
}

/** Whether the configuration's store, or where one would be made, belongs to the user of this process. */
function isOurs(config: string): boolean {
  const isFile = statSync(config, { throwIfNoEntry: false })?.isFile() === true;
  const text = isFile ? readFileSync(config, 'utf8') : '';
  const store = /^path = "(.+)"$/m.exec(text)?.[1] ?? join(dirname(config), 'mailgw.db');
  const places = [dirname(config), dirname(store), store];
  return places.every((place) => !existsSync(place) || lstatSync(place).uid === process.getuid?.());
}

async function runHere(words: readonly string[]): Promise<RunResult> {
  let stdout = '';
  let stderr = '';
  const open = (json: boolean): Output => ({
    ...{ json, width: Infinity, terminal: false, colour: false, watched: false, draw: undefined },
    write: (text) => {
      stdout += Buffer.from(text).toString('utf8');
    },
    warn: (text) => {
      stderr += text;
    },
  });
  const mask = process.umask(0o022); // a command narrows it for good
  try {
    const code = await runCommandLine(words, undefined, open);
    return { code, stdout, stderr };
  } finally {
    process.umask(mask);
  }
}
