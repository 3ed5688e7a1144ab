/**
 * `mailgw-ctl db`: looks after the store: check, backup, restore, prune, vacuum; and prints what makes a database.
 *
 * Contract: all but restore is safe while mailgwd runs, and that refuses then. A check that finds damage ends with
 * 74, one that finds rows that contradict each other with 65. Progress goes to a terminal only, on standard error.
 */
import { existsSync, openSync } from 'node:fs';
import { resolve } from 'node:path';
import { badInput, describe, EXIT, type ExitStatus, Fault, usage } from '../../actions/fault.ts';
import { dedupeWindowMs } from '../../config/config.ts';
import type { Config } from '../../site/config.ts';
import { storeKey, storePlace } from '../../site/store-place.ts';
import type { BackupError } from '../../store/sqlite/maintenance.ts';
import type { BackupFile, Restored } from '../../store/sqlite/restore.ts';
import type { Store } from '../../store/store.ts';
import type { StoreCheck, StoreProblem } from '../../store/store-check.ts';
import { isoTime } from '../../system/iso-time.ts';
import type { CommandGroup, CommandSpec, Context } from '../command.ts';
import { onDatabase, onStoreFile, onStorePlace, openConfig, openFileConfig, withStore } from '../session.ts';
import { confirm, YES_OPTION } from '../terminal/confirm.ts';
import { interrupted, interruptibly } from '../terminal/interrupt.ts';
import { printDone, printObject, printText, progressOn } from '../terminal/print.ts';
import { checkNotServed, copy, restored } from './db-copy.ts';

/** The programs that do it where the store is in PostgreSQL; the check is ours in both. */
const INSTEAD = {
  backup: 'pg_dump --format=custom --file=FILE DATABASE copies it',
  restore:
    'stop mailgwd on all hosts, and pg_restore --clean --if-exists --dbname=DATABASE FILE puts a copy back',
  vacuum: 'its autovacuum does that by itself, and VACUUM (FULL) by hand',
} as const;

const check: CommandSpec = {
  words: 'check',
  summary: 'examine the whole store: every page, every row, and the rules that rows keep among each other',
  examples: ['check', 'check --json'],
  run: async (_input, context) => {
    const config = openConfig(context);
    const { url } = config.store;
    if (url === undefined)
      await onStoreFile(config, async (path) => {
        const { checkStore } = await import('../../store/sqlite/check.ts');
        printCheck(context, config, checkStore(path));
      });
    else
      await onDatabase(config, url, async ({ password }) => {
        const { checkPostgres } = await import('../../store/postgres/check.ts');
        printCheck(context, config, await checkPostgres(url, password));
      });
  },
};

function printCheck({ output }: Context, config: Config, { items, problems }: StoreCheck): void {
  const place = storePlace(config);
  const ok = problems.length === 0;
  if (output.json) printObject(output, { store: place, ok, items, problems });
  if (!ok) throw checkFault(`${storeKey(config)}: ${place}`, problems);
  if (!output.json) printText(output, `${place}: ${items} items, no problem found`);
}

function checkFault(place: string, problems: readonly StoreProblem[]): Fault {
  const isDamaged = problems.some(({ rule }) => rule === 'integrity');
  const advice = isDamaged
    ? 'stop mailgwd and restore the store from a backup'
    : 'report this as a bug of mailgw, with a backup of the store';
  const lines = problems.map(({ rule, detail }) => `${place}: ${rule}: ${detail}`);
  return new Fault(isDamaged ? EXIT.inputOutput : EXIT.badInput, [
    ...lines,
    `${place}: ${problems.length} problems; ${advice}`,
  ]);
}

const backup: CommandSpec = {
  words: 'backup <file>',
  summary: 'copy the store to a new file, as it is at this moment, and check the copy',
  examples: [
    'backup /var/lib/mailgw/backup-$(date +%F).db',
    'backup /var/lib/mailgw/before-upgrade.db --json',
  ],
  run: (input, context) => {
    const destination = resolve(input.argument()); // before the store's owner is somebody else
    return onStoreFile(openFileConfig(context, INSTEAD.backup), async (path) => {
      const { backupStore, BackupError } = await import('../../store/sqlite/maintenance.ts');
      try {
        const progress = progressOn(context.output, 'pages copied');
        const { items, bytes } = await interruptibly((signal) =>
          backupStore(path, destination, progress, signal),
        );
        printDone(
          context.output,
          { store: path, backup: destination, items, bytes },
          `${destination}: ${items} items, ${bytes} bytes; to restore it, stop mailgwd and run "mailgw-ctl db restore ${destination}"`,
        );
      } catch (error) {
        if (!(error instanceof BackupError)) throw error;
        if (error.kind === 'interrupted') throw interrupted(`db backup: ${error.message}`);
        throw new Fault(BACKUP_EXIT[error.kind], error.message, { cause: error });
      }
    });
  },
};

