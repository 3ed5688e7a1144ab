/**
 * The users of a platform, taken into the directory.
 *
 * Contract: new users are added, and addresses brought up to date, a transaction for each batch. Nobody is removed, and
 * disabled only where that is asked for. Nobody gets an address that somebody else has: where another user of ours has
 * it, or the platform names two users with it, none of them is touched, and each is told. Who was removed or disabled
 * here stays so. A user whom the platform names in several places is one, with all these addresses.
 * Failure: a Fault where the list does not come to its end; then nothing is changed.
 */
import { randomBytes } from 'node:crypto';
import { foldAddress } from '../mail/address.ts';
import { type AddressMerge, isSameAddresses, mergeAddresses } from '../mail/address-list.ts';
import { SALT_BYTES } from '../mail/token.ts';
import type { PlatformUser, Sink } from '../sinks/sink.ts';
import type { Session } from '../site/session.ts';
import { addressProblem, nameProblem } from '../site/user-form.ts';
import type { NamedChange, NamedUser, User } from '../store/directory.ts';
import { withinDeadline } from '../system/deadline.ts';
import { isoTime } from '../system/iso-time.ts';
import { describe, EXIT, Fault } from './fault.ts';

/** Time for the platform to name the next user; a page of many comes in one answer. */
const NEXT_MS = 60_000;

/** Most users of a list: beyond that it does not end. */
const MOST_USERS = 1_000_000;

const BATCH_USERS = 1000;

/** The wishes of who imports. */
export interface ImportOptions {
  /** Disables users of ours whom the platform does not name. */
  readonly disableMissing: boolean;
  /** Takes addresses away that the platform does not name. */
  readonly onlyThese: boolean;
  /** Changes nothing, and tells what would be changed. */
  readonly isDry: boolean;
}

/** The result for one user. */
export type Imported =
  | {
      readonly user: string;
      readonly result: 'created' | 'changed' | 'unchanged' | 'disabled';
      readonly addresses: readonly string[];
    }
  | { readonly user: string; readonly result: 'refused'; readonly problem: string };

/** Reads the whole list of a sink; `name` is the sink's. */
export async function readPlatformUsers(
  { users }: Pick<Sink, 'users'>,
  name: string,
  withinMs = NEXT_MS,
): Promise<readonly PlatformUser[]> {
  if (users === undefined) {
    throw new Fault(
      EXIT.configuration,
      `--from "${name}": this sink lists no users; "mailgw-ctl user put -" takes them from JSON lines, and outbound.users = "ask" asks for them one by one where the sink can say`,
    );
  }
  const aborting = new AbortController();
  const found: PlatformUser[] = [];
  const coming = users(aborting.signal)[Symbol.asyncIterator]();
  try {
    while (found.length < MOST_USERS) {
      const next = await withinDeadline(withinMs, () => coming.next());
      if (next.done === true) return found;
      found.push(next.value);
    }
    throw new Error(`it names more than ${MOST_USERS} users`);
  } catch (error) {
    throw new Fault(
      EXIT.unavailable,
      `--from "${name}": the list ended after ${found.length} users: ${describe(error)}; nothing was changed`,
      { cause: error },
    );
  } finally {
    aborting.abort();
  }
}

/** Takes users in; tells of each what became of it, those last whom the platform does not name. */
export async function importUsers(
  session: Session,
  listed: readonly PlatformUser[],
  options: ImportOptions,
): Promise<readonly Imported[]> {
  const { store, config } = session;
  const named = mergeNamed(listed);
  if (options.disableMissing && named.length === 0) {
    throw new Fault(
      EXIT.badInput,
      '--disable-missing: the platform names nobody, and everybody would be disabled; look at the rights of its key',
    );
  }
  const [ours, removed] = await Promise.all([store.listUsers(), store.removedUsers()]);
  const merge: AddressMerge = options.onlyThese ? 'only' : 'before';
  const judge = createJudge(
    session,
    named,
    ours,
    new Map(removed.map((user) => [user.name, user.removedAt])),
  );
  const known = new Map(ours.map((user) => [user.name, user]));
  const planned = named.map(
    (user): Planned => ({
      named: user,
      imported: judge(user) ?? plan(user, known.get(user.name), merge),
    }),
  );
  const done = options.isDry
    ? planned.map(({ imported }) => imported)
    : await carryOut(store, planned, merge, config.sender.plusTags);
  if (!options.disableMissing) return done;
  return [...done, ...(await disableMissing(session, named, ours, options.isDry))];
}

/** Gathers users by name: pages of a list that changes meanwhile name some of them twice. */
function mergeNamed(listed: readonly PlatformUser[]): readonly PlatformUser[] {
  const found = new Map<string, readonly string[]>();
  for (const { name, addresses } of listed)
    found.set(name, mergeAddresses(found.get(name) ?? [], addresses, 'behind'));
  return [...found].map(([name, addresses]) => ({ name, addresses }));
}

