/**
 * `mailgw-ctl address`: makes the reply address of a notification, and says what an address means.
 *
 * Contract: `mint` gives the Reply-To and the Message-ID that the notification must carry; for a bound address
 * the two only work together. `explain` judges an address as the gate would at this moment.
 */
import { randomBytes } from 'node:crypto';
import { badInput } from '../../actions/fault.ts';
import type { Config } from '../../config/config.ts';
import { foldDomain, formatReplyAddress, type ReplyAddressForm } from '../../mail/address.ts';
import { formatThreadMessageId, MAX_MESSAGE_ID_OCTETS, parseThreadMessageId } from '../../mail/message-id.ts';
import { PROBE_THREAD } from '../../mail/probe.ts';
import { judgeAge, MAX_REPLIED_TO, mintBoundToken, mintSealedToken, userKey } from '../../mail/token.ts';
import type { SecretSession } from '../../site/session.ts';
import type { User } from '../../store/directory.ts';
import { isoSeconds } from '../../system/iso-time.ts';
import { isPrintable } from '../../system/printable.ts';
import type { CommandGroup, CommandSpec, Context, Input } from '../command.ts';
import { currentSalt, findUser } from '../known-user.ts';
import { checkMinting, withPepper } from '../session.ts';
import { printFindings } from '../terminal/findings.ts';
import { printNote, printObject, printRow, printText } from '../terminal/print.ts';
import { parseTime, TIME_FORMS } from '../terminal/time.ts';

const mint: CommandSpec = {
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
      await checkMinting(session);
      const user = await findUser(session.store, input.required('user'));
      const form = replyForm(session.config);
      const repliedTo = readRepliedTo(input);
      const locator = input.required('thread');
      const messageId = threadMessageId(locator, repliedTo, form.domain);
      const key = keyOf(user, session);
      const token = input.flag('bound')
        ? mintBoundToken(key, { userNumber: user.number, nonce: randomBytes(4), messageId })
        : mintSealedToken(key, {
            userNumber: user.number,
            threadNumber: await session.store.threadNumber(locator),
            repliedTo,
            locator,
          });
      noteAge(repliedTo, session.config, context);
      printRow(context.output, {
        reply_to: formatReplyAddress(form, token),
        message_id: `<${messageId}>`,
        user: user.name,
        thread: locator,
        replied_to: isoSeconds(repliedTo),
        expires_at: isoSeconds(expiry(repliedTo, session.config)),
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
  commands: [mint, explain],
};

/** How reply addresses look here; the domain as A-labels, so that a notification needs no SMTPUTF8. */
function replyForm(config: Config): ReplyAddressForm {
  return { prefix: config.reply.prefix, domain: foldDomain(config.reply.domain) };
}

/** When an address expires; Unix seconds. */
function expiry(repliedTo: number, config: Config): number {
  return repliedTo + Math.floor(config.reply.maxAgeMs / 1000);
}

function keyOf(user: User, { pepper }: SecretSession): Uint8Array {
  if (!user.enabled) {
    throw badInput(
      `user "${user.name}": is disabled, an address would be refused; "mailgw-ctl user enable" enables them`,
    );
  }
  const salt = currentSalt(user);
  if (salt === undefined) {
    throw badInput(`user "${user.name}": has no salt; "mailgw-ctl salt rotate" gives them one`);
  }
  return userKey(pepper, salt.salt);
}

function readRepliedTo(input: Input): number {
  const now = Date.now();
  const text = input.text('repliedTo');
  const ms = text === undefined ? now : parseTime(text, now);
  const seconds = ms === undefined ? undefined : Math.floor(ms / 1000);
  if (seconds === undefined || seconds > MAX_REPLIED_TO) {
    throw badInput(`--replied-to "${text ?? ''}": is not ${TIME_FORMS}`);
  }
  return seconds;
}

/** The notification's Message-ID without brackets; a Fault where the locator cannot be carried in one. */
function threadMessageId(locator: string, repliedTo: number, domain: string): string {
  if (locator === PROBE_THREAD) {
    throw badInput(`--thread "${locator}": is kept for the probes of "mailgw-ctl doctor"`);
  }
  if (locator === '' || !isPrintable(locator)) {
    throw badInput(
      `--thread "${locator}": expected the platform's name of the thread, without control characters`,
    );
  }
  const id = formatThreadMessageId({ locator, repliedTo }, domain);
  if (id.length > MAX_MESSAGE_ID_OCTETS) {
    throw badInput(
      `--thread "${locator.slice(0, 60)}…": makes a Message-ID of ${id.length} octets; expected at most ${MAX_MESSAGE_ID_OCTETS}`,
    );
  }
  if (parseThreadMessageId(id, domain)?.locator !== locator) {
    throw badInput(`--thread "${locator}": would not come back unchanged in a Message-ID`);
  }
  return id;
}

function noteAge(repliedTo: number, config: Config, context: Context): void {
  const age = judgeAge(repliedTo, Date.now(), config.reply.maxAgeMs);
  if (age === 'expired') {
    printNote(context.output, 'the address has expired already: replied-to is older than reply.max_age');
  } else if (age === 'in-the-future') {
    printNote(context.output, 'the address is not valid yet: replied-to lies in the future');
  }
}
