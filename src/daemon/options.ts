/** The options of mailgwd: read, shown and documented from one table. */
import { parseArgs } from 'node:util';
import { DEFAULT_CONFIG_PATH } from '../config/default-path.ts';

/** Each option by its long name; `takes` is what its value is called. */
export const DAEMON_OPTIONS = {
  config: {
    type: 'string',
    short: 'c',
    takes: 'FILE',
    doc: `the configuration (default: ${DEFAULT_CONFIG_PATH})`,
  },
  help: { type: 'boolean', short: 'h', doc: 'show this help' },
  version: { type: 'boolean', short: 'V', doc: 'print the version' },
} as const;

/** Reads the command line; throws what parseArgs throws when it is wrong. */
export function parseDaemonOptions(): {
  readonly config: string;
  readonly shows: 'help' | 'version' | undefined;
} {
  const { values } = parseArgs({ options: DAEMON_OPTIONS });
  return {
    config: values.config ?? DEFAULT_CONFIG_PATH,
    shows: values.help === true ? 'help' : values.version === true ? 'version' : undefined,
  };
}

/** Writes the help. */
export function daemonHelp(): string {
  const lines = Object.entries(DAEMON_OPTIONS).map(([name, option]) => {
    const words = `-${option.short}, --${name}${'takes' in option ? ` ${option.takes}` : ''}`;
    return `  ${words.padEnd(18)}  ${option.doc}\n`;
  });
  return `usage: mailgwd [--config FILE]\n\nTakes replies from Postfix over LMTP and posts them to the platform.\n\n${lines.join('')}`;
}
