// A site whose Postfix makes the detour of postfix-examples/master-outbound.cf, with a mailbox for all that leaves it.

import { type Daemon, type Settings, startDaemon } from './daemon.ts';
import { freePorts } from './free-port.ts';
import { type Mailbox, startMailbox } from './mailbox.ts';
import { type Platform, startPlatform } from './platform.ts';
import { lmtpSocketIn, type Postfix, type PostfixOptions, readExample, startPostfix } from './postfix.ts';
import type { Scratch } from './scratch.ts';
import { ALICE } from './site.ts';

/** The running site. */
export interface OutboundSite {
  readonly daemon: Daemon;
  readonly platform: Platform;
  readonly postfix: Postfix;
  /** Where Postfix delivers all mail that is not for mailgw. */
  readonly mailbox: Mailbox;
  /** The port that the platform sends its mail to. */
  readonly port: number;
  readonly queueDirectory: string;
}

/** What a test may choose. */
export interface OutboundSiteOptions {
  readonly settings?: Settings;
  /** The `[sink]` of a platform that runs; default a webhook. */
  readonly sink?: Settings[string];
  readonly postfix?: PostfixOptions;
  /** The milter that signs, as Postfix names it. */
  readonly signer?: string;
  /** Whether it knows no user; default it knows alice. */
  readonly knowsNobody?: boolean;
  /** A Postfix that has not heard of mailgw: nothing of postfix-examples/. */
  readonly isBare?: boolean;
  /** Where mailgw thinks that the relay is; default where it is. */
  readonly relayPort?: number;
}

/** Where the socket for mail on its way out belongs. */
export function outboundSocketIn(scratch: Scratch): string {
  return scratch.path('queue', 'mailgw', 'outbound.sock');
}

/** Starts the site; alice is the user that it knows, unless it knows nobody. */
export async function startOutboundSite(
  scratch: Scratch,
  options: OutboundSiteOptions = {},
): Promise<OutboundSite> {
  const platform = await startPlatform(scratch);
  const mailbox = await startMailbox(scratch);
  const backPort = await freePorts(2);
  const port = backPort - 1; // as postfix-config has it
  const daemon = await startDaemon(scratch, {
    sink: platform.sink,
    socket: lmtpSocketIn(scratch),
    change: (settings) => (options.sink === undefined ? settings : { ...settings, sink: options.sink }),
    settings: {
      ...options.settings,
      lmtp: { group: 'postfix' },
      outbound: {
        socket: outboundSocketIn(scratch),
        group: 'postfix',
        relay: `127.0.0.1:${options.relayPort ?? backPort}`,
        rule: [{ field: 'X-Tracker-Issue', thread: 'issue/{X-Tracker-Issue}' }],
        ...options.settings?.['outbound'],
      },
    },
  });
  if (options.knowsNobody !== true) await daemon.addUser(ALICE.user, ALICE.address);
  const services = readExample('master-outbound.cf', scratch.path('postfix'))
    .replaceAll('127.0.0.1:10025', `127.0.0.1:${port}`)
    .replaceAll('127.0.0.1:10026', `127.0.0.1:${backPort}`);
  const postfix = await startPostfix(scratch, {
    ...options.postfix,
    bare: options.isBare === true,
    services: options.isBare === true ? '' : services,
    settings: {
      default_transport: `smtp:[127.0.0.1]:${mailbox.port}`,
      ...(options.signer === undefined ? {} : { smtpd_milters: options.signer }),
      ...options.postfix?.settings,
    },
  });
  return { daemon, platform, postfix, mailbox, port, queueDirectory: scratch.path('queue') };
}

/** A notification as a platform writes it that has not heard of mailgw. */
export function plainNotification(issue: string, fields: readonly string[] = []): string {
  return [
    'From: "Bob via Tracker" <tracker@example.org>',
    'To: alice@example.com',
    `Subject: [tracker] Issue ${issue}`,
    `Message-ID: <${issue}.${Math.random()}@tracker.example.org>`,
    `Date: ${new Date().toUTCString().replace('GMT', '+0000')}`,
    `X-Tracker-Issue: ${issue}`,
    ...fields,
    '',
    'Does it work now?',
    '',
  ].join('\r\n');
}
