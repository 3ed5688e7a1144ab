/**
 * `mailgw-ctl source`: the ways by which mail comes in: how they do, what they would take, and to look now.
 *
 * Contract: `list` and `sync` ask the daemon of the store, where one serves; `test` and `claim` connect themselves, as the
 * user of the store, and `test` changes nothing. A mailbox that cannot be opened ends with 78 where its settings or its password are wrong,
 * and with 69 where it is the server.
 */
import { describe, EXIT, type ExitStatus, Fault, systemCode } from '../../actions/fault.ts';
import { claimMailbox, lookIntoMailbox } from '../../actions/mailbox-look.ts';
import { listSources, namedSources, noSource, retryFailed } from '../../actions/sources.ts';
import { lookAtWebhook } from '../../actions/webhook-look.ts';
import type { Problem } from '../../api/problem.ts';
import type { Config } from '../../site/config.ts';
import type { Session } from '../../site/session.ts';
import { MailboxError } from '../../sources/imap/mailbox-error.ts';
import { installationOf } from '../../sources/imap/rival.ts';
import type { SourceView } from '../../sources/source.ts';
import type { CommandGroup, CommandSpec, Context } from '../command.ts';
import { ABSENT, type DaemonAnswer, type DaemonRequest, exchange, toFault } from '../daemon.ts';
import { lookLines, webhookLines } from '../look-lines.ts';
import { withStore } from '../session.ts';
import { lookObject, messageRow, sourceRow } from '../source-rows.ts';
import { printDone, printObject, printRows, printText } from '../terminal/print.ts';
import { confirmCommand } from './source-confirm.ts';

const SOURCE_COLUMNS = [
  ...['name', 'kind', 'state', 'waiting', 'failed', 'courtesies'].map((key) => ({ key })),
  { key: 'high_water', title: 'read to' },
  { key: 'last_at', title: 'last written' },
  { key: 'reason', shrinks: true },
];

const MESSAGE_COLUMNS = [
  ...['source', 'uid', 'state'].map((key) => ({ key })),
  { key: 'attempts', title: 'tries' },
  { key: 'since' },
  { key: 'due_at', title: 'due' },
  { key: 'reason', shrinks: true },
];

/** Messages that people are shown; scripts get all. */
const SHOWN_MESSAGES = 50;

const list: CommandSpec = {
  words: 'list [name]',
  summary:
    'list the sources: their state, and what of a mailbox waits, was given up or is still to be marked',
  examples: ['list', 'list support', 'list --json'],
  run: (input, context) =>
    withStore(context, async (session) => {
      const { output } = context;
      const [now, live] = [Date.now(), await liveSources(session.config)];
      const sources = await listSources(session, live, input.args[0]);
      if (output.json) {
        for (const source of sources) {
          printObject(output, { ...sourceRow(source, now), messages: source.messages.map(messageRow) });
        }
        return;
      }
      printRows(
        output,
        sources.map((source) => sourceRow(source, now)),
        SOURCE_COLUMNS,
        'There is no source.',
      );
      const messages = sources.flatMap((source) => source.messages);
      if (messages.length === 0) return;
      printText(output, '');
      printRows(output, messages.slice(0, SHOWN_MESSAGES).map(messageRow), MESSAGE_COLUMNS, '');
      const more = messages.length - SHOWN_MESSAGES;
      if (more > 0) printText(output, `${more} more: mailgw-ctl source list --json`, 'grey');
    }),
};

const test: CommandSpec = {
  words: 'test [name]',
  summary:
    'connect to a mailbox and tell what its server can, what would be taken, whom the newest mail names and which authserv-id it has; of a webhook what its provider must be told; changes nothing',
  examples: ['test support', 'test --json'],
  run: (input, context) =>
    withStore(context, async (session) => {
      const problems: Fault[] = [];
      for (const name of chosen(session.config, ['imap', 'webhook'], input.args[0])) {
        try {
          await testSource(session, name, context);
        } catch (error) {
          problems.push(mailboxFault(name, error));
        }
      }
      const [first] = problems;
      if (first !== undefined)
        throw new Fault(
          first.status,
          problems.flatMap((each) => each.problems),
        );
    }),
};

