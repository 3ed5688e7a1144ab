/**
 * The actions of `mailgw-ctl queue` on items: retry, hold, release, drop; on items by their ids, or on all that match.
 *
 * Contract: an action on several items does what it can, says on standard error what it could not, and then ends
 * with 65. With ids, what was done is printed item by item, so that an interruption leaves no doubt. On all that
 * match, it asks first, people see one count, and items that changed meanwhile are left alone, which is no failure;
 * Ctrl-C ends it between two batches, and it says how far it came.
 */

import { EXIT, Fault, usage } from '../../actions/fault.ts';
import type { SpamClass } from '../../gate/spamd.ts';
import type { Session } from '../../site/session.ts';
import type { OperatorAction, OperatorResult } from '../../store/desk.ts';
import { ITEM_STATES, type ItemState } from '../../store/item.ts';
import type { Store } from '../../store/store.ts';
import type { CommandSpec, Context, Input } from '../command.ts';
import { findItem } from '../item.ts';
import { isSelective, readSelection, SELECTION_OPTIONS } from '../selection.ts';
import { withStore } from '../session.ts';
import { openTeach, type Teach } from '../teach.ts';
import { confirm, YES_OPTION } from '../terminal/confirm.ts';
import { interrupted, interruptibly } from '../terminal/interrupt.ts';
import { type Output, printDone, printText, progressOn } from '../terminal/print.ts';

/** An action in words. */
interface Wording {
  readonly action: OperatorAction;
  readonly summary: string;
  readonly applies: string;
  readonly examples: readonly string[];
  /** The states meant by `--all` when none is named. */
  readonly states: readonly ItemState[];
  /** What spamd may be taught along with it, and the states of items to which it can be done. */
  readonly teaches?: { readonly as: SpamClass; readonly doc: string; readonly states: readonly ItemState[] };
}

const WORDINGS: readonly Wording[] = [
  {
    action: 'retry',
    summary: 'try items again now, dead letters among them',
    applies: 'only ready, waiting, failed and posted items can be tried again',
    examples: [
      'retry 01hq3f',
      'retry --all',
      'retry --state failed --since 1d --yes',
      'retry --state posted --since 2026-11-20T09:00Z',
    ],
    states: ['waiting', 'failed'],
  },
  {
    action: 'hold',
    summary: 'keep items from being posted until they are released',
    applies: 'only ready, waiting and failed items can be held',
    examples: ['hold 01hq3f', 'hold --user mallory'],
    states: ['ready', 'waiting', 'failed'],
  },
  {
    action: 'release',
    summary: 'let held items be posted',
    applies: 'only held items can be released, but for a probe of doctor',
    examples: ['release 01hq3f', 'release 01hq3f --ham', 'release --all --user alice'],
    states: ['held'],
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
    states: ['ready', 'waiting', 'held', 'failed'],
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
    {
      flags: '--all',
      doc: `in place of ids: all items that are ${wording.states.join(' or ')}, or those of them that the filters leave`,
    },
    ...SELECTION_OPTIONS,
    YES_OPTION,
    ...(wording.teaches === undefined
      ? []
      : [{ flags: `--${wording.teaches.as}`, doc: wording.teaches.doc }]),
  ],
  examples: wording.examples,
  run: (input, context) =>
    withStore(context, async (session) => {
      const isBulk = input.flag('all') || isSelective(input);
      if (isBulk === input.args.length > 0) {
        throw usage(
          `queue ${wording.action}: expected either ids, or --all or a filter such as --state ${wording.states[0] ?? ''}`,
        );
      }
      const problems = await (isBulk ? onMatching : onNamed)(session, wording, input, context);
      if (problems.length > 0) throw new Fault(EXIT.badInput, problems);
    }),
}));

/** Acts on the items that the arguments name; what it could not do. */
async function onNamed(
  session: Session,
  wording: Wording,
  input: Input,
  context: Context,
): Promise<readonly string[]> {
  const { store } = session;
  const teach = readTeach(session, wording, input);
  const problems: string[] = [];
  for (const name of input.args) {
    try {
      const { id } = await findItem(store, name);
      const done = await operate(store, wording, id, teach);
      if (typeof done === 'object') {
        problems.push(`item ${id}: ${done.left}; ${done.advice}`);
        printCopy(context.output, wording, id, done);
      } else
        printDone(
          context.output,
          { id, action: wording.action, state: done },
          `item ${id} is ${inWords(done)}`,
        );
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      problems.push(...error.problems);
    }
  }
  return problems;
}

/** Items in one commit of the store, when spamd need not be asked about each. */
const AT_ONCE = 200;

