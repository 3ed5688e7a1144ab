/**
 * All of mailgw-ctl's commands and the options that each of them has: the one table that the command line, its help,
 * the completion of shells and the manual pages are made from.
 */
import { DEFAULT_CONFIG_PATH } from '../config/default-path.ts';
import type { CommandGroup, CommandSpec, OptionSpec } from './command.ts';

/** What the program is called. */
export const NAME = 'mailgw-ctl';

/** What it is for. */
export const PURPOSE = 'Sets up mailgw, mints reply addresses and looks after the queue.';

/** Options before or after every command. */
export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  { flags: '--config <file>', doc: `the configuration (default: ${DEFAULT_CONFIG_PATH})` },
  { flags: '--json', doc: 'print one JSON object per line, with stable keys' },
];

/** Shows help. */
export const HELP_OPTION: OptionSpec = { flags: '-h, --help', doc: 'show help; works after every command' };

/** Shows the version; before a command only. */
export const VERSION_OPTION: OptionSpec = { flags: '--version', doc: 'print the version' };

/** The first commands of a new site, without the program's name. */
export const FIRST_COMMANDS: readonly string[] = [
  'init --domain reply.example.org          configuration, secrets, directories',
  'user add alice --address alice@example.com',
  'address mint --user alice --thread acme/site/issue/7',
];

/** A command, or a group of them, which is loaded when it is wanted. */
export interface Entry {
  /** Its first word. */
  readonly name: string;
  /** Loads it. */
  readonly load: () => Promise<CommandGroup | CommandSpec>;
}

const COMPLETED = async () => ({
  name: NAME,
  entries: await loadEntries(),
  options: [...GLOBAL_OPTIONS, HELP_OPTION],
});

/** All commands, in the order of help. */
const ENTRIES: readonly Entry[] = [
  { name: 'init', load: async () => (await import('./commands/init.ts')).initCommand },
  { name: 'config', load: async () => (await import('./commands/config.ts')).configGroup },
  { name: 'user', load: async () => (await import('./commands/user.ts')).userGroup },
  { name: 'salt', load: async () => (await import('./commands/salt.ts')).saltGroup },
  { name: 'pepper', load: async () => (await import('./commands/pepper.ts')).pepperGroup },
  { name: 'address', load: async () => (await import('./commands/address.ts')).addressGroup },
  { name: 'token', load: async () => (await import('./commands/token.ts')).tokenGroup },
  { name: 'thread', load: async () => (await import('./commands/thread.ts')).threadGroup },
  { name: 'check', load: async () => (await import('./commands/check.ts')).checkCommand },
  { name: 'queue', load: async () => (await import('./commands/queue.ts')).queueGroup },
  { name: 'spam', load: async () => (await import('./commands/spam.ts')).spamGroup },
  { name: 'notify', load: async () => (await import('./commands/notify.ts')).notifyCommand },
  { name: 'notification', load: async () => (await import('./commands/notify.ts')).notificationGroup },
  { name: 'notice', load: async () => (await import('./commands/notice.ts')).noticeGroup },
  { name: 'source', load: async () => (await import('./commands/source.ts')).sourceGroup },
  { name: 'db', load: async () => (await import('./commands/db.ts')).dbGroup },
  { name: 'host', load: async () => (await import('./commands/host.ts')).hostGroup },
  { name: 'stats', load: async () => (await import('./commands/stats.ts')).statsCommand },
  { name: 'verdicts', load: async () => (await import('./commands/verdicts.ts')).verdictsCommand },
  { name: 'reload', load: async () => (await import('./commands/reload.ts')).reloadCommand },
  { name: 'trace', load: async () => (await import('./commands/trace.ts')).traceCommand },
  { name: 'top', load: async () => (await import('./commands/top.ts')).topCommand },
  { name: 'doctor', load: async () => (await import('./commands/doctor.ts')).doctorCommand },
  {
    name: 'postfix-config',
    load: async () => (await import('./commands/postfix-config.ts')).postfixConfigCommand,
  },
  {
    name: 'completion',
    load: async () => (await import('./commands/completion.ts')).completionCommand(COMPLETED),
  },
];

/** Loads all commands, in the order of help. */
export function loadEntries(): Promise<readonly (CommandGroup | CommandSpec)[]> {
  return Promise.all(ENTRIES.map(({ load }) => load()));
}

/** Loads the command that a line names: all where it names none that there is, none where it asks for the version alone. */
export async function loadEntriesFor(
  argv: readonly string[],
): Promise<readonly (CommandGroup | CommandSpec)[]> {
  if (argv[0] === VERSION_OPTION.flags) return [];
  const words = argv.filter((word, index) => !word.startsWith('-') && argv[index - 1] !== '--config');
  const wanted = words[0] === 'help' ? words[1] : words[0];
  const entry = ENTRIES.find(({ name }) => name === wanted);
  return entry === undefined ? loadEntries() : [await entry.load()];
}
