/**
 * The actions of `mailgw-ctl queue` on items: retry, hold, release, drop; on items by their ids, or on all that match.
 *
 * Contract: an action on several items does what it can, says on standard error what it could not, and then ends
 * with 65. With ids, what was done is printed item by item, so that an interruption leaves no doubt. On all that
 * match, it asks first, people see one count, and items that changed meanwhile are left alone, which is no failure;
 * Ctrl-C ends it between two batches, and it says how far it came.
 */

import { setImmediate as turn } from 'node:timers/promises';
import { EXIT, Fault, usage } from '../../actions/fault.ts';
import { type Left, OPERATIONS, type Operation, stateInWords } from '../../actions/operate.ts';
import { type DoIt, withActions } from '../act.ts';
import type { CommandSpec, Context, Input } from '../command.ts';
import { isSelective, SELECTION_OPTIONS, selectionOf } from '../selection.ts';
import { confirm, YES_OPTION } from '../terminal/confirm.ts';
import { interrupted, interruptibly } from '../terminal/interrupt.ts';
import { type Output, printDone, printText, progressOn } from '../terminal/print.ts';

/** An action in words. */
interface Wording extends Operation {
  readonly summary: string;
  readonly examples: readonly string[];
  /** Of the option that has spamd taught, where there is one. */
  readonly teachDoc?: string;
}

const WORDINGS: readonly Wording[] = [
  {
    ...OPERATIONS.retry,
    summary: 'try items again now, dead letters among them',
    examples: [
      'retry 01hq3f',
      'retry --all',
      'retry --state failed --since 1d --yes',
      'retry --state posted --since 2026-11-20T09:00Z',
    ],
  },
  {
    ...OPERATIONS.hold,
    summary: 'keep items from being posted until they are released',
    examples: ['hold 01hq3f', 'hold --user mallory'],
  },
  {
    ...OPERATIONS.release,
    summary: 'let held items be posted',
    examples: ['release 01hq3f', 'release 01hq3f --ham', 'release --all --user alice'],
    teachDoc: 'teach spamd first that they are no spam; what it does not take stays held',
  },
  {
    ...OPERATIONS.drop,
    summary: 'remove items and their messages for good',
    examples: ['drop 01hq3f', 'drop 01hq3f --spam', 'drop --state held --user mallory'],
    teachDoc: 'teach spamd first that they are spam; what it does not take is not dropped',
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
      : [{ flags: `--${wording.teaches.as}`, doc: wording.teachDoc ?? '' }]),
  ],
  examples: wording.examples,
  run: (input, context) =>
    withActions(context, async (act) => {
      const isBulk = input.flag('all') || isSelective(input);
      if (isBulk === input.args.length > 0) {
        throw usage(
          `queue ${wording.action}: expected either ids, or --all or a filter such as --state ${wording.states[0] ?? ''}`,
        );
      }
      const problems = await (isBulk ? onMatching : onNamed)(act, wording, input, context);
      if (problems.length > 0) throw new Fault(EXIT.badInput, problems);
    }),
}));

/** Acts on the items that the arguments name; what it could not do. */
async function onNamed(
  act: DoIt,
  wording: Wording,
  input: Input,
  context: Context,
): Promise<readonly string[]> {
  const { action } = wording;
  const problems: string[] = [];
  for (const name of input.args) {
    try {
      const order = { action, name, teaches: isTaught(wording, input) };
      const { id, operated } = await act('operateNamed', order);
      if ('failed' in operated) problems.push(...operated.failed.problems);
      else if ('left' in operated) {
        problems.push(`item ${id}: ${operated.left}; ${operated.advice}`);
        printCopy(context.output, wording, id, operated);
      } else {
        const { state } = operated;
        printDone(context.output, { id, action, state }, `item ${id} is ${stateInWords(state)}`);
      }
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
  act: DoIt,
  wording: Wording,
  input: Input,
  { output }: Context,
): Promise<readonly string[]> {
  const { action } = wording;
  const { ids, gone: missing } = await act('findMatching', { action, selection: selectionOf(input) });
  const gone = missing === 0 ? '' : `; of ${count(missing)} more the message is not kept any more`;
  if (ids.length === 0) {
    if (!output.json) printText(output, gone === '' ? 'No item matches.' : `Nothing to do${gone}`);
    return [];
  }
  await confirm(input, output, `queue ${action}: ${count(ids.length)} match${gone}`);
  const progress = progressOn(output, 'items');
  const problems: string[] = [];
  const states = new Set<string>();
  const teaches = isTaught(wording, input);
  const step = teaches ? 1 : AT_ONCE;
  let [seen, done, copies] = [0, 0, 0];
  await interruptibly(async (signal) => {
    progress(0, ids.length);
    while (seen < ids.length && !signal.aborted) {
      const some = ids.slice(seen, seen + step);
      for (const [index, operated] of (await act('operateAll', { action, ids: some, teaches })).entries()) {
        const id = some[index] ?? '';
        if ('failed' in operated) problems.push(...operated.failed.problems);
        else if ('state' in operated) {
          done++;
          states.add(stateInWords(operated.state));
          if (output.json) printDone(output, { id, action, state: operated.state }, '');
        } else if (operated.copy !== undefined) {
          copies++;
          printCopy(output, wording, id, operated);
        }
      }
      seen += some.length;
      progress(seen, ids.length);
      await turn(); // a signal that came while the store was written is heard before the next batch
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
    throw interrupted(`queue ${action}: ${far}; the same command goes on with the rest`);
  }
  if (!output.json) printText(output, `${count(done)} ${stateWords(states)}${also}`);
  return problems;
}

const stateWords = (states: ReadonlySet<string>): string => [...states].join(' or ') || 'changed';

const count = (items: number): string => `${items} ${items === 1 ? 'item' : 'items'}`;

function isTaught({ teaches }: Wording, input: Input): boolean {
  return teaches !== undefined && input.flag(teaches.as);
}

/** Tells scripts of an item that stays as it is, because another copy of the reply is there. */
function printCopy(output: Output, { action }: Wording, id: string, { copy }: Left): void {
  if (output.json && copy !== undefined)
    printDone(output, { id, action, state: copy.state, duplicate_of: copy.of }, '');
}
