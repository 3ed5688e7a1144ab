/**
 * What an operator's filter selects, in PostgreSQL.
 *
 * Contract: states stand in the text of a statement, by which the planner finds the indexes that hold those alone; all other
 * values are parameters, so that there are few texts.
 */
import type { ItemFilter } from '../desk.ts';
import { ITEM_STATES, type ItemState } from '../item.ts';
import { THREAD } from '../item-columns.ts';
import type { Value } from './connection.ts';

/** The condition of a filter and the values in it. */
interface Selection {
  readonly where: string;
  readonly values: readonly Value[];
}

/** Writes the condition of a filter; its values are numbered after those that stand before it. */
export function selection(filter: ItemFilter, before: readonly Value[] = []): Selection {
  const { startsWith, state, user, thread, since, settledSince, hasContent, messageId, lane } = filter;
  const conditions = ['true'];
  const values = [...before];
  const add = (condition: (value: string) => string, value: string | number | undefined): void => {
    if (value === undefined) return;
    values.push(value);
    conditions.push(condition(`$${values.length}`));
  };
  add((value) => `id >= ${value} AND id < ${value} || chr(1114111)`, startsWith);
  if (state !== undefined) conditions.push(isIn(typeof state === 'string' ? [state] : state));
  add((value) => `id < ${value}`, filter.before);
  add((value) => `message_id IN (${value}, '<' || ${value} || '>')`, messageId);
  add((value) => `user_name = ${value}`, user);
  add((value) => `${THREAD} = ${value}`, thread);
  add((value) => `lane = ${value}`, lane);
  add((value) => `received_at >= ${value}`, since);
  add((value) => `settled_at >= ${value}`, settledSince);
  if (hasContent === true) conditions.push("(state <> 'posted' OR content_kept)");
  return { where: `WHERE ${conditions.join(' AND ')}`, values };
}

function isIn(wanted: readonly ItemState[]): string {
  const states = ITEM_STATES.filter((state) => wanted.includes(state));
  return states.length === 0 ? 'false' : `state IN (${states.map((state) => `'${state}'`).join(',')})`;
}
