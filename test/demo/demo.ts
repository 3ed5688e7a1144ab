// `npm run demo`: one reply all the way, without Postfix and without root, in a few seconds.
//
// Contract: starts mailgwd and a small platform in a scratch directory, shows what becomes of a reply, a forged one
// and a repeated one, stops everything and removes the directory: exit 0. With --keep all of it stays up until
// Ctrl-C. Failure: the first result that is not as expected is printed, exit 1, and the directory is kept.

import { parseArgs } from 'node:util';
import { Scratch } from '../support/scratch.ts';
import { inviteToPlay } from './play.ts';
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

const USAGE = `usage: npm run demo [-- --keep]

Shows a reply on its way from LMTP to a platform. --keep leaves everything running, to play with, until Ctrl-C.`;

/** Exit statuses: as a shell gives them for Ctrl-C, and of sysexits(3). */
const EXIT = { ok: 0, failed: 1, usage: 64, interrupted: 130 } as const;

async function main(): Promise<number> {
  const keep = readCommandLine();
  if (typeof keep === 'number') return keep;
  const interrupt = interruptSignal();
  const scratch = new Scratch();
  // mailgw-ctl writes to a pipe here, where it would not cut its tables to the width of the terminal.
  process.env.COLUMNS ??= String((process.stdout.columns || 120) - 3);
  print('mailgw in one reply: no Postfix, no root.');
  print(`Everything is in ${scratch.directory} and is removed at the end.`);
  const status = await tell(scratch, keep, interrupt);
  // The scratch directory goes unless something failed.
  scratch.note({ passed: status !== EXIT.failed });
  await scratch.close();
  if (keep && status === EXIT.ok) print(`Stopped, and ${scratch.directory} is removed.`);
  return status;
}

/** Tells the whole story; returns the exit status. */
async function tell(scratch: Scratch, keep: boolean, interrupt: AbortSignal): Promise<number> {
  const started = performance.now();
  const story = new Story(interrupt);
  try {
    const stage = await startStage(story, scratch);
    await tellReplies(stage);
    print('');
    print(`All as expected, in ${((performance.now() - started) / 1000).toFixed(1)} s.`);
    if (keep) await inviteToPlay(stage, interrupt);
    return await stopDaemon(stage);
  } catch (problem) {
    // Ctrl-C ends mailgwd and mailgw-ctl as well, and whatever step is under way then fails.
    if (interrupt.aborted) return EXIT.interrupted;
    complain(`failed in step ${story.number}: ${describe(problem)}`);
    return EXIT.failed;
  }
}

async function stopDaemon({ daemon }: Stage): Promise<number> {
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

/** Whether to keep everything running, or the exit status when there is nothing to do. */
function readCommandLine(): boolean | number {
  try {
    const { values } = parseArgs({
      options: { keep: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h' } },
    });
    if (values.help !== true) return values.keep;
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
