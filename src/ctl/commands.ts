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

const completed = async () => ({
  name: NAME,
  entries: await loadEntries(),
  options: [...GLOBAL_OPTIONS, HELP_OPTION],
});

/** What loads each command, or a group of them, by its first word; in the order of help. */
const ENTRIES: Readonly<Record<string, () => Promise<CommandGroup | CommandSpec>>> = {
  init: async () => (await import('./commands/init.ts')).initCommand,
  config: async () => (await import('./commands/config.ts')).configGroup,
  user: async () => (await import('./commands/user.ts')).userGroup,
  salt: async () => (await import('./commands/salt.ts')).saltGroup,
  pepper: async () => (await import('./commands/pepper.ts')).pepperGroup,
  address: async () => (await import('./commands/address.ts')).addressGroup,
  token: async () => (await import('./commands/token.ts')).tokenGroup,
  thread: async () => (await import('./commands/thread.ts')).threadGroup,
  check: async () => (await import('./commands/check.ts')).checkCommand,
  queue: async () => (await import('./commands/queue.ts')).queueGroup,
  spam: async () => (await import('./commands/spam.ts')).spamGroup,
  notify: async () => (await import('./commands/notify.ts')).notifyCommand,
  notification: async () => (await import('./commands/notify.ts')).notificationGroup,
  notice: async () => (await import('./commands/notice.ts')).noticeGroup,
  source: async () => (await import('./commands/source.ts')).sourceGroup,
  db: async () => (await import('./commands/db.ts')).dbGroup,
  host: async () => (await import('./commands/host.ts')).hostGroup,
  stats: async () => (await import('./commands/stats.ts')).statsCommand,
  verdicts: async () => (await import('./commands/verdicts.ts')).verdictsCommand,
  reload: async () => (await import('./commands/reload.ts')).reloadCommand,
  trace: async () => (await import('./commands/trace.ts')).traceCommand,
  top: async () => (await import('./commands/top.ts')).topCommand,
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand,
  'postfix-config': async () => (await import('./commands/postfix-config.ts')).postfixConfigCommand,
  completion: async () => (await import('./commands/completion.ts')).completionCommand(completed),
};

/** Loads all commands, in the order of help. */
export function loadEntries(): Promise<readonly (CommandGroup | CommandSpec)[]> {
  return Promise.all(Object.values(ENTRIES).map((load) => load()));
}

/** Loads the command that a line names: all where it names none that there is, none where it asks for the version alone. */
export async function loadEntriesFor(
  argv: readonly string[],
): Promise<readonly (CommandGroup | CommandSpec)[]> {
  if (argv[0] === VERSION_OPTION.flags) return [];
  const isValue = (index: number): boolean =>
    GLOBAL_OPTIONS.some(({ flags }) => flags.startsWith(`${argv[index - 1]} <`));
  const words = argv.filter((word, index) => !word.startsWith('-') && !isValue(index));
  const wanted = (words[0] === 'help' ? words[1] : words[0]) ?? '';
  const load = Object.hasOwn(ENTRIES, wanted) ? ENTRIES[wanted] : undefined;
  return load === undefined ? loadEntries() : [await load()];
}