async function testSource({ config, store }: Session, name: string, { output }: Context): Promise<void> {
  const imap = config.imap.each.find((each) => each.name === name);
  const webhook = config.webhook.each.find((each) => each.name === name);
  if (webhook !== undefined) {
    const look = lookAtWebhook(config, webhook);
    if (output.json) printObject(output, { name, ...look });
    else for (const line of webhookLines(name, look)) printText(output, line);
  }
  if (imap === undefined) return;
  const [state, installation] = await Promise.all([store.mailbox(name), installationOf(store)]);
  const look = await lookIntoMailbox({ config, imap, state, installation });
  if (output.json) printObject(output, lookObject(name, look));
  else for (const line of lookLines(imap, look)) printText(output, line);
}

const STATUS: Partial<Record<MailboxError['kind'], ExitStatus>> = {
  login: EXIT.configuration,
  settings: EXIT.configuration,
  folder: EXIT.configuration,
  tls: EXIT.configuration,
  rival: EXIT.configuration,
};

function mailboxFault(name: string, error: unknown): Fault {
  if (!(error instanceof MailboxError)) throw error;
  const status = STATUS[error.kind] ?? EXIT.unavailable;
  return new Fault(status, `source "${name}": ${describe(error)}`, { cause: error });
}

const sync: CommandSpec = {
  words: 'sync [name]',
  summary: 'have the daemon look for new mail in a mailbox now, or in all of them',
  options: [{ flags: '--retry', doc: 'also try again what was given up' }],
  examples: ['sync support', 'sync support --retry'],
  run: (input, context) =>
    withStore(context, async ({ config, store }) => {
      for (const name of chosen(config, ['imap'], input.args[0])) {
        const retried = input.flag('retry') ? await retryFailed(store, name, Date.now()) : 0;
        await ask(config, { method: 'POST', path: `/v1/sources/${encodeURIComponent(name)}/sync` });
        const again = retried === 0 ? '' : `; ${retried} that were given up are tried again`;
        printDone(context.output, { name, retried }, `${name}: looks for new mail now${again}`);
      }
    }),
};

const claim: CommandSpec = {
  words: 'claim <name>',
  summary:
    'read a mailbox that bears the keyword of another installation of mailgw, which is gone: put ours in its place',
  examples: ['claim support'],
  run: (input, context) =>
    withStore(context, async ({ config, store }) => {
      const name = input.argument();
      const imap = config.imap.each.find((each) => each.name === name);
      if (imap === undefined)
        throw noSource(
          name,
          config.imap.each.map((each) => each.name),
        );
      const count = await claimMailbox(config, imap, await installationOf(store)).catch((error: unknown) => {
        throw mailboxFault(name, error);
      });
      printDone(
        context.output,
        { name, messages: count },
        `${name}: ours, by the keyword of ${count} messages`,
      );
    }),
};

/** The commands on sources. */
export const sourceGroup: CommandGroup = {
  name: 'source',
  summary: 'mailboxes and providers that replies come from',
  commands: [list, test, sync, claim, confirmCommand],
};

/** Gives the names of sources of these kinds: the one that was given, or all. */
function chosen(config: Config, kinds: readonly string[], given: string | undefined): readonly string[] {
  const named = namedSources(config);
  const names = named.map(({ name }) => name);
  if (given !== undefined && !names.includes(given)) throw noSource(given, names);
  if (given !== undefined) return [given];
  return named.filter((each) => kinds.includes(each.kind)).map(({ name }) => name);
}

/** Asks the daemon for its sources; undefined where none serves, or not for this user. */
async function liveSources({ store }: Config): Promise<readonly SourceView[] | undefined> {
  try {
    const { status, body } = await exchange(store.path, { method: 'GET', path: '/v1/sources' });
    if (status >= 400) throw toFault(body as Problem);
    return (body as { readonly items: readonly SourceView[] }).items;
  } catch (error) {
    if (ABSENT.has(systemCode(error) ?? '')) return undefined;
    throw error;
  }
}

async function ask({ store }: Config, asked: DaemonRequest): Promise<void> {
  let answer: DaemonAnswer;
  try {
    answer = await exchange(store.path, asked);
  } catch (error) {
    const isAbsent = ABSENT.has(systemCode(error) ?? '');
    const why = isAbsent ? 'no mailgwd serves this store, or not for this user' : describe(error);
    throw new Fault(EXIT.unavailable, `store.path: ${store.path}: ${why}`, { cause: error });
  }
  if (answer.status >= 400) throw toFault(answer.body as Problem);
}
