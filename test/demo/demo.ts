// `npm run demo`: one reply all the way, without Postfix and without root, in a few seconds. `npm run demo -- redmine`: the
// same with the real Redmine of Debian's package, whose own notification it answers (redmine.ts).
//
// Contract: starts mailgwd and a small platform in a scratch directory, shows what becomes of a reply, a forged one
// and a repeated one, stops everything and removes the directory: exit 0. With --keep all of it stays up until
// Ctrl-C. Failure: the first result that is not as expected is printed, exit 1, and the directory is kept.

import { parseArgs } from 'node:util';
import { Scratch } from '../support/scratch.ts';
import { inviteToPlay } from './play.ts';
import { inviteToRedmine, missingPostfix, missingRedmine, tellRedmine } from './redmine.ts';
import {
  addAlice,
  notify,
  type Stage,
  sendAgain,
  sendForged,
  sendReply,
  showPost,
  showQueue,
  stampAnother,
  startStage,
} from './steps.ts';
import { print, Story } from './story.ts';

const USAGE = `usage: npm run demo [-- [redmine [--direct]] [--keep]]

Shows a reply on its way from LMTP to a platform; with "redmine" to Debian's own Redmine, from its own notification, by way of a Postfix of its own where one is installed (--direct goes without). --keep leaves everything running, to play with, until Ctrl-C.`;

/** Exit statuses: as a shell gives them for Ctrl-C, and of sysexits(3). */
const EXIT = { ok: 0, failed: 1, usage: 64, unavailable: 69, interrupted: 130 } as const;

async function main(): Promise<number> {
  const wish = readCommandLine();
  if (typeof wish === 'number') return wish;
  const missing = wish.platform === 'redmine' ? missingRedmine() : false;
  if (missing !== false) {
    complain(missing);
    return EXIT.unavailable;
  }
  const interrupt = interruptSignal();
  const scratch = new Scratch();
  // mailgw-ctl writes to a pipe here, where it would not cut its tables to the width of the terminal.
  process.env.COLUMNS ??= String((process.stdout.columns || 120) - 3);
  print(wish.platform === 'redmine' ? titleOf(wish) : 'mailgw in one reply: no Postfix, no root.');
  print(`Everything is in ${scratch.directory} and is removed at the end.`);
  const status = await tell(scratch, wish, interrupt);
  // The scratch directory goes unless something failed.
  scratch.note({ passed: status !== EXIT.failed });
  await scratch.close();
  if (wish.keep && status === EXIT.ok) print(`Stopped, and ${scratch.directory} is removed.`);
  return status;
}

function titleOf({ isDirect }: Wish): string {
  const missing = missingPostfix(isDirect);
  return missing === false ? 'mailgw, Redmine and Postfix.' : `mailgw and Redmine: no Postfix, ${missing}.`;
}

/** Tells the whole story; returns the exit status. */
async function tell(scratch: Scratch, wish: Wish, interrupt: AbortSignal): Promise<number> {
  const started = performance.now();
  const story = new Story(interrupt);
  try {
    const play =
      wish.platform === 'redmine' ? await playRedmine(story, scratch, wish) : await playOwn(story, scratch);
    print('');
    print(`All as expected, in ${((performance.now() - started) / 1000).toFixed(1)} s.`);
    if (wish.keep) await play.invite(interrupt);
    return await stopDaemon(play.stage);
  } catch (problem) {
    // Ctrl-C ends mailgwd and mailgw-ctl as well, and whatever step is under way then fails.
    if (interrupt.aborted) return EXIT.interrupted;
    complain(`failed in step ${story.number}: ${describe(problem)}`);
    return EXIT.failed;
  }
}

/** A story that was told, and what a reader can do with what runs. */
interface Play {
  readonly stage: Pick<Stage, 'daemon'>;
  readonly invite: (interrupt: AbortSignal) => Promise<void>;
}

async function playOwn(story: Story, scratch: Scratch): Promise<Play> {
  const stage = await startStage(story, scratch);
  await tellReplies(stage);
  return { stage, invite: (interrupt) => inviteToPlay(stage, interrupt) };
}

async function playRedmine(story: Story, scratch: Scratch, { isDirect }: Wish): Promise<Play> {
  const stage = await tellRedmine(story, scratch, isDirect);
  return { stage, invite: (interrupt) => inviteToRedmine(stage, interrupt) };
}

async function stopDaemon({ daemon }: Pick<Stage, 'daemon'>): Promise<number> {
  const how = await daemon.stop();
  if (how === 'exit 0') return EXIT.ok;
  complain(`mailgwd ended with ${how}; expected exit 0`);
  return EXIT.failed;
}

async function tellReplies(stage: Stage): Promise<void> {
  const token = await addAlice(stage);
  const minted = await notify(stage, token);
  const { message, id } = await sendReply(stage, minted);
  await showPost(stage, id);
  await sendForged(stage, minted, message);
  await sendAgain(stage, minted, message, id);
  await showQueue(stage, id);
  await stampAnother(stage);
}

/** What the reader wants to see. */
interface Wish {
  readonly platform: 'own' | 'redmine';
  /** Whether Redmine's mail goes without Postfix, though there is one. */
  readonly isDirect: boolean;
  /** Whether everything stays up until Ctrl-C. */
  readonly keep: boolean;
}

/** What to show, or the exit status when there is nothing to do. */
function readCommandLine(): Wish | number {
  try {
    const { values, positionals } = parseArgs({
      options: {
        direct: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h' },
      },
      allowPositionals: true,
    });
    const [platform, ...more] = positionals;
    if (more.length > 0 || (platform !== undefined && platform !== 'redmine'))
      throw new Error(`unexpected ${JSON.stringify(positionals.join(' '))}; expected "redmine", or nothing`);
    if (values.direct && platform === undefined) throw new Error('--direct is for "redmine"');
    if (values.help !== true)
      return { platform: platform ?? 'own', isDirect: values.direct, keep: values.keep };
    print(USAGE);
    return EXIT.ok;
  } catch (error) {
    complain(`${describe(error)}\n${USAGE}`);
    return EXIT.usage;
  }
}

/** Fires at the first signal that asks us to end; a second one ends us at once. */
function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      controller.abort();
    });
  }
  return controller.signal;
}

function complain(text: string): void {
  process.stderr.write(`demo: ${text}\n`);
}

function describe(problem: unknown): string {
  return problem instanceof Error ? problem.message : String(problem);
}

main().then(
  (status) => {
    process.exitCode = status;
  },
  (problem: unknown) => {
    complain(describe(problem));
    process.exitCode = EXIT.failed;
  },
);
