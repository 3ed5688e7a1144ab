/**
 * Whether Postfix takes mail for the reply domain and hands it to our socket, whole and one recipient at a time.
 *
 * Contract: each check is small and looks at the configuration alone; one that has nothing to go by gives nothing,
 * because the check that it rests on has said so already.
 */

import { EXIT } from '../../actions/fault.ts';
import type { Config } from '../../site/config.ts';
import { type Finding, fine, note, problem, warning } from '../doctor/finding.ts';
import { fixCommand, withRecipients, withRelayDomains, withTransport } from './merge.ts';
import type { PostfixSetup } from './postfix-setup.ts';
import { classesOf, type DomainClass, openedPath, type Route, routeOf, sameFile } from './route.ts';
import { domainsOf, masterSnippet, wantedRoute, wantedSizeLimit } from './snippet.ts';

/** The objects of every check of the wiring. */
export interface Wiring {
  readonly config: Config;
  readonly setup: PostfixSetup;
}

/** A user of the reply domain that stands for all tokens. */
const ANY_TOKEN = 'a'.repeat(48);

/** Examines the way from SMTP to our socket. */
export function checkDelivery({ config, setup }: Wiring): Finding[] {
  const findings = domainsOf(config).flatMap((domain) => {
    const classes = classesOf(setup, domain);
    const [first] = classes;
    const route = first === undefined ? undefined : routeOf(setup, domain, first);
    return [
      checkClass(domain, setup, classes),
      ...(first === undefined ? [] : checkRoute({ config, setup }, domain, route)),
    ];
  });
  return [
    ...unlike(findings),
    checkSize(config, setup),
    ...checkTables(config, setup),
    checkSoftBounce(setup),
  ];
}

/** Leaves out what was found alike for another domain. */
function unlike(findings: readonly Finding[]): readonly Finding[] {
  return [...new Map(findings.map((finding) => [JSON.stringify(finding), finding])).values()];
}

function checkClass(domain: string, setup: PostfixSetup, classes: readonly DomainClass[]): Finding {
  const check = 'postfix.domain';
  const [first, second] = classes;
  if (first === undefined) {
    return problem(check, EXIT.configuration, {
      what: `${domain} is in none of relay_domains, mydestination, virtual_mailbox_domains`,
      why: 'Postfix refuses its mail with "554 5.7.1 Relay access denied"',
      fix: fixCommand(setup, withRelayDomains([domain], setup)),
    });
  }
  if (second !== undefined) {
    return problem(check, EXIT.configuration, {
      what: `${domain} is in ${classes.map(({ list }) => list).join(' and in ')}`,
      why: `Postfix warns "do not list domain ${domain} in BOTH", and takes it for a ${first.name} domain`,
      fix: `take ${domain} out of all but relay_domains: postconf -c ${setup.directory} ${classes.map(({ list }) => list).join(' ')}`,
    });
  }
  if (first.name !== 'relay') {
    return warning(check, {
      what: `${domain} is in ${first.list}, a ${first.name} domain`,
      why: 'Postfix looks its users up in tables of its own, which know no tokens, and may refuse them',
      fix: fixCommand(setup, withRelayDomains([domain], setup)),
    });
  }
  return fine(check, `${domain} is a relay domain`);
}

