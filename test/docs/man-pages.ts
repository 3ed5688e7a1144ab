/** docs/man/, made from the tables of commands and settings: `npm run docs` writes it, a test holds it to the tables. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { INTERRUPTED } from '../../src/actions/fault.ts';
import { DEFAULT_CONFIG_PATH } from '../../src/config/default-path.ts';
import { show } from '../../src/config/kinds.ts';
import type { CommandGroup, CommandSpec, OptionSpec } from '../../src/ctl/command.ts';
import {
  FIRST_COMMANDS,
  GLOBAL_OPTIONS,
  HELP_OPTION,
  loadEntries,
  NAME,
  PURPOSE,
  VERSION_OPTION,
} from '../../src/ctl/commands.ts';
import { DAEMON_OPTIONS } from '../../src/daemon/options.ts';
import { DEFAULT_SINK } from '../../src/sinks/catalogue.ts';
import { SETTINGS } from '../../src/site/table.ts';
import { EXIT } from '../../src/system/exit-status.ts';
import { version } from '../../src/system/version.ts';
import { repositoryRoot } from '../support/process.ts';
import { SETTING_SECTIONS } from './setting-sections.ts';
import { SINK_OPTIONS } from './settings-page.ts';

const ENTRIES = await loadEntries();

/** What each exit status means. */
const STATUS: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: 'done, or stopped in order',
  usage: 'the command line is wrong',
  badInput: 'a value cannot be what it should be, or names nothing',
  unavailable:
    'something else is needed first: the store is in use or of a newer version, spamd does not answer',
  internal: 'a bug of mailgw',
  cannotCreate: 'a file or a directory cannot be made',
  inputOutput: 'a file cannot be read or written, or is damaged',
  configuration: 'the configuration or a secret is wrong',
};

/** Text as roff prints it, letter by letter. */
function text(words: string): string {
  const safe = words
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga');
  return safe.replaceAll('^', '\\(ha').replaceAll('~', '\\(ti').replaceAll('…', '...').replace(/^\./, '\\&.');
}

const bold = (words: string): string => `\\fB${text(words)}\\fR`;

