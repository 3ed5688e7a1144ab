/**
 * `mailgw-ctl db copy` and `db restored`: a store moves between SQLite and PostgreSQL, and a database is told that it was
 * put back from a dump.
 *
 * Contract: no daemon runs on either store of a copy. Ends with 69 while one does, with 73 where the destination has users
 * or mail already, with 74 where the copy is not the same; then nothing of it is left.
 */
import { resolve } from 'node:path';
import { badInput, EXIT, type ExitStatus, Fault, usage } from '../../actions/fault.ts';
import { parseTime, TIME_FORMS } from '../../actions/time.ts';
import { adminSocketPath } from '../../api/admin.ts';
import { readSecretText } from '../../config/secret-file.ts';
import type { Config } from '../../site/config.ts';
import { storePlace } from '../../site/store-place.ts';
import type { CopyError, Counts } from '../../store/copy/copy.ts';
import type { Move, PostgresPlace } from '../../store/copy/move.ts';
import { STORE_EXIT, StoreError } from '../../store/store-error.ts';
import { isoTime } from '../../system/iso-time.ts';
import { probeSocket } from '../../system/unix-socket.ts';
import type { CommandSpec, Context, Input } from '../command.ts';
import { onDatabase, onStoreFile, onStorePlace, openConfig } from '../session.ts';
import { interrupted, interruptibly } from '../terminal/interrupt.ts';
import { printDone, printObject, printRows, printText, progressOn } from '../terminal/print.ts';

/** Throws while a daemon answers at its socket: it would go on with the store that it has. */
export async function checkNotServed(path: string): Promise<void> {
  if ((await probeSocket(adminSocketPath(path))) === 'served')
    throw new Fault(
      EXIT.unavailable,
      `store.path: ${path}: mailgwd runs on it; stop it first (systemctl stop mailgw)`,
    );
}

const COPY_EXIT: Readonly<Record<Exclude<CopyError['kind'], 'interrupted'>, ExitStatus>> = {
  'not-empty': EXIT.cannotCreate,
  served: EXIT.unavailable,
  different: EXIT.inputOutput,
  lost: EXIT.unavailable,
};

const URL_FORM = /^postgres(?:ql)?:\/\//;

/** `db copy`. */
export const copy: CommandSpec = {
  words: 'copy [destination]',
  summary:
    'copy the store to PostgreSQL, or back into a file, while mailgwd does not run: everything, compared row by row',
  options: [
    {
      flags: '--password-file <file>',
      doc: 'with a URL: the file with the password, as store.password_file has it',
    },
    { flags: '--undo', doc: 'go on with the configured store, which was copied: mailgwd starts on it again' },
  ],
  examples: [
    'copy postgresql://mailgw@db.example.org/mailgw --password-file /etc/mailgw/db.password',
    'copy /var/lib/mailgw/mailgw.db --json',
    'copy --undo',
  ],
  run: async (input, context) => {
    const config = openConfig(context);
    const destination = input.args[0];
    if (input.flag('undo')) {
      if (destination !== undefined)
        throw usage('--undo: goes with no destination; it is about the configured store');
      await undo(config, context);
    } else if (destination === undefined)
      throw usage('db copy: expected where to: postgresql://USER@HOST/DATABASE, or the path of a file');
    else if (URL_FORM.test(destination)) await toPostgres(destination, input, config, context);
    else await toSqlite(resolve(destination), input, config, context);
  },
};

async function toPostgres(url: string, input: Input, config: Config, context: Context): Promise<void> {
  if (config.store.url !== undefined)
    throw usage(
      `store.url: ${storePlace(config)}: the store is in PostgreSQL already; pg_dump and pg_restore copy it to another database`,
    );
  const { path } = config.store;
  await checkNotServed(path);
  // Before root is the store's owner, who may not read it.
  const password = passwordIn(input.text('passwordFile'));
  await onStoreFile(config, async () => {
    const { copyToPostgres } = await import('../../store/copy/move.ts');
    const counts = await watched(context, path, { url, password }, copyToPostgres);
    print(context, path, url, counts, `set store.url = "${url}" in mailgw.toml, and move ${path} away`);
  });
}

async function toSqlite(path: string, input: Input, config: Config, context: Context): Promise<void> {
  const { url } = config.store;
  if (url === undefined)
    throw usage(
      `store.path: ${config.store.path}: the store is a file already; "mailgw-ctl db backup" copies it to another one`,
    );
  if (input.text('passwordFile') !== undefined)
    throw usage('--password-file: goes with a URL; that of the configured store is in store.password_file');
  await onDatabase(config, url, async (database) => {
    await onStorePlace({ ...config, store: { ...config.store, path } }, async () => {
      const { copyToSqlite } = await import('../../store/copy/move.ts');
      const counts = await watched(context, path, database, copyToSqlite);
      const advice = `set store.path = "${path}" in mailgw.toml, and remove store.url, store.host and store.password_file`;
      print(context, storePlace(config), path, counts, advice);
    });
  });
}

