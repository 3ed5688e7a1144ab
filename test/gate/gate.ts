// The gate on a real store, with a clock that the tests set and addresses minted as they need them.

import { randomBytes } from 'node:crypto';
import type { TestContext } from 'node:test';
import Sqlite from 'better-sqlite3';
import { createGate, type Gate, type GateOptions } from '../../src/gate/gate.ts';
import type { Claim, RecipientVerdict } from '../../src/gate/recipient.ts';
import type { Disposition } from '../../src/mail/disposition.ts';
import { formatItemId, ITEM_ID_RANDOM_BYTES } from '../../src/mail/item-id.ts';
import type { User } from '../../src/store/directory.ts';
import type { ItemView } from '../../src/store/item.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import type { Store } from '../../src/store/store.ts';
import { newMessageId } from '../support/message.ts';
import { addUser, type BoundAddress, FORM, mintBound, mintSealed } from '../support/mint.ts';
import { testScratch } from '../support/scratch.ts';

/** The time at every gate's start, in Unix seconds: 2026-11-20T09:15:00Z. */
export const START = Date.UTC(2026, 10, 20, 9, 15, 0) / 1000;

/** The maximum age of the tests, in seconds. */
export const MAX_AGE = 90 * 86_400;

const PEPPER = Buffer.alloc(32, 7);

/** What an address is minted for; the rest is alice's, now. */
export interface Wanted {
  readonly user?: User;
  readonly thread?: string;
  readonly repliedTo?: number;
  readonly salt?: Uint8Array;
}

/** A gate and everything behind it. */
export interface TestGate {
  readonly gate: Gate;
  readonly store: Store;
  readonly alice: User;
  /** Unix seconds. */
  readonly clock: { now: number };
  /** Mints a sealed address. */
  sealed(wanted?: Wanted): Promise<string>;
  /** Marks the store as one that a restore brought back, which knew number 1 of each kind. */
  mark(restore: { readonly restoredAt: number; readonly upTo: number }): void;
  /** Mints a bound address. */
  bound(wanted?: Wanted): BoundAddress;
}

/** Opens a gate over an empty store with the user alice. */
export async function openGate(t: TestContext, options: Partial<GateOptions> = {}): Promise<TestGate> {
  const scratch = testScratch(t);
  const store = await openSqliteStore({ path: scratch.path('mailgw.db'), mode: 'tool' });
  scratch.defer(() => store.close());
  const alice = await addUser(store, 'alice');
  const clock = { now: START };
  const gate = createGate({
    forms: [FORM],
    peppers: [PEPPER],
    maxAgeMs: MAX_AGE * 1000,
    senderPolicy: 'off',
    authservId: undefined,
    spam: undefined,
    directory: store,
    queue: store,
    receipts: store,
    isSpaceLow: () => false,
    isLogStalled: () => false,
    now: () => clock.now * 1000,
    newId: () => formatItemId(clock.now * 1000, randomBytes(ITEM_ID_RANDOM_BYTES)),
    ...options,
  });
  const minting = (wanted: Wanted) => {
    const { user = alice, thread = 'test/thread/1', repliedTo = clock.now } = wanted;
    const salt = wanted.salt ?? user.salts[0]!.salt;
    return { pepper: PEPPER, salt, userNumber: user.number, thread, repliedTo };
  };
  return {
    gate,
    store,
    alice,
    clock,
    mark: ({ restoredAt, upTo }) => {
      const database = new Sqlite(scratch.path('mailgw.db'));
      database
        .prepare('INSERT INTO restore VALUES (?, ?, 1, ?, 1, ?)')
        .run(restoredAt, restoredAt, upTo, upTo);
      database.close();
    },
    sealed: (wanted = {}) => mintSealed(store, minting(wanted)),
    bound: (wanted = {}) => mintBound(minting(wanted)),
  };
}

/** The claim of a recipient that RCPT accepts. */
export async function claimOf(gate: Gate, address: string): Promise<Claim> {
  const verdict = await gate.recipient(address);
  if (verdict.kind === 'refused') throw new Error(`refused: ${reasonOf(verdict)}`);
  return verdict.claim;
}

/** A verdict at RCPT in a few words. */
export function reasonOf(verdict: RecipientVerdict): string {
  if (verdict.kind === 'claim') return 'claim';
  const { reason, detail } = verdict.disposition;
  return reason === 'no-such-address' ? detail : reason;
}

/** A message from its header lines; From and Message-ID are alice's and new, unless given. */
export function message(lines: readonly string[] = [], body = 'hello\r\n'): Buffer {
  const has = (name: string): boolean => lines.some((line) => line.toLowerCase().startsWith(`${name}:`));
  const usual = [
    ...(has('from') ? [] : ['From: Alice <alice@example.com>']),
    ...(has('message-id') ? [] : [`Message-ID: <${newMessageId()}>`]),
  ];
  return Buffer.from([...lines, ...usual, '', body].join('\r\n'));
}

/** Sends one message to one address; the disposition in one word or two. */
export async function send(
  { gate }: TestGate,
  address: string,
  raw: Uint8Array,
  reversePath = 'alice@example.com',
): Promise<string> {
  const [disposition] = await gate.message({ reversePath }, [await claimOf(gate, address)], raw);
  return disposition === undefined ? 'nothing' : inWords(disposition);
}

/** A disposition in words: the reason, or how it was accepted. */
export function inWords({ verdict, reason }: Disposition): string {
  return verdict === 'accepted' ? reason : `${verdict}: ${reason}`;
}

/** Every item in the store. */
export async function itemsIn({ store }: TestGate): Promise<readonly ItemView[]> {
  return await store.list({});
}
