/**
 * `mailgw-ctl postfix-config`: what Postfix needs for this configuration, and whether it has it.
 *
 * Contract: prints lines for main.cf and master.cf, and changes nothing. With `--check` it reads a Postfix by postconf(1)
 * and postmap(1) and says what differs; the checks are doctor's. 0 when nothing is wrong, 78 else.
 */
import type { CommandSpec } from './command.ts';
import { report } from './doctor/report.ts';
import { usage } from './fault.ts';
import { printObject, printText } from './print.ts';
import { openConfig } from './session.ts';

/** `postfix-config`. */
export const postfixConfigCommand: CommandSpec = {
  words: 'postfix-config',
  summary: 'print the lines that Postfix needs for this configuration, or check a Postfix against it',
  options: [
    {
      flags: '--check [dir]',
      doc: 'examine the Postfix configured in this directory (default: /etc/postfix)',
    },
    {
      flags: '--file <name>',
      doc: 'print the lines of one file alone, main.cf or master.cf, to append them',
    },
    { flags: '--queue-directory <dir>', doc: "Postfix's queue_directory (default: /var/spool/postfix)" },
  ],
  examples: [
    'postfix-config',
    'postfix-config --file main.cf',
    'postfix-config --check',
    'postfix-config --check /etc/postfix-in --json',
  ],
  run: async (input, context) => {
    const config = openConfig(context);
    const directory = input.text('check');
    if (directory !== undefined || input.flag('check')) {
      const { examinePostfix } = await import('./postfix/wiring.ts');
      const { DEFAULT_POSTFIX_DIRECTORY } = await import('./postfix/postfix-setup.ts');
      report(context.output, examinePostfix(config, directory ?? DEFAULT_POSTFIX_DIRECTORY).findings);
      return;
    }
    const { DEFAULT_QUEUE_DIRECTORY, mainSnippet, masterSnippet } = await import('./postfix/snippet.ts');
    const queueDirectory = input.text('queueDirectory') ?? DEFAULT_QUEUE_DIRECTORY;
    const main = mainSnippet(config, queueDirectory);
    const master = masterSnippet(config, queueDirectory);
    const file = input.text('file');
    if (file !== undefined && file !== 'main.cf' && file !== 'master.cf')
      throw usage(`postfix-config: --file ${file} is not main.cf or master.cf`);
    if (context.output.json) printObject(context.output, { main_cf: main, master_cf: master });
    else if (file === undefined) printText(context.output, `${main}\n${master}`.trimEnd());
    else printText(context.output, (file === 'main.cf' ? main : master).trimEnd());
  },
};
