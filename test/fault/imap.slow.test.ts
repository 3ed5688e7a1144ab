// kill -9 of the daemon between every two steps of reading a mailbox, while three clients put mail into it.
//
// Method: a proxy in front of Dovecot kills the daemon before one command reaches the server, or before its answer reaches
// the daemon; crash-shim.c kills it in the midst of its writes. The clients go on until it is dead. A full run has every step
// of every way; a short one some of each. In the end the daemon runs unharmed: each message is one item and one post, and each
// is marked, moved or deleted in its folder.

import assert from 'node:assert/strict';
import { appendFileSync, writeFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { type Dovecot, dovecotUnavailable, type ImapClient, startDovecot } from '../support/dovecot.ts';
import { eventually } from '../support/eventually.ts';
import { ImapProxy } from '../support/imap-proxy.ts';
import { newMessageId, replyMessage } from '../support/message.ts';
import { roundsOf } from '../support/rounds.ts';
import { testScratch } from '../support/scratch.ts';
import { CrashShim } from './crash-shim.ts';
import { Chance, failedRound } from './rounds.ts';
import { type FaultSite, makeSite, withStore } from './site.ts';
import { inspectStore } from './store-file.ts';

/** What may become of a message, by the commands that do it. */
const WAYS = {
  seen: [],
  keyword: [],
  'move:done': [/ UID MOVE /],
  delete: [/ UID STORE .*\\Deleted/, / UID EXPUNGE /],
} as const;

type Way = keyof typeof WAYS;

/** The commands of every round, in the words that they have on the wire. */
const COMMANDS = [
  / AUTHENTICATE /,
  / SELECT /,
  / UID SEARCH /,
  / UID FETCH .*RFC822\.SIZE/,
  / UID FETCH .*BODY\.PEEK/,
  / UID STORE .*\$Mailgw-/,
  / UID FETCH (?!.*(?:BODY|RFC822)).*FLAGS/,
  / IDLE$/,
];

/** Writes on the store in which a daemon is killed: the first are those of its start. */
const STORE_STEPS = 33;

/** A step: a write on the store by its number, a command before it reaches the server, or its answer on its way back. */
type Step = number | { readonly command: RegExp; readonly where: 'command' | 'answer' };

/** Every step of a way. */
function stepsOf(way: Way): readonly Step[] {
  const commands = [...COMMANDS, ...WAYS[way]];
  return [
    ...commands.flatMap((command): Step[] => [
      { command, where: 'command' },
      { command, where: 'answer' },
    ]),
    ...Array.from({ length: STORE_STEPS }, (_, index) => index + 1),
  ];
}

const inWords = (step: Step): string =>
  typeof step === 'number' ? `step ${step}` : `${step.where} ${step.command.source}`;

/** Rounds of a way in a short run; a full one has a round for every step. */
const SHORT_ROUNDS = 3;

/** Messages of a round at most. */
const MOST_MESSAGES = 15;

/** The time in which all that waits is posted, at most. */
const ALL_POSTED_MS = 300_000;

interface Stage extends FaultSite {
  readonly dovecot: Dovecot;
  readonly proxy: ImapProxy;
  readonly shim: CrashShim;
  readonly chance: Chance;
  /** The Message-IDs of what was put into the folder, in order. */
  readonly sent: string[];
}

async function makeStage(t: TestContext, after: Way): Promise<Stage> {
  const scratch = testScratch(t);
  const dovecot = await startDovecot(scratch);
  const proxy = await ImapProxy.start(scratch, () => dovecot.port);
  const shim = await CrashShim.compile(scratch, scratch.path('mailgw.db'));
  const site = await makeSite(scratch, { environment: shim.environment, threads: 3 });
  const client = await dovecot.connect();
  await client.ask('CREATE done');
  client.end();
  writeFileSync(scratch.path('mailbox'), dovecot.password, { mode: 0o600 });
  const table = ['[[imap]]', 'name = "replies"', 'host = "127.0.0.1"', `port = ${proxy.port}`, 'tls = "off"'];
  const login = [`user = "${dovecot.user}"`, `password_file = "${scratch.path('mailbox')}"`];
  const rest = ['since = "all"', `after = "${after}"`, ''];
  appendFileSync(site.daemon.config, `\n${[...table, ...login, ...rest].join('\n')}`);
  return { ...site, dovecot, proxy, shim, chance: new Chance(), sent: [] };
}

/** Has the daemon killed at a step to come. */
function orderKill({ proxy, shim, daemon }: Stage, step: Step): void {
  if (typeof step === 'number') {
    shim.order(`step ${step}`);
    return;
  }
  const kill = (): void => {
    proxy.onCommand = () => undefined;
    proxy.onAnswer = () => undefined;
    process.kill(daemon.pid, 'SIGKILL');
    // What is on its way would come as if the daemon had lived a little longer.
    proxy.cut();
  };
  const killAt = (line: string): void => {
    if (step.command.test(line)) kill();
  };
  if (step.where === 'command') proxy.onCommand = killAt;
  else proxy.onAnswer = killAt;
}

/** Puts one message into the folder. */
async function put({ recipients, chance, sent }: Stage, client: ImapClient): Promise<void> {
  const messageId = newMessageId();
  const to = chance.oneOf(recipients).address;
  sent.push(messageId);
  await client.append(replyMessage({ to, messageId }).replaceAll(/\r?\n/g, '\r\n'));
}

/** Runs the daemon until it is killed, while the clients put mail into the folder. */
async function killRound(stage: Stage, clients: readonly ImapClient[], step: Step): Promise<void> {
  orderKill(stage, step);
  const order = inWords(step);
  const { daemon, shim, proxy } = stage;
  const most = stage.sent.length + MOST_MESSAGES;
  let end: string | undefined;
  const started = daemon.start().catch(() => undefined);
  const gone = daemon.gone().then((how) => {
    end = how;
  });
  const append = async (client: ImapClient): Promise<void> => {
    await eventually(
      async () => {
        if (stage.sent.length < most) await put(stage, client);
        return end;
      },
      () => `${order}: not dead\n${daemon.log().slice(-2000)}`,
    );
  };
  await Promise.all([started, gone, ...clients.map(append)]);
  assert.equal(end, 'SIGKILL', order);
  shim.withdraw();
  proxy.onCommand = () => undefined;
  proxy.onAnswer = () => undefined;
}

/** Lets the daemon run until nothing is to be done, and looks at what became of all that was sent. */
async function checkAll(stage: Stage, after: Way): Promise<void> {
  const { daemon, dovecot, ledger, sent, store, scratch } = stage;
  await daemon.start();
  await eventually(
    () => (ledger.entries.length >= sent.length ? true : undefined),
    () => `${ledger.entries.length} posts of ${sent.length}\n${daemon.log().slice(-2000)}`,
    ALL_POSTED_MS,
  );
  const isSettled = async (): Promise<true | undefined> => {
    const open = await withStore(store, (looked) => looked.openMessages('replies'));
    return open.length === 0 ? true : undefined;
  };
  await eventually(isSettled, () => `messages are open\n${daemon.log().slice(-2000)}`);
  assert.equal(await daemon.stop(), 'exit 0');
  const ids = [...sent].sort();
  assert.deepEqual(ledger.entries.map(({ messageId }) => messageId).sort(), ids, 'each is posted once');
  const { items } = inspectStore(store, scratch.path('copy'));
  assert.deepEqual(items.map(({ messageId }) => messageId).sort(), ids, 'each is one item');
  const client = await dovecot.connect();
  const [here, done] = [await client.list(), await client.list('done')];
  client.end();
  const isStaying = after === 'seen' || after === 'keyword';
  assert.equal(here.length, isStaying ? ids.length : 0, 'each is where it came to, or none is');
  assert.equal(done.length, after === 'move:done' ? ids.length : 0, 'each is moved once, or none is');
  const mark = after === 'seen' ? '\\Seen' : '$Mailgw';
  const unmarked = here.filter(({ flags }) => !flags.includes(mark));
  assert.deepEqual(unmarked, [], 'each is marked');
}

describe('kill -9 while a mailbox is read', { skip: dovecotUnavailable(), concurrency: 2 }, () => {
  for (const after of ['seen', 'keyword', 'move:done', 'delete'] as const) {
    const every = stepsOf(after);
    const rounds = roundsOf(every.length, SHORT_ROUNDS);
    it(`${rounds} of ${every.length} steps of after = "${after}": nothing is lost or doubled`, async (t) => {
      const stage = await makeStage(t, after);
      const hit = new Set<Step>();
      let left: Step[] = [];
      const clients = await Promise.all([1, 2, 3].map(() => stage.dovecot.connect()));
      for (let round = 0; round < rounds; round++) {
        if (left.length === 0) left = [...every];
        const [step = 1] = left.splice(stage.chance.below(left.length), 1);
        try {
          await killRound(stage, clients, step);
          hit.add(step);
        } catch (problem) {
          throw failedRound(problem, `seed ${stage.chance.seed}`, `round ${round}`, stage.scratch.directory);
        }
      }
      // Each of them has killed the daemon, and a full run has them all.
      assert.equal(hit.size, Math.min(rounds, every.length), left.map(inWords).join(', '));
      for (const client of clients) client.end();
      await checkAll(stage, after);
      t.diagnostic(`${stage.sent.length} messages over ${stage.proxy.connections} connections`);
    });
  }
});
