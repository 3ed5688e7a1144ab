/**
 * Users whom the platform names, in PostgreSQL: taken in under the directory's lock, where whose an address is cannot change
 * between the look and the write.
 *
 * Contract: all whom a call may touch or find in the way are read at once, and what it does is settled in memory in its order.
 */
import { foldAddress } from '../../mail/address.ts';
import { isSameAddresses, mergeAddresses } from '../../mail/address-list.ts';
import { candidatesOf } from '../address-candidates.ts';
import type { Directory, NamedChange, NamedUser } from '../directory.ts';
import type { Database, Statements } from './database.ts';
import { changeDirectory, Draft, readDrafts, writeDrafts } from './directory-drafts.ts';
import { MAY_HAVE } from './directory-reads.ts';

type PlusTags = 'compare' | 'ignore';

/** Gives this part of the port. */
export function namedUsers(database: Pick<Database, 'transact'>): Pick<Directory, 'takeUsers'> {
  return {
    takeUsers: async (users, plusTags, now) => {
      if (users.length === 0) return [];
      return await changeDirectory(database, 'none', async (statements) => {
        const taking = await readTaking(statements, users, plusTags);
        const changes = users.map((named) => taking.take(named));
        await writeDrafts(statements, taking.drafts.values(), now);
        return changes;
      });
    },
  };
}

/** Reads those whom a call names, those who may have their addresses, and who of them was removed. */
async function readTaking(
  statements: Statements,
  users: readonly NamedUser[],
  plusTags: PlusTags,
): Promise<Taking> {
  const names = users.map(({ name }) => name);
  const candidates = users.flatMap(({ addresses }) =>
    addresses.map((address) => candidatesOf(address, plusTags)),
  );
  const forms = candidates.flatMap((each) => each.forms);
  const locals = plusTags === 'ignore' ? candidates.map(({ local }) => local) : [];
  const [drafts, removed] = await Promise.all([
    readDrafts(statements, names, {
      numbers: MAY_HAVE,
      values: [[...new Set(forms)], [...new Set(locals)]],
    }),
    statements.rows<{ name: string; removed_at: number }>(
      'SELECT name, max(removed_at) AS removed_at FROM removed_user WHERE name = ANY($1::text[]) GROUP BY name',
      [names],
    ),
  ]);
  return new Taking(drafts, new Map(removed.map(({ name, removed_at }) => [name, removed_at])), plusTags);
}

/** What a call does, user by user. */
class Taking {
  readonly drafts: Map<string, Draft>;
  readonly #removedAt: ReadonlyMap<string, number>;
  readonly #plusTags: PlusTags;
  /** Who has each address, as it is compared. */
  readonly #owners = new Map<string, Set<Draft>>();

  constructor(drafts: Map<string, Draft>, removedAt: ReadonlyMap<string, number>, plusTags: PlusTags) {
    this.drafts = drafts;
    this.#removedAt = removedAt;
    this.#plusTags = plusTags;
    for (const draft of drafts.values()) this.#own(draft);
  }

  /** Takes one user in, unless something is in the way. */
  take({ name, addresses, merge, salt }: NamedUser): NamedChange {
    const draft = this.drafts.get(name);
    const removedAt = draft === undefined ? this.#removedAt.get(name) : undefined;
    if (removedAt !== undefined) return { kind: 'removed', removedAt };
    const taken = this.#taken(name, addresses);
    if (taken !== undefined) return taken;
    const merged = mergeAddresses(draft?.addresses ?? [], addresses, merge);
    if (draft === undefined) {
      const added = new Draft(name, salt, { enabled: true, addresses: merged });
      this.drafts.set(name, added);
      this.#own(added);
      return { kind: 'created' };
    }
    if (isSameAddresses(merged, draft.addresses)) return { kind: 'unchanged' };
    for (const address of draft.addresses) this.#ownersOf(address).delete(draft);
    draft.addresses = merged;
    this.#own(draft);
    return { kind: 'changed' };
  }

  #taken(name: string, addresses: readonly string[]): NamedChange | undefined {
    for (const address of addresses)
      for (const other of this.#ownersOf(address))
        if (other.name !== name) return { kind: 'taken', address, by: other.name };
    return undefined;
  }

  #own(draft: Draft): void {
    for (const address of draft.addresses) this.#ownersOf(address).add(draft);
  }

  #ownersOf(address: string): Set<Draft> {
    const folded = foldAddress(address, this.#plusTags);
    const owners = this.#owners.get(folded) ?? new Set();
    this.#owners.set(folded, owners);
    return owners;
  }
}
