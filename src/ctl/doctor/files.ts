/**
 * Files that mailgw needs: the pepper, the sink's secrets, the store and the directory of the socket, and whose they are.
 *
 * Contract: looks at modes and owners, and reads secrets only to see that they are ones. Who mailgwd runs as is told by
 * the owner of the store.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Config } from '../../config.ts';
import { CREDENTIALS, readSecretFile } from '../../secret-file.ts';
import { EXIT } from '../fault.ts';
import { PEPPER_BYTES } from '../session.ts';
import { modeText } from './access.ts';
import { type Finding, fine, problem, warning } from './finding.ts';

/** Bytes of a Standard Webhooks secret. */
const SECRET_BYTES = 24;

/** Examines them. */
export function checkFiles(config: Config, configPath: string): Finding[] {
  const { pepperFile } = config.reply;
  return [
    checkConfigurationMode(configPath),
    checkSecret(config, 'files.pepper', 'reply.pepper_file', pepperFile, PEPPER_BYTES),
    ...sinkSecrets(config).map((file) =>
      checkSecret(config, 'files.sink_secret', 'sink.secret_file', file, SECRET_BYTES),
    ),
    ...checkStoreFiles(config),
    checkSocketDirectory(config),
  ];
}

function checkConfigurationMode(path: string): Finding {
  const check = 'files.configuration';
  const { mode } = statSync(path);
  if ((mode & 0o022) === 0) return fine(check, `${path}, mode ${modeText(mode)}`);
  return problem(check, EXIT.configuration, {
    what: `${path} has mode ${modeText(mode)}`,
    why: 'whoever may write it decides where posts go, and as whom',
    fix: `chmod go-w ${path}`,
  });
}

/** The files with the sink's secrets, where mailgw itself reads them. */
function sinkSecrets(config: Config): string[] {
  const { type, secret_file: given } = config.sink;
  if (type !== 'webhook') return [];
  return [given].flat().filter((file) => typeof file === 'string');
}

const KINDS = { 'files.pepper': 'the pepper', 'files.sink_secret': "the sink's secret" } as const;

function checkSecret(
  config: Config,
  check: keyof typeof KINDS,
  key: string,
  file: string,
  bytes: number,
): Finding {
  const secret = readSecretFile(key, file, bytes);
  if (!secret.ok) return unusableSecret(check, file, secret.problem);
  const { uid } = statSync(file);
  const service = serviceUser(config);
  const isReadable = service === undefined || uid === service || service === 0;
  if (!isReadable && uid === 0) return judgeCredential(check, key, file);
  if (!isReadable) {
    return problem(check, EXIT.configuration, {
      what: `${key}: ${file} belongs to user ${uid}; mailgwd runs as user ${service}, the owner of the store`,
      why: `mailgwd cannot read ${KINDS[check]} and does not start`,
      fix: `chown ${service} ${file}`,
    });
  }
  return fine(check, `${file}: ${secret.bytes.length} bytes, for its owner alone`);
}

/** A secret that only root can read: the service has it as a credential, or not at all. */
function judgeCredential(check: keyof typeof KINDS, key: string, file: string): Finding {
  // Credentials are root's, and systemd lets the service read them.
  if (file.startsWith(join(CREDENTIALS, '/'))) return fine(check, `${file}: a credential of the service`);
  const name = basename(file);
  const given = credentialsOf(name);
  if (given.length === 0) {
    return problem(check, EXIT.configuration, {
      what: `${key}: ${file} is root's alone, and no running service of mailgw has a credential "${name}"`,
      why: `mailgwd cannot read ${KINDS[check]} and does not start, unless mailgw.service has LoadCredential=${name}:${file}`,
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

/** The credentials of this name that running services of ours have. */
function credentialsOf(name: string): string[] {
  if (!existsSync(CREDENTIALS)) return [];
  return readdirSync(CREDENTIALS)
    .filter((unit) => unit.startsWith('mailgw'))
    .map((unit) => join(CREDENTIALS, unit, name))
    .filter((credential) => existsSync(credential));
}

function unusableSecret(check: keyof typeof KINDS, file: string, detail: string): Finding {
  const isPepper = check === 'files.pepper';
  if (!existsSync(file)) {
    return problem(check, EXIT.configuration, {
      what: detail,
      why: isPepper
        ? 'without the pepper no address can be minted or verified; a new one voids every address that is out there'
        : 'without it nothing can be signed, and mailgwd does not start',
      fix: isPepper
        ? 'restore it from a backup, or on a new site: mailgw-ctl init'
        : 'mailgw-ctl init, and give the platform what it makes',
    });
  }
  const isMode = detail.includes(' lets group or world in');
  return problem(check, EXIT.configuration, {
    what: detail,
    why: isMode
      ? `others on this host can read ${KINDS[check]}, and mailgwd does not start`
      : 'mailgwd does not start',
    fix: isMode ? `chmod 0600 ${file}` : `restore ${file} from a backup`,
  });
}

/** Who mailgwd runs as, as far as the store tells. */
function serviceUser(config: Config): number | undefined {
  const { path } = config.store;
  return statSync(dirname(path), { throwIfNoEntry: false })?.uid;
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
