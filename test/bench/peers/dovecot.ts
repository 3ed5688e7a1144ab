/**
 * Dovecot's LMTP with mail_fsync = always and 20 Maildir mailboxes: what a site runs for final delivery today.
 *
 * A private instance with its own configuration, run and mail directories. As root its mail belongs to `nobody`, because
 * Dovecot refuses to deliver as root; otherwise everything runs as the caller. Its master clears the environment, so
 * the fsync shim is handed on by name.
 */
import { spawnSync } from 'node:child_process';
import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import path from 'node:path';
import { findCommand } from './command.ts';
import { launchPeer, type Peer, type PeerContext, socketPath } from './peer.ts';

const NOBODY = 65534;

/** Dovecot's LMTP server (2.3). */
export const dovecot: Peer = {
  name: 'dovecot',
  label: 'Dovecot LMTP, mail_fsync = always, 20 Maildir mailboxes',
  durable: true,
  async start(context) {
    const command = findCommand('dovecot');
    if (command === undefined) return { missing: 'no dovecot (Debian: dovecot-lmtpd)' };
    const version = dovecotVersion();
    if (version?.startsWith('2.3') !== true)
      return { missing: `dovecot ${version ?? '?'}: its configuration is for 2.3` };
    const target = { path: socketPath(context) };
    const file = path.join(context.directory, 'dovecot.conf');
    writeFileSync(file, configuration(context, target.path));
    return launchPeer(context, command, ['-F', '-c', file], { target });
  },
};

/** Version of the installed Dovecot, `undefined` where there is none. */
export function dovecotVersion(): string | undefined {
  const command = findCommand('dovecot');
  if (command === undefined) return undefined;
  return spawnSync(command, ['--version'], { encoding: 'utf8' }).stdout.trim();
}

function configuration(context: PeerContext, socket: string): string {
  const mail = path.join(context.directory, 'mail');
  mkdirSync(mail);
  const asRoot = process.getuid?.() === 0;
  const { username, uid, gid } = userInfo();
  const [mailUid, mailGid] = asRoot ? [NOBODY, NOBODY] : [uid, gid];
  if (asRoot) chownSync(mail, mailUid, mailGid);
  const users = asRoot ? '' : `default_internal_user = ${username}\ndefault_login_user = ${username}\n`;
  return `${users}base_dir = ${context.directory}/run
state_dir = ${context.directory}/state
log_path = ${context.directory}/dovecot.log
import_environment = TZ LD_PRELOAD BENCH_FSYNC_US
protocols = lmtp
ssl = no
auth_mechanisms = plain
first_valid_uid = 1
first_valid_gid = 1
mail_fsync = always
mail_location = maildir:~/Maildir
postmaster_address = postmaster@reply.example
passdb {
  driver = static
  args = nopassword=y
}
userdb {
  driver = static
  args = uid=${mailUid} gid=${mailGid} home=${mail}/%n allow_all_users=yes
}
service lmtp {
  process_min_avail = 2
  process_limit = 200
  unix_listener ${socket} {
    mode = 0666
  }
}
`;
}
