/**
 * `mailgw-ctl postfix-config`: what Postfix needs for this configuration, and whether it has it.
 *
 * Contract: prints, and changes nothing. Where there is a Postfix: commands that add what it lacks to the values that are
 * live. With `--file`, or where there is none: lines for a main.cf and a master.cf that have nothing of this yet. With
 * `--check` it reads a Postfix by postconf(1) and postmap(1) and says what differs; the checks are doctor's. 0 when nothing
 * is wrong, 78 else.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, Fault, usage } from '../../actions/fault.ts';
import type { Config } from '../../site/config.ts';
import type { CommandSpec, Context, Input } from '../command.ts';
import { report } from '../doctor/report.ts';
import { openConfig } from '../session.ts';
import { withPassedSockets } from '../socket-units.ts';
import { printNote, printObject, printText } from '../terminal/print.ts';

/** `postfix-config`. */
export const postfixConfigCommand: CommandSpec = {
  words: 'postfix-config',
  summary:
    'print the commands that give Postfix what this configuration needs, or check a Postfix against it',
  options: [
    {
      flags: '--check [dir]',
      doc: 'examine the Postfix configured in this directory (default: /etc/postfix)',
    },
    { flags: '--postfix-config <dir>', doc: "the directory of Postfix's main.cf (default: /etc/postfix)" },
    {
      flags: '--file <name>',
      doc: 'print lines in place of commands, for a main.cf or a master.cf that sets nothing of this yet',
    },
    {
      flags: '--queue-directory <dir>',
      doc: "with --file: Postfix's queue_directory (default: /var/spool/postfix)",
    },
  ],
  examples: [
    'postfix-config',
    'postfix-config --file main.cf',
    'postfix-config --check',
    'postfix-config --check /etc/postfix-in --json',
  ],
  run: async (input, context) => {
    const config = withPassedSockets(openConfig(context), context.configPath);
    const directory = input.text('check');
    if (directory !== undefined || input.flag('check')) {
      const { examinePostfix } = await import('../postfix/wiring.ts');
      report(context.output, examinePostfix(config, directory ?? (await directoryOf(input))).findings);
      return;
    }
    const commands = await planFor(config, input);
    if (!context.output.json && commands !== undefined) {
      printText(context.output, commands.text);
      return;
    }
    await printLines(config, commands?.list ?? [], input, context);
  },
};

async function directoryOf(input: Input): Promise<string> {
  const { DEFAULT_POSTFIX_DIRECTORY } = await import('../postfix/postfix-setup.ts');
  return input.text('postfixConfig') ?? DEFAULT_POSTFIX_DIRECTORY;
}

/** Plans the commands for the Postfix that is there; undefined where lines are wanted, or there is none. */
async function planFor(
  config: Config,
  input: Input,
): Promise<{ text: string; list: readonly string[] } | undefined> {
  const directory = await directoryOf(input);
  if (input.text('file') !== undefined) return undefined;
  if (input.text('postfixConfig') === undefined && !existsSync(join(directory, 'main.cf'))) return undefined;
  const { readPostfix } = await import('../postfix/postfix-setup.ts');
  const { commandsOf, planText, planWiring } = await import('../postfix/plan.ts');
  const read = readPostfix(directory);
  if (!read.ok) throw new Fault(EXIT.configuration, `--postfix-config ${directory}: ${read.problem}`);
  const { setup } = read;
  const steps = planWiring({ config, setup });
  return { text: planText({ config, setup }, steps), list: commandsOf(setup, steps) };
}

/** Prints the lines of one file, or of both. */
async function printLines(
  config: Config,
  commands: readonly string[],
  input: Input,
  { output }: Context,
): Promise<void> {
  const { DEFAULT_QUEUE_DIRECTORY, mainSnippet, masterSnippet } = await import('../postfix/snippet.ts');
  const queueDirectory = input.text('queueDirectory') ?? DEFAULT_QUEUE_DIRECTORY;
  const file = input.text('file');
  if (file !== undefined && file !== 'main.cf' && file !== 'master.cf')
    throw usage(`postfix-config: --file ${file} is not main.cf or master.cf`);
  const main = mainSnippet(config, queueDirectory);
  const { outboundSnippet } = await import('../postfix/outbound.ts');
  const master = masterSnippet(config, queueDirectory) + outboundSnippet(config, queueDirectory);
  if (output.json) printObject(output, { main_cf: main, master_cf: master, commands });
  else if (file !== undefined) printText(output, (file === 'main.cf' ? main : master).trimEnd());
  else {
    printNote(output, 'there is no Postfix in /etc/postfix: lines for its files instead of commands');
    printText(output, `${main}\n${master}`.trimEnd());
  }
}