const BACKUP_EXIT: Readonly<Record<Exclude<BackupError['kind'], 'interrupted'>, ExitStatus>> = {
  exists: EXIT.cannotCreate,
  'cannot-create': EXIT.cannotCreate,
  'bad-copy': EXIT.inputOutput,
};

const restore: CommandSpec = {
  words: 'restore <file>',
  summary:
    'put a backup in the place of the store, while mailgwd does not run; the present store is kept beside it',
  options: [YES_OPTION],
  examples: [
    'restore /var/lib/mailgw/backup-2026-11-27.db',
    'restore /var/lib/mailgw/before-upgrade.db --yes',
  ],
  run: async (input, context) => {
    const file = resolve(input.argument());
    const config = openFileConfig(context, INSTEAD.restore);
    await checkNotServed(config.store.path);
    const backup = openBackup(file); // before root is the store's owner, who may not read it
    await onStorePlace(config, async (path) => {
      const { restoreStore, RestoreError } = await import('../../store/sqlite/restore.ts');
      try {
        const restored = await restoreStore(path, backup, Date.now(), async (plan) => {
          if (plan.kept !== undefined) await confirm(input, context.output, `db restore: ${inWords(plan)}`);
        });
        const { items, backedUpAt, lost, kept } = restored;
        printDone(
          context.output,
          {
            store: path,
            backup: file,
            items,
            backed_up_at: isoTime(backedUpAt),
            kept: kept ?? null,
            lost_replies: lost?.replies ?? null,
            lost_users: lost?.users ?? null,
            lost_threads: lost?.threads ?? null,
          },
          `${path}: ${items} items of ${file}; ${inWords(restored)}. Addresses of newer users and threads are put off for a day`,
        );
      } catch (error) {
        if (!(error instanceof RestoreError)) throw error;
        throw new Fault(EXIT.inputOutput, error.message, { cause: error });
      }
    });
  },
};

/** Opens a backup, and its log where it has one. */
function openBackup(file: string): BackupFile {
  try {
    const log = existsSync(`${file}-wal`) ? openSync(`${file}-wal`, 'r') : undefined;
    return { name: file, database: openSync(file, 'r'), log };
  } catch (error) {
    throw badInput(
      `${file}: cannot be read: ${describe(error)}; expected a backup that "mailgw-ctl db backup" made`,
    );
  }
}

/** Puts the costs of a restore into words. */
function inWords({ backedUpAt, lost, kept }: Restored): string {
  const since = String(isoTime(backedUpAt));
  if (kept === undefined) return `there was no store; what came after ${since} is not in it`;
  const what =
    lost === undefined
      ? 'it cannot be read, so what it has beyond the backup is not known'
      : `what it has beyond the backup of ${since} is ${lost.replies} replies not posted, ${lost.users} users and ${lost.threads} threads`;
  return `the present store is kept as ${kept}; ${what}`;
}

const prune: CommandSpec = {
  words: 'prune',
  summary:
    'remove now what retention would: old rows of posted replies, content, fingerprints, and users removed 30 days ago',
  examples: ['prune', 'prune --json'],
  run: (_input, context) =>
    withStore(context, async ({ config, store }) => {
      const { contents, rows, dedupes, users } = await pruneAll(config, store, context);
      printDone(
        context.output,
        { contents, rows, fingerprints: dedupes, removed_users: users },
        `${rows} posted replies, ${contents} messages, ${dedupes} fingerprints and ${users} removed users were out of date and are gone`,
      );
    }),
};

