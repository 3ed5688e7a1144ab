// `mailgw-ctl doctor` and `postfix-config --check` on set-ups that are broken in one way each: they name the cause.

import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import Sqlite from 'better-sqlite3';
import { TOOL } from '../support/command.ts';
import { type Daemon, type Row, type Settings, startDaemon } from '../support/daemon.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import {
  configurePostfix,
  freePort,
  lmtpSocketIn,
  policySocketIn,
  postfixUnavailable,
} from '../support/postfix.ts';
import { type RunResult, run, runOk } from '../support/process.ts';
import { type Scratch, suiteScratch } from '../support/scratch.ts';
import { ALICE } from '../support/site.ts';
import { runTool } from './tool.ts';

const skip = postfixUnavailable();

/** A whole installation whose Postfix is configured and does not run. */
interface Patient {
  readonly scratch: Scratch;
  readonly daemon: Daemon;
  readonly platform: Platform;
  readonly postfixUid: number;
}

/** Makes the service one that runs as Postfix's user, with a sink's secret of `secretUid`; takes it back. */
function serveAsPostfix({ scratch, postfixUid }: Patient, secretUid: number): () => void {
  const files = [scratch.directory, scratch.path('pepper')];
  for (const file of files) chownSync(file, postfixUid, 0);
  chownSync(scratch.path('webhook.secret'), secretUid, 0);
  return () => {
    for (const file of [...files, scratch.path('webhook.secret')]) chownSync(file, 0, 0);
  };
}

/** One way in which an installation can be broken. */
interface Illness {
  readonly name: string;
  /** Settings that doctor's configuration gets; the daemon keeps its own. */
  readonly settings?: Settings | ((patient: Patient) => Settings);
  /** Settings of main.cf. */
  readonly main?: Record<string, string> | ((patient: Patient) => Record<string, string>);
  /** Lines of master.cf replaced. */
  readonly master?: readonly [RegExp, string];
  /** Breaks something else; what it returns mends it. */
  readonly plant?: (patient: Patient) => (() => void | Promise<void>) | Promise<() => void | Promise<void>>;
  readonly args?: (patient: Patient) => readonly string[];
  /** The check that must find it, and in which words. */
  readonly check: string;
  readonly what: RegExp;
  readonly fix: RegExp;
  /** 0 for a warning. */
  readonly code: number;
}

const received = 'Received: from a by mx.example.org; Thu, 1 Jan 2026 00:00:00 +0000\n';
const results = (id: string): string => `Authentication-Results: ${id}; dmarc=pass header.from=example.com\n`;
/** How a milter answers smtpd(8) first: option negotiation, SMFIC_OPTNEG. */
const NEGOTIATED = `\0\0\0\x0dO${'\0'.repeat(12)}`;
const STRICT = { sender: { policy: 'strict', authserv_id: 'mx.example.org' } };
const FLAG = { sender: { ...STRICT.sender, policy: 'flag' } };

function messageFile({ scratch }: Patient, header: string): readonly string[] {
  writeFileSync(scratch.path('message.eml'), `${header}From: a@example.com\n\nA reply.\n`);
  return ['--message', scratch.path('message.eml')];
}

function renamed(path: string): () => void {
  renameSync(path, `${path}.away`);
  return () => {
    renameSync(`${path}.away`, path);
  };
}

function moded(path: string, mode: number, usual: number): () => void {
  chmodSync(path, mode);
  return () => {
    chmodSync(path, usual);
  };
}

