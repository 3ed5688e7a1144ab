/**
 * `mailgw-ctl reload`: makes the running daemon take its configuration anew, and tells what changed.
 *
 * Contract: the daemon reads the file that it was started with, and answers; 78 when it refuses it and goes on with
 * what it had, 69 when none serves the store that this configuration names.
 */
import { describe, EXIT, Fault, systemCode } from '../../actions/fault.ts';
import { RELOAD_ALL_THE_SAME, type ReloadAnswer } from '../../api/admin.ts';
import { loadConfig } from '../../site/config.ts';
import type { CommandSpec } from '../command.ts';
import { exchange } from '../daemon.ts';
import { printRows, printText } from '../terminal/print.ts';

const COLUMNS = [
  { key: 'key' },
  { key: 'from', shrinks: true },
  { key: 'to', shrinks: true },
  { key: 'effect' },
];

/** `reload`. */
export const reloadCommand: CommandSpec = {
  words: 'reload',
  summary: 'make the daemon read its configuration and secrets again; no connection is dropped',
  options: [
    {
      flags: '--yes',
      doc: 'also take a domain, prefix or pepper that voids the reply addresses that are out',
    },
  ],
  examples: ['reload', 'reload --json'],
  run: async (input, context) => {
    const loaded = loadConfig(context.configPath);
    if (!loaded.ok) throw refused(context.configPath, loaded.problems);
    const answer = await askDaemon(
      loaded.config.store.path,
      input.flag('yes') ? RELOAD_ALL_THE_SAME : '/reload',
    );
    if ('problems' in answer) throw refused(answer.config, answer.problems);
    const { config, changes } = answer;
    const rows = changes.map((change) => ({ ...change }));
    printRows(context.output, rows, COLUMNS, `${config}: nothing changed; secrets and texts were read again`);
    if (!context.output.json && changes.length > 0) printText(context.output, `${config}: in effect`);
  },
};

const refused = (config: string, problems: readonly string[]): Fault =>
  new Fault(EXIT.configuration, [...problems, `${config}: not taken; mailgwd goes on with what it has`]);

async function askDaemon(storePath: string, path: string): Promise<ReloadAnswer> {
  try {
    return (await exchange(storePath, { method: 'POST', path })).body as ReloadAnswer;
  } catch (error) {
    throw new Fault(EXIT.unavailable, `store.path: ${storePath}: ${reasonOf(error)}`, { cause: error });
  }
}

function reasonOf(error: unknown): string {
  const code = systemCode(error);
  if (code === 'ENOENT' || code === 'ECONNREFUSED')
    return 'no mailgwd serves this store; start it, or restart it if it was started with another store.path';
  if (code === 'EACCES')
    return 'this user may not ask its mailgwd; run the command as root or as the user of the daemon';
  return `mailgwd cannot be asked: ${describe(error)}`;
}
