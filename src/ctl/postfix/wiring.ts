/** All checks of one Postfix against one configuration of ours: what doctor and `postfix-config --check` share. */

import { EXIT } from '../../actions/fault.ts';
import type { Config } from '../../site/config.ts';
import { type Finding, fine, problem, warning } from '../doctor/finding.ts';
import { checkDelivery } from './delivery-checks.ts';
import { checkFilters } from './filter-checks.ts';
import { checkOutboundServices } from './outbound.ts';
import { checkOverridden } from './overridden-checks.ts';
import { type PostfixRead, readPostfix } from './postfix-setup.ts';
import { checkRefusals } from './refusal-checks.ts';
import { checkResults } from './result-checks.ts';

/** A Postfix as it was read, and what was found. */
export interface Examined {
  readonly read: PostfixRead;
  readonly findings: readonly Finding[];
}

/** Examines the Postfix in `directory`, as it was read before or is now. */
export function examinePostfix(config: Config, directory: string, read = readPostfix(directory)): Examined {
  const check = 'postfix.configuration';
  if (!read.ok) {
    const finding = problem(check, EXIT.configuration, {
      what: `${directory}: ${read.problem}`,
      why: 'Postfix cannot start, and nothing else about it can be examined',
      fix: 'postfix check; or name the right directory: mailgw-ctl doctor --postfix-config DIR',
    });
    return { read, findings: [finding] };
  }
  const { setup } = read;
  const wiring = { config, setup };
  const findings = [
    ...checkDelivery(wiring),
    ...checkRefusals(wiring),
    ...checkFilters(wiring),
    ...checkResults(wiring),
    ...checkOutboundServices(wiring),
  ];
  const lost = checkOverridden(setup);
  // Known now that the tables were asked.
  const troubles = setup.troubles.map((what) =>
    warning(check, {
      what,
      why: 'Postfix ignores a setting that it does not know, and defers mail while a table cannot be read',
      fix: `postconf -c ${directory} -n   # shows the line`,
    }),
  );
  const about = [...lost, ...troubles];
  if (about.length === 0) about.push(fine(check, `${directory} is read without a warning`));
  return { read, findings: [...about, ...findings] };
}
