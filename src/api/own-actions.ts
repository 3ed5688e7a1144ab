/**
 * The actions that a command of mailgw-ctl has done by the daemon, or does itself where none serves: one table for both.
 *
 * Contract: whatever a command writes to the store is here, and what it has to know for that. Orders and results are plain
 * values, which JSON keeps; no salt and no message is among them. So an action gives the same whoever carries it out.
 * Failure: a Fault, as of the actions; where one of many cannot be done, `failed` stands in its place.
 */
import { Fault } from '../actions/fault.ts';
import { findItem, type Selection } from '../actions/items.ts';
import type { NotifyRequest, Queued } from '../actions/notify.ts';
import { findMatching, type Left, OPERATIONS, operate } from '../actions/operate.ts';
import type { Notification } from '../actions/order.ts';
import { eraseUser, findErasable, removeUser, restoreUser } from '../actions/removal.ts';
import { rotateSalt } from '../actions/salts.ts';
import { openTeach } from '../actions/spam.ts';
import { renameThread } from '../actions/threads.ts';
import { createToken, revokeToken } from '../actions/tokens.ts';
import { addUser, changeUser, findUser, type PutEntry, putUsers, renameUser } from '../actions/users.ts';
import type { SecretSession, Session } from '../site/session.ts';
import type { OperatorAction } from '../store/desk.ts';
import type { RemovedUser, User, UserChange } from '../store/directory.ts';
import type { ItemState } from '../store/item.ts';
import { showMinted } from './shown.ts';

/** A user without the secrets. */
export type Person = Omit<User, 'salts'>;

/** The failure of one of many, as a Fault says it. */
export interface Failed {
  readonly failed: Pick<Fault, 'status' | 'problems'>;
}

/** The state that an item is in now, or why it is left alone. */
export type Operated = { readonly state: ItemState | 'dropped' } | Left | Failed;

/** The session of a command that mints or sends. */
export interface MintingSession extends SecretSession {
  /** Says that a notification waits to be sent. */
  readonly notified: () => void;
}

interface Named {
  readonly user: string;
}

interface Numbered extends Named {
  /** Which one, where several had the name. */
  readonly number?: string | undefined;
}

interface RotateOrder {
  readonly users: readonly string[];
  readonly now: number;
  /** Until when the addresses of before work; not at all where undefined. */
  readonly graceEndsAt?: number | undefined;
}

interface FromTo {
  readonly from: string;
  readonly to: string;
}

interface OperateOrder {
  readonly action: OperatorAction;
  /** Whether spamd is taught along with it. */
  readonly teaches: boolean;
}

/** A notification to be sent, under its Idempotency-Key where it has one. */
export interface NotifyOrder {
  readonly request: NotifyRequest;
  readonly key?: string | undefined;
}

/** What an action gives that gives nothing. */
const DONE = {};

/** The actions that need nothing but the store. */
export const ACTIONS = {
  /** Adds a user; `namesake` is who was removed under the name and could still come back. */
  addUser: async (
    session: Session,
    { user, addresses }: Named & { readonly addresses: readonly string[] },
  ) => {
    const added = await addUser(session, user, addresses);
    return { user: personOf(added.user), namesake: added.namesake };
  },
  /** Changes a user's addresses, or whether their replies are accepted. */
  changeUser: async (session: Session, { user, ...change }: PutEntry) =>
    personOf(await changeUser(session, user, change)),
  /** Brings users to the states that are wanted; says of each what became of it. */
  putUsers: async (session: Session, { entries }: { readonly entries: readonly PutEntry[] }) =>
    (await putUsers(session, entries)).map((result): { readonly kind: UserChange } | Failed =>
      result.kind === 'problem' ? failedOf(result.fault) : { kind: result.kind },
    ),
  /** Finds a user. */
  findUser: async ({ store }: Session, { user }: Named) => personOf(await findUser(store, user)),
  /** Lists the names of all users. */
  listNames: async ({ store }: Session) => (await store.listUsers()).map(({ name }) => name),
  /** Gives a user another name. */
  renameUser: async (session: Session, { from, to }: FromTo) => personOf(await renameUser(session, from, to)),
  /** Removes a user, who can come back. */
  removeUser: async (session: Session, { user, now }: Named & { readonly now: number }) => {
    await removeUser(session, await findUser(session.store, user), now);
    return DONE;
  },
  /** Finds the user who is to be erased, removed before or not. */
  findErasable: async (session: Session, { user, number }: Numbered) => {
    const found: Person | RemovedUser = await findErasable(session, user, number);
    return { number: found.number, addresses: found.addresses };
  },
  /** Erases a user for good. */
  eraseUser: async (session: Session, { user, number }: Numbered) => {
    await eraseUser(session, await findErasable(session, user, number));
    return DONE;
  },
  /** Brings a user back who was removed. */
  restoreUser: async (session: Session, { user, number }: Numbered) => {
    const { released, leftOut, ...restored } = await restoreUser(session, user, number);
    return { user: personOf(restored.user), released, leftOut };
  },
  /** Gives each of some users a new salt, and the fingerprints to the command, in their order. */
  rotateSalts: async (session: Session, { users, now, graceEndsAt }: RotateOrder) => ({
    fingerprints: await Promise.all(
      users.map(async (user) => rotateSalt(session, await findUser(session.store, user), now, graceEndsAt)),
    ),
  }),
  /** Gives a thread another locator. */
  renameThread: async (session: Session, { from, to }: FromTo) => {
    const { number, wasKnown, open } = await renameThread(session, from, to);
    return { number, wasKnown, open };
  },
  /** Stops posting, or goes on. */
  setPaused: async ({ store }: Session, { paused }: { readonly paused: boolean }) => {
    await store.setPaused(paused);
    return DONE;
  },
  /** Finds the items that match and can be acted upon. */
  findMatching: (
    session: Session,
    { action, selection }: { readonly action: OperatorAction; readonly selection: Selection },
  ) => findMatching(session, OPERATIONS[action], selection),
  /** Acts on the item of this id, or whose id begins so. */
  operateNamed: async (session: Session, { name, ...order }: OperateOrder & { readonly name: string }) => {
    const { id } = await findItem(session.store, name);
    const [operated] = await operateAll(session, [id], order);
    if (operated === undefined) throw new Error('nothing was done to the item');
    return { id, operated };
  },
  /** Acts on items. */
  operateAll: (session: Session, { ids, ...order }: OperateOrder & { readonly ids: readonly string[] }) =>
    operateAll(session, ids, order),
  /** Makes a token for the HTTP interface. */
  createToken: (session: Session, { name, scopes }: { readonly name: string; readonly scopes: string }) =>
    createToken(session, name, scopes),
  /** Ends a holder's token. */
  revokeToken: async (session: Session, { name }: { readonly name: string }) => {
    await revokeToken(session, name);
    return DONE;
  },
};

