/**
 * What brings a Postfix that is in use to what this configuration needs: commands for root's shell.
 *
 * Contract: changes nothing itself. A parameter that is right already is not mentioned; of one that is not, the live value
 * stays and ours is added (merge.ts). What cannot be added without taking something away is left to the admin, as a remark.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Config } from '../../site/config.ts';
import { recipientsAreKnown, type Wiring } from './delivery-checks.ts';
import {
  appended,
  headerTable,
  postconfCommand,
  quoted,
  type Setting,
  withPolicyService,
  withProbes,
  withRecipients,
  withRelayDomains,
  withTransport,
} from './merge.ts';
import { planOutbound } from './outbound.ts';
import type { PlanStep } from './plan-step.ts';
import { type PostfixSetup, splitList } from './postfix-setup.ts';
import { refusalsIn, stripsSpamFields, unrefused } from './refusal-checks.ts';
import { lacksResultTable, needsResultTable, unfilteredMilters } from './result-checks.ts';
import { classesOf, openedPath, RELAY_CLASS, routeOf, sameFile } from './route.ts';
import { domainsOf, PROBE_SETTINGS, wantedService, wantedSizeLimit } from './snippet.ts';

/** Where a checkout and the Debian package have the table for header_checks. */
const EXAMPLES = [
  fileURLToPath(new URL('../../../../postfix-examples/header_checks', import.meta.url)),
  '/usr/share/mailgw/postfix-examples/header_checks',
] as const;

/** Plans the steps that are missing, in the order in which they are taken. */
export function planWiring(wiring: Wiring): PlanStep[] {
  return [
    ...planClass(wiring),
    ...planTransport(wiring),
    ...planRecipients(wiring),
    ...planRefusal(wiring),
    ...planForgedFields(wiring),
    ...planLocalMail(wiring),
    ...planSize(wiring),
    ...planOutbound(wiring),
  ];
}

/** Writes the steps for a shell. */
export function planText({ setup }: Wiring, steps: readonly PlanStep[]): string {
  if (steps.length === 0) return `# Postfix in ${setup.directory} has what it needs.`;
  const at = quoted(setup.directory);
  const isSaid = (index: number): boolean => steps[index]?.why === steps[index - 1]?.why;
  return [
    `# For root's shell: what Postfix in ${setup.directory} lacks. The values that are live stay; ours are added.`,
    ...steps.flatMap((step, index) => [
      ...(isSaid(index) ? [] : [`# ${step.why}`]),
      ...commandsOf(setup, [step]),
    ]),
    `postfix -c ${at} check && postfix -c ${at} reload`,
  ].join('\n');
}

/** Lists the commands of the steps. */
export function commandsOf(setup: PostfixSetup, steps: readonly PlanStep[]): string[] {
  return steps.flatMap((step) => {
    if (step.kind === 'remark') return [];
    return [step.kind === 'setting' ? postconfCommand(setup, step.setting) : step.command];
  });
}

const set = (why: string, ...settings: readonly Setting[]): PlanStep[] =>
  settings.map((setting) => ({ kind: 'setting', why, setting }));

const remark = (why: string): PlanStep => ({ kind: 'remark', why });

function planClass({ config, setup }: Wiring): PlanStep[] {
  const domains = domainsOf(config);
  const missing = domains.filter((domain) => !setup.holds('relay_domains', domain));
  const others = domains.flatMap((domain) =>
    classesOf(setup, domain)
      .filter(({ list }) => list !== 'relay_domains')
      .map(({ list }) =>
        remark(
          `LEFT TO YOU: take ${domain} out of ${list}; a domain has one class, and this one is relayed.`,
        ),
      ),
  );
  return [
    ...(missing.length === 0
      ? []
      : set('Takes mail for the reply domain from anybody.', withRelayDomains(missing, setup))),
    ...others,
  ];
}

/** Names the transport that hands a domain to our socket; undefined where none does. */
function ourTransport({ config, setup }: Wiring, domain: string): string | undefined {
  const route = routeOf(setup, domain, RELAY_CLASS);
  const service = route === undefined ? undefined : setup.service(route.transport);
  const path = route?.nexthop.startsWith('unix:') ? route.nexthop.slice('unix:'.length) : undefined;
  const isOurs =
    path !== undefined && sameFile(openedPath(setup, service ?? { chroot: true }, path), config.lmtp.socket);
  return isOurs ? route?.transport : undefined;
}