async function pruneAll(
  config: Config,
  store: Store,
  { output }: Context,
): Promise<{ contents: number; rows: number; dedupes: number; users: number; remembered: number }> {
  const { outOfDate } = await import('../../store/retention.ts');
  const { keepContentMs: contentMs, keepRowsMs: rowsMs } = config.store;
  const { originalsBytes } = config.reply;
  const periods = { contentMs, rowsMs, dedupeMs: dedupeWindowMs(config), originalsBytes };
  const sum = { contents: 0, rows: 0, dedupes: 0, users: 0, remembered: 0 };
  const progress = progressOn(output, 'rows removed');
  return interruptibly(async (signal) => {
    for (;;) {
      const step = await store.prune({ ...outOfDate(periods, Date.now()), keepFreeBytes: Infinity });
      sum.contents += step.contents;
      sum.rows += step.rows;
      sum.dedupes += step.dedupes;
      sum.users += step.users;
      sum.remembered += step.remembered;
      const removed = sum.contents + sum.rows + sum.dedupes + sum.users + sum.remembered;
      progress(removed, step.isDone ? removed : undefined);
      if (step.isDone) return sum;
      if (signal.aborted)
        throw interrupted(
          `db prune: interrupted; ${removed} rows, messages and fingerprints are gone, the rest goes with the next run`,
        );
    }
  });
}

const vacuum: CommandSpec = {
  words: 'vacuum',
  summary: 'give the unused space in the store back to the file system; mailgwd keeps 64 MiB of it by itself',
  examples: ['vacuum', 'vacuum --json'],
  run: (_input, context) =>
    onStoreFile(openFileConfig(context, INSTEAD.vacuum), async (path) => {
      const { vacuumStore } = await import('../../store/sqlite/maintenance.ts');
      const progress = progressOn(context.output, 'pages freed');
      const { bytesBefore, bytesAfter, isWhole } = await interruptibly((signal) =>
        vacuumStore(path, progress, signal),
      );
      if (!isWhole)
        throw interrupted(
          `db vacuum: interrupted at ${bytesAfter} bytes, ${bytesBefore} before; the next run goes on with the rest`,
        );
      printDone(
        context.output,
        { store: path, bytes_before: bytesBefore, bytes_after: bytesAfter },
        `${path}: ${bytesAfter} bytes, ${bytesBefore} before`,
      );
    }),
};

const sql: CommandSpec = {
  words: 'sql',
  summary: 'print the SQL by which an administrator of PostgreSQL makes the role and the database of mailgw',
  options: [
    { flags: '--role <name>', doc: 'the role of mailgwd (default: mailgw)' },
    { flags: '--database <name>', doc: 'the database (default: mailgw)' },
    {
      flags: '--least',
      doc: 'another role owns the schema, and is in the SQL; that of mailgwd reads and changes rows alone',
    },
    {
      flags: '--from <version>',
      doc: 'with --least: the schema that is there is of this version (default: 0, none)',
    },
  ],
  examples: ['sql | sudo -u postgres psql', 'sql --least --from 1', 'sql --json'],
  run: async (input, { output }) => {
    const { ownerOf, roleSql, SCHEMA } = await import('../../store/postgres/role.ts');
    const role = input.text('role') ?? 'mailgw';
    const database = input.text('database') ?? 'mailgw';
    const isLeast = input.flag('least');
    const given = input.text('from');
    if (given !== undefined && !isLeast)
      throw usage('--from: goes with --least; without it mailgwd brings the schema up to date by itself');
    const from = Number(given ?? 0);
    if (!/^\d+$/.test(given ?? '0') || from > SCHEMA)
      throw badInput(`--from: ${given ?? ''}: expected a version of the schema, 0 to ${SCHEMA}`);
    const text = roleSql({ role, database, least: isLeast ? { from } : undefined });
    const owner = isLeast ? ownerOf(role) : role;
    const schema = isLeast
      ? { schema_from: from, schema_to: SCHEMA }
      : { schema_from: null, schema_to: null };
    if (output.json) printObject(output, { role, owner, database, ...schema, sql: text });
    else output.write(text);
  },
};

/** The commands on the store. */
export const dbGroup: CommandGroup = {
  name: 'db',
  summary:
    'check, back up, restore and tidy the store, all but restore safe while mailgwd runs; make one in PostgreSQL, and move there',
  commands: [check, backup, restore, prune, vacuum, sql, copy, restored],
};
