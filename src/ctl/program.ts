/**
 * The command line: turns the specifications of the commands into commander's, the only importer of commander.
 *
 * Contract: resolves with the exit status and has printed everything. Mistakes in usage are 64; a Fault has its
 * own status; anything else that is thrown is a bug and is 70, with its stack.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { DEFAULT_CONFIG_PATH } from '../config.ts';
import { addressGroup } from './address.ts';
import { checkCommand } from './check.ts';
import { type CommandGroup, type CommandSpec, type Context, Input, type OptionSpec } from './command.ts';
import { configGroup } from './config.ts';
import { dbGroup } from './db.ts';
import { EXIT, Fault } from './fault.ts';
import { initCommand } from './init.ts';
import { noticeGroup } from './notice.ts';
import { processOutput } from './print.ts';
import { printable, printableLines } from './printable.ts';
import { queueGroup } from './queue.ts';
import { reloadCommand } from './reload.ts';
import { saltGroup } from './salt.ts';
import { spamGroup } from './spam.ts';
import { statsCommand } from './stats.ts';
import { userGroup } from './user.ts';

const NAME = 'mailgw-ctl';

/** Runs one command line (without the interpreter and the program) and resolves with the exit status. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  try {
    await buildProgram().parseAsync([...argv], { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (error instanceof Fault) {
      for (const problem of error.problems) complain(printable(problem));
      return error.status;
    }
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    complain(printableLines(`internal error: ${detail}`));
    return EXIT.internal;
  }
}

function complain(problem: string): void {
  process.stderr.write(`${NAME}: ${problem}\n`);
}

function buildProgram(): Command {
  const program = new Command(NAME)
    .description('Sets up mailgw, mints reply addresses and looks after the queue.')
    .option('--config <file>', `the configuration (default: ${DEFAULT_CONFIG_PATH})`)
    .option('--json', 'print one JSON object per line, with stable keys')
    .version(readVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'show help; works after every command')
    .showHelpAfterError(`(${NAME} COMMAND --help shows how)`)
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => {
        write(`${NAME}: ${printableUsageError(text)}\n`);
      },
    })
    .addHelpText('after', FIRST_STEPS);
  const context = (): Context => {
    const { config, json } = program.opts<{ config?: string; json?: boolean }>();
    return {
      configPath: config ?? DEFAULT_CONFIG_PATH,
      configGiven: config !== undefined,
      output: processOutput(json === true),
    };
  };
  addCommand(program, initCommand, [], context);
  addGroup(program, configGroup, context);
  addGroup(program, userGroup, context);
  addGroup(program, saltGroup, context);
  addGroup(program, addressGroup, context);
  addCommand(program, checkCommand, [], context);
  addGroup(program, queueGroup, context);
  addGroup(program, spamGroup, context);
  addGroup(program, noticeGroup, context);
  addGroup(program, dbGroup, context);
  addCommand(program, statsCommand, [], context);
  addCommand(program, reloadCommand, [], context);
  return program;
}

const FIRST_STEPS = `
First steps:
  ${NAME} init --domain reply.example.org          configuration, secrets, directories
  ${NAME} user add alice --address alice@example.com
  ${NAME} address mint --user alice --thread acme/site/issue/7

Exit status: 0 done, 64 usage, 65 bad input, 69 unavailable, 70 internal, 73 or 74 files, 78 configuration.`;

function addGroup(program: Command, group: CommandGroup, context: () => Context): void {
  const command = program.command(group.name).description(group.summary);
  for (const spec of group.commands) addCommand(command, spec, [group.name], context);
}

function addCommand(
  parent: Command,
  spec: CommandSpec,
  path: readonly string[],
  context: () => Context,
): void {
  const command = parent.command(spec.words).description(spec.summary);
  for (const option of spec.options ?? []) command.addOption(buildOption(option));
  const examples = spec.examples.map((example) => `  ${[NAME, ...path, example].join(' ')}`);
  command.addHelpText('after', `\n${examples.length > 1 ? 'Examples' : 'Example'}:\n${examples.join('\n')}`);
  command.action(async () => {
    await spec.run(new Input(command.args, command.opts<Record<string, unknown>>()), context());
  });
}

/** Commander's own message; all in it but its suggestion on a second line may be what somebody typed. */
function printableUsageError(text: string): string {
  const [, problem = text, suggestion = ''] =
    /^(?:error: )?([^]*?)(\n\(Did you mean [^\n]*\?\))?\n?$/.exec(text) ?? [];
  return printable(problem) + suggestion;
}

function buildOption(spec: OptionSpec): Option {
  const option = new Option(spec.flags, spec.doc).makeOptionMandatory(spec.required === true);
  if (spec.repeats === true) {
    option.argParser((value: string, before: readonly string[] | undefined) => [...(before ?? []), value]);
  }
  return option;
}

/** The version in package.json, the nearest one above the compiled file. */
function readVersion(): string {
  const file = new URL('../../../package.json', import.meta.url);
  const found: unknown = JSON.parse(readFileSync(file, 'utf8'));
  return typeof found === 'object' && found !== null && 'version' in found
    ? String(found.version)
    : 'unknown';
}
