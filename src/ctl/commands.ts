/**
 * All of mailgw-ctl's commands and the options that each of them has: the one table that the command line, its help,
 * the completion of shells and the manual pages are made from.
 */
import { DEFAULT_CONFIG_PATH } from '../config/config.ts';
import type { CommandGroup, CommandSpec, OptionSpec } from './command.ts';
import { addressGroup } from './commands/address.ts';
import { checkCommand } from './commands/check.ts';
import { completionCommand } from './commands/completion.ts';
import { configGroup } from './commands/config.ts';
import { dbGroup } from './commands/db.ts';
import { doctorCommand } from './commands/doctor.ts';
import { hostGroup } from './commands/host.ts';
import { initCommand } from './commands/init.ts';
import { noticeGroup } from './commands/notice.ts';
import { notificationGroup, notifyCommand } from './commands/notify.ts';
import { pepperGroup } from './commands/pepper.ts';
import { postfixConfigCommand } from './commands/postfix-config.ts';
import { queueGroup } from './commands/queue.ts';
import { reloadCommand } from './commands/reload.ts';
import { saltGroup } from './commands/salt.ts';
import { sourceGroup } from './commands/source.ts';
import { spamGroup } from './commands/spam.ts';
import { statsCommand } from './commands/stats.ts';
import { threadGroup } from './commands/thread.ts';
import { tokenGroup } from './commands/token.ts';
import { topCommand } from './commands/top.ts';
import { traceCommand } from './commands/trace.ts';
import { userGroup } from './commands/user.ts';
import { verdictsCommand } from './commands/verdicts.ts';

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

/** All commands, in the order of help. */
export const ENTRIES: readonly (CommandGroup | CommandSpec)[] = [
  initCommand,
  configGroup,
  userGroup,
  saltGroup,
  pepperGroup,
  addressGroup,
  tokenGroup,
  threadGroup,
  checkCommand,
  queueGroup,
  spamGroup,
  notifyCommand,
  notificationGroup,
  noticeGroup,
  sourceGroup,
  dbGroup,
  hostGroup,
  statsCommand,
  verdictsCommand,
  reloadCommand,
  traceCommand,
  topCommand,
  doctorCommand,
  postfixConfigCommand,
  completionCommand(() => ({ name: NAME, entries: ENTRIES, options: [...GLOBAL_OPTIONS, HELP_OPTION] })),
];
