/**
 * The pepper and the store: whether the addresses that are out there were minted under the pepper that is configured.
 *
 * Contract: a store knows its peppers by fingerprint. The first one that a daemon or a mint brings is put in force by
 * itself; another one needs the operator's word ("mailgw-ctl pepper accept"), because it voids every address that is
 * out. Until then nothing is minted, and whatever looks like an address of ours is put off.
 * Failure: a store that cannot be read rejects, and the gate answers 451.
 */
import type { Doubt } from '../gate/recipient.ts';
import { pepperFingerprint } from '../mail/token.ts';
import type { Log } from '../observe/log.ts';
import type { Meter } from '../observe/meter.ts';
import type { AcceptedPepper, Peppers } from '../store/peppers.ts';

/** The standing of a pepper to a store; a store without any takes the first that comes. */
export type PepperStanding =
  | { readonly kind: 'in-force' | 'first' }
  | {
      readonly kind: 'other';
      /** The one in force. */
      readonly inForce: AcceptedPepper;
      /** When this one was accepted, where it is an earlier one. */
      readonly earlierAt: number | undefined;
    };

/** Characters of a fingerprint that people compare. */
const SHOWN_CHARS = 12;

/** Gives a short name for a pepper that gives nothing of it away. */
export function showPepper(fingerprint: Uint8Array): string {
  return Buffer.from(fingerprint).toString('hex').slice(0, SHOWN_CHARS);
}

/** Finds out how a pepper stands to a store. */
export async function judgePepper(store: Peppers, pepper: Uint8Array): Promise<PepperStanding> {
  const accepted = await store.peppers();
  const inForce = accepted.at(-1);
  if (inForce === undefined) return { kind: 'first' };
  const own = pepperFingerprint(pepper);
  if (own.equals(inForce.fingerprint)) return { kind: 'in-force' };
  return { kind: 'other', inForce, earlierAt: accepted.findLast(isOf(own))?.acceptedAt };
}

const isOf =
  (fingerprint: Buffer) =>
  (accepted: AcceptedPepper): boolean =>
    fingerprint.equals(accepted.fingerprint);

/** Tells whether addresses that the store has given verify under this pepper. */
export async function pepperKnown(store: Peppers, pepper: Uint8Array): Promise<boolean> {
  return (await judgePepper(store, pepper)).kind !== 'other';
}

/** Puts a pepper in force by the operator's word: all addresses that another one minted are void from then on. */
export async function acceptPepper(store: Peppers, pepper: Uint8Array, now: number): Promise<void> {
  await store.acceptPepper(pepperFingerprint(pepper), now, false);
}

/** Puts a store's first pepper in force; says in words why a pepper may not mint, or nothing when it may. */
export async function adoptPepper(
  store: Peppers,
  pepper: Uint8Array,
  file: string,
  now: number,
): Promise<string | undefined> {
  let standing = await judgePepper(store, pepper);
  if (standing.kind === 'first') {
    await store.acceptPepper(pepperFingerprint(pepper), now, true);
    standing = await judgePepper(store, pepper); // another process may have brought another one
  }
  return pepperProblem(standing, pepper, file);
}

/** Says in one line what is wrong with a pepper, and what to do; nothing when all is well. */
export function pepperProblem(
  standing: PepperStanding,
  pepper: Uint8Array,
  file: string,
): string | undefined {
  if (standing.kind !== 'other') return undefined;
  const { inForce, earlierAt } = standing;
  const since = new Date(inForce.acceptedAt).toISOString();
  const own =
    earlierAt === undefined
      ? 'this store has never had it'
      : `an earlier one, of ${new Date(earlierAt).toISOString()}`;
  return (
    `reply.pepper_file: ${file}: holds the pepper ${showPepper(pepperFingerprint(pepper))} (${own}); addresses are minted under ` +
    `${showPepper(inForce.fingerprint)} since ${since}; put that one back, or if it is lost, "mailgw-ctl pepper accept" voids them`
  );
}

/** The options of the watch. */
export interface PepperWatchOptions {
  /** Gives the pepper in force. */
  readonly named: () => NamedPepper;
  readonly store: Peppers;
  readonly log: Log;
  readonly meter: Meter;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** A pepper, and the file that it was read from. */
export interface NamedPepper {
  readonly pepper: Uint8Array;
  readonly file: string;
}

/** The daemon's doubt whether its pepper is the store's; asked with each address for as long as there is one. */
export class PepperWatch {
  readonly #options: PepperWatchOptions;
  /** The pepper that was found to be the store's. */
  #trusted: Uint8Array | undefined;
  #problem: string | undefined;

  constructor(options: PepperWatchOptions) {
    this.#options = options;
    options.meter.watch('mailgw_pepper_known', {}, () => Number(this.problem === undefined));
  }

  /** Says why no address can be judged, as last heard. */
  get problem(): string | undefined {
    return this.#isTrusted() ? undefined : this.#problem;
  }

  /** Says why no address can be judged; at once undefined when the pepper is the store's. */
  readonly doubt = (): Promise<Doubt | undefined> | undefined => {
    if (this.#isTrusted()) return undefined;
    return this.#ask().then((why) => (why === undefined ? undefined : { reason: 'pepper', why }));
  };

  #isTrusted(): boolean {
    return this.#options.named().pepper === this.#trusted;
  }

  async #ask(): Promise<string | undefined> {
    const { named, store, log, now } = this.#options;
    const { pepper, file } = named();
    const problem = await adoptPepper(store, pepper, file, now());
    if (pepper !== named().pepper) return this.#ask();
    if (this.#isTrusted()) return undefined;
    const before = this.#problem;
    this.#problem = problem;
    this.#trusted = problem === undefined ? pepper : undefined;
    if (problem !== undefined && problem !== before) log('pepper_unknown', { reason: problem });
    if (problem === undefined && before !== undefined) log('pepper_accepted');
    return problem;
  }
}