function passwordIn(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  const read = readSecretText('--password-file', resolve(file));
  if (!read.ok) throw new Fault(EXIT.configuration, read.problem);
  return read.text;
}

/** Moves a store while somebody watches; what goes wrong is said in words. */
async function watched(
  { output }: Context,
  path: string,
  postgres: PostgresPlace,
  move: (move: Move) => Promise<Counts>,
): Promise<Counts> {
  const [writing, comparing] = [progressOn(output, 'rows copied'), progressOn(output, 'rows compared')];
  const progress = (written: number, compared: number): void => {
    if (compared === 0) writing(written);
    else comparing(compared, written);
  };
  const { CopyError } = await import('../../store/copy/copy.ts');
  try {
    return await interruptibly((signal) => move({ path, postgres, now: Date.now(), progress, signal }));
  } catch (error) {
    if (error instanceof StoreError) throw new Fault(STORE_EXIT[error.kind], error.message, { cause: error });
    if (!(error instanceof CopyError)) throw error;
    if (error.kind === 'interrupted') throw interrupted(`db copy: ${error.message}`);
    throw new Fault(COPY_EXIT[error.kind], error.message, { cause: error });
  }
}

function print({ output }: Context, from: string, to: string, counts: Counts, advice: string): void {
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  if (output.json) {
    printObject(output, { store: from, copy: to, rows: total, tables: counts });
    return;
  }
  const rows = Object.entries(counts).map(([table, count]) => ({ table, rows: count }));
  printRows(
    output,
    rows.filter(({ rows: count }) => count > 0),
    [{ key: 'table' }, { key: 'rows' }],
    'no rows',
  );
  printText(output, `${to}: ${total} rows, each compared with its original; now ${advice}`);
}

async function undo(config: Config, { output }: Context): Promise<void> {
  const done = (wasMarked: boolean): void => {
    const place = storePlace(config);
    const sentence = wasMarked ? 'mailgwd starts on it again' : 'was not marked as copied';
    printDone(output, { store: place, undone: wasMarked }, `${place}: ${sentence}`);
  };
  const { takeBack } = await import('../../store/copy/move.ts');
  const { path, url } = config.store;
  if (url === undefined)
    await onStoreFile(config, async () => {
      done(await takeBack(path));
    });
  else
    await onDatabase(config, url, async (database) => {
      done(await takeBack(database));
    });
}

/** `db restored`. */
export const restored: CommandSpec = {
  words: 'restored',
  summary:
    'tell a database in PostgreSQL that it was put back from a dump: addresses that are newer are put off for a day, not refused',
  options: [
    {
      flags: '--backed-up-at <time>',
      doc: `when the dump was begun, or the time that was recovered to: ${TIME_FORMS}`,
      required: true,
    },
  ],
  examples: ['restored --backed-up-at 2026-11-27T03:00:00Z', 'restored --backed-up-at 1d --json'],
  run: async (input, context) => {
    const now = Date.now();
    const text = input.required('backedUpAt');
    const backedUpAt = parseTime(text, now);
    if (backedUpAt === undefined) throw badInput(`--backed-up-at "${text}": is not ${TIME_FORMS}`);
    if (backedUpAt > now) throw badInput(`--backed-up-at "${text}": is still to come`);
    const config = openConfig(context);
    const { path, url } = config.store;
    if (url === undefined)
      throw usage(
        `store.path: ${path}: the store is a file, and "mailgw-ctl db restore" marks what it puts back`,
      );
    await onDatabase(config, url, async ({ password }) => {
      const { markRestored } = await import('../../store/postgres/mark-restored.ts');
      const { users, threads, restoredAt, isOld } = await markRestored(url, password, { backedUpAt, now });
      const place = storePlace(config);
      printDone(
        context.output,
        {
          store: place,
          backed_up_at: isoTime(backedUpAt),
          restored_at: isoTime(restoredAt),
          user_number: users.known,
          user_up_to: users.upTo,
          thread_number: threads.known,
          thread_up_to: threads.upTo,
        },
        `${place}: ${isOld ? 'was marked already, as' : 'is marked as'} restored at ${isoTime(restoredAt) ?? ''}: addresses of users above ${users.known} and threads above ${threads.known} are put off for a day`,
      );
    });
  },
};
