/**
 * `mailgw-ctl spam`: what the spam filter says of a message, and what it is to learn of one.
 *
 * Contract: `check` asks the configured source as the daemon does, and writes nothing. `learn` and `ping` ask spamd
 * whatever the source is. 69 when spamd does not answer, or refuses; what it says is named.
 */

import { usage } from '../../actions/fault.ts';
import { findItem } from '../../actions/items.ts';
import { checkSpam, openTeach, pingSpamd } from '../../actions/spam.ts';
import { endpointText } from '../../config/kinds.ts';
import type { SpamClass } from '../../gate/spamd.ts';
import type { CommandGroup, CommandSpec, Input } from '../command.ts';
import { readMessageFile } from '../message-file.ts';
import { openConfig, withStore } from '../session.ts';
import { printDone, printRow } from '../terminal/print.ts';

const check: CommandSpec = {
  words: 'check <file>',
  summary: 'ask the configured spam filter about a message: score, rules, and what would become of it',
  examples: ['check reply.eml', 'check - < reply.eml', 'check reply.eml --json'],
  run: async (input, context) => {
    const { spam } = openConfig(context);
    const raw = readMessageFile(input.argument());
    printRow(context.output, await checkSpam(spam, raw));
  },
};

const learn: CommandSpec = {
  words: 'learn <id...>',
  summary: 'teach spamd that items are spam, or that they are not',
  options: [
    { flags: '--spam', doc: 'they are spam' },
    { flags: '--ham', doc: 'they are not' },
  ],
  examples: ['learn --spam 01hq3f', 'learn --ham 01hq3f 01hq4a'],
  run: (input, context) =>
    withStore(context, async ({ config, store }) => {
      const as = readClass(input);
      const teach = openTeach(config, store);
      for (const name of input.args) {
        const item = await findItem(store, name);
        const result = await teach(item, as);
        const sentence =
          result === 'learned'
            ? `spamd has learned that item ${item.id} is ${as}`
            : `spamd knew item ${item.id}`;
        printDone(context.output, { id: item.id, class: as, result }, sentence);
      }
    }),
};

const ping: CommandSpec = {
  words: 'ping',
  summary: 'ask whether spamd is there',
  examples: ['ping'],
  run: async (_input, context) => {
    const { spam } = openConfig(context);
    await pingSpamd(spam);
    const spamd = endpointText(spam.spamd);
    printDone(context.output, { spamd, ok: true }, `spamd answers at ${spamd}`);
  },
};

/** The commands on the spam filter. */
export const spamGroup: CommandGroup = {
  name: 'spam',
  summary: 'ask and teach the spam filter',
  commands: [check, learn, ping],
};

function readClass(input: Input): SpamClass {
  if (input.flag('spam') === input.flag('ham')) throw usage('spam learn: expected either --spam or --ham');
  return input.flag('spam') ? 'spam' : 'ham';
}
