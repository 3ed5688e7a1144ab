/**
 * The store: whether its file is sound, has room, and lies in no other time; and what the queue in it waits for.
 *
 * Contract: reads alone. The process is the store's owner by now.
 */
import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Config } from '../../config.ts';
import { STORE_EXIT } from '../../exit-status.ts';
import { type QuickCheck, quickCheckStore } from '../../queue/quick-check.ts';
import type { Store } from '../../queue/store.ts';
import { StoreError } from '../../queue/store-error.ts';
import { EXIT } from '../fault.ts';
import { type Finding, fine, note, problem, skipped, warning } from './finding.ts';

/** Clocks that differ by less are no matter. */
const SKEW_MS = 5 * 60_000;

/** Free space in times of the low-water mark below which it is worth a word. */
const TIGHT = 4;

/** Before this the clock of a host without a battery begins: 2024. */
const EARLIEST_NOW = Date.UTC(2024, 0, 1);

/** Examines the file, its file system and the clock. */
export async function checkStoreFile(config: Config, now: number): Promise<Finding[]> {
  const { path } = config.store;
  const space = await checkSpace(config);
  if (!existsSync(path)) {
    return [
      note('store.integrity', `${path}: there is no store yet; mailgwd or "mailgw-ctl user add" makes it`),
      space,
      checkClock(undefined, now),
    ];
  }
  try {
    const seen = quickCheckStore(path, now + SKEW_MS);
    return [checkIntegrity(path, seen), space, checkClock(seen, now)];
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    const finding = problem('store.integrity', STORE_EXIT[error.kind], {
      what: error.message,
      why: 'mailgwd does not start, and Postfix keeps the mail for five days',
      fix: `stop mailgwd, move ${path} and ${path}-wal away, and restore a backup ("mailgw-ctl db backup" made it)`,
    });
    return [finding, space, checkClock(undefined, now)];
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
    fix: `stop mailgwd, move ${path} and ${path}-wal away, and restore a backup`,
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

function checkClock(seen: QuickCheck | undefined, now: number): Finding {
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
  return fine(check, `${shown}; nothing in the store is newer`);
}

/** Examines what the queue says of itself. */
export async function checkQueue(store: Store): Promise<Finding[]> {
  const { byState, paused, sink } = await store.counts();
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
  if (sink !== undefined && sink.state !== 'up') {
    findings.push(
      problem('queue.sink', sink.state === 'broken' ? EXIT.configuration : EXIT.unavailable, {
        what: `mailgwd found the sink ${sink.state} at ${new Date(sink.sinceAt).toISOString()}: ${sink.diagnostic}`,
        why: 'replies wait in the queue; they are tried again by themselves',
        fix: 'mend the platform, or [sink] in mailgw.toml; then mailgw-ctl queue retry --state waiting',
      }),
    );
  } else
    findings.push(
      fine(
        'queue.sink',
        sink === undefined ? 'mailgwd has noted no trouble with the sink' : 'the last post was taken',
      ),
    );
  return findings;
}
