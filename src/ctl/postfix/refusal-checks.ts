/**
 * Whether Postfix refuses bad reply addresses in the SMTP session, and removes what senders forge for our spam rule.
 *
 * Contract: as of delivery-checks.ts. A restriction counts wherever a parameter of smtpd(8) or one of its restriction
 * classes names it.
 */

import { EXIT } from '../../actions/fault.ts';
import { type Finding, fine, problem, warning } from '../doctor/finding.ts';
import type { Wiring } from './delivery-checks.ts';
import { appended, fixCommand, headerTable, postconfCommand } from './merge.ts';
import { type PostfixSetup, splitList } from './postfix-setup.ts';
import { openedPath, sameFile } from './route.ts';
import { domainsOf, socketName } from './snippet.ts';

/** Where Postfix asks policy services in the SMTP session. */
export const RESTRICTIONS = [
  'smtpd_client_restrictions',
  'smtpd_helo_restrictions',
  'smtpd_sender_restrictions',
  'smtpd_relay_restrictions',
  'smtpd_recipient_restrictions',
  'smtpd_data_restrictions',
  'smtpd_end_of_data_restrictions',
];

/** The ways in which a Postfix refuses bad addresses. */
interface Refusals {
  readonly probes: boolean;
  /** The policy service that is ours, as Postfix names it. */
  readonly ours: string | undefined;
  /** One with our name at another place. */
  readonly lookalike: string | undefined;
}

/** Examines the refusals, and what goes before the spam rule. */
export function checkRefusals(wiring: Wiring): Finding[] {
  const { setup, config } = wiring;
  const seen = refusalsIn(wiring);
  return [
    checkAnyRefusal(wiring, seen),
    ...(seen.probes ? [checkRejectCode(setup), checkDeferCode(setup)] : []),
    ...(config.spam.source === 'header' ? [checkSpamFields(setup)] : []),
  ];
}

/** Reads what the restrictions name. */
export function refusalsIn(wiring: Wiring): Refusals {
  const { setup } = wiring;
  const classes = splitList(setup.setting('smtpd_restriction_classes'));
  const all = [...RESTRICTIONS, ...classes].map((name) => setup.setting(name)).join(' ');
  const services = [...all.matchAll(/check_policy_service\s+(?:\{\s*)?(unix:[^\s,}]+)/g)].map(
    ([, name]) => name ?? '',
  );
  return {
    probes: all.includes('reject_unverified_recipient'),
    ours: services.find((name) => namesOurSocket(wiring, name)),
    lookalike: services.find((name) => name.includes('mailgw')),
  };
}

/**
 * Lists the reply domains that no restriction names although another one of ours is named: the access table there is
 * older than they are. A restriction without such a table speaks of all domains.
 */
export function unrefused({ config, setup }: Wiring): readonly string[] {
  const entries = new Set(
    RESTRICTIONS.flatMap((name) =>
      setup
        .setting(name)
        .toLowerCase()
        .split(/[\s,{}=]+/),
    ),
  );
  const domains = domainsOf(config);
  return domains.some((domain) => entries.has(domain))
    ? domains.filter((domain) => !entries.has(domain))
    : [];
}

function namesOurSocket({ config, setup }: Wiring, name: string): boolean {
  const { socket } = config.policy;
  if (socket === undefined) return false;
  // smtpd(8) is one program of several services; where any is chrooted, a path must be right for that.
  const chroot = setup.services('smtpd').some((service) => service.chroot);
  return sameFile(openedPath(setup, { chroot }, name.slice('unix:'.length)), socket);
}

/** Tells whether header_checks takes a sender's own spam verdicts out. */
export function stripsSpamFields(setup: PostfixSetup): boolean {
  return setup.lookUp(setup.setting('header_checks'), 'X-Spam-Flag: NO') !== undefined;
}

function checkAnyRefusal({ config, setup }: Wiring, { probes, ours, lookalike }: Refusals): Finding {
  const check = 'postfix.refusal';
  const { socket } = config.policy;
  const [missing] = unrefused({ config, setup });
  if (missing !== undefined && (ours !== undefined || probes)) {
    return warning(check, {
      what: `the access table that refuses bad reply addresses does not name ${missing}`,
      why: 'Postfix takes mail to forged and expired addresses there and must bounce it, to senders who may be forged',
      fix: 'mailgw-ctl postfix-config   # prints the lines',
    });
  }
  if (ours !== undefined) return fine(check, `smtpd(8) asks the policy service at ${ours}`);
  if (lookalike !== undefined) {
    return problem(check, EXIT.configuration, {
      what:
        socket === undefined
          ? `Postfix asks a policy service at ${lookalike}, and policy.socket is empty`
          : `Postfix asks a policy service at ${lookalike}, and policy.socket is ${socket}`,
      why: 'every recipient it is asked about is answered "451 4.3.5 Server configuration problem"',
      fix:
        socket === undefined
          ? `set policy.socket = "${openedPath(setup, { chroot: true }, lookalike.slice('unix:'.length))}" in mailgw.toml and restart mailgwd`
          : `name ${socketName(socket, setup.setting('queue_directory'))} in check_policy_service, then postfix reload`,
    });
  }
  if (probes) return fine(check, 'smtpd(8) probes addresses: reject_unverified_recipient');
  return warning(check, {
    what: 'neither check_policy_service nor reject_unverified_recipient is used',
    why: 'Postfix takes mail to forged and expired addresses and must bounce it, to senders who may be forged',
    fix: 'mailgw-ctl postfix-config   # prints the lines',
  });
}

function checkRejectCode(setup: PostfixSetup): Finding {
  const check = 'postfix.unverified_code';
  const code = setup.setting('unverified_recipient_reject_code');
  if (code.startsWith('5')) return fine(check, `unverified_recipient_reject_code is ${code}`);
  return warning(check, {
    what: `unverified_recipient_reject_code is ${code}`,
    why: 'mail to a bad address is not refused but put off: its sender tries for days and is told nothing',
    fix: fixCommand(setup, { name: 'unverified_recipient_reject_code', value: '550' }),
  });
}

/** Checks the code while a probe is deferred: mailgwd is stopped, or a rate is used up. */
function checkDeferCode(setup: PostfixSetup): Finding {
  const check = 'postfix.unverified_defer_code';
  const code = setup.setting('unverified_recipient_defer_code');
  if (code.startsWith('4')) return fine(check, `unverified_recipient_defer_code is ${code}`);
  return problem(check, EXIT.configuration, {
    what: `unverified_recipient_defer_code is ${code}`,
    why: 'while mailgwd is stopped every reply is refused for good, and its sender is told that the address is bad',
    fix: fixCommand(setup, { name: 'unverified_recipient_defer_code', value: '450' }),
  });
}

/** Checks that the fields are the filter's own, with spam.source "header". */
function checkSpamFields(setup: PostfixSetup): Finding {
  const check = 'postfix.spam_fields';
  if (stripsSpamFields(setup)) return fine(check, "header_checks takes the sender's own X-Spam fields out");
  return warning(check, {
    what: 'spam.source is "header", and header_checks leaves "X-Spam-Flag: NO" of a sender in place',
    why: 'a message that the filter skips comes with the verdict that its sender wrote',
    fix: `copy postfix-examples/header_checks to ${headerTable(setup)}, then ${postconfCommand(setup, appended(setup, 'header_checks', `regexp:${headerTable(setup)}`))}`,
  });
}
