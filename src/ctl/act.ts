/**
 * A command's way to what it has done: by the daemon that serves the store, else by itself on the store. A command
 * does not know which.
 *
 * Contract: the daemon is asked first whether it serves, can write, and is of this version; then all that the command has done goes the
 * same way. Where there is no daemon, where this user may not ask it, and where it does not answer in time, the
 * command opens the store itself. The two give the same results and the same faults.
 * Failure: a daemon that ends, or hangs, in the midst of an action is a Fault with 69, which says that what became of
 * the action is not known.
 */
import { describe, EXIT, Fault, systemCode } from '../actions/fault.ts';
import { ACTIONS_PATH } from '../api/action-answers.ts';
import {
  ACTIONS,
  type Act,
  type Failed,
  MINTING_ACTIONS,
  type MintingPort,
  type MintingSession,
  type Port,
  type StorePort,
  type TableOf,
} from '../api/own-actions.ts';
import type { Config } from '../site/config.ts';
import type { Session } from '../site/session.ts';
import { version } from '../system/version.ts';
import type { Context } from './command.ts';
import { ABSENT, type DaemonAnswer, exchange, Unanswered } from './daemon.ts';
import { onStore, openConfig, openPeppers } from './session.ts';
import { printNote } from './terminal/print.ts';

/** Time for the daemon to say that it serves: it only has to take its turn. */
const GREETING_MS = 5000;

/** Time for one action; that of a batch is the longest. */
const ACTION_MS = 120_000;

/** Does the actions that need nothing but the store. */
export type DoIt = Act<StorePort>;

/** Runs `use` with what does actions on the configured store. */
export async function withActions<T>(
  context: Context,
  use: (act: DoIt, config: Config) => Promise<T>,
): Promise<T> {
  const config = openConfig(context);
  if (await isServed(config, context)) return await use(asking<StorePort>(config), config);
  return await onStore(config, (store) => use(doing<StorePort, Session>(ACTIONS, { config, store }), config));
}

/** Runs `use` with what does the actions for which the peppers are needed. */
export async function withMinting<T>(
  context: Context,
  use: (act: Act<MintingPort>) => Promise<T>,
): Promise<T> {
  const config = openConfig(context);
  if (await isServed(config, context)) return await use(asking<MintingPort>(config));
  const peppers = openPeppers(config);
  return await onStore(config, (store) => {
    const notified = (): void => undefined; // the daemon of another moment looks for itself
    return use(doing<MintingPort, MintingSession>(MINTING_ACTIONS, { config, peppers, store, notified }));
  });
}

/** Does actions of a table on an open store. */
function doing<P extends Port<P>, S>(table: TableOf<P, S>, session: S): Act<P> {
  return (name, order) => table[name](session, order);
}

/** Has actions done by the daemon. */
function asking<P extends Port<P>>({ store: { path } }: Config): Act<P> {
  return async <N extends keyof P & string>(name: N, order: P[N]['order']) => {
    const answer = await ask(path, name, order);
    const { result, failed, problem } = answer.body as Partial<{ result: unknown; problem: string } & Failed>;
    if (failed !== undefined) throw faultOf({ failed });
    if (problem !== undefined) throw new Fault(EXIT.internal, `mailgwd: ${name}: ${problem}`);
    return result;
  };
}

async function ask(storePath: string, name: string, order: unknown): Promise<DaemonAnswer> {
  const asked = { method: 'POST', path: `${ACTIONS_PATH}/${name}`, body: order } as const;
  try {
    return await exchange(storePath, asked, ACTION_MS);
  } catch (error) {
    throw new Fault(
      EXIT.unavailable,
      `store.path: ${storePath}: ${endOf(error)}; whether it was done is not known: look, and try again`,
      { cause: error },
    );
  }
}

const endOf = (error: unknown): string =>
  error instanceof Unanswered ? error.message : `mailgwd ended before it answered: ${describe(error)}`;

/** Makes the fault of one of many that could not be done. */
export const faultOf = ({ failed }: Failed): Fault => new Fault(failed.status, failed.problems);

/** Says whether a daemon of this version serves the store. */
async function isServed({ store: { path } }: Config, { output }: Context): Promise<boolean> {
  try {
    const { status, body } = await exchange(path, { method: 'GET', path: ACTIONS_PATH }, GREETING_MS);
    // One of another version, as between an upgrade and its restart, knows other actions; of one whose store fails, the
    // command finds out why by itself.
    return status === 200 && (body as { readonly version?: string }).version === version();
  } catch (error) {
    if (error instanceof Unanswered)
      printNote(
        output,
        `${error.message}; "systemctl status mailgw" tells more. The command opens the store itself`,
      );
    else if (!ABSENT.has(systemCode(error) ?? ''))
      printNote(output, `mailgwd cannot be asked: ${describe(error)}; the command opens the store itself`);
    return false;
  }
}