/** A socket that the daemon does not serve, at a place of its own. */
async function serving(path: string, greeting: string): Promise<() => void> {
  const server = createServer((connection) => {
    connection.on('error', () => undefined);
    connection.end(greeting);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return () => {
    server.close();
  };
}

const ILLNESSES: readonly Illness[] = [
  // ---- Configuration and files
  {
    name: 'a key that is no setting',
    settings: { reply: { maxage: '30d' } },
    check: 'configuration',
    what: /reply\.maxage: unknown key.*reply\.max_age/,
    fix: /config check/,
    code: 78,
  },
  {
    name: 'a configuration that anybody may write',
    plant: ({ scratch }) => moded(scratch.path('doctor.toml'), 0o666, 0o644),
    check: 'files.configuration',
    what: /mode 0666/,
    fix: /chmod go-w/,
    code: 78,
  },
  {
    name: 'a store in a directory that anybody may write',
    settings: ({ scratch }) => ({ store: { path: scratch.path('open', 'mailgw.db') } }),
    plant: ({ scratch }) => {
      mkdirSync(scratch.path('open'));
      return moded(scratch.path('open'), 0o777, 0o755);
    },
    check: 'files.store',
    what: /open has mode 0777: everybody may write it/,
    fix: /chmod o-w \S+open/,
    code: 78,
  },
  {
    name: 'an LMTP socket that anybody may connect to',
    plant: ({ daemon }) => moded(daemon.socket, 0o666, 0o660),
    check: 'socket.strangers',
    what: /everybody on this host may connect/,
    fix: /chmod o-w \S+; set lmtp\.mode = "0660"/,
    code: 78,
  },
  {
    name: 'a configuration that the service cannot read',
    plant: ({ scratch, postfixUid }) => {
      const secrets = [scratch.directory, scratch.path('pepper'), scratch.path('webhook.secret')];
      for (const file of secrets) chownSync(file, postfixUid, 0);
      chmodSync(scratch.path('doctor.toml'), 0o600);
      return () => {
        for (const file of secrets) chownSync(file, 0, 0);
        chmodSync(scratch.path('doctor.toml'), 0o644);
      };
    },
    check: 'files.configuration',
    what: /doctor\.toml \(mode 0600, owner 0:0\) keeps user \d+ out/,
    fix: /chgrp \d+ \S+doctor\.toml && chmod g\+r/,
    code: 78,
  },
  {
    name: 'a configuration of somebody who is not concerned',
    plant: ({ scratch }) => {
      chownSync(scratch.path('doctor.toml'), 12_345, 0);
      return () => {
        chownSync(scratch.path('doctor.toml'), 0, 0);
      };
    },
    check: 'files.configuration',
    what: /belongs to user 12345, who is neither root nor user 0/,
    fix: /chown root/,
    code: 0,
  },
  {
    name: 'a pepper in a directory that the service cannot enter',
    settings: ({ scratch }) => ({ reply: { pepper_file: scratch.path('closed', 'pepper') } }),
    plant: ({ scratch, postfixUid }) => {
      mkdirSync(scratch.path('closed'), { mode: 0o700 });
      writeFileSync(scratch.path('closed', 'pepper'), readFileSync(scratch.path('pepper')), { mode: 0o600 });
      chownSync(scratch.path('closed', 'pepper'), postfixUid, 0);
      const others = [scratch.directory, scratch.path('webhook.secret')];
      for (const file of others) chownSync(file, postfixUid, 0);
      return () => {
        for (const file of others) chownSync(file, 0, 0);
        rmSync(scratch.path('closed'), { recursive: true });
      };
    },
    check: 'files.pepper',
    what: /pepper: the directory \S+closed \(mode 0700, owner 0:0\) keeps user \d+ out/,
    fix: /chmod g\+x/,
    code: 78,
  },
  {
    name: 'a credential of a service that does not run',
    settings: { reply: { pepper_file: '/run/credentials/mailgw-doctor-test.service/pepper' } },
    check: 'files.pepper',
    what: /cannot be read: ENOENT/,
    fix: /systemctl start mailgw\.service/,
    code: 78,
  },
  {
    name: 'no pepper',
    plant: ({ scratch }) => renamed(scratch.path('pepper')),
    check: 'files.pepper',
    what: /pepper: cannot be read: ENOENT/,
    fix: /backup.*mailgw-ctl init/,
    code: 78,
  },
  {
    name: 'a pepper that others can read',
    plant: ({ scratch }) => moded(scratch.path('pepper'), 0o644, 0o600),
    check: 'files.pepper',
    what: /mode 0644 lets group or world in/,
    fix: /chmod 0600 \S+pepper/,
    code: 78,
  },
  {
    name: "a sink's secret of somebody else",
    plant: (patient) => serveAsPostfix(patient, 1),
    check: 'files.sink_secret',
    what: /webhook\.secret belongs to user 1; mailgwd runs as user \d+/,
    fix: /chown \d+ \S+webhook\.secret/,
    code: 78,
  },
  {
    name: "a secret that is root's alone, with no service that is given it",
    plant: (patient) => serveAsPostfix(patient, 0),
    check: 'files.sink_secret',
    what: /webhook\.secret is root's alone, and no running service of mailgw has a credential "webhook\.secret"/,
    fix: /systemctl restart mailgw\.service/,
    code: 78,
  },
  {
    name: 'a store that root made for the service',
    plant: ({ scratch, postfixUid }) => {
      chownSync(scratch.path('mailgw.db'), postfixUid, 0);
      return () => {
        chownSync(scratch.path('mailgw.db'), 0, 0);
      };
    },
    check: 'files.store',
    what: /mailgw\.db belongs to user \d+, its directory to user 0/,
    fix: /chown 0:0/,
    code: 74,
  },
  {
    name: 'no directory for the store',
    settings: ({ scratch }) => ({ store: { path: scratch.path('gone', 'mailgw.db') } }),
    check: 'files.store',
    what: /gone does not exist/,
    fix: /mailgw-ctl init/,
    code: 73,
  },
  {
    name: 'a directory of the socket that anybody may write',
    plant: ({ scratch }) => moded(scratch.path('queue', 'mailgw'), 0o777, 0o755),
    check: 'files.socket_directory',
    what: /mode 0777/,
    fix: /chmod o-w/,
    code: 78,
  },
  // ---- Sockets
  {
    name: 'a daemon that listens elsewhere',
    settings: ({ scratch }) => ({ lmtp: { socket: scratch.path('queue', 'mailgw', 'other.sock') } }),
    check: 'socket.lmtp',
    what: /no such socket/,
    fix: /systemctl start/,
    code: 78,
  },
  {
    name: 'a socket that a dead daemon left',
    plant: async ({ daemon }) => {
      await daemon.kill9();
      return () => daemon.start();
    },
    check: 'socket.lmtp',
    what: /nobody listens/,
    fix: /journalctl -u mailgw/,
    code: 69,
  },
  {
    name: 'another server on the socket',
    settings: ({ scratch }) => ({ lmtp: { socket: scratch.path('queue', 'mailgw', 'dovecot.sock') } }),
    plant: ({ scratch }) =>
      serving(scratch.path('queue', 'mailgw', 'dovecot.sock'), '220 mx Dovecot ready.\r\n'),
    check: 'socket.lmtp',
    what: /not mailgw says "220 mx Dovecot ready\."/,
    fix: /lmtp\.socket/,
    code: 78,
  },
  {
    name: "a socket that Postfix's user may not write",
    plant: ({ daemon }) => moded(daemon.socket, 0o600, 0o660),
    check: 'socket.postfix_user',
    what: /the socket \S+lmtp\.sock \(mode 0600, owner 0:\d+\) keeps postfix out/,
    fix: /lmtp\.group = "postfix"/,
    code: 78,
  },
  {
    name: "a directory above the socket that Postfix's user may not pass",
    plant: ({ scratch }) => moded(scratch.path('queue'), 0o700, 0o755),
    check: 'socket.postfix_user',
    what: /the directory \S+queue \(mode 0700, owner 0:0\) keeps postfix out: it lacks "x"/,
    fix: /chgrp postfix \S+queue && chmod g\+x/,
    code: 78,
  },
  {
    name: 'a policy service that is no policy service',
    settings: ({ scratch }) => ({ policy: { socket: scratch.path('queue', 'mailgw', 'p.sock') } }),
    plant: ({ scratch }) => serving(scratch.path('queue', 'mailgw', 'p.sock'), 'action=REJECT\n\n'),
    check: 'socket.policy',
    what: /answers "action=REJECT"/,
    fix: /policy\.socket/,
    code: 78,
  },
  // ---- Postfix
  {
    name: 'a reply domain that Postfix does not know',
    main: { relay_domains: 'other.example' },
    check: 'postfix.domain',
    what: /reply\.example\.org is in none of relay_domains/,
    fix: /postconf -c \S+ -e 'relay_domains = other\.example, reply\.example\.org'/,
    code: 78,
  },
  {
    name: 'a reply domain that is local as well',
    main: { mydestination: 'reply.example.org' },
    check: 'postfix.domain',
    what: /in mydestination and in relay_domains/,
    fix: /out of all but relay_domains/,
    code: 78,
  },
  {
    name: 'a reply domain that goes to the internet',
    main: { relay_transport: 'relay' },
    check: 'postfix.transport',
    what: /relay_transport sends reply\.example\.org to "relay", not to a Unix socket/,
    fix: /transport_maps = inline:\{ \{ reply\.example\.org = mailgw:unix:mailgw\/lmtp\.sock \} \}/,
    code: 78,
  },
  {
    name: 'a line in transport_maps that takes the mail away',
    main: { transport_maps: 'inline:{ { reply.example.org = smtp:[192.0.2.1] } }' },
    check: 'postfix.transport',
    what: /transport_maps sends reply\.example\.org to "smtp:\[192\.0\.2\.1\]"/,
    fix: /in transport_maps: reply\.example\.org/,
    code: 78,
  },
  {
    name: 'a transport that is not in master.cf',
    master: [/^mailgw .*\n.*\n/m, ''],
    check: 'postfix.transport',
    what: /the transport "mailgw", which is not in master\.cf/,
    fix: /master\.cf.*mailgw unix - - - - - lmtp/,
    code: 78,
  },
  {
    name: 'a transport that speaks SMTP',
    master: [/^(mailgw .*)lmtp$/m, '$1smtp'],
    check: 'postfix.transport',
    what: /runs smtp, not lmtp/,
    fix: /write "lmtp"/,
    code: 78,
  },
  {
    name: 'an absolute path and a chrooted lmtp(8)',
    main: ({ daemon }) => ({ relay_transport: `mailgw:unix:${daemon.socket}` }),
    master: [/^(mailgw +unix +- +- +)-/m, '$1y'],
    check: 'postfix.socket_path',
    what: /which lmtp\(8\) opens as (\S+queue)\1?\/\S+queue\/mailgw\/lmtp\.sock/,
    fix: /transport_maps = inline:\{ \{ reply\.example\.org = mailgw:unix:mailgw\/lmtp\.sock \} \}/,
    code: 78,
  },
  {
    name: 'many recipients in a transaction',
    main: { mailgw_destination_recipient_limit: '50' },
    check: 'postfix.recipient_limit',
    what: /mailgw_destination_recipient_limit is 50/,
    fix: /= 1'/,
    code: 0,
  },
  {
    name: 'messages larger than ours may be',
    main: { message_size_limit: '40000000' },
    check: 'postfix.message_size',
    what: /message_size_limit is 40000000; lmtp\.max_message is 26214400/,
    fix: /message_size_limit = 26148864/,
    code: 78,
  },
  {
    name: 'a table of recipients without ours',
    main: { relay_recipient_maps: 'inline:{ { reply@other.example = x } }' },
    check: 'postfix.relay_recipients',
    what: /holds no line that reply addresses match/,
    fix: /relay_recipient_maps = inline:\{ \{ reply@other\.example = x \} \}, inline:\{ \{ @reply\.example\.org = OK \} \}/,
    code: 78,
  },
  {
    name: 'an alias for the name before the delimiter',
    main: {
      recipient_delimiter: '+',
      virtual_alias_maps: 'inline:{ { reply@reply.example.org = support@example.org } }',
    },
    check: 'postfix.rewriting',
    what: /virtual_alias_maps turns reply@reply\.example\.org into support@example\.org/,
    fix: /out of virtual_alias_maps/,
    code: 78,
  },
  {
    name: 'nothing that refuses bad addresses',
    main: { smtpd_recipient_restrictions: '', smtpd_restriction_classes: '' },
    check: 'postfix.refusal',
    what: /neither check_policy_service nor reject_unverified_recipient/,
    fix: /mailgw-ctl postfix-config/,
    code: 0,
  },
  {
    name: 'a policy service that mailgw does not serve',
    settings: { policy: { socket: '' } },
    check: 'postfix.refusal',
    what: /asks a policy service at unix:mailgw\/policy\.sock, and policy\.socket is empty/,
    fix: /policy\.socket = "\S+queue\/mailgw\/policy\.sock"/,
    code: 78,
  },
  {
    name: 'probes that put bad addresses off',
    main: { smtpd_recipient_restrictions: 'reject_unverified_recipient' },
    check: 'postfix.unverified_code',
    what: /unverified_recipient_reject_code is 450/,
    fix: /= 550'/,
    code: 0,
  },
  {
    name: 'probes that refuse for good while mailgwd is stopped',
    main: {
      smtpd_recipient_restrictions: 'reject_unverified_recipient',
      unverified_recipient_reject_code: '550',
      unverified_recipient_defer_code: '550',
    },
    check: 'postfix.unverified_defer_code',
    what: /unverified_recipient_defer_code is 550/,
    fix: /unverified_recipient_defer_code = 450/,
    code: 78,
  },
  {
    name: 'soft_bounce left on',
    main: { soft_bounce: 'yes' },
    check: 'postfix.soft_bounce',
    what: /soft_bounce is yes/,
    fix: /soft_bounce = no/,
    code: 0,
  },
  {
    name: 'a filter that is passed by when it is down',
    settings: { spam: { source: 'header' } },
    main: ({ scratch }) => ({
      smtpd_milters: `unix:${scratch.path('milter')}`,
      milter_default_action: 'accept',
    }),
    plant: ({ scratch }) => serving(scratch.path('milter'), NEGOTIATED),
    check: 'postfix.milter',
    what: /milter_default_action is accept/,
    fix: /tempfail/,
    code: 0,
  },
  {
    name: "the sender's own spam fields",
    settings: { spam: { source: 'header' } },
    check: 'postfix.spam_fields',
    what: /leaves "X-Spam-Flag: NO" of a sender in place/,
    fix: /header_checks/,
    code: 0,
  },
  {
    name: "the sender's own Authentication-Results",
    settings: { sender: { ...STRICT.sender, own_received: 1 } },
    check: 'postfix.forged_results',
    what: /leaves "Authentication-Results: mx\.example\.org" of a sender in place, and sender\.own_received is 1/,
    fix: /header_checks.*before milters add theirs/,
    code: 0,
  },
  {
    name: 'a table that takes out what a policy service prepends',
    settings: FLAG,
    main: {
      header_checks: 'regexp:{ { /^Authentication-Results:/ IGNORE } }',
      smtpd_sender_restrictions: 'check_policy_service unix:private/policyd-spf',
    },
    check: 'postfix.forged_results',
    what: /also those that the policy service unix:private\/policyd-spf prepends/,
    fix: /take that line out/,
    code: 0,
  },
  {
    name: 'a table that takes out Received',
    settings: FLAG,
    main: { header_checks: 'regexp:{ { /^Received:/ IGNORE } }' },
    check: 'postfix.received',
    what: /removes Postfix's own Received/,
    fix: /cleanup_service_name/,
    code: 0,
  },
  {
    name: 'a setting that Postfix does not know',
    main: { mailgw_detsination_recipient_limit: '1' },
    check: 'postfix.configuration',
    what: /unused parameter: mailgw_detsination_recipient_limit/,
    fix: /postconf -c/,
    code: 0,
  },
  // ---- The filter
  {
    name: 'a strict policy without any filter',
    settings: STRICT,
    check: 'postfix.filter',
    what: /smtpd_milters and content_filter are empty: nothing here writes Authentication-Results/,
    fix: /rspamd or OpenDMARC.*smtpd_milters =/,
    code: 78,
  },
  {
    name: 'a strict policy without a filter where another host of the site may have one',
    settings: { sender: { ...STRICT.sender, own_received: 1 } },
    check: 'postfix.filter',
    what: /nothing here writes Authentication-Results/,
    fix: /rspamd or OpenDMARC/,
    code: 0,
  },
  {
    name: 'a filter that does not run',
    settings: STRICT,
    main: { smtpd_milters: '{ inet:localhost:1, connect_timeout=3s }' },
    check: 'postfix.milter_answers',
    what: /^inet:localhost:1: localhost:1: .*ECONNREFUSED/,
    fix: /start the filter that listens at localhost:1 /,
    code: 69,
  },
  {
    name: 'the one filter of two that does not run, by a line of master.cf',
    settings: STRICT,
    master: [/(smtpd\n)/, '$1  -o smtpd_milters=unix:$queue_directory/up,unix:$queue_directory/down\n'],
    plant: ({ scratch }) => serving(scratch.path('queue', 'up'), NEGOTIATED),
    check: 'postfix.milter_answers',
    what: /^unix:\S+\/queue\/down: \S+\/queue\/down: .*ENOENT/,
    fix: /start the filter that listens at \S+\/queue\/down /,
    code: 69,
  },
  {
    name: 'something else where a filter should listen',
    main: ({ scratch }) => ({ smtpd_milters: `unix:${scratch.path('milter')}` }),
    plant: ({ scratch }) => serving(scratch.path('milter'), '220 mx.example.org ESMTP\r\n'),
    check: 'postfix.milter_answers',
    what: /answers "220 mx\.example\.org ESMTP", which no milter does/,
    fix: /start the filter/,
    code: 69,
  },
  {
    name: 'an authserv-id that the filter does not write',
    settings: STRICT,
    args: (patient) => messageFile(patient, results('filter.example.org') + received),
    check: 'filter.authserv_id',
    what: /is "mx\.example\.org"; the message has Authentication-Results of "filter\.example\.org"/,
    fix: /sender\.authserv_id = "filter\.example\.org"/,
    code: 78,
  },
  {
    name: 'a milter that writes below a Received field',
    settings: STRICT,
    args: (patient) => messageFile(patient, received + results('mx.example.org')),
    check: 'filter.authserv_id',
    what: /stands below 1 Received fields, sender\.own_received is 0/,
    fix: /sender\.own_received = 1/,
    code: 78,
  },
  {
    name: 'a message without Received',
    settings: STRICT,
    args: (patient) => messageFile(patient, results('mx.example.org')),
    check: 'filter.authserv_id',
    what: /no Received field/,
    fix: /header_checks/,
    code: 78,
  },
  {
    name: 'a message that was handed to sendmail',
    settings: { sender: { ...STRICT.sender, own_received: 1 } },
    args: (patient) =>
      messageFile(patient, `Received: by mx (Postfix, from userid 33)\n${results('mx.example.org')}`),
    check: 'filter.authserv_id',
    what: /submitted by sendmail\(1\) on this host/,
    fix: /came from outside/,
    code: 0,
  },
  {
    name: 'a field that can be read in two ways',
    settings: FLAG,
    args: (patient) => messageFile(patient, results('mx.example.org; spf=none (x(y))') + received),
    check: 'filter.authserv_id',
    what: /can be read in two ways: a comment within a comment/,
    fix: /forgery/,
    code: 0,
  },
  {
    name: 'a filter that writes nothing',
    settings: STRICT,
    args: (patient) => messageFile(patient, received),
    check: 'filter.authserv_id',
    what: /no Authentication-Results at all/,
    fix: /OpenDMARC, rspamd/,
    code: 78,
  },
  {
    name: 'a filter that writes nothing, where replies are only marked',
    settings: { sender: { ...STRICT.sender, policy: 'flag' } },
    args: (patient) => messageFile(patient, received),
    check: 'filter.authserv_id',
    what: /no Authentication-Results at all/,
    fix: /OpenDMARC, rspamd/,
    code: 0,
  },
  // ---- Store, clock, servers
  {
    name: 'a damaged store',
    settings: ({ scratch }) => ({ store: { path: scratch.path('damaged', 'mailgw.db') } }),
    plant: async ({ scratch }) => {
      await runOk('mkdir', ['-p', scratch.path('damaged')]);
      const path = scratch.path('damaged', 'mailgw.db');
      const source = new Sqlite(scratch.path('mailgw.db'), { readonly: true });
      await source.backup(path);
      source.close();
      const bytes = readFileSync(path);
      writeFileSync(path, bytes.fill(0x5a, 4096 * 3, 4096 * 8), { mode: 0o600 });
      return () => {
        rmSync(scratch.path('damaged'), { recursive: true });
      };
    },
    check: 'store.integrity',
    what: /damage|malformed/,
    fix: /db restore FILE/,
    code: 74,
  },
  {
    name: 'a file system that is mounted read-only',
    settings: ({ scratch }) => ({ store: { path: scratch.path('readonly', 'mailgw.db') } }),
    plant: async ({ scratch }) => {
      const place = scratch.path('readonly');
      mkdirSync(place, { recursive: true });
      await runOk('mount', ['-t', 'tmpfs', '-o', 'size=16m,mode=0755', 'tmpfs', place]);
      const source = new Sqlite(scratch.path('mailgw.db'), { readonly: true });
      await source.backup(`${place}/mailgw.db`);
      source.close();
      chmodSync(`${place}/mailgw.db`, 0o600);
      await runOk('mount', ['-o', 'remount,ro', place]);
      return async () => {
        await runOk('umount', [place]);
      };
    },
    check: 'store.integrity',
    what: /mounted read-only; mount it read-write/,
    fix: /^findmnt -T/,
    code: 74,
  },
  {
    name: 'a full disk',
    settings: { store: { low_water: '900000GiB' } },
    check: 'store.space',
    what: /MiB are free, store\.low_water is/,
    fix: /df -h/,
    code: 74,
  },
  {
    name: 'a clock that was set back',
    plant: ({ scratch }) => {
      const database = new Sqlite(scratch.path('mailgw.db'));
      database.exec(`INSERT INTO item (id, state, head, user, thread, replied_to_at, reverse_path, received_at, attempts,
        worker_deaths, bytes, sender_policy, sender_result) VALUES ('future', 'held', 0, 'alice', 't', 0, '',
        ${Date.now() + 86_400_000}, 0, 0, 0, 'off', 'none')`);
      return () => {
        database.exec("DELETE FROM item WHERE id = 'future'");
        database.close();
      };
    },
    check: 'clock',
    what: /1 items were received after now/,
    fix: /timedatectl/,
    code: 69,
  },
  {
    name: 'users who are all disabled',
    plant: async ({ daemon }) => {
      await daemon.ctl('user', 'disable', ALICE.user);
      return async () => {
        await daemon.ctl('user', 'enable', ALICE.user);
      };
    },
    check: 'store.users',
    what: /all 1 users are disabled/,
    fix: new RegExp(`user enable ${ALICE.user}`),
    code: 0,
  },
  {
    name: 'a user who can write from nowhere',
    settings: STRICT,
    main: { content_filter: 'scan:[127.0.0.1]:10025' },
    plant: async ({ daemon }) => {
      await daemon.ctl('user', 'add', 'bob');
      return async () => {
        await daemon.ctl('user', 'remove', 'bob', '--yes');
      };
    },
    check: 'store.users',
    what: /of 2 users 1 have no address: bob/,
    fix: /user set bob --address/,
    code: 0,
  },
  {
    name: 'a platform that does not run',
    settings: { sink: { url: 'http://127.0.0.1:1/hooks' } },
    check: 'sink.reachable',
    what: /http:\/\/127\.0\.0\.1:1\/hooks: .*ECONNREFUSED/,
    fix: /start the platform/,
    code: 69,
  },
  {
    name: 'a spamd that does not run',
    settings: { spam: { source: 'spamd', spamd: '127.0.0.1:1' } },
    check: 'spamd',
    what: /127\.0\.0\.1:1: /,
    fix: /systemctl start spamd/,
    code: 69,
  },
  {
    name: 'nobody who sends notices',
    settings: { notice: { kinds: ['refused'], server: '127.0.0.1:1' } },
    check: 'notice.server',
    what: /127\.0\.0\.1:1: .*ECONNREFUSED/,
    fix: /start Postfix/,
    code: 69,
  },
  {
    name: 'a queue that somebody paused',
    plant: async ({ daemon }) => {
      await daemon.ctl('queue', 'pause');
      return async () => {
        await daemon.ctl('queue', 'resume');
      };
    },
    check: 'queue.paused',
    what: /the queue is paused/,
    fix: /queue resume/,
    code: 0,
  },
  {
    name: 'a Postfix that takes no mail',
    args: () => ['--smtp', '127.0.0.1:1'],
    check: 'round_trip.smtp',
    what: /127\.0\.0\.1:1: .*ECONNREFUSED/,
    fix: /postfix start/,
    code: 69,
  },
];

/** A TOML text with some keys set; values as JSON. */
function withSettings(text: string, settings: Settings): string {
  let changed = text;
  for (const [section, keys] of Object.entries(settings)) {
    if (!changed.includes(`[${section}]\n`)) changed += `[${section}]\n`;
    for (const [key, value] of Object.entries(keys)) {
      const [before = '', rest = ''] = changed.split(`[${section}]\n`);
      const end = rest.search(/^\[/m);
      const own = (end === -1 ? rest : rest.slice(0, end)).replace(new RegExp(`^${key} = .*\n`, 'm'), '');
      changed = `${before}[${section}]\n${key} = ${JSON.stringify(value)}\n${own}${end === -1 ? '' : rest.slice(end)}`;
    }
  }
  return changed;
}

function findingsOf({ stdout }: RunResult): Row[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row);
}

describe('mailgw-ctl doctor', { concurrency: false }, () => {
  let patient: Patient | undefined;
  let main = '';
  let master = '';
  if (skip === false) {
    const scratch = suiteScratch();
    before(async () => {
      const platform = await startPlatform(scratch);
      const daemon = await startDaemon(scratch, {
        sink: platform.sink,
        socket: lmtpSocketIn(scratch),
        settings: {
          lmtp: { group: 'postfix' },
          policy: { socket: policySocketIn(scratch), group: 'postfix' },
        },
      });
      await daemon.addUser(ALICE.user, ALICE.address);
      const directory = await configurePostfix(scratch, await freePort(), { variants: ['main-policy.cf'] });
      main = readFileSync(`${directory}/main.cf`, 'utf8');
      master = readFileSync(`${directory}/master.cf`, 'utf8');
      patient = { scratch, daemon, platform, postfixUid: Number(await runOk('id', ['-u', 'postfix'])) };
    });
    after(() => scratch.close());
  }
  const here = (): Patient => {
    if (patient === undefined) throw new Error('the patient is not there');
    return patient;
  };

  async function examine(illness: Partial<Illness>, words: readonly string[]): Promise<RunResult> {
    const at = here();
    const { scratch, daemon } = at;
    const settings = typeof illness.settings === 'function' ? illness.settings(at) : (illness.settings ?? {});
    const lines = typeof illness.main === 'function' ? illness.main(at) : (illness.main ?? {});
    writeFileSync(scratch.path('doctor.toml'), withSettings(readFileSync(daemon.config, 'utf8'), settings));
    const changed = Object.entries(lines).reduce(
      (text, [name, value]) => `${text.replace(new RegExp(`^${name} = .*\n`, 'm'), '')}${name} = ${value}\n`,
      main,
    );
    writeFileSync(scratch.path('postfix', 'main.cf'), changed);
    const [from, to] = illness.master ?? [/^$/, ''];
    writeFileSync(scratch.path('postfix', 'master.cf'), master.replace(from, to));
    const cure = await illness.plant?.(at);
    try {
      return await runTool([
        '--config',
        scratch.path('doctor.toml'),
        ...words,
        ...(illness.args?.(at) ?? []),
      ]);
    } finally {
      await cure?.();
    }
  }

  const doctor = (): readonly string[] => [
    '--json',
    'doctor',
    '--postfix-config',
    here().scratch.path('postfix'),
  ];

  it('finds nothing wrong where nothing is', { skip }, async () => {
    const result = await examine({}, doctor());
    const wrong = findingsOf(result).filter(({ status }) => status === 'problem' || status === 'warning');
    // The daemons of these tests are root's, where the tests are.
    const [root, ...others] = wrong;
    assert.deepEqual([root?.check, root?.status], ['daemon.user', 'warning']);
    assert.deepEqual([result.code, others, result.stderr], [0, [], '']);
  });

  for (const illness of ILLNESSES) {
    it(`names ${illness.name}`, { skip }, async () => {
      const result = await examine(illness, doctor());
      const found = findingsOf(result).filter(({ check }) => check === illness.check);
      const [finding] = found.filter(({ status }) => status === 'problem' || status === 'warning');
      assert.ok(finding !== undefined, `${result.stdout}${result.stderr}`);
      assert.match(String(finding.what), illness.what);
      assert.match(String(finding.fix), illness.fix);
      assert.ok(String(finding.why).length > 20);
      assert.equal(finding.status, illness.code === 0 ? 'warning' : 'problem');
      assert.equal(result.code, illness.code, result.stdout);
    });
  }

  it('tells people what, why and how, and ends with a count', { skip }, async () => {
    const { scratch } = here();
    const words = ['doctor', '--postfix-config', scratch.path('postfix')];
    const result = await examine({ main: { message_size_limit: '0' } }, words);
    assert.equal(result.code, 78);
    assert.match(
      result.stdout,
      /^PROBLEM postfix\.message_size: message_size_limit is 0, which is none; .*\n {8}why: .*\n {8}fix: postconf /m,
    );
    assert.match(result.stderr, /^mailgw-ctl: 1 problem, 1 warning\n$/);
  });

  it('says so where there is no such Postfix, and no configuration', { skip }, async () => {
    const { scratch } = here();
    const gone = await examine({}, ['--json', 'doctor', '--postfix-config', scratch.path('nowhere')]);
    assert.equal(gone.code, 78);
    assert.match(gone.stdout, /"check":"postfix\.configuration","status":"problem"/);
    const none = await runTool(['--config', scratch.path('none.toml'), 'doctor']);
    assert.equal(none.code, 78);
    assert.match(none.stdout, /^PROBLEM configuration: .*\n.*\n {8}fix: mailgw-ctl init/);
  });

  it('blames nothing on the files that only root and the service may read', { skip }, async () => {
    const { scratch } = here();
    await examine({}, ['config', 'check']);
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, TOOL];
    const where = ['--config', scratch.path('doctor.toml'), '--json', 'doctor'];
    chmodSync(scratch.directory, 0o755);
    const { stdout } = await run('setpriv', [...nobody, ...where]);
    const found = findingsOf({ code: 0, stdout, stderr: '' });
    const statuses = ['files.pepper', 'files.sink_secret', 'store.integrity'].map(
      (name) => found.find(({ check }) => check === name)?.status,
    );
    assert.deepEqual(statuses, ['skipped', 'skipped', 'skipped'], stdout);
    assert.doesNotMatch(stdout, /restore|does not start/);
  });

  it('says when no time server sets the clock', { skip }, async () => {
    const { scratch } = here();
    // The answer of systemd where it runs and nothing sets the clock; this host has its own.
    mkdirSync(scratch.path('bin'));
    writeFileSync(scratch.path('bin', 'timedatectl'), '#!/bin/sh\necho no\n', { mode: 0o755 });
    await examine({}, ['config', 'check']);
    const words = ['--config', scratch.path('doctor.toml'), ...doctor()];
    const found = findingsOf(await runTool(words, [`PATH=${scratch.path('bin')}:${process.env.PATH ?? ''}`]));
    const clock = found.find(({ check }) => check === 'clock');
    assert.equal(clock?.status, 'warning');
    assert.match(String(clock.what), /set by no time server/);
  });

  it('goes by the sockets that systemd holds, whatever the configuration names', { skip }, async () => {
    const { scratch } = here();
    const units = scratch.path('units');
    mkdirSync(`${units}/mailgw.socket.d`, { recursive: true });
    const unit = (name: string, text: string): void => {
      writeFileSync(`${units}/${name}`, text);
    };
    unit('mailgw.service', `[Service]\nExecStart=mailgwd \\\n  --config ${scratch.path('doctor.toml')}\n`);
    const listens = (path: string, name: string): string =>
      `[Socket]\nListenStream=${path}\nFileDescriptorName=${name}\nService=mailgw.service\n`;
    unit('mailgw-policy.socket', listens(policySocketIn(scratch), 'policy'));
    unit('mailgw.socket', listens('/nowhere/lmtp.sock', 'lmtp'));
    unit('mailgw.socket.d/place.conf', `[Socket]\nListenStream=\nListenStream=${lmtpSocketIn(scratch)}\n`);
    const other = { lmtp: { socket: scratch.path('no.sock') }, policy: { socket: '' } };
    await examine({ settings: other }, ['config', 'check']);
    const look = async (): Promise<RunResult> =>
      await runTool(['--config', scratch.path('doctor.toml'), ...doctor()], [`SYSTEMD_UNIT_PATH=${units}`]);

    const seen = findingsOf(await look());
    const whatOf = (rows: readonly Row[], name: string): string =>
      String(rows.find(({ check }) => check === name)?.what);
    assert.match(whatOf(seen, 'postfix.refusal'), /smtpd\(8\) asks the policy service/);
    assert.match(whatOf(seen, 'socket.policy'), /answers action=DUNNO/);
    assert.match(whatOf(seen, 'socket.lmtp'), /220 /);

    // A place that a chrooted lmtp(8) does not see, in the unit alone.
    const outside = scratch.path('outside.sock');
    const end = await serving(outside, '220 mx LMTP mailgw\r\n');
    unit('mailgw.socket.d/place.conf', `[Socket]\nListenStream=\nListenStream=${outside}\n`);
    const moved = findingsOf(await look());
    end();
    assert.match(whatOf(moved, 'postfix.socket_path'), /lmtp\.socket is \S+outside\.sock/);
    assert.equal(moved.find(({ check }) => check === 'socket.lmtp')?.status, 'ok');
  });

  it('takes neither a place nor a time that there cannot be', { skip }, async () => {
    for (const [option, value] of [
      ['--smtp', 'localhost'],
      ['--smtp', 'localhost:99999'],
      ['--smtp', 'localhost:0'],
      ['--wait', 'soon'],
      ['--wait', ''],
      ['--wait', '-1'],
      ['--wait', '3601'],
    ] as const) {
      const smtp = option === '--smtp' ? [] : ['--smtp', '127.0.0.1:25'];
      const { code, stderr } = await examine({}, ['doctor', ...smtp, `${option}=${value}`]);
      assert.equal(code, 65);
      assert.ok(stderr.startsWith(`mailgw-ctl: ${option} "${value}": expected `), stderr);
    }
  });

  it('asks the platform by OPTIONS alone, and posts nothing', { skip }, async () => {
    const result = await examine({}, doctor());
    const [reached] = findingsOf(result).filter(({ check }) => check === 'sink.reachable');
    assert.match(String(reached?.what), /OPTIONS answered \d{3}/);
    assert.match(result.stdout, /"check":"sink\.posts_as".*the user of each reply.*signed with one secret/);
    assert.match(result.stdout, new RegExp(`"check":"store\\.users".*1 of 1 users may reply: ${ALICE.user}`));
    assert.equal(existsSync(here().scratch.path('mailgw.db')), true);
  });

  describe('postfix-config', () => {
    it('prints what a Postfix needs, and that Postfix passes its own check', { skip }, async () => {
      const { scratch } = here();
      const queue = ['--queue-directory', scratch.path('queue')];
      const { stdout } = await examine({}, ['--json', 'postfix-config', ...queue]);
      const [printed] = findingsOf({ code: 0, stdout, stderr: '' });
      writeFileSync(scratch.path('postfix', 'main.cf'), `${bare(main)}${String(printed?.main_cf)}`);
      writeFileSync(
        scratch.path('postfix', 'master.cf'),
        master.replace(/^mailgw .*\n.*\n/m, String(printed?.master_cf)),
      );
      const words = [
        '--config',
        scratch.path('doctor.toml'),
        'postfix-config',
        '--check',
        scratch.path('postfix'),
      ];
      const checked = await runTool(words);
      assert.deepEqual([checked.code, checked.stderr], [0, ''], checked.stdout);
      assert.doesNotMatch(checked.stdout, /WARNING|PROBLEM/);
    });

    it('names what differs, with the same words as doctor', { skip }, async () => {
      const check = ['postfix-config', '--check', here().scratch.path('postfix')];
      const result = await examine({ main: { relay_transport: 'relay' } }, check);
      assert.equal(result.code, 78);
      assert.match(
        result.stdout,
        /^PROBLEM postfix\.transport: relay_transport sends reply\.example\.org to "relay"/m,
      );
    });
  });
});

/** A main.cf without what is mailgw's. */
function bare(text: string): string {
  return text
    .split('\n')
    .filter((line) => !/^(?:relay_|mailgw_|message_size|smtpd_re)/.test(line))
    .join('\n');
}