function checkRoute({ config, setup }: Wiring, domain: string, route: Route | undefined): Finding[] {
  const check = 'postfix.transport';
  const wanted = wantedRoute(config, setup.setting('queue_directory'));
  const fix = fixCommand(setup, withTransport(config, setup, [domain]));
  const shown =
    route === undefined
      ? 'nowhere'
      : [route.transport, route.nexthop].filter((part) => part !== '').join(':');
  if (!route?.nexthop.startsWith('unix:')) {
    return [
      problem(check, EXIT.configuration, {
        what: `${route?.parameter ?? 'transport_maps'} sends ${domain} to "${shown}", not to a Unix socket`,
        why: 'mailgw serves LMTP on a Unix socket only; this mail goes somewhere else',
        fix: route?.parameter === 'transport_maps' ? `in transport_maps: ${domain}  ${wanted}` : fix,
      }),
    ];
  }
  const service = setup.service(route.transport);
  if (service === undefined) {
    return [
      problem(check, EXIT.configuration, {
        what: `${route.parameter} names the transport "${route.transport}", which is not in master.cf`,
        why: 'all mail is deferred: "mail transport unavailable"',
        fix: `add to ${setup.directory}/master.cf, then postfix reload: ${oneLine(masterSnippet(config, setup.setting('queue_directory')))}`,
      }),
    ];
  }
  if (service.program !== 'lmtp') {
    return [
      problem(check, EXIT.configuration, {
        what: `the transport "${route.transport}" in master.cf runs ${service.program}, not lmtp`,
        why: 'it speaks another protocol: mailgw answers it with 500, and the mail is deferred or returned',
        fix: `write "lmtp" as the command of ${route.transport} in ${setup.directory}/master.cf`,
      }),
    ];
  }
  return [
    fine(check, `${route.parameter}: ${shown}`),
    checkSocketPath(
      { config, setup, fix },
      route,
      openedPath(setup, service, route.nexthop.slice('unix:'.length)),
    ),
    checkRecipientLimit(setup, route.transport),
  ];
}

