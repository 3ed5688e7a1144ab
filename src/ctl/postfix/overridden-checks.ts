/**
 * Whether lines of main.cf are lost, because a later line sets the same parameter.
 *
 * Contract: one finding for each line that is lost, with what no longer counts and the command that brings it back.
 */
import { type Finding, note, warning } from '../doctor/finding.ts';
import { fixCommand } from './merge.ts';
import type { Overridden } from './overridden.ts';
import { type PostfixSetup, splitList } from './postfix-setup.ts';

/** Parameters whose value is a list, so that what is lost can stand beside what counts. */
const LISTS =
  /(?:_domains|_restrictions|_classes|_maps|_checks|_milters|_clients|^mynetworks|^mydestination)$/;

const CHECK = 'postfix.overridden';

/** Examines the lines of main.cf that do not count. */
export function checkOverridden(setup: PostfixSetup): Finding[] {
  return setup.overridden.map((lost) => checkLine(setup, lost));
}

function checkLine(setup: PostfixSetup, lost: Overridden): Finding {
  const { name, line, by } = lost;
  const place = `main.cf line ${by} sets ${name} again`;
  const live = setup.written(name);
  const gone = LISTS.test(name) ? missing(lost.value, live) : lost.value === live ? [] : [lost.value];
  if (gone.length === 0) return note(CHECK, `${place}; nothing of line ${line} is lost`);
  return warning(CHECK, {
    what: `${place}; of line ${line} is lost: ${gone.join(', ') || 'an empty value'}`,
    why: 'Postfix takes the last line alone, and only its log says so: what stood above no longer works',
    fix: LISTS.test(name)
      ? fixCommand(setup, { name, value: [live, ...gone].filter((part) => part !== '').join(', ') })
      : `keep one of the lines ${line} and ${by} in ${setup.directory}/main.cf`,
  });
}

/** Lists the entries of one list that another one has not. */
function missing(list: string, other: string): string[] {
  const kept = new Set(groupsOf(other));
  return groupsOf(list).filter((group) => !kept.has(group));
}

/** Lists the entries of a list; of restrictions each with its argument: `reject_rbl_client zen.example.net`. */
function groupsOf(list: string): string[] {
  const groups: string[] = [];
  for (const entry of splitList(list)) {
    const last = groups.at(-1);
    if (last !== undefined && /^(?:check_\w+|reject_(?:rbl|rhsbl)_\w+|permit_dnswl_\w+)$/.test(last))
      groups[groups.length - 1] = `${last} ${entry}`;
    else groups.push(entry);
  }
  return groups;
}
