/**
 * Files that mailgw needs: the pepper, secrets of sinks and sources, the store and the directory of the socket, and whose they are.
 *
 * Contract: looks at modes and owners, and reads secrets only to see that they are ones. Who mailgwd runs as is told by
 * the owner of the store's directory. What this process may not read, and mailgwd may, is not examined.
 */
import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { EXIT, systemCode } from '../../actions/fault.ts';
import { CREDENTIALS, PEPPER_BYTES, readSecretFile, readSecretText } from '../../config/secret-file.ts';
import { sinkFiles } from '../../sinks/catalogue.ts';
import type { Config } from '../../site/config.ts';
import { tableFiles } from '../../site/table-rows.ts';
import { distrust } from '../../system/trusted-file.ts';
import { type Member, modeText, obstacleTo } from './access.ts';
import { type Finding, fine, problem, skipped, warning } from './finding.ts';

/** Examines them. */
export function checkFiles(config: Config, configPath: string): Finding[] {
  const { pepperFile } = config.reply;
  return [
    checkConfiguration(config, configPath),
    ...pepperFile.map((file) => checkSecret(config, 'files.pepper', 'reply.pepper_file', file, PEPPER_BYTES)),
    ...checkSinkSecrets(config),
    ...checkSourceSecrets(config),
    ...checkStorePassword(config),
    ...checkStoreFiles(config),
    checkSocketDirectory(config),
  ];
}

function checkConfiguration(config: Config, path: string): Finding {
  const check = 'files.configuration';
  const { mode, uid } = statSync(path);
  const service = serviceUser(config);
  const shown = `${path} (mode ${modeText(mode)}, of user ${uid})`;
  if ((mode & 0o022) !== 0) {
    return problem(check, EXIT.configuration, {
      what: `${path} has mode ${modeText(mode)}`,
      why: 'whoever may write it decides where posts go, and as whom',
      fix: `chmod go-w ${path}`,
    });
  }
  if (service === undefined) return fine(check, shown);
  const kept = unreadable(check, path, service);
  if (kept !== undefined) return kept;
  if (uid !== 0 && uid !== service.uid) {
    return warning(check, {
      what: `${path} belongs to user ${uid}, who is neither root nor user ${service.uid}, as whom mailgwd runs`,
      why: 'whoever may write it decides where posts go, and as whom',
      fix: `chown root ${path}`,
    });
  }
  return fine(check, shown);
}

/** Finds what keeps mailgwd from reading a file that root can; only root sees that. */
function unreadable(check: string, file: string, service: Member): Finding | undefined {
  const obstacle = process.getuid?.() === 0 ? obstacleTo(file, service, 'r') : undefined;
  if (obstacle === undefined) return undefined;
  const { path, lacks, mode, uid, gid } = obstacle;
  const place = path === file ? file : `${file}: the directory ${path}`;
  return problem(check, EXIT.configuration, {
    what: `${place} (mode ${mode}, owner ${uid}:${gid}) keeps user ${service.uid} out, as whom mailgwd runs: it lacks "${lacks}" there`,
    why: 'mailgwd cannot read it and does not start',
    fix: `chgrp ${service.gid} ${path} && chmod g+${lacks} ${path}`,
  });
}

/** Examines the sink's secrets, where mailgw itself reads them. */
function checkSinkSecrets(config: Config): Finding[] {
  const files = config.sinks.flatMap(({ key, options }) => sinkFiles(options, key));
  return files.flatMap(({ key, setting, paths }) => {
    if (setting?.names !== 'secret') return [];
    return paths.map((file) => checkSecret(config, 'files.sink_secret', key, file, setting.leastBytes));
  });
}

/** Examines the passwords of mailboxes and the keys of providers. */
function checkSourceSecrets(config: Config): Finding[] {
  return tableFiles(config)
    .filter(({ names }) => names === 'secret')
    .flatMap(({ key, paths }) =>
      paths.map((file) => checkSecret(config, 'files.source_secret', key, file, undefined)),
    );
}

/** Examines the password of a store on a server. */
function checkStorePassword(config: Config): Finding[] {
  const { passwordFile } = config.store;
  if (passwordFile === undefined) return [];
  return [checkSecret(config, 'files.store_password', 'store.password_file', passwordFile, undefined)];
}

/** The end of what is said of a file that nobody has written the secret into. */
const EMPTY = 'is empty; expected the secret, on one line';

const KINDS = {
  'files.pepper': 'the pepper',
  'files.sink_secret': "the sink's secret",
  'files.source_secret': "the source's secret",
  'files.store_password': 'the password of the store',
} as const;

/** Says what mailgwd does without a secret. */
const without = (check: keyof typeof KINDS): string =>
  check === 'files.source_secret' ? 'takes no mail by this source' : 'does not start';

