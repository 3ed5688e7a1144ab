/**
 * `mailgw-ctl address`: makes the reply address of a notification, and says what an address means.
 *
 * Contract: `mint` gives the Reply-To and the Message-ID that the notification must carry; for a bound address
 * the two only work together. `explain` judges an address as the gate would at this moment.
 */
import { type Minted, mint } from '../../actions/mint.ts';
import { isoSeconds } from '../../system/iso-time.ts';
import type { CommandGroup, CommandSpec, Context } from '../command.ts';
import { withPepper } from '../session.ts';
import { printFindings } from '../terminal/findings.ts';
import { printNote, printObject, printRow, printText } from '../terminal/print.ts';

const mintCommand: CommandSpec = {
  words: 'mint',
  summary: "make the Reply-To and the Message-ID of one user's notification about one post",
  options: [
    { flags: '--user <user>', doc: 'who gets the notification', required: true },
    { flags: '--thread <locator>', doc: "the platform's name of the thread", required: true },
    { flags: '--replied-to <time>', doc: 'when the post was made; its age counts from here (default: now)' },
    { flags: '--bound', doc: 'make a bound address, which needs In-Reply-To or References to come back' },
  ],
  examples: [
    'mint --user alice --thread go-gitea/gitea/issue/2351',
    'mint --user alice --thread acme/site/pull/7 --replied-to 2026-11-19T17:02:11Z --bound',
    'mint --user alice --thread acme/site/pull/7 --replied-to 3d --json',
  ],
  run: (input, context) =>
    withPepper(context, async (session) => {
      const thread = input.required('thread');
      const minted = await mint(session, {
        user: input.required('user'),
        thread,
        repliedTo: input.text('repliedTo'),
        isBound: input.flag('bound'),
      });
      noteAge(minted, context);
      printRow(context.output, {
        reply_to: minted.replyTo,
        message_id: `<${minted.messageId}>`,
        user: minted.user,
        thread,
        replied_to: isoSeconds(minted.repliedTo),
        expires_at: isoSeconds(minted.expiresAt),
      });
    }),
};

const explain: CommandSpec = {
  words: 'explain <address>',
  summary: 'say whose an address is, for which thread, and whether it is valid now',
  options: [
    {
      flags: '--in-reply-to <id>',
      doc: 'the Message-ID of the notification, which a bound address is proven with',
    },
  ],
  examples: [
    'explain reply+aiaaaa…@reply.example.org',
    "explain reply+aeaaaa…@reply.example.org --in-reply-to '<acme/site/pull/7/1795107731@reply.example.org>'",
  ],
  run: (input, context) =>
    withPepper(context, async (session) => {
      const { explainAddress } = await import('../../actions/explain.ts');
      const { row, rules } = await explainAddress(session, input.argument(), input.text('inReplyTo'));
      if (context.output.json) {
        printObject(context.output, { ...row, rules });
        return;
      }
      printRow(context.output, row);
      printText(context.output, '');
      printFindings(context.output, rules);
    }),
};

/** The commands on reply addresses. */
export const addressGroup: CommandGroup = {
  name: 'address',
  summary: 'make reply addresses, and explain them',
  commands: [mintCommand, explain],
};

function noteAge({ age }: Minted, { output }: Context): void {
  if (age === 'expired') {
    printNote(output, 'the address has expired already: replied-to is older than reply.max_age');
  } else if (age === 'in-the-future') {
    printNote(output, 'the address is not valid yet: replied-to lies in the future');
  }
}
