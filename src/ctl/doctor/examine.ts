/**
 * The order of doctor's checks, and where root stops being root.
 *
 * Contract: what only root can see comes first (files, sockets as Postfix's user, Postfix's configuration); then the
 * process becomes the store's owner, before the store is opened and a site's own sink is loaded. A check that throws is
 * a finding of its own and keeps no other from being made.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, EXIT } from '../../actions/fault.ts';
import { type NamedPeppers, readPeppers } from '../../config/secret-file.ts';
import { isBuiltIn } from '../../sinks/catalogue.ts';
import type { Config } from '../../site/config.ts';
import { loadConfig } from '../../site/config.ts';
import { openSink } from '../../site/sinks.ts';
import { prepareToolStore } from '../../site/store.ts';
import type { Store } from '../../store/store.ts';
import { StoreError } from '../../store/store-error.ts';
import { becomeStoreOwner } from '../owner.ts';
import { DEFAULT_POSTFIX_DIRECTORY, type PostfixRead, readPostfix } from '../postfix/postfix-setup.ts';
import { examinePostfix } from '../postfix/wiring.ts';
import { withPassedSockets } from '../socket-units.ts';
import { checkAuthservId } from './authserv.ts';
import { openWayOut, type WayOut } from './circle.ts';
import { checkDaemonUser } from './daemon-user.ts';
import { checkDatabase } from './database.ts';
import { checkDiscards } from './discards.ts';
import { checkFiles, isStranger } from './files.ts';
import { type Finding, fine, problem, skipped } from './finding.ts';
import { checkMilters } from './milters.ts';
import { checkOutbound } from './outbound.ts';
import { checkNotices, checkSink, checkSpamd } from './platform.ts';
import { checkRestore } from './restored.ts';
import { makeRoundTrip, type RoundTripOptions } from './round-trip.ts';
import { checkSockets } from './sockets.ts';
import { checkMailboxes } from './sources.ts';
import { checkClock, checkPeppers, checkQueue, checkStoreFile, checkUsers } from './store.ts';
import { checkStoreFiles, holderOfRemoved } from './store-files.ts';
import { checkWebhooks } from './webhooks.ts';

/** The subjects of an examination. */
export interface Examination {
  readonly configPath: string;
  /** Undefined for the usual one, if there is a Postfix at all. */
  readonly postfixDirectory: string | undefined;
  readonly message: Uint8Array | undefined;
  readonly roundTrip: RoundTripOptions | undefined;
}

/** Examines; findings come as they are made. */
export async function* examine(examination: Examination): AsyncGenerator<Finding, void> {
  const { configPath, message } = examination;
  const loaded = loadConfig(configPath);
  if (!loaded.ok) {
    for (const what of loaded.problems) yield misconfigured(what, configPath);
    return;
  }
  const config = withPassedSockets(loaded.config, configPath);
  const stranger = isStranger(config); // as whom doctor was started, before it becomes the store's owner
  yield fine('configuration', `${configPath}: no problem found`);
  yield* guarded('files', () => checkFiles(config, configPath));
  yield* guarded('daemon', async () => [await checkDaemonUser(config, configPath)]);
  const postfix = readPostfix(examination.postfixDirectory ?? DEFAULT_POSTFIX_DIRECTORY);
  yield* guarded('socket', () => checkSockets(config, mailOwner(postfix)));
  yield* guarded('outbound', () => checkOutbound(config));
  yield* guarded('webhook', () => checkWebhooks(config));
  yield* guarded('postfix', () => checkPostfix(config, examination, postfix));
  const authserv = checkAuthservId(config, message);
  yield authserv;
  if (!existsSync(dirname(config.store.path))) return; // files.store has said so
  // As root: what the service user cannot read any more.
  const peppers = readPeppers(config);
  // The same goes for the secrets of sinks; a site's own module is not run as root.
  const builtIn = await Promise.all(
    config.sinks.map(async (sink) => (isBuiltIn(sink.options) ? openSink(sink) : undefined)),
  );
  const { path, url } = config.store;
  const openStore = prepareToolStore(config);
  const holder = url === undefined ? holderOfRemoved(path) : undefined;
  // And for the socket that Postfix and root alone may connect to.
  const wayOut = examination.roundTrip && (await openWayOut(config));
  try {
    yield* guarded('store', () => {
      becomeStoreOwner(path);
      return url === undefined ? checkStoreFile(config, Date.now()) : checkPostgres(config, openStore);
    });
    if (url === undefined) yield* guarded('store', async () => [await checkStoreFiles(path, holder)]);
    for (const [at, sink] of config.sinks.entries()) {
      yield* guarded('sink', async () => checkSink(sink, builtIn[at] ?? (await openSink(sink)), stranger));
    }
    yield* guarded('spamd', async () => [await checkSpamd(config)]);
    yield* guarded('notice', () => checkNotices(config));
    yield* guarded('queue', () =>
      checkOpenStore(config, peppers.ok ? peppers.peppers : undefined, examination, {
        stranger,
        isProven: authserv.status === 'ok',
        wayOut,
        openStore,
      }),
    );
  } finally {
    wayOut?.close();
  }
}

