/**
 * Whether the store was put back from a backup lately, and who is kept waiting by that.
 *
 * Contract: addresses of users and threads that the backup does not know are put off for a day and refused from then on;
 * in that day somebody can still mend it, and has to be told.
 */
import { RESTORED_FOR_MS } from '../../gate/recipient.ts';
import type { Store } from '../../store/store.ts';
import { type Finding, note, warning } from './finding.ts';

/** How long it is worth a word. */
const TOLD_FOR_MS = 7 * RESTORED_FOR_MS;

/** Examines the last restore; no finding where there was none of late. */
export async function checkRestore(store: Store, now: number): Promise<Finding[]> {
  const check = 'store.restored';
  const restore = await store.lastRestore();
  if (restore === undefined || now - restore.restoredAt > TOLD_FOR_MS) return [];
  const { restoredAt, backedUpAt } = restore;
  const what = `restored at ${iso(restoredAt)} from a backup of ${iso(backedUpAt)}`;
  const ends = restoredAt + RESTORED_FOR_MS;
  if (now > ends) return [note(check, `${what}; addresses of users and threads made between are refused`)];
  const putOff = (await store.verdicts(restoredAt))
    .filter(({ reason }) => reason === 'restored')
    .reduce((sum, { count }) => sum + count, 0);
  return [
    warning(check, {
      what: `${what}; ${putOff} times since, an address of a user or thread made between was put off`,
      why: `until ${iso(ends)} they are answered 451, and the senders come again; then they are refused for good`,
      fix: 'if there is a later backup: systemctl stop mailgw; mailgw-ctl db restore FILE. If not, tell the users of the lines that journalctl -t mailgwd -g \'"restored"\' shows',
    }),
  ];
}

const iso = (ms: number): string => new Date(ms).toISOString();
