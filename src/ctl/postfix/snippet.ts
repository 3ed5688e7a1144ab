/**
 * What this configuration wants of Postfix: the lines for main.cf and master.cf, with its own domain, paths and sizes.
 *
 * Contract: the same as postfix-examples/ say, for this site; what `postfix-config` prints is what the checks of the
 * wiring ask for.
 */
import { relative } from 'node:path';
import { foldDomain } from '../../mail/address.ts';
import type { Config } from '../../site/config.ts';

/** Where Postfix runs its daemons unless told otherwise. */
export const DEFAULT_QUEUE_DIRECTORY = '/var/spool/postfix';

/** Room for the header lines that Postfix adds. */
const HEADER_ROOM_BYTES = 64 * 1024;

/** Postfix's default message_size_limit: a smaller one needs no line. */
const POSTFIX_LIMIT_BYTES = 10_240_000;

/** Lists the reply domains as Postfix has them: A-labels. */
export function domainsOf(config: Config): readonly string[] {
  return [...new Set(config.reply.domain.map(foldDomain))];
}

/**
 * Names a socket as Postfix does: relative to the queue directory where it lies there, which works chrooted or not.
 */
export function socketName(path: string, queueDirectory: string): string {
  const inQueue = relative(queueDirectory, path);
  return `unix:${inQueue.startsWith('..') ? path : inQueue}`;
}

/** Gives the transport and next hop that the reply domain should have. */
export function wantedRoute(config: Config, queueDirectory: string): string {
  return `mailgw:${socketName(config.lmtp.socket, queueDirectory)}`;
}

/** Gives the message_size_limit that goes with ours. */
export function wantedSizeLimit(config: Config): number {
  const { maxMessageBytes } = config.lmtp;
  return maxMessageBytes > 2 * HEADER_ROOM_BYTES ? maxMessageBytes - HEADER_ROOM_BYTES : maxMessageBytes;
}

/** Writes the restriction that asks our policy service. */
export function policyService(socket: string, queueDirectory: string): string {
  return `check_policy_service { ${socketName(socket, queueDirectory)}, timeout=20s, try_limit=2, retry_delay=1s }`;
}

/** What goes with probes: a bad address is refused for good, and an answer is not believed for days. */
export const PROBE_SETTINGS = [
  { name: 'unverified_recipient_reject_code', value: '550' },
  { name: 'address_verify_positive_expire_time', value: '1h' },
  { name: 'address_verify_positive_refresh_time', value: '30m' },
  { name: 'address_verify_negative_expire_time', value: '1m' },
  { name: 'address_verify_negative_refresh_time', value: '1m' },
  { name: 'address_verify_poll_delay', value: '1s' },
] as const;

/** Writes the service of master.cf in one line. */
export function wantedService(config: Config, queueDirectory: string): string {
  const chroot = isInQueue(config.lmtp.socket, queueDirectory) ? '-' : 'n';
  return `mailgw unix - - ${chroot} - - lmtp -o syslog_name=postfix/mailgw`;
}

/** Writes the lines of master.cf. */
export function masterSnippet(config: Config, queueDirectory: string): string {
  const [service = '', options = ''] = wantedService(config, queueDirectory).split(/ (?=-o )/);
  return `# ---- add to master.cf: a transport of its own for the reply domain
${service.replaceAll(' ', '\t')}
  ${options}
`;
}

/** Writes the lines of main.cf. */
export function mainSnippet(config: Config, queueDirectory: string): string {
  const domains = domainsOf(config);
  const sizeLimit = wantedSizeLimit(config);
  const lines = [
    '# ---- for a main.cf that sets none of these yet; without --file the command merges with the one that is live',
    `relay_domains = ${domains.join(', ')}`,
    '# If you relay other domains too, give this one a line in transport_maps instead (postfix-examples/main-transport-maps.cf).',
    `relay_transport = ${wantedRoute(config, queueDirectory)}`,
    ...(isInQueue(config.lmtp.socket, queueDirectory)
      ? []
      : [
          `# lmtp.socket is not below ${queueDirectory}: a chrooted lmtp(8) cannot see it, hence chroot "n" in master.cf.`,
        ]),
    'mailgw_destination_recipient_limit = 1',
    `# At most lmtp.max_message (${config.lmtp.maxMessageBytes}), less what Postfix's own header lines take.`,
    `message_size_limit = ${sizeLimit}${sizeLimit === POSTFIX_LIMIT_BYTES ? "  # Postfix's default" : ''}`,
    ...refusalLines(config, domains, queueDirectory),
    ...(config.spam.source === 'header'
      ? [
          "# The sender's own X-Spam fields go before your filter writes its verdict (postfix-examples/header_checks).",
          'header_checks = regexp:/etc/postfix/header_checks',
          'milter_default_action = tempfail',
        ]
      : []),
    ...resultLines(config),
  ];
  return `${lines.join('\n')}\n`;
}

/** Writes the lines that keep forged Authentication-Results out where their place does not prove who wrote them. */
function resultLines({ sender, spam }: Config): string[] {
  if (sender.policy === 'off' || sender.ownReceived === 0) return [];
  return [
    "# A sender's own Authentication-Results go before your milter writes its own, and mail of local users passes it too.",
    ...(spam.source === 'header' ? [] : ['header_checks = regexp:/etc/postfix/header_checks']),
    'non_smtpd_milters = $smtpd_milters',
  ];
}

function refusalLines(config: Config, domains: readonly string[], queueDirectory: string): string[] {
  const { socket } = config.policy;
  if (socket === undefined) {
    return [
      '# No policy.socket: bad addresses are refused in the SMTP session by probes; policy.socket would be quicker.',
      'smtpd_recipient_restrictions =',
      `    check_recipient_access inline:{ ${probeEntries(domains)} }`,
      ...PROBE_SETTINGS.map(({ name, value }) => `${name} = ${value}`),
    ];
  }
  return [
    '# Bad addresses are refused in the SMTP session, by the policy service. It must stand before any permit_...',
    'smtpd_restriction_classes = mailgw_policy',
    'mailgw_policy =',
    `    ${policyService(socket, queueDirectory)}`,
    'smtpd_recipient_restrictions =',
    '    check_recipient_access inline:{',
    ...domains.flatMap((domain, index) => [
      `        { postmaster@${domain} = DUNNO },`,
      `        { ${domain} = mailgw_policy }${index === domains.length - 1 ? ' }' : ','}`,
    ]),
  ];
}

/** Writes the entries of an access table that has the addresses of these domains probed. */
export function probeEntries(domains: readonly string[]): string {
  return domains.map((domain) => `{ ${domain} = reject_unverified_recipient }`).join(', ');
}

function isInQueue(path: string, queueDirectory: string): boolean {
  return !relative(queueDirectory, path).startsWith('..');
}