function misconfigured(what: string, configPath: string): Finding {
  return problem('configuration', EXIT.configuration, {
    what,
    why: 'mailgwd does not start with this configuration',
    fix: existsSync(configPath)
      ? `mend it in ${configPath}; mailgw-ctl config check tries it`
      : 'mailgw-ctl init --domain reply.example.org',
  });
}

/** Gives the findings of one group; what is thrown in it is one more. */
async function* guarded(
  group: string,
  check: () => readonly Finding[] | Promise<readonly Finding[]>,
): AsyncGenerator<Finding, void> {
  try {
    yield* await check();
  } catch (error) {
    yield problem(group, EXIT.unavailable, {
      what: `could not be examined: ${describe(error)}`,
      why: 'what is wrong here stays unknown',
      fix: 'run doctor as root, or as the user of mailgwd',
    });
  }
}

function mailOwner(read: PostfixRead): string {
  return (read.ok ? read.setup.setting('mail_owner') : '') || 'postfix';
}

async function checkPostgres(config: Config, openStore: () => Promise<Store>): Promise<readonly Finding[]> {
  return [...(await checkDatabase(config, openStore)), await checkClock(undefined, Date.now())];
}

async function checkPostfix(
  config: Config,
  { postfixDirectory }: Examination,
  postfix: PostfixRead,
): Promise<readonly Finding[]> {
  const directory = postfixDirectory ?? DEFAULT_POSTFIX_DIRECTORY;
  if (postfixDirectory === undefined && !existsSync(join(directory, 'main.cf')))
    return [
      skipped(
        'postfix.configuration',
        `no ${directory}/main.cf here; --postfix-config DIR names another place`,
      ),
    ];
  const { read, findings } = examinePostfix(config, directory, postfix);
  return read.ok ? [...findings, ...(await checkMilters(read.setup))] : findings;
}

/** Checks what needs the store open: the queue's own figures and the round trip. */
async function checkOpenStore(
  config: Config,
  peppers: NamedPeppers | undefined,
  { roundTrip }: Examination,
  known: {
    readonly stranger: boolean;
    readonly isProven: boolean;
    readonly wayOut: WayOut | undefined;
    readonly openStore: () => Promise<Store>;
  },
): Promise<readonly Finding[]> {
  const { path, url } = config.store;
  if (url === undefined && !existsSync(path)) return await checkMailboxes(config, undefined, Date.now());
  const { stranger, isProven, wayOut, openStore } = known;
  process.umask(0o077);
  const store = await openStore().catch((error: unknown) => {
    // store.integrity, or database.reachable, has said what is wrong with it.
    if (error instanceof StoreError) return error;
    throw error;
  });
  if (store instanceof StoreError)
    return [
      skipped('queue', stranger ? 'this user may not open the store; run doctor as root' : describe(store)),
    ];
  try {
    const judged = peppers && (await checkPeppers(store, peppers));
    const findings = [
      ...(judged === undefined ? [] : [judged]),
      await checkUsers(store, config),
      ...(await checkQueue(store, config)),
      await checkDiscards(store, Date.now()),
      ...(await checkRestore(store, Date.now())),
      ...(await checkMailboxes(config, store, Date.now())),
    ];
    if (roundTrip === undefined)
      return [...findings, skipped('round_trip', '--smtp 127.0.0.1:25 sends a probe the whole way')];
    if (peppers === undefined)
      return [...findings, skipped('round_trip', 'no address can be minted without the pepper')];
    if (judged?.status === 'problem')
      return [...findings, skipped('round_trip', 'no address is minted under another pepper')];
    const session = { config, peppers, store };
    return [...findings, ...(await makeRoundTrip(session, { ...roundTrip, isProven, wayOut }))];
  } finally {
    await store.close();
  }
}
