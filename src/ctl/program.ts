/**
 * The command line: turns the specifications of the commands into commander's, the only importer of commander.
 *
 * Contract: resolves with the exit status and has printed everything. Mistakes in usage are 64; a Fault has its
 * own status; anything else that is thrown is a bug and is 70, with its stack.
 */
import { Command, CommanderError, Option } from 'commander';
import { EXIT, type ExitStatus, Fault, INTERRUPTED } from '../actions/fault.ts';
import { DEFAULT_CONFIG_PATH } from '../config/default-path.ts';
import { lineFor } from '../observe/journal.ts';
import { printable, printableLines } from '../system/printable.ts';
import { version } from '../system/version.ts';
import { type CommandGroup, type CommandSpec, type Context, Input, type OptionSpec } from './command.ts';
import {
  FIRST_COMMANDS,
  GLOBAL_OPTIONS,
  HELP_OPTION,
  loadEntriesFor,
  NAME,
  PURPOSE,
  VERSION_OPTION,
} from './commands.ts';
import { type Output, processOutput } from './terminal/print.ts';

/** The carrying out of a command whose line is in order. */
export type Perform = (spec: CommandSpec, input: Input, context: Context) => Promise<void> | void;

const performIt: Perform = (spec, input, context) => spec.run(input, context);

/** Runs one command line (without the interpreter and the program) and resolves with the exit status. */
export async function runCommandLine(
  argv: readonly string[],
  perform: Perform = performIt,
  open: (json: boolean) => Output = processOutput,
): Promise<ExitStatus | typeof INTERRUPTED> {
  let output = open(false);
  const openOutput = (json: boolean): Output => {
    output = open(json);
    return output;
  };
  const complain = (problem: string): void => {
    output.warn(`${lineFor(process.stderr.fd, 'error', `${NAME}: ${problem}`)}\n`);
  };
  try {
    const entries = await loadEntriesFor(argv);
    await buildProgram(entries, openOutput, perform).parseAsync([...argv], { from: 'user' });
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

function buildProgram(
  entries: readonly (CommandGroup | CommandSpec)[],
  openOutput: (json: boolean) => Output,
  perform: Perform,
): Command {
  const program = new Command(NAME)
    .description(PURPOSE)
    .version(version(), VERSION_OPTION.flags, VERSION_OPTION.doc)
    .helpOption(HELP_OPTION.flags, HELP_OPTION.doc)
    .showHelpAfterError(`(${NAME} COMMAND --help shows how)`)
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        openOutput(false).write(text);
      },
      writeErr: (text) => {
        openOutput(false).warn(text);
      },
      outputError: (text, write) => {
        write(`${NAME}: ${printableUsageError(text)}\n`);
      },
    })
    .addHelpText('after', FIRST_STEPS);
  for (const option of GLOBAL_OPTIONS) program.addOption(buildOption(option));
  const context = (): Context => {
    const { config, json } = program.opts<{ config?: string; json?: boolean }>();
    return {
      configPath: config ?? DEFAULT_CONFIG_PATH,
      configGiven: config !== undefined,
      output: openOutput(json === true),
    };
  };
  const act: Act = (spec, command) =>
    perform(spec, new Input(command.args, command.opts<Record<string, unknown>>()), context());
  for (const entry of entries) {
    if ('commands' in entry) addGroup(program, entry, act);
    else addCommand(program, entry, [], act);
  }
  return program;
}

const FIRST_STEPS = `
First steps:
${FIRST_COMMANDS.map((line) => `  ${NAME} ${line}`).join('\n')}

Exit status: 0 done, 64 usage, 65 bad input, 69 unavailable, 70 internal, 73 or 74 files, 78 configuration,
${INTERRUPTED} interrupted.`;

type Act = (spec: CommandSpec, command: Command) => Promise<void> | void;

function addGroup(program: Command, group: CommandGroup, act: Act): void {
  const command = program.command(group.name).description(group.summary);
  for (const spec of group.commands) addCommand(command, spec, [group.name], act);
}

function addCommand(parent: Command, spec: CommandSpec, path: readonly string[], act: Act): void {
  const command = parent.command(spec.words).description(spec.summary);
  for (const option of spec.options ?? []) command.addOption(buildOption(option));
  const examples = spec.examples.map((example) => `  ${[NAME, ...path, example].join(' ')}`);
  command.addHelpText('after', `\n${examples.length > 1 ? 'Examples' : 'Example'}:\n${examples.join('\n')}`);
  command.action(async () => {
    await act(spec, command);
  });
}

/**
 * Makes commander's own message printable: all in it but its suggestion on a second line may be what somebody typed.
 */
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