/** The actions that need the peppers too. What only some commands need is loaded by them. */
export const MINTING_ACTIONS = {
  /** Mints a reply address. */
  mintAddress: async (session: MintingSession, order: Omit<Notification, 'context' | 'original'>) => {
    const { mint } = await import('../actions/mint.ts');
    return showMinted(await mint(session, order));
  },
  /** Mints for each line what it orders; where that cannot be, the problem stands in its place. */
  mintAddresses: async (session: MintingSession, { orders }: { readonly orders: readonly unknown[] }) => {
    const { mintBatch } = await import('./routes/addresses.ts');
    return mintBatch(session, orders, { isOwn: true });
  },
  /** Says what an address means. */
  explainAddress: async (
    session: MintingSession,
    { address, inReplyTo }: { readonly address: string; readonly inReplyTo?: string | undefined },
  ) => {
    const { explainAddress } = await import('../actions/explain.ts');
    return explainAddress(session, address, inReplyTo);
  },
  /** Commits notifications, each for itself, and has them sent. */
  notify: async (session: MintingSession, { orders }: { readonly orders: readonly NotifyOrder[] }) => {
    const { notify } = await import('../actions/notify.ts');
    const ends = await Promise.all(
      orders.map(({ request, key }) => settled(() => notify(session, request, key))),
    );
    session.notified();
    return ends;
  },
};

/** The order and the result of each action of a table. */
export type PortOf<T> = {
  readonly [N in keyof T]: T[N] extends (session: never, order: infer O) => Promise<infer R>
    ? { readonly order: O; readonly result: R }
    : never;
};

/** A port: actions by name. */
export type Port<P> = { readonly [N in keyof P]: { readonly order: unknown; readonly result: unknown } };

/** A table of actions that carries out a port on a session. */
export type TableOf<P extends Port<P>, S> = {
  readonly [N in keyof P]: (session: S, order: P[N]['order']) => Promise<P[N]['result']>;
};

/** Does one of a port's actions. */
export type Act<P extends Port<P>> = <N extends keyof P & string>(
  name: N,
  order: P[N]['order'],
) => Promise<P[N]['result']>;

/** The actions on the store. */
export type StorePort = PortOf<typeof ACTIONS>;

/** The actions that mint. */
export type MintingPort = PortOf<typeof MINTING_ACTIONS>;

/** Says as a value how an action failed. */
export const failedOf = ({ status, problems }: Fault): Failed => ({ failed: { status, problems } });

function personOf({ number, name, enabled, createdAt, addresses }: User): Person {
  return { number, name, enabled, createdAt, addresses };
}

async function settled(send: () => Promise<Queued>): Promise<Queued | Failed> {
  try {
    return await send();
  } catch (error) {
    if (error instanceof Fault) return failedOf(error);
    throw error;
  }
}

/** Acts on items, as many in one commit as the store takes. */
async function operateAll(
  { config, store }: Session,
  ids: readonly string[],
  { action, teaches }: OperateOrder,
): Promise<readonly Operated[]> {
  const teach = teaches ? openTeach(config, store) : undefined;
  const ends = await Promise.allSettled(ids.map((id) => operate(store, OPERATIONS[action], id, teach)));
  return ends.map((end): Operated => {
    if (end.status === 'fulfilled') return typeof end.value === 'string' ? { state: end.value } : end.value;
    if (end.reason instanceof Fault) return failedOf(end.reason);
    throw end.reason;
  });
}
