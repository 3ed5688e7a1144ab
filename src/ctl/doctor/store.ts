/**
 * The store: whether its file is sound, has room, and lies in no other time; and what the queue in it waits for.
 *
 * Contract: reads alone. The process is the store's owner by now.
 */
import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EXIT, systemCode } from '../../actions/fault.ts';
import type { NamedPeppers } from '../../config/secret-file.ts';
import type { ConfiguredSink } from '../../config/sinks.ts';
import { NO_LANE } from '../../mail/lane.ts';
import { pepperFingerprint } from '../../mail/token.ts';
import type { Config } from '../../site/config.ts';
import { judgePeppers, type PepperStanding, pepperProblem, showPepper } from '../../site/pepper.ts';
import { knownThreads } from '../../site/sinks.ts';
import type { NamedStatus } from '../../store/sink-status.ts';
import type { QuickCheck } from '../../store/sqlite/quick-check.ts';
import type { Store } from '../../store/store.ts';
import { STORE_EXIT, StoreError, type StoreErrorKind } from '../../store/store-error.ts';
import { type Finding, fine, note, problem, skipped, warning } from './finding.ts';

/** Clocks that differ by less are no matter. */
const SKEW_MS = 5 * 60_000;

/** Users that are named; the rest is counted. */
const MOST_NAMED = 5;

/** Free space in times of the low-water mark below which it is worth a word. */
const TIGHT = 4;

/** How long systemd may take to answer. */
const WITHIN_MS = 5000;

/** Before this the clock of a host without a battery begins: 2024. */
const EARLIEST_NOW = Date.UTC(2024, 0, 1);

/** What mends a store that cannot be opened. */
const MENDING: Readonly<Record<StoreErrorKind, (path: string) => string>> = {
  locked: (path) => `fuser -v ${path}   # names who has it; end that process`,
  'newer-schema': () => 'install the newer mailgw again, or restore a backup from before it',
  'not-a-database': restored,
  damaged: restored,
  unreachable: () => 'systemctl status postgresql   # on the host of the database',
  refused: () => 'mailgw-ctl db sql   # the SQL that makes the role and the database',
  unusable: (path) =>
    `findmnt -T ${dirname(path)}; df -h ${dirname(path)}; ls -l ${path}*   # and mend what they show`,
  'no-directory': () => 'mailgw-ctl init, or systemd-tmpfiles --create',
};

function restored(path: string): string {
  return `systemctl stop mailgw; mailgw-ctl db restore FILE   # a backup that "mailgw-ctl db backup" made; ${path} is kept`;
}

/** Examines the file, its file system and the clock. */
export async function checkStoreFile(config: Config, now: number): Promise<Finding[]> {
  const { path } = config.store;
  const space = await checkSpace(config);
  if (!mayRead(path)) {
    const what = `${path}: this user may not read it; run doctor as root, or as the user of mailgwd`;
    return [skipped('store.integrity', what), space, await checkClock(undefined, now)];
  }
  if (!existsSync(path)) {
    return [
      note('store.integrity', `${path}: there is no store yet; mailgwd or "mailgw-ctl user add" makes it`),
      space,
      await checkClock(undefined, now),
    ];
  }
  const { quickCheckStore } = await import('../../store/sqlite/quick-check.ts');
  try {
    const seen = quickCheckStore(path, now + SKEW_MS);
    return [checkIntegrity(path, seen), space, await checkClock(seen, now)];
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    const finding = problem('store.integrity', STORE_EXIT[error.kind], {
      what: error.message,
      why: 'mailgwd does not start, and Postfix keeps the mail for five days',
      fix: MENDING[error.kind](path),
    });
    return [finding, space, await checkClock(undefined, now)];
  }
}

function checkIntegrity(path: string, { damage }: QuickCheck): Finding {
  const [first] = damage;
  if (first === undefined)
    return fine(
      'store.integrity',
      `${path}: sound by SQLite's quick check; "mailgw-ctl db check" does the long one`,
    );
  return problem('store.integrity', EXIT.inputOutput, {
    what: `${path}: ${damage.length} damages: ${first}`,
    why: 'mail is answered 451 where a damaged page is met, and replies may be lost',
    fix: restored(path),
  });
}

