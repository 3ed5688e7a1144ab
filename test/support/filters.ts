// The filters that sites run in front of mailgw, as private processes with a name server of the test's own.
//
// Contract: each start… returns once the filter takes connections; all end with the scratch. What would take its name
// servers from /etc/resolv.conf is given ours: OpenDMARC by resolver-shim.c, policyd-spf by policyd-spf.py.
// Failure: …Unavailable() says why the machine cannot run it; the tests skip with that sentence.

import type { KeyObject } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import type { PostfixOptions } from './postfix.ts';
import { DaemonProcess, repositoryRoot, runOk } from './process.ts';
import type { Scratch } from './scratch.ts';

/** The authserv-id that all of them write. */
export const AUTHSERV_ID = 'mx.example.org';

/** Why a program cannot run here, or false if it can: the value of a test's `skip`. */
export function programUnavailable(program: string): string | false {
  return existsSync(program) ? false : `unavailable: ${program} is not installed`;
}

/** Why OpenDMARC cannot be given our name server here, or false if it can. */
export function opendmarcUnavailable(): string | false {
  return (
    programUnavailable('/usr/sbin/opendmarc') ||
    (['cc', 'gcc'].some((name) => existsSync(`/usr/bin/${name}`)) ? false : 'unavailable: no C compiler')
  );
}

/** The words before a command that give it the name server at `port`. */
async function withResolver(scratch: Scratch, port: number): Promise<string[]> {
  const library = scratch.path('resolver-shim.so');
  const source = join(repositoryRoot, 'test/support/resolver-shim.c');
  await runOk('cc', ['-O2', '-shared', '-fPIC', '-o', library, source]);
  return [`LD_PRELOAD=${library}`, `RESOLVER_PORT=${port}`];
}

/** Starts OpenDKIM; its milter, as Postfix names it. */
export async function startOpenDkim(scratch: Scratch, records: string): Promise<string> {
  return await startMilter(scratch, 'opendkim', ['opendkim', '-f', '-x'], {
    Mode: 'v',
    AuthservID: AUTHSERV_ID,
    TestDNSData: `file:${file(scratch, 'opendkim', 'records', records)}`,
    AlwaysAddARHeader: 'yes',
    UserID: 'root',
    // Otherwise mail of 127.0.0.1 is taken for the site's own.
    InternalHosts: `file:${file(scratch, 'opendkim', 'nobody', '192.0.2.99\n')}`,
    RequireSafeKeys: 'no',
    UMask: '0000',
  });
}

/** Starts OpenDKIM as a signer of a domain's mail, where a chrooted smtpd(8) reaches it; its milter, as Postfix names it. */
export async function startSigner(scratch: Scratch, domain: string, key: KeyObject): Promise<string> {
  const pem = key.export({ type: 'pkcs8', format: 'pem' }).toString();
  const settings = {
    Mode: 's',
    Domain: domain,
    Selector: 'mail',
    KeyFile: file(scratch, 'opendkim-signer', 'key', pem),
    Canonicalization: 'relaxed/relaxed',
    SignHeaders: 'from,reply-to,subject,date,to,message-id',
    UserID: 'root',
    RequireSafeKeys: 'no',
    UMask: '0000',
  };
  const command = ['opendkim', '-f', '-x'];
  await startMilter(scratch, 'opendkim-signer', command, settings, scratch.path('queue', 'opendkim'));
  return 'unix:opendkim/milter.sock';
}

/** Starts OpenDMARC, which asks the name server at `port`; its milter, as Postfix names it. */
export async function startOpendmarc(scratch: Scratch, port: number): Promise<string> {
  const command = [...(await withResolver(scratch, port)), 'opendmarc', '-f', '-c'];
  return await startMilter(scratch, 'opendmarc', command, {
    AuthservID: AUTHSERV_ID,
    TrustedAuthservIDs: AUTHSERV_ID,
    SPFIgnoreResults: 'true',
    SPFSelfValidate: 'true',
    IgnoreHosts: file(scratch, 'opendmarc', 'nobody', '192.0.2.99\n'),
    RejectFailures: 'false',
    UserID: 'root',
    UMask: '0000',
  });
}

/** Writes a file of one filter's; its path. */
function file(scratch: Scratch, place: string, name: string, text: string): string {
  mkdirSync(scratch.path(place), { recursive: true });
  writeFileSync(scratch.path(place, name), text);
  return scratch.path(place, name);
}

async function startMilter(
  scratch: Scratch,
  name: string,
  command: readonly string[],
  settings: Readonly<Record<string, string>>,
  directory = scratch.path(name),
): Promise<string> {
  for (const each of [scratch.path(name), directory]) mkdirSync(each, { recursive: true });
  const socket = join(directory, 'milter.sock');
  const lines = Object.entries({
    ...settings,
    Socket: `local:${socket}`,
    PidFile: scratch.path(name, 'pid'),
  });
  const config = file(scratch, name, 'conf', lines.map(([key, value]) => `${key} ${value}\n`).join(''));
  const daemon = new DaemonProcess('env', [...command, config], scratch.path(`${name}.log`));
  scratch.defer(async () => {
    if (daemon.ended === undefined) await daemon.end('SIGTERM');
  });
  const look = (): true | undefined => {
    if (daemon.ended !== undefined) throw new Error(`${name} ended: ${daemon.ended}\n${daemon.output()}`);
    return existsSync(socket) ? true : undefined;
  };
  await eventually(look, () => daemon.output(), 30_000);
  return `unix:${socket}`;
}

/** What a Postfix needs to ask policyd-spf, and that the name server at `port`, about every recipient. */
export function policydSpf(scratch: Scratch, port: number): Pick<PostfixOptions, 'services' | 'settings'> {
  const settings = {
    debugLevel: '0',
    TestOnly: '1',
    HELO_reject: 'False',
    Mail_From_reject: 'False',
    skip_addresses: '192.0.2.99',
    Header_Type: 'AR',
    Authserv_Id: AUTHSERV_ID,
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key} = ${value}\n`);
  const config = file(scratch, 'policyd-spf', 'conf', lines.join(''));
  const program = `/usr/bin/python3 ${join(repositoryRoot, 'test/support/policyd-spf.py')} ${port}`;
  return {
    services: `policyd-spf unix - n n - 0 spawn user=nobody argv=${program} ${config}\n`,
    settings: {
      smtpd_recipient_restrictions: 'check_policy_service unix:private/policyd-spf',
      policyd_spf_time_limit: '3600',
    },
  };
}
