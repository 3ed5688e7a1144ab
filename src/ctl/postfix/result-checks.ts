/**
 * Whether Postfix lets anybody but the site's filter write the Authentication-Results that the sender policy goes by.
 *
 * Contract: as of delivery-checks.ts. Where the place proves who wrote them (`own_received` 0) nothing has to be removed.
 * cleanup(8) applies header_checks before milters add their fields, but after a policy service has prepended its own
 * (measured, 3.7.11).
 */
import { type Finding, fine, warning } from '../doctor/finding.ts';
import type { Wiring } from './delivery-checks.ts';
import { fixCommand } from './merge.ts';
import { type PostfixSetup, splitList } from './postfix-setup.ts';
import { RESTRICTIONS } from './refusal-checks.ts';

/** Examines what stands between a sender and the results; nothing where the sender policy believes none. */
export function checkResults({ config, setup }: Wiring): Finding[] {
  const { policy, authservId } = config.sender;
  if (policy === 'off' || authservId === undefined) return [];
  return [checkReceived(setup), checkForged({ config, setup }, authservId), ...checkLocalMail(setup)];
}

/**
 * Tells whether a table should take forged results out: their place does not prove who wrote them, and no service
 * prepends them.
 */
export function needsResultTable({ config: { sender }, setup }: Wiring): boolean {
  return sender.policy !== 'off' && sender.ownReceived > 0 && spfService(setup) === undefined;
}

/** Tells whether it should, and none does. */
export function lacksResultTable({ config, setup }: Wiring): boolean {
  return needsResultTable({ config, setup }) && !removesResults(setup, config.sender.authservId ?? '');
}

/** Lists the filters of SMTP sessions that see no local mail. */
export function unfilteredMilters(setup: PostfixSetup): string[] {
  const local = splitList(setup.setting('non_smtpd_milters'));
  return splitList(setup.setting('smtpd_milters')).filter((milter) => !local.includes(milter));
}

const CHECK = 'postfix.forged_results';

function checkForged({ config, setup }: Wiring, authservId: string): Finding {
  const isStripped = removesResults(setup, authservId);
  const prepends = spfService(setup);
  if (isStripped && prepends !== undefined) {
    return warning(CHECK, {
      what: `header_checks removes Authentication-Results, also those that the policy service ${prepends} prepends`,
      why: 'cleanup(8) cannot tell them from what a sender wrote, so that its SPF results never arrive',
      fix: 'take that line out: prepended fields stand above all Received, where sender.own_received = 0 believes them and nobody else writes',
    });
  }
  if (isStripped) return fine(CHECK, 'header_checks takes out Authentication-Results that a sender wrote');
  const { ownReceived } = config.sender;
  if (ownReceived === 0)
    return fine(CHECK, 'sender.own_received is 0: only what stands above all Received counts');
  return warning(CHECK, {
    what: `header_checks leaves "Authentication-Results: ${authservId}" of a sender in place, and sender.own_received is ${ownReceived}`,
    why: 'where the filter leaves a message alone, such as mail of this host, what its sender wrote stands where the filter writes',
    fix: 'where milters write the field: add /^Authentication-Results:/ IGNORE to a table of header_checks (postfix-examples/header_checks); it takes effect before milters add theirs',
  });
}

function checkLocalMail(setup: PostfixSetup): Finding[] {
  const check = 'postfix.local_mail';
  if (setup.setting('smtpd_milters') === '') return [];
  const missing = unfilteredMilters(setup);
  if (missing.length === 0) return [fine(check, 'non_smtpd_milters has the filters of smtpd_milters')];
  return [
    warning(check, {
      what: `non_smtpd_milters is "${setup.setting('non_smtpd_milters')}", without ${missing.join(', ')} of smtpd_milters`,
      why: "mail that users and web forms of this host hand to sendmail(1) passes no filter: what they write into the header is nobody else's to remove",
      fix: fixCommand(setup, { name: 'non_smtpd_milters', value: '$smtpd_milters' }),
    }),
  ];
}

/** Checks that Received stays: without it nothing is believed, so that removing it removes every verdict. */
function checkReceived(setup: PostfixSetup): Finding {
  const check = 'postfix.received';
  const own = `Received: from mail.example.com (mail.example.com [192.0.2.1]) by ${setup.setting('myhostname')} (Postfix) with ESMTP id 4XyZ1k3Qz2z9sT`;
  if (!removes(setup, own)) return fine(check, 'header_checks leaves Received in place');
  return warning(check, {
    what: "header_checks removes Postfix's own Received",
    why: 'the place among them proves who wrote Authentication-Results: without it no result is believed, and under "strict" every reply is discarded',
    fix: 'take that line out of header_checks, or keep it to the submission service: -o cleanup_service_name=… in master.cf',
  });
}

function removesResults(setup: PostfixSetup, authservId: string): boolean {
  return removes(setup, `Authentication-Results: ${authservId}; dmarc=pass`);
}

function removes(setup: PostfixSetup, line: string): boolean {
  const action = setup.lookUp(setup.setting('header_checks'), line) ?? '';
  return /^(?:IGNORE|STRIP|REPLACE)\b/i.test(action);
}

/** Finds a policy service that writes Authentication-Results by PREPEND, to go by its name. */
function spfService(setup: PostfixSetup): string | undefined {
  const restrictions = [...RESTRICTIONS, ...splitList(setup.setting('smtpd_restriction_classes'))].map(
    (name) => setup.setting(name),
  );
  return /check_policy_service\s+(?:\{\s*)?([^\s,}]*spf[^\s,}]*)/i.exec(restrictions.join(' '))?.[1];
}