/** Acts on the items that the filters select; what it could not do. */
async function onMatching(
  session: Session,
  wording: Wording,
  input: Input,
  { output }: Context,
): Promise<readonly string[]> {
  const { store } = session;
  const { ids, gone } = await matching(store, wording, input);
  if (ids.length === 0) {
    if (!output.json) printText(output, gone === '' ? 'No item matches.' : `Nothing to do${gone}`);
    return [];
  }
  const teach = readTeach(session, wording, input);
  await confirm(input, output, `queue ${wording.action}: ${count(ids.length)} match${gone}`);
  const progress = progressOn(output, 'items');
  const problems: string[] = [];
  const states = new Set<string>();
  const step = teach === undefined ? AT_ONCE : 1;
  let [seen, done, copies] = [0, 0, 0];
  await interruptibly(async (signal) => {
    progress(0, ids.length);
    while (seen < ids.length && !signal.aborted) {
      const some = ids.slice(seen, seen + step);
      const results = await Promise.allSettled(some.map((id) => operate(store, wording, id, teach)));
      for (const [index, result] of results.entries()) {
        if (result.status === 'rejected') {
          if (!(result.reason instanceof Fault)) throw result.reason;
          problems.push(...result.reason.problems);
        } else if (typeof result.value === 'string') {
          done += 1;
          states.add(inWords(result.value));
          if (output.json)
            printDone(output, { id: some[index] ?? '', action: wording.action, state: result.value }, '');
        } else if (result.value.copy !== undefined) {
          copies += 1;
          printCopy(output, wording, some[index] ?? '', result.value);
        }
      }
      seen += some.length;
      progress(seen, ids.length);
    }
  });
  const left = seen - done - copies - problems.length;
  const also = [
    copies === 0 ? '' : `; ${count(copies)} left alone: another copy of the reply is there`,
    left === 0 ? '' : `; ${count(left)} left alone: ${wording.applies}`,
  ].join('');
  const rest = ids.length - seen;
  if (rest > 0) {
    const far = `interrupted after ${seen} of ${count(ids.length)}, ${done} of them ${stateWords(states)}${also}`;
    throw interrupted(`queue ${wording.action}: ${far}; the same command goes on with the rest`);
  }
  if (!output.json) printText(output, `${count(done)} ${stateWords(states)}${also}`);
  return problems;
}

const stateWords = (states: ReadonlySet<string>): string => [...states].join(' or ') || 'changed';

const count = (items: number): string => `${items} ${items === 1 ? 'item' : 'items'}`;

/** The items that match and can be acted upon; `gone` says how many cannot, because their messages are not kept. */
async function matching(
  store: Store,
  { action, states }: Wording,
  input: Input,
): Promise<{ readonly ids: readonly string[]; readonly gone: string }> {
  const filter = readSelection(input, states);
  const named = [filter.state ?? []].flat();
  if (action !== 'retry' || !named.includes('posted')) return { ids: await store.ids(filter), gone: '' };
  if (named.length > 1 || filter.since === undefined)
    throw usage(
      'queue retry --state posted: expected --since and no other state: it posts again what the platform has taken since then',
    );
  // What counts is when the platform took it, however long it had waited before.
  const posted = { ...filter, since: undefined, settledSince: filter.since };
  const [all, ids] = await Promise.all([store.ids(posted), store.ids({ ...posted, hasContent: true })]);
  const missing = all.length - ids.length;
  return { ids, gone: missing === 0 ? '' : `; of ${count(missing)} more the message is not kept any more` };
}

function readTeach({ config, store }: Session, { teaches }: Wording, input: Input): Teach | undefined {
  return teaches !== undefined && input.flag(teaches.as) ? openTeach(config, store) : undefined;
}

/** Why an item was left alone, and what to do about it; `copy` where another copy of the reply is there. */
interface Left {
  readonly left: string;
  readonly advice: string;
  readonly copy?: { readonly of: string; readonly state: ItemState };
}

/** Tells scripts of an item that stays as it is, because another copy of the reply is there. */
function printCopy(output: Output, { action }: Wording, id: string, { copy }: Left): void {
  if (output.json && copy !== undefined)
    printDone(output, { id, action, state: copy.state, duplicate_of: copy.of }, '');
}

/** Says of an item that another copy of the reply is there. */
function leftAsCopy(id: string, { of, was, state }: Extract<OperatorResult, { kind: 'duplicate' }>): Left {
  const copy = { of, state: was };
  const fate = state === undefined ? 'was posted' : `is ${inWords(state)}`;
  const left = `stays ${was}: another copy of this reply, item ${of}, ${fate}`;
  if (state === 'failed')
    return { copy, left, advice: `"mailgw-ctl queue retry ${of}" has that one tried again` };
  if (state === 'held')
    return { copy, left, advice: `"mailgw-ctl queue release ${of}" lets that one be posted` };
  return { copy, left, advice: `"mailgw-ctl queue drop ${id}" removes this copy` };
}

/** The state that an item is in now; or why it was left alone. */
async function operate(
  store: Store,
  { action, applies, teaches }: Wording,
  id: string,
  teach: Teach | undefined,
): Promise<ItemState | 'dropped' | Left> {
  // Before the action: it may be the end of the message.
  const item = teach === undefined ? undefined : await store.get(id);
  if (item !== undefined && teaches?.states.includes(item.state) === true) await teach?.(item, teaches.as);
  const result = await store.operate(action, id, Date.now());
  switch (result.kind) {
    case 'done':
      return result.state;
    case 'not-applicable':
      return { left: `is ${result.state}`, advice: applies };
    case 'no-user':
      throw new Fault(EXIT.badInput, [
        `item ${id}: its user "${result.user}" was removed, and whoever has that name now is somebody else; "mailgw-ctl user restore ${result.user}" brings user and reply back within 30 days, "mailgw-ctl queue drop ${id}" removes the item`,
      ]);
    case 'no-content':
      return { left: 'is posted', advice: 'its message is not kept any more: store.keep_content' };
    case 'duplicate':
      return leftAsCopy(id, result);
    case 'unknown':
      return { left: 'is gone meanwhile', advice: '"mailgw-ctl queue list" shows what there is' };
  }
}

const inWords = (state: string): string => (state === 'ready' ? 'ready to be posted' : state);