function checkSecret(
  config: Config,
  check: keyof typeof KINDS,
  key: string,
  file: string,
  leastBytes: number | undefined,
): Finding {
  const secret = readSecret(key, file, leastBytes);
  const service = serviceUser(config);
  if (!secret.ok)
    return isStranger(config) && isClosed(file)
      ? notOurs(check, file)
      : unusableSecret(check, file, secret.problem);
  const whole = fine(check, `${file}: ${secret.bytes} bytes, for its owner alone`);
  // Credentials are root's, and systemd lets the service read them.
  if (service === undefined || isCredential(file)) return whole;
  const { uid } = statSync(file);
  const isReadable = uid === service.uid || service.uid === 0;
  if (!isReadable && uid === 0) return judgeCredential(check, key, file);
  if (!isReadable) {
    return problem(check, EXIT.configuration, {
      what: `${key}: ${file} belongs to user ${uid}; mailgwd runs as user ${service.uid}, the owner of the store`,
      why: `mailgwd cannot read ${KINDS[check]} and ${without(check)}`,
      fix: `chown ${service.uid} ${file}`,
    });
  }
  return unreadable(check, file, service) ?? whole;
}

/** Reads a secret of at least so many bytes, or a platform's own key, which is text of any length; tells how long it is. */
function readSecret(
  key: string,
  file: string,
  leastBytes: number | undefined,
): { readonly ok: true; readonly bytes: number } | { readonly ok: false; readonly problem: string } {
  if (leastBytes === undefined) {
    const read = readSecretText(key, file);
    return read.ok ? { ok: true, bytes: Buffer.byteLength(read.text) } : read;
  }
  const read = readSecretFile(key, file, leastBytes);
  return read.ok ? { ok: true, bytes: read.bytes.length } : read;
}

/** Judges a secret that only root can read: the service has it as a credential, or not at all. */
function judgeCredential(check: keyof typeof KINDS, key: string, file: string): Finding {
  const name = basename(file);
  const given = credentialsOf(name);
  if (given.length === 0) {
    return problem(check, EXIT.configuration, {
      what: `${key}: ${file} is root's alone, and no running service of mailgw has a credential "${name}"`,
      why: `mailgwd cannot read ${KINDS[check]} and ${without(check)}, unless mailgw.service has LoadCredential=${name}:${file}`,
      fix: `systemctl restart mailgw.service; where it lacks that line: chown --reference=/var/lib/mailgw ${file}`,
    });
  }
  const wanted = readFileSync(file);
  if (given.some((credential) => readFileSync(credential).equals(wanted)))
    return fine(check, `${file}: root's alone, and the service's credential "${name}"`);
  return warning(check, {
    what: `${key}: ${file} was changed since mailgw.service was started`,
    why: 'systemd reads it at a start: mailgwd goes on with the old one',
    fix: 'systemctl restart mailgw.service',
  });
}

/** Lists the credentials of this name that running services of ours have. */
function credentialsOf(name: string): string[] {
  if (!existsSync(CREDENTIALS)) return [];
  return readdirSync(CREDENTIALS)
    .filter((unit) => unit.startsWith('mailgw'))
    .map((unit) => join(CREDENTIALS, unit, name))
    .filter((credential) => existsSync(credential));
}

const isCredential = (file: string): boolean => file.startsWith(join(CREDENTIALS, '/'));

/**
 * Tells whether this process is neither root nor mailgwd's user. What it may not do says nothing of what mailgwd may.
 */
export function isStranger(config: Config): boolean {
  const self = process.getuid?.();
  return self !== 0 && self !== serviceUser(config)?.uid;
}

/** Tells whether a file is there that this process may not read. */
function isClosed(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return false;
  } catch (error) {
    return systemCode(error) === 'EACCES';
  }
}

const notOurs = (check: string, file: string): Finding =>
  skipped(check, `${file}: this user may not read it; run doctor as root`);

