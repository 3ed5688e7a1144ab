/**
 * Whether the replies of the last day were dropped, by the daemon's own counts.
 *
 * Contract: mail that is discarded is answered 250, so that neither its sender nor Postfix knows: only the counts tell.
 */

import { EXIT } from '../../actions/fault.ts';
import { discardsIn, discardsInWords, yesterday } from '../../observe/discards.ts';
import type { Store } from '../../store/store.ts';
import { type Finding, fine, note, problem, warning } from './finding.ts';

/** Fewer are nobody's pattern, unless the cause is the site's own. */
const LEAST = 3;

/** Examines what became of replies since yesterday. */
export async function checkDiscards(store: Store, now: number): Promise<Finding> {
  const check = 'queue.discards';
  const discards = discardsIn(await store.verdicts(yesterday(now)));
  const what = discardsInWords(discards);
  if (discards.discarded === 0) return fine(check, what);
  const why = 'they were answered 250, so that nobody was told; mailgw-ctl stats --since 1d shows each cause';
  if (discards.isMost && discards.isOfTheSite)
    return problem(check, EXIT.configuration, {
      what,
      why,
      fix: 'mailgw-ctl doctor --message FILE, with a mail that came in from outside, names what to change; postfix.filter above, where no filter is there',
    });
  if (discards.isOfTheSite || (discards.isMost && discards.discarded >= LEAST))
    return warning(check, {
      what,
      why,
      fix: 'journalctl -t mailgwd -g \'"discarded"\'; mailgw-ctl check FILE --to ADDRESS shows each rule on a copy of such a mail',
    });
  return note(check, what);
}