function planTransport({ config, setup }: Wiring): PlanStep[] {
  const domains = domainsOf(config);
  const missing = domains.filter((domain) => ourTransport({ config, setup }, domain) === undefined);
  const transport =
    domains.map((domain) => ourTransport({ config, setup }, domain)).find((each) => each !== undefined) ??
    'mailgw';
  const limit = `${transport}_destination_recipient_limit`;
  return [
    ...planService(config, setup, transport),
    ...(missing.length === 0
      ? []
      : set('Hands the reply domain to mailgw, and no other.', withTransport(config, setup, missing))),
    ...(setup.setting(limit) === '1'
      ? []
      : set('One recipient in a transaction: none waits for another.', { name: limit, value: '1' })),
  ];
}

/** Plans the transport in master.cf; one of another program is left alone. */
function planService(config: Config, setup: PostfixSetup, transport: string): PlanStep[] {
  const service = setup.service(transport);
  if (service?.program === 'lmtp') return [];
  if (service !== undefined) {
    const why = `LEFT TO YOU: ${transport} in master.cf runs ${service.program}; mailgw needs lmtp there.`;
    return [remark(why)];
  }
  const line = wantedService(config, setup.setting('queue_directory'));
  const command = `postconf -c ${quoted(setup.directory)} -M -e ${quoted(`mailgw/unix = ${line}`)}`;
  return [{ kind: 'command', why: 'A transport of its own, in master.cf.', command }];
}

function planRecipients(wiring: Wiring): PlanStep[] {
  const { config, setup } = wiring;
  const unknown = domainsOf(config).filter((domain) => !recipientsAreKnown(wiring, domain));
  if (unknown.length === 0) return [];
  return set("Every address of the reply domain is mailgw's to judge.", withRecipients(unknown, setup));
}

function planRefusal(wiring: Wiring): PlanStep[] {
  const { config, setup } = wiring;
  const { ours, probes } = refusalsIn(wiring);
  const { socket } = config.policy;
  const isThere = ours !== undefined || (socket === undefined && probes);
  const domains = isThere ? unrefused(wiring) : domainsOf(config);
  if (domains.length === 0) return [];
  const why = 'Refuses bad addresses in the SMTP session, before any permit_...';
  if (socket !== undefined) return set(why, ...withPolicyService(domains, socket, setup));
  return set(why, withProbes(domains, setup), ...PROBE_SETTINGS.filter(({ name }) => !setup.isSet(name)));
}

/** Plans the table with what a sender may not write, where it is needed and not there. */
function planForgedFields({ config, setup }: Wiring): PlanStep[] {
  const lacksSpam = config.spam.source === 'header' && !stripsSpamFields(setup);
  if (!lacksSpam && !lacksResultTable({ config, setup })) return [];
  const file = headerTable(setup);
  const example = quoted(EXAMPLES.find((place) => existsSync(place)) ?? EXAMPLES[0]);
  // Where the place of results proves who wrote them, the line could only remove what a policy service prepends.
  const command = needsResultTable({ config, setup })
    ? `cp ${example} ${quoted(file)}`
    : `grep -v '^/.Authentication-Results' ${example} >${quoted(file)}`;
  const why = "Takes the sender's own verdicts out, before your filter writes its own.";
  const isListed = splitList(setup.setting('header_checks')).includes(`regexp:${file}`);
  return [
    { kind: 'command', why, command },
    ...(isListed
      ? []
      : set('... behind the tables that are there.', appended(setup, 'header_checks', `regexp:${file}`))),
  ];
}

/** Plans the filter for what users and web forms of the host hand to sendmail(1). */
function planLocalMail({ config, setup }: Wiring): PlanStep[] {
  if (config.sender.policy === 'off' || unfilteredMilters(setup).length === 0) return [];
  if (setup.setting('non_smtpd_milters') !== '')
    return [
      remark('LEFT TO YOU: non_smtpd_milters lacks filters of smtpd_milters; local mail passes them by.'),
    ];
  const name = 'non_smtpd_milters';
  return set('The filter sees what is handed to sendmail(1) too.', { name, value: '$smtpd_milters' });
}

function planSize({ config, setup }: Wiring): PlanStep[] {
  const limit = Number(setup.setting('message_size_limit'));
  const ours = config.lmtp.maxMessageBytes;
  if (limit > 0 && limit <= ours) return [];
  const wanted = wantedSizeLimit(config);
  const larger = limit === 0 ? '' : `set lmtp.max_message = "${limit}B" in mailgw.toml, or `;
  const why = `message_size_limit is ${limit}, mailgw takes ${ours}: ${larger}lower Postfix's to ${wanted}.`;
  return [remark(`LEFT TO YOU: ${why}`)];
}