/** `--thread <locator>` with what is to be replaced in italics. */
const usage = (words: string): string =>
  words
    .split(/(<[^>]*>|\[[^\]]*\])/)
    .map((part) => (/^[<[]/.test(part) ? `\\fI${text(part)}\\fR` : part === '' ? '' : bold(part)))
    .join('');

const item = (tag: string, body: string): string => `.TP\n${tag}\n${text(body)}\n`;

const example = (lines: readonly string[]): string =>
  `.PP\n.nf\n.RS\n${lines.map(text).join('\n')}\n.RE\n.fi\n`;

function page(name: string, section: number, summary: string, body: string): string {
  const title = `.TH ${name.toUpperCase()} ${section} "" "mailgw ${version()}" "mailgw"`;
  return `.\\" Made from the program's own tables by "npm run docs"; do not edit.\n${title}\n.SH NAME\n${text(name)} \\- ${text(summary)}\n${body}`;
}

const exitStatus = `.SH EXIT STATUS\n${Object.entries(EXIT)
  .map(([name, status]) => item(bold(String(status)), STATUS[name as keyof typeof EXIT]))
  .join('')}`;

const seeAlso = (...pages: readonly string[]): string =>
  `.SH SEE ALSO\n${pages.map((each) => each.replace(/^(.*)(\(\d\))$/, (_, name: string, section: string) => `${bold(name)}${section}`)).join(',\n')}\n`;

function daemonPage(): string {
  const options = Object.entries(DAEMON_OPTIONS).map(([name, option]) => {
    const value = 'takes' in option ? ` \\fI${option.takes}\\fR` : '';
    return item(`${bold(`-${option.short}`)}, ${bold(`--${name}`)}${value}`, option.doc);
  });
  const body = `.SH SYNOPSIS
.B mailgwd
[\\fB\\-\\-config\\fR \\fIFILE\\fR]
.SH DESCRIPTION
Takes replies to notification mails from Postfix over LMTP, verifies the reply address,
stores each reply in its queue and then posts it to the platform over HTTP,
again and again until the platform has it.
It stays in the foreground and writes one line per event to standard output,
in JSON unless that is a terminal.
.SH OPTIONS
${options.join('')}.SH SIGNALS
${item(`${bold('SIGTERM')}, ${bold('SIGINT')}`, 'stop in order: no new transaction, transactions under way are answered, attempts under way may end')}${item(bold('SIGHUP'), 'take the configuration and the secrets anew, as "mailgw-ctl reload" does; a configuration with a problem is refused and logged, and the old one holds')}${exitStatus}.SH FILES
${item(`\\fI${text(DEFAULT_CONFIG_PATH)}\\fR`, 'the configuration')}${item(`\\fI${text(String(SETTINGS.reply.pepperFile.fallback))}\\fR`, "the installation's secret")}${item(`\\fI${text(String(SETTINGS.store.path.fallback))}\\fR`, 'the store')}`;
  return page(
    'mailgwd',
    8,
    'turns e-mail replies into posts on a platform',
    body + seeAlso('mailgw-ctl(8)', 'mailgw.toml(5)', 'postfix(1)', 'lmtp(8)'),
  );
}

const optionItem = ({ flags, doc, required }: OptionSpec): string =>
  item(usage(flags), `${doc}${required === true ? ' (required)' : ''}`);

function command(spec: CommandSpec, path: readonly string[]): string {
  const options = (spec.options ?? []).map(optionItem).join('');
  const examples = spec.examples.map((line) => [NAME, ...path, line].join(' '));
  const words = [...path, spec.words].join(' ');
  return `.SS ${usage(words)}\n${text(`${spec.summary.charAt(0).toUpperCase()}${spec.summary.slice(1)}.`)}\n${options}${example(examples)}`;
}

const isGroup = (entry: CommandGroup | CommandSpec): entry is CommandGroup => 'commands' in entry;

function toolPage(): string {
  const commands = ENTRIES.map((entry) =>
    isGroup(entry) ? entry.commands.map((spec) => command(spec, [entry.name])).join('') : command(entry, []),
  );
  const body = `.SH SYNOPSIS
.B ${text(NAME)}
[\\fIoptions\\fR] \\fIcommand\\fR [\\fIarguments\\fR]
.SH DESCRIPTION
${text(PURPOSE)}
All commands work while
.BR mailgwd (8)
runs and while it does not, as root or as the user of the daemon.
.PP
First steps:
${example(FIRST_COMMANDS.map((line) => `${NAME} ${line}`))}.SH OPTIONS
${[...GLOBAL_OPTIONS, HELP_OPTION, VERSION_OPTION].map(optionItem).join('')}.SH COMMANDS
${commands.join('')}${exitStatus}${item(bold(String(INTERRUPTED)), 'interrupted between two steps; what was done is said, and done')}`;
  return page(
    NAME,
    8,
    'sets up mailgw and looks after its queue',
    body + seeAlso('mailgwd(8)', 'mailgw.toml(5)'),
  );
}

function configPage(): string {
  const sections = SETTING_SECTIONS.map(({ heading, keys }) => {
    const items = keys.map(({ name, setting: { fallback, doc, expects } }) => {
      const value = fallback === undefined ? '' : ` Default: ${show(fallback)}.`;
      return item(bold(name), `${doc} Takes ${expects}.${value}`);
    });
    return `.SS ${heading}\n${items.join('')}`;
  });
  const sinks = [...SINK_OPTIONS].map(([type, options]) => {
    const items = options.map(({ key, doc, fallback }) =>
      item(bold(key), `${doc.replaceAll('`', '')}${fallback === undefined ? '' : ` Default: ${fallback}.`}`),
    );
    return `.SS [sink]${type === DEFAULT_SINK ? '' : ` with type = "${type}"`}\n${items.join('')}`;
  });
  const body = `.SH SYNOPSIS
.I ${text(DEFAULT_CONFIG_PATH)}
.SH DESCRIPTION
The configuration of
.BR mailgwd (8)
and
.BR mailgw\\-ctl (8),
in TOML. Unknown keys are errors, and every problem is reported in one go:
.BR "mailgw\\-ctl config check" .
Secrets are only ever files, which group and world must not be able to read.
.SH SETTINGS
${sections.join('')}${sinks.join('')}`;
  return page('mailgw.toml', 5, 'the configuration of mailgw', body + seeAlso('mailgwd(8)', 'mailgw-ctl(8)'));
}

/** The pages as they should be, by their paths. */
export const MAN_PAGES: Readonly<Record<string, () => string>> = {
  [join(repositoryRoot, 'docs', 'man', 'mailgwd.8')]: daemonPage,
  [join(repositoryRoot, 'docs', 'man', 'mailgw-ctl.8')]: toolPage,
  [join(repositoryRoot, 'docs', 'man', 'mailgw.toml.5')]: configPage,
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, make] of Object.entries(MAN_PAGES)) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, make());
  }
}