async function checkSpace({ store }: Config): Promise<Finding> {
  const check = 'store.space';
  const directory = dirname(store.path);
  let free: number;
  try {
    const { bavail, bsize } = await statfs(directory);
    free = bavail * bsize;
  } catch {
    return skipped(check, `${directory}: its file system does not say`);
  }
  const mark = store.lowWaterBytes;
  const what = `${directory}: ${mebibytes(free)} MiB are free, store.low_water is ${mebibytes(mark)} MiB`;
  const fix = `make room on the file system of ${directory}: df -h ${directory}; mailgw-ctl db prune; mailgw-ctl db vacuum`;
  if (free < mark)
    return problem(check, EXIT.inputOutput, {
      what,
      why: 'all mail is answered 452 4.3.1 until there is room',
      fix,
    });
  if (free < TIGHT * mark)
    return warning(check, { what, why: 'below the mark all mail is answered 452 4.3.1', fix });
  return fine(check, what);
}

const mebibytes = (bytes: number): number => Math.floor(bytes / 1024 ** 2);

/** Tells whether this process may look at the store, or at the place where there is none yet. */
function mayRead(path: string): boolean {
  try {
    accessSync(existsSync(path) ? path : dirname(path), constants.R_OK);
    return true;
  } catch (error) {
    return systemCode(error) !== 'EACCES';
  }
}

/** Examines the clock, by what was seen in the store where it is a file. */
export async function checkClock(seen: QuickCheck | undefined, now: number): Promise<Finding> {
  const check = 'clock';
  const shown = new Date(now).toISOString();
  const why =
    'addresses are judged by this clock: fresh ones seem to lie in the future and are deferred, old ones stay good';
  const fix = 'timedatectl; systemctl restart systemd-timesyncd (or chronyd)';
  if (now < EARLIEST_NOW)
    return problem(check, EXIT.unavailable, { what: `the clock says ${shown}`, why, fix });
  if (seen !== undefined && seen.futureItems > 0) {
    const newest = new Date(seen.newestReceivedAt ?? 0).toISOString();
    return problem(check, EXIT.unavailable, {
      what: `${seen.futureItems} items were received after now, the latest at ${newest}: the clock says ${shown}, and was ahead then or is behind now`,
      why,
      fix,
    });
  }
  if ((await isSynchronized()) === false) {
    return warning(check, {
      what: `the clock says ${shown}; by systemd it is set by no time server`,
      why,
      fix,
    });
  }
  return fine(check, seen === undefined ? shown : `${shown}; nothing in the store is newer`);
}

/** Asks systemd whether the clock is synchronized; undefined where it does not run. */
function isSynchronized(): Promise<boolean | undefined> {
  return new Promise((resolve) => {
    const args = ['show', '--property=NTPSynchronized', '--value'];
    execFile('timedatectl', args, { timeout: WITHIN_MS }, (error, stdout) => {
      resolve(error === null ? stdout.trim() === 'yes' : undefined);
    });
  });
}

/** Examines who may reply. */
export async function checkUsers(store: Store, { sender }: Config): Promise<Finding> {
  const check = 'store.users';
  const users = await store.listUsers();
  const enabled = users.filter((user) => user.enabled);
  const named = (some: readonly { readonly name: string }[]): string => {
    const names = some.slice(0, MOST_NAMED).map(({ name }) => name);
    return names.join(', ') + (some.length > MOST_NAMED ? ` and ${some.length - MOST_NAMED} more` : '');
  };
  if (enabled.length === 0) {
    return warning(check, {
      what: users.length === 0 ? 'there are no users' : `all ${users.length} users are disabled`,
      why: 'every reply is refused: an address belongs to a user',
      fix:
        users.length === 0
          ? 'mailgw-ctl user add alice --address alice@example.com'
          : `mailgw-ctl user enable ${users[0]?.name ?? ''}`,
    });
  }
  const unknown = enabled.filter(({ addresses }) => addresses.length === 0);
  if (sender.policy === 'strict' && unknown.length > 0) {
    return warning(check, {
      what: `of ${enabled.length} users ${unknown.length} have no address: ${named(unknown)}`,
      why: 'sender.policy = "strict" takes a reply only from an address of its user: theirs are all discarded as spoofed',
      fix: `mailgw-ctl user set ${unknown[0]?.name ?? ''} --address ADDRESS`,
    });
  }
  return fine(check, `${enabled.length} of ${users.length} users may reply: ${named(enabled)}`);
}

