/** `mailgw-ctl thread`: where replies go. */
import { withActions } from '../act.ts';
import type { CommandGroup, CommandSpec } from '../command.ts';
import { printDone, printNote } from '../terminal/print.ts';

const rename: CommandSpec = {
  words: 'rename <thread> <new-name>',
  summary: 'follow a platform that gave a thread another name; every reply address stays good',
  examples: ['rename acme/site/issue/7 acme/website/issue/7'],
  run: (input, context) =>
    withActions(context, async (act) => {
      const [from, to] = [input.argument(), input.argument(1)];
      const { number, wasKnown, open } = await act('renameThread', { from, to });
      if (!wasKnown)
        printNote(
          context.output,
          `no address that is known here was made for ${from}; what bound addresses name so goes to ${to} from now on`,
        );
      printDone(
        context.output,
        { thread: to, thread_number: number, formerly: from, open_items: open },
        `thread ${from} is ${to} now; its reply addresses stay good, and ${open} ${open === 1 ? 'reply goes' : 'replies go'} there`,
      );
    }),
};

/** The commands on threads. */
export const threadGroup: CommandGroup = {
  name: 'thread',
  summary: 'where replies go, when the platform gives it another name',
  commands: [rename],
};