/** Takes the comments out of a snippet, which leaves one line. */
function oneLine(snippet: string): string {
  return snippet
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

function checkSocketPath(
  { config, fix }: Wiring & { readonly fix: string },
  route: Route,
  opened: string,
): Finding {
  const check = 'postfix.socket_path';
  const { socket } = config.lmtp;
  if (sameFile(opened, socket)) return fine(check, `lmtp(8) opens ${opened}`);
  return problem(check, EXIT.configuration, {
    what: `${route.parameter} names ${route.nexthop}, which lmtp(8) opens as ${opened}; lmtp.socket is ${socket}`,
    why: 'all mail is deferred: "No such file or directory"; a path is relative to the queue directory, and a chrooted lmtp(8) sees nothing outside of it',
    fix,
  });
}

function checkRecipientLimit(setup: PostfixSetup, transport: string): Finding {
  const check = 'postfix.recipient_limit';
  const parameter = `${transport}_destination_recipient_limit`;
  const limit = setup.setting(parameter) || setup.setting('default_destination_recipient_limit');
  if (limit === '1') return fine(check, `${parameter} is 1`);
  return warning(check, {
    what: `${parameter} is ${limit}`,
    why: 'a recipient that is deferred keeps those that share its transaction waiting',
    fix: fixCommand(setup, { name: parameter, value: '1' }),
  });
}

function checkSize(config: Config, setup: PostfixSetup): Finding {
  const check = 'postfix.message_size';
  const limit = Number(setup.setting('message_size_limit'));
  const ours = config.lmtp.maxMessageBytes;
  if (limit > 0 && limit <= ours) return fine(check, `message_size_limit ${limit}, lmtp.max_message ${ours}`);
  return problem(check, EXIT.configuration, {
    what: `message_size_limit is ${limit === 0 ? '0, which is none' : limit}; lmtp.max_message is ${ours}`,
    why: 'Postfix takes a message that mailgw then refuses with 552, and bounces it after the fact',
    fix: sizeFix(config, setup, limit),
  });
}

function sizeFix(config: Config, setup: PostfixSetup, limit: number): string {
  const lower = fixCommand(setup, { name: 'message_size_limit', value: String(wantedSizeLimit(config)) });
  return limit === 0
    ? lower
    : `${lower}; or set lmtp.max_message = "${limit}B", and all mail keeps its limit`;
}

/** Lists the addresses under which Postfix looks a reply address up. */
function lookedUp(prefix: string, domain: string, setup: PostfixSetup): string[] {
  const local = `${prefix}${ANY_TOKEN}`;
  const delimiters = setup.setting('recipient_delimiter');
  const at = Array.from(local).findIndex((character, index) => index > 0 && delimiters.includes(character));
  return [`${local}@${domain}`, ...(at === -1 ? [] : [`${local.slice(0, at)}@${domain}`]), `@${domain}`];
}

function checkTables(config: Config, setup: PostfixSetup): Finding[] {
  return [checkKnownRecipients(config, setup), checkRewriting(config, setup), noteDelimiter(config, setup)];
}

/** Tells whether Postfix takes every address of a reply domain for one that may exist. */
export function recipientsAreKnown({ config, setup }: Wiring, domain: string): boolean {
  const tables = setup.setting('relay_recipient_maps');
  return (
    tables === '' ||
    config.reply.prefix.every((prefix) =>
      lookedUp(prefix, domain, setup).some((key) => setup.lookUp(tables, key) !== undefined),
    )
  );
}

function checkKnownRecipients(config: Config, setup: PostfixSetup): Finding {
  const check = 'postfix.relay_recipients';
  const tables = setup.setting('relay_recipient_maps');
  if (tables === '') return fine(check, 'relay_recipient_maps is empty: mailgw alone knows the addresses');
  const unknown = domainsOf(config).filter((domain) => !recipientsAreKnown({ config, setup }, domain));
  if (unknown.length === 0) return fine(check, 'relay_recipient_maps lets reply addresses through');
  return problem(check, EXIT.configuration, {
    what: `relay_recipient_maps (${tables}) holds no line that reply addresses match`,
    why: 'Postfix refuses every reply: "550 5.1.1 User unknown in relay recipient table"',
    fix: fixCommand(setup, withRecipients(unknown, setup)),
  });
}

const REWRITING = ['virtual_alias_maps', 'canonical_maps', 'recipient_canonical_maps'] as const;

function checkRewriting(config: Config, setup: PostfixSetup): Finding {
  const check = 'postfix.rewriting';
  const domains = domainsOf(config);
  const keys = domains.flatMap((domain) =>
    config.reply.prefix.flatMap((prefix) => lookedUp(prefix, domain, setup)),
  );
  const isOurs = (address: string): boolean => domains.some((domain) => address === `@${domain}`);
  for (const parameter of REWRITING) {
    for (const key of new Set(keys)) {
      const found = setup.lookUp(setup.setting(parameter), key);
      if (found === undefined || found.split(/[\s,]+/).every(isOurs)) continue;
      const shown = key.replace(ANY_TOKEN, 'TOKEN');
      return problem(check, EXIT.configuration, {
        what: `${parameter} turns ${shown} into ${found}`,
        why: 'replies go there, or come without their token, and never become posts',
        fix: `take the line "${shown}" out of ${parameter} (${setup.setting(parameter)})`,
      });
    }
  }
  return fine(check, `no table rewrites addresses in ${domains.join(', ')}`);
}

function noteDelimiter(config: Config, setup: PostfixSetup): Finding {
  const delimiters = setup.setting('recipient_delimiter');
  const isSplit = (prefix: string): boolean =>
    prefix === '' || Array.from(prefix).some((character) => delimiters.includes(character));
  const prefix = config.reply.prefix.find((each) => !isSplit(each)) ?? config.reply.prefix[0];
  return isSplit(prefix)
    ? fine('postfix.delimiter', `recipient_delimiter "${delimiters}", reply.prefix "${prefix}"`)
    : note(
        'postfix.delimiter',
        `recipient_delimiter "${delimiters}" does not split reply.prefix "${prefix}": mailgw needs none, but a table that lists reply addresses must list "${domainsOf(
          config,
        )
          .map((domain) => `@${domain}`)
          .join(', ')}"`,
      );
}

function checkSoftBounce(setup: PostfixSetup): Finding {
  const check = 'postfix.soft_bounce';
  if (setup.setting('soft_bounce') !== 'yes') return fine(check, 'soft_bounce is off');
  return warning(check, {
    what: 'soft_bounce is yes',
    why: 'every refusal becomes temporary: senders of mail to bad addresses come again for days',
    fix: fixCommand(setup, { name: 'soft_bounce', value: 'no' }),
  });
}