/** Examines whether the store's addresses were minted under one of these peppers. */
export async function checkPeppers(store: Store, peppers: NamedPeppers): Promise<Finding> {
  const check = 'store.pepper';
  const standing = await judgePeppers(store, peppers);
  if (standing.kind === 'other')
    return problem(check, EXIT.configuration, {
      what: pepperProblem(standing, peppers),
      why: 'no address verifies under another pepper: all mail is answered 451, and nothing is minted',
      fix: `put the pepper of a backup into ${peppers[0].file} and restart mailgwd; only if it is lost: mailgw-ctl pepper accept`,
    });
  if (standing.kind === 'first') return note(check, 'the store has no addresses yet, and takes this pepper');
  if (standing.kind === 'next') {
    const next = showPepper(pepperFingerprint(peppers[0].bytes));
    return note(
      check,
      `addresses are minted under ${shown(standing)}, until mailgwd takes ${next} in front of it: mailgw-ctl reload`,
    );
  }
  return fine(check, `addresses are minted under ${shown(standing)}`);
}

function shown({ minting: { bytes, file } }: Exclude<PepperStanding, { kind: 'other' }>): string {
  return `${showPepper(pepperFingerprint(bytes))}, which is in ${file}`;
}

/** Examines what the queue says of itself. */
export async function checkQueue(store: Store, config: Config): Promise<Finding[]> {
  const { byState, paused, sinks, lanes } = await store.counts();
  const findings: Finding[] = [];
  findings.push(
    paused
      ? warning('queue.paused', {
          what: 'the queue is paused',
          why: 'replies are taken and none is posted',
          fix: 'mailgw-ctl queue resume',
        })
      : fine('queue.paused', 'the queue is not paused'),
  );
  if (byState.failed > 0) {
    findings.push(
      warning('queue.failed', {
        what: `${byState.failed} replies are dead letters`,
        why: 'nobody will post them unless somebody looks',
        fix: 'mailgw-ctl queue list --state failed; then queue retry or queue drop',
      }),
    );
  }
  findings.push(...config.sinks.map((sink) => judgeSink(sink, sinks)));
  const stray = lanes.find(({ lane }) => lane === NO_LANE)?.open ?? 0;
  if (stray > 0) findings.push(strays(stray, config));
  return findings;
}

/** Judges what mailgwd last found out about a sink. */
function judgeSink({ name, key, threads }: ConfiguredSink, statuses: readonly NamedStatus[]): Finding {
  const [what, place] = threads === undefined ? ['the sink', '[sink]'] : [`the sink ${name}`, key];
  const status = statuses.find((each) => each.name === name);
  if (status === undefined) return fine('queue.sink', `nothing is known of ${what} before its first answer`);
  const { state, sinceAt, diagnostic } = status;
  if (state === 'up') return fine('queue.sink', `${what} is up: ${diagnostic}`);
  const retried = threads === undefined ? '' : ` --sink ${name}`;
  return problem('queue.sink', state === 'broken' ? EXIT.configuration : EXIT.unavailable, {
    what: `mailgwd finds ${what} ${state} since ${new Date(sinceAt).toISOString()}; its last answer: ${diagnostic}`,
    why: 'replies wait in the queue; they are tried again by themselves',
    fix: `mend the platform, or ${place} in mailgw.toml; then mailgw-ctl queue retry --state waiting${retried}`,
  });
}

/** Tells of what is for no sink. */
function strays(count: number, config: Config): Finding {
  return problem('queue.stray', EXIT.configuration, {
    what: `${count} replies are to threads that no [[sink]] is for; there are ${knownThreads(config)}`,
    why: 'they wait for a sink until delivery.max_age is over, then they are dead letters',
    fix: 'mailgw-ctl queue list --sink none; give a [[sink]] the beginning of their threads, and mailgw-ctl reload',
  });
}
