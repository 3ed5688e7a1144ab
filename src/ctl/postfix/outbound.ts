/**
 * What stamping wants of master.cf: the smtpd(8) that the platform sends to, the transport, and the smtpd(8) behind it.
 *
 * Contract: the same as postfix-examples/master-outbound.cf says, for this site; nothing where outbound.socket is not set.
 */
import { relative } from 'node:path';
import { endpointText } from '../../config/kinds.ts';
import type { Config } from '../../site/config.ts';
import { type Finding, fine, warning } from '../doctor/finding.ts';
import type { Wiring } from './delivery-checks.ts';
import { quoted } from './merge.ts';
import type { PlanStep } from './plan-step.ts';
import { socketName } from './snippet.ts';

/** A service of master.cf, its fields and its options. */
interface WantedService {
  readonly why: string;
  readonly name: string;
  readonly type: 'inet' | 'unix';
  readonly program: 'smtpd' | 'lmtp';
  readonly chroot: '-' | 'n';
  readonly options: readonly string[];
}

const OURS_ALONE = [
  'smtpd_client_restrictions=permit_mynetworks,reject',
  'smtpd_relay_restrictions=permit_mynetworks,reject',
  'smtpd_recipient_restrictions=',
  'mynetworks=127.0.0.0/8',
];

function wantedServices({ outbound }: Config, queueDirectory: string): WantedService[] {
  const { socket, relay } = outbound;
  if (socket === undefined || relay === undefined || 'path' in relay) return [];
  const filter = `mailgw_out:${socketName(socket, queueDirectory)}`;
  const isSeen = !relative(queueDirectory, socket).startsWith('..');
  return [
    {
      why: "The platform's mail comes in here, and goes to mailgw for its stamp.",
      name: endpointText({ ...relay, port: relay.port - 1 }),
      type: 'inet',
      program: 'smtpd',
      chroot: '-',
      options: [
        'syslog_name=postfix/outbound',
        `content_filter=${filter}`,
        'receive_override_options=no_address_mappings,no_milters',
        ...OURS_ALONE,
      ],
    },
    {
      why: 'The transport to mailgw.',
      name: 'mailgw_out',
      type: 'unix',
      program: 'lmtp',
      chroot: isSeen ? '-' : 'n',
      options: [
        'syslog_name=postfix/mailgw_out',
        'lmtp_send_xforward_command=yes',
        'lmtp_tls_security_level=none',
      ],
    },
    {
      why: 'Takes the mail back and delivers it: the milters of main.cf see it here, and sign.',
      name: endpointText(relay),
      type: 'inet',
      program: 'smtpd',
      chroot: '-',
      options: [
        'syslog_name=postfix/stamped',
        'content_filter=',
        'receive_override_options=no_unknown_recipient_checks,no_header_body_checks',
        ...OURS_ALONE,
        ...['helo', 'sender', 'data', 'end_of_data'].map((stage) => `smtpd_${stage}_restrictions=`),
        'smtpd_authorized_xforward_hosts=127.0.0.0/8',
        'smtpd_client_connection_count_limit=0',
        'smtpd_client_connection_rate_limit=0',
        'smtpd_tls_security_level=none',
      ],
    },
  ];
}

const fieldsOf = ({ name, type, program, chroot }: WantedService): string[] =>
  type === 'inet'
    ? [name, 'inet', 'n', '-', chroot, '-', '-', program]
    : [name, 'unix', '-', '-', chroot, '-', '-', program];

/** Writes the lines of master.cf; empty where nothing is stamped. */
export function outboundSnippet(config: Config, queueDirectory: string): string {
  return wantedServices(config, queueDirectory)
    .map((service) => {
      const options = service.options.map((option) => `  -o ${option}\n`);
      return `# ${service.why}\n${fieldsOf(service).join('\t')}\n${options.join('')}`;
    })
    .join('');
}

/** Says which services master.cf lacks; nothing where nothing is stamped. */
export function checkOutboundServices(wiring: Wiring): Finding[] {
  if (wiring.config.outbound.socket === undefined) return [];
  const check = 'postfix.outbound';
  const missing = planOutbound(wiring);
  if (missing.length === 0) return [fine(check, "master.cf has the detour of the platform's own mail")];
  return [
    warning(check, {
      what: `master.cf lacks ${missing.length} of the services that stamping needs`,
      why: 'the notifications of the platform get no reply addresses',
      fix: `mailgw-ctl postfix-config --postfix-config ${wiring.setup.directory}`,
    }),
  ];
}

/** Plans the services that master.cf lacks. */
export function planOutbound({ config, setup }: Wiring): PlanStep[] {
  return wantedServices(config, setup.setting('queue_directory')).flatMap((service): PlanStep[] => {
    const { why, name, type, program, options } = service;
    if (setup.services(program).some((found) => found.name === name && found.type === type)) return [];
    const line = [...fieldsOf(service), ...options.map((option) => `-o ${option}`)].join(' ');
    const command = `postconf -c ${quoted(setup.directory)} -M -e ${quoted(`${name}/${type} = ${line}`)}`;
    return [{ kind: 'command', why, command }];
  });
}
