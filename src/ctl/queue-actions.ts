/**
 * The actions of `mailgw-ctl queue` on items: retry, hold, release, drop.
 *
 * Contract: an action on several items does what it can, says on standard error what it could not, and then ends
 * with 65. What was done is printed item by item, so that an interruption leaves no doubt.
 */
import type { SpamClass } from '../intake/spamd.ts';
import {
  ITEM_STATES,
  type ItemState,
  type ItemView,
  type OperatorAction,
  type Store,
} from '../queue/queue.ts';
import type { CommandSpec, Context, Input } from './command.ts';
import { EXIT, Fault, usage } from './fault.ts';
import { ALL_ITEMS, findItem, readState } from './item.ts';
import { printDone } from './print.ts';
import { type Session, withStore } from './session.ts';
import { openTeach } from './teach.ts';

/** An action in words. */
interface Wording {
  readonly action: OperatorAction;
  readonly summary: string;
  readonly applies: string;
  readonly examples: readonly string[];
  /** What spamd may be taught along with it, and the states of items to which it can be done. */
  readonly teaches?: { readonly as: SpamClass; readonly doc: string; readonly states: readonly ItemState[] };
}

const WORDINGS: readonly Wording[] = [
  {
    action: 'retry',
    summary: 'try items again now, dead letters among them',
    applies: 'only ready, waiting and failed items can be tried again',
    examples: ['retry 01hq3f', 'retry --state failed'],
  },
  {
    action: 'hold',
    summary: 'keep items from being posted until they are released',
    applies: 'only ready, waiting and failed items can be held',
    examples: ['hold 01hq3f'],
  },
  {
    action: 'release',
    summary: 'let held items be posted',
    applies: 'only held items can be released, but for a probe of doctor',
    examples: ['release 01hq3f', 'release 01hq3f --ham', 'release --state held --user alice'],
    teaches: {
      as: 'ham',
      doc: 'teach spamd first that they are no spam; what it does not take stays held',
      states: ['held'],
    },
  },
  {
    action: 'drop',
    summary: 'remove items and their messages for good',
    applies:
      'an item that is being posted cannot be dropped; "mailgw-ctl queue pause" keeps new attempts from starting',
    examples: ['drop 01hq3f', 'drop 01hq3f --spam', 'drop --state held --user mallory'],
    teaches: {
      as: 'spam',
      doc: 'teach spamd first that they are spam; what it does not take is not dropped',
      states: ITEM_STATES.filter((state) => state !== 'leased'),
    },
  },
];

/** The commands, one per action. */
export const actionCommands: readonly CommandSpec[] = WORDINGS.map((wording) => ({
  words: `${wording.action} [id...]`,
  summary: wording.summary,
  options: [
    { flags: '--state <state>', doc: 'all items in this state, in place of ids' },
    { flags: '--user <user>', doc: 'with --state: only those of one user' },
    ...(wording.teaches === undefined
      ? []
      : [{ flags: `--${wording.teaches.as}`, doc: wording.teaches.doc }]),
  ],
  examples: wording.examples,
  run: (input, context) => withStore(context, (session) => operateAll(session, wording, input, context)),
}));

async function operateAll(
  { config, store }: Session,
  wording: Wording,
  input: Input,
  context: Context,
): Promise<void> {
  const state = input.text('state');
  if ((state === undefined) !== input.args.length > 0) {
    throw usage(`queue ${wording.action}: expected either ids or --state STATE`);
  }
  if (state === undefined && input.text('user') !== undefined) {
    throw usage(`queue ${wording.action}: --user goes with --state`);
  }
  const items =
    state === undefined
      ? input.args.map((name) => () => findItem(store, name))
      : (
          await store.list({ state: readState('--state', state), user: input.text('user'), limit: ALL_ITEMS })
        ).map((item) => () => Promise.resolve(item));
  const { teaches } = wording;
  const teach = teaches !== undefined && input.flag(teaches.as) ? openTeach(config, store) : undefined;
  const problems: string[] = [];
  for (const find of items) {
    try {
      const item = await find();
      // Before the action: it may be the end of the message.
      if (teaches?.states.includes(item.state) === true) await teach?.(item, teaches.as);
      await operate(store, wording, item, context);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw new Fault(EXIT.badInput, problems);
}

async function operate(store: Store, wording: Wording, { id }: ItemView, context: Context): Promise<void> {
  const result = await store.operate(wording.action, id, Date.now());
  switch (result.kind) {
    case 'done':
      printDone(
        context.output,
        { id, action: wording.action, state: result.state },
        `item ${id} is ${result.state === 'ready' ? 'ready to be posted' : result.state}`,
      );
      return;
    case 'not-applicable':
      throw new Fault(EXIT.badInput, `item ${id}: is ${result.state}; ${wording.applies}`);
    case 'unknown':
      throw new Fault(EXIT.badInput, `item ${id}: is gone meanwhile`);
  }
}
