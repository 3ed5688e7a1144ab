/**
 * `mailgw-ctl address`: makes the reply address of a notification, and says what an address means.
 *
 * Contract: `mint` gives the Reply-To and the Message-ID that the notification must carry; for a bound address
 * the two only work together. `explain` judges an address as the gate would at this moment.
 */
import { usage } from '../../actions/fault.ts';
import { readRepliedTo } from '../../actions/order.ts';
import type { ShownAddress } from '../../api/shown.ts';
import { judgeAge } from '../../mail/token.ts';
import { isoSeconds } from '../../system/iso-time.ts';
import { withMinting } from '../act.ts';
import type { CommandGroup, CommandSpec, Context, Input } from '../command.ts';
import { toFault } from '../daemon.ts';
import { forEachBatch } from '../json-lines.ts';
import { printFindings } from '../terminal/findings.ts';
import { printNote, printObject, printRow, printText, type Row } from '../terminal/print.ts';

const mintCommand: CommandSpec = {
  words: 'mint [orders]',
  summary: "make the Reply-To and the Message-ID of one user's notification about one post, or of many",
  options: [
    { flags: '--user <user>', doc: 'who gets the notification' },
    { flags: '--thread <locator>', doc: "the platform's name of the thread" },
    {
      flags: '--compose <container>',
      doc: "the platform's name of a place where mail shall start threads; needs compose = true in [reply]",
    },
    { flags: '--replied-to <time>', doc: 'when the post was made; its age counts from here (default: now)' },
    { flags: '--bound', doc: 'make a bound address, which needs In-Reply-To or References to come back' },
  ],
  examples: [
    'mint --user alice --thread go-gitea/gitea/issue/2351',
    'mint --user alice --thread acme/site/pull/7 --replied-to 2026-11-19T17:02:11Z --bound',
    'mint --user alice --thread acme/site/pull/7 --replied-to 3d --json',
    'mint - --json < orders.jsonl',
    'mint --user alice --compose acme/site',
  ],
  run: (input, context) => (input.args[0] === undefined ? mintOne(input, context) : mintMany(input, context)),
};

async function mintOne(input: Input, context: Context): Promise<void> {
  const [user, thread, compose] = [input.text('user'), input.text('thread'), input.text('compose')];
  if (user === undefined || (thread === undefined) === (compose === undefined))
    throw usage(
      'address mint: expected --user and one of --thread and --compose, or "-" for JSON lines on standard input',
    );
  const now = Date.now();
  const given = input.text('repliedTo');
  // What starts a thread answers no post.
  const repliedTo =
    compose === undefined || given !== undefined ? isoSeconds(readRepliedTo(given, now)) : undefined;
  const order = { user, thread, compose, repliedTo, isBound: input.flag('bound') };
  const address = await withMinting(context, (act) => act('mintAddress', order));
  noteAge(address, now, context);
  printRow(context.output, rowOf(address));
}

/** Mints for each line of standard input. */
async function mintMany(input: Input, context: Context): Promise<void> {
  const single = ['user', 'thread', 'compose'].some((name) => input.text(name) !== undefined);
  if (input.argument() !== '-' || single)
    throw usage('address mint: expected --user and --thread, or "-" alone for JSON lines on standard input');
  await withMinting(context, (act) =>
    forEachBatch(context, async (lines) => {
      const minted = await act('mintAddresses', { orders: lines.map(({ value }) => value) });
      return minted.map((each) => {
        if ('detail' in each) return toFault(each).message;
        printRow(context.output, rowOf(each));
        return undefined;
      });
    }),
  );
}

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
    withMinting(context, async (act) => {
      const order = { address: input.argument(), inReplyTo: input.text('inReplyTo') };
      const { row, rules } = await act('explainAddress', order);
      if (context.output.json) {
        printObject(context.output, { ...row, rules });
        return;
      }
      printRow(context.output, {
        ...row,
        posts: row.posts?.map(({ label, thread }) => `${label}: ${thread}`) ?? null,
      });
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

function rowOf({ reply_to, message_id, user, thread, posts, compose, ...times }: ShownAddress): Row {
  const { replied_to, expires_at } = times;
  const labels = posts?.map(({ label }) => label);
  // A digest is told by its labels, what starts threads by its container, and neither of any other address.
  return {
    reply_to,
    message_id,
    user,
    thread,
    ...(labels === undefined ? {} : { posts: labels }),
    ...(compose === null ? {} : { compose }),
    replied_to,
    expires_at,
  };
}

function noteAge({ replied_to, expires_at }: ShownAddress, now: number, { output }: Context): void {
  const repliedTo = Date.parse(replied_to) / 1000;
  const age = judgeAge(repliedTo, now, Date.parse(expires_at) - repliedTo * 1000);
  if (age === 'expired') {
    printNote(output, 'the address has expired already: replied-to is older than reply.max_age');
  } else if (age === 'in-the-future') {
    printNote(output, 'the address is not valid yet: replied-to lies in the future');
  }
}