/** Creates what tells why a user cannot be taken in. */
function createJudge(
  { config }: Session,
  named: readonly PlatformUser[],
  ours: readonly User[],
  removed: ReadonlyMap<string, number>,
): (user: PlatformUser) => Imported | undefined {
  const fold = (address: string): string => foldAddress(address, config.sender.plusTags);
  const theirs = namesByAddress(named, fold);
  const directory = namesByAddress(ours, fold);
  const known = new Set(ours.map(({ name }) => name));
  const problemOf = ({ name, addresses }: PlatformUser): string | undefined => {
    const problem = nameProblem(name);
    if (problem !== undefined) return problem;
    const removedAt = known.has(name) ? undefined : removed.get(name);
    if (removedAt !== undefined) return removedProblem(name, removedAt);
    for (const address of addresses) {
      const bad = addressProblem(config, address);
      if (bad !== undefined) return `address "${address}": ${bad}`;
      const others = (names: ReadonlyMap<string, readonly string[]>): string[] =>
        (names.get(fold(address)) ?? []).filter((other) => other !== name);
      const [twin] = others(theirs);
      if (twin !== undefined)
        return `address "${address}": the platform names "${twin}" with it as well; expected one user`;
      const [owner] = others(directory);
      if (owner !== undefined) return takenProblem(address, owner);
    }
    return undefined;
  };
  return (user) => {
    const problem = problemOf(user);
    return problem === undefined ? undefined : { user: user.name, result: 'refused', problem };
  };
}

const takenProblem = (address: string, owner: string): string =>
  `address "${address}": user "${owner}" of ours has it; if it is not theirs: mailgw-ctl user set ${owner}`;

const removedProblem = (name: string, removedAt: number): string =>
  `was removed at ${isoTime(removedAt) ?? ''}; "mailgw-ctl user restore ${name}" brings them back`;

function namesByAddress(
  users: readonly PlatformUser[],
  fold: (address: string) => string,
): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const { name, addresses } of users) {
    for (const folded of new Set(addresses.map(fold))) {
      const names = found.get(folded);
      if (names === undefined) found.set(folded, [name]);
      else names.push(name);
    }
  }
  return found;
}

function plan({ name, addresses }: PlatformUser, known: User | undefined, merge: AddressMerge): Imported {
  // Who shows no address there may hide them.
  const merged =
    addresses.length === 0
      ? (known?.addresses ?? [])
      : mergeAddresses(known?.addresses ?? [], addresses, merge);
  if (known === undefined) return { user: name, result: 'created', addresses: merged };
  const result = isSameAddresses(merged, known.addresses) ? 'unchanged' : 'changed';
  return { user: name, result, addresses: merged };
}

/** A user as the platform names them, and what is to become of them. */
interface Planned {
  readonly named: PlatformUser;
  readonly imported: Imported;
}

/** Carries out what is planned; the store has the last word on whose an address is. */
async function carryOut(
  store: Session['store'],
  planned: readonly Planned[],
  merge: AddressMerge,
  plusTags: 'compare' | 'ignore',
): Promise<readonly Imported[]> {
  const wanted = planned.filter(({ imported: { result } }) => result === 'created' || result === 'changed');
  const changes = new Map<string, NamedChange>();
  for (let from = 0; from < wanted.length; from += BATCH_USERS) {
    const users = wanted.slice(from, from + BATCH_USERS).map(({ named }): NamedUser => {
      return { ...named, merge, salt: randomBytes(SALT_BYTES) };
    });
    const came = await store.takeUsers(users, plusTags, Date.now());
    for (const [index, change] of came.entries()) changes.set(users[index]?.name ?? '', change);
  }
  return planned.map(({ named, imported }) => {
    const change = changes.get(named.name);
    return change === undefined || imported.result === 'refused' ? imported : resultOf(imported, change);
  });
}

function resultOf(planned: Exclude<Imported, { result: 'refused' }>, change: NamedChange): Imported {
  const { user } = planned;
  if (change.kind === 'taken')
    return { user, result: 'refused', problem: takenProblem(change.address, change.by) };
  if (change.kind === 'removed')
    return { user, result: 'refused', problem: removedProblem(user, change.removedAt) };
  return { ...planned, result: change.kind };
}

/** Disables who is not named; who could not be taken in is named all the same. */
async function disableMissing(
  { store }: Session,
  named: readonly PlatformUser[],
  ours: readonly User[],
  isDry: boolean,
): Promise<readonly Imported[]> {
  const names = new Set(named.map(({ name }) => name));
  const missing = ours.filter(({ name, enabled }) => enabled && !names.has(name));
  for (let from = 0; !isDry && from < missing.length; from += BATCH_USERS) {
    const batch = missing.slice(from, from + BATCH_USERS);
    // A user who was removed meanwhile is not made again: the store changes only who is there.
    await Promise.all(batch.map(({ name }) => store.setUser(name, { enabled: false })));
  }
  return missing.map(({ name, addresses }) => ({ user: name, result: 'disabled', addresses }));
}