function unusableSecret(check: keyof typeof KINDS, file: string, detail: string): Finding {
  const isPepper = check === 'files.pepper';
  const isMode = detail.includes(' lets group or world in');
  if (check === 'files.source_secret') {
    const write = `write it into ${file}, on one line, with mode 0600, as a file of the user of mailgwd`;
    const fix = isMode ? `chmod 0600 ${file}` : write;
    return problem(check, EXIT.configuration, { what: detail, why: `mailgwd ${without(check)}`, fix });
  }
  if (!existsSync(file) && isCredential(file)) {
    return problem(check, EXIT.configuration, {
      what: detail,
      why: 'systemd passes it only while the service runs; without it no address can be minted or verified, and nothing signed',
      fix: 'systemctl start mailgw.service; if it is there then, nothing is wrong; if not, look at LoadCredential= in systemctl cat mailgw.service',
    });
  }
  if (!existsSync(file)) {
    return problem(check, EXIT.configuration, {
      what: detail,
      why: isPepper
        ? 'without the pepper no address can be minted or verified; a new one voids every address that is out there'
        : 'without it nothing can be posted, and mailgwd does not start',
      fix: isPepper
        ? 'restore it from a backup, or on a new site: mailgw-ctl init'
        : 'mailgw-ctl init makes it: a secret of ours for the platform, or an empty file for the key that the platform gave you',
    });
  }
  if (detail.includes('EACCES')) {
    return problem(check, EXIT.configuration, {
      what: detail,
      why: `mailgwd runs as this user, cannot read ${KINDS[check]} and ${without(check)}`,
      fix: `as root: chown ${process.getuid?.() ?? '?'} ${file}; chmod 0600 ${file}`,
    });
  }
  if (detail.endsWith(EMPTY)) {
    return problem(check, EXIT.configuration, {
      what: detail,
      why: `mailgwd does not start without ${KINDS[check]}`,
      fix: isPepper
        ? `restore ${file} from a backup`
        : `write the key that the platform gave you into ${file}`,
    });
  }
  return problem(check, EXIT.configuration, {
    what: detail,
    why: isMode
      ? `others on this host can read ${KINDS[check]}, and mailgwd does not start`
      : 'mailgwd does not start',
    fix: isMode ? `chmod 0600 ${file}` : `restore ${file} from a backup`,
  });
}

/** Finds the user that mailgwd runs as, as far as the store tells. */
function serviceUser({ store: { path } }: Config): Member | undefined {
  const owner = statSync(dirname(path), { throwIfNoEntry: false });
  if (owner === undefined) return undefined;
  const { uid, gid } = owner;
  try {
    // systemd gives a service all groups of its user.
    const groups = execFileSync('id', ['-G', String(uid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return { uid, gid, groups: groups.trim().split(' ').map(Number) };
  } catch {
    return { uid, gid }; // a user without a name
  }
}

function checkStoreFiles(config: Config): Finding[] {
  const check = 'files.store';
  const { path } = config.store;
  const directory = statSync(dirname(path), { throwIfNoEntry: false });
  if (directory === undefined) {
    return [
      problem(check, EXIT.cannotCreate, {
        what: `store.path: ${dirname(path)} does not exist`,
        why: 'mailgwd does not start',
        fix: 'mailgw-ctl init, or systemd-tmpfiles --create',
      }),
    ];
  }
  const foreign = ['', '-wal', '-shm']
    .map((suffix) => path + suffix)
    .find((file) => (statSync(file, { throwIfNoEntry: false })?.uid ?? directory.uid) !== directory.uid);
  const distrusted = distrust(dirname(path), 'believed');
  if (distrusted !== undefined) {
    return [
      problem(check, EXIT.configuration, {
        what: distrusted,
        why: 'whoever may write it can put another store in the place of ours; mailgwd does not start',
        fix: `chmod o-w ${dirname(path)}`,
      }),
    ];
  }
  if (foreign !== undefined) {
    return [
      problem(check, EXIT.inputOutput, {
        what: `${foreign} belongs to user ${statSync(foreign).uid}, its directory to user ${directory.uid}`,
        why: 'one of the two cannot write the store: mail is answered 451, or mailgwd does not start',
        fix: `chown ${directory.uid}:${directory.gid} ${path} ${path}-wal ${path}-shm`,
      }),
    ];
  }
  const file = statSync(path, { throwIfNoEntry: false });
  if (file !== undefined && (file.mode & 0o077) !== 0) {
    return [
      warning(check, {
        what: `${path} has mode ${modeText(file.mode)}`,
        why: 'others on this host can read the mail and the salts in it',
        fix: `chmod 0600 ${path}`,
      }),
    ];
  }
  return [fine(check, `${path}, of user ${directory.uid}`)];
}

function checkSocketDirectory(config: Config): Finding {
  const check = 'files.socket_directory';
  const directory = dirname(config.lmtp.socket);
  const stats = statSync(directory, { throwIfNoEntry: false });
  if (stats === undefined) {
    return problem(check, EXIT.cannotCreate, {
      what: `lmtp.socket: ${directory} does not exist`,
      why: 'there is no socket for Postfix to deliver to: mail is deferred',
      fix: `systemctl start mailgw.socket, or install -d -o mailgw -g postfix -m 0750 ${directory}`,
    });
  }
  if ((stats.mode & 0o002) !== 0) {
    return problem(check, EXIT.configuration, {
      what: `${directory} has mode ${modeText(stats.mode)}`,
      why: 'anybody on this host can put a socket of their own in the place of ours and read the mail',
      fix: `chmod o-w ${directory}`,
    });
  }
  return fine(check, `${directory}, mode ${modeText(stats.mode)}`);
}
