/**
 * The peppers and the store: whether the addresses that are out there were minted under a pepper that is configured.
 *
 * Contract: a store knows its peppers by fingerprint. The first one that a daemon or a mint brings is put in force by
 * itself, and so is one that a daemon finds in front of the one in force. Where that one is not configured any more, the
 * operator's word is needed ("mailgw-ctl pepper accept"), because the addresses that are out are void. Until then
 * nothing is minted, and whatever looks like an address of ours is put off.
 * Failure: a store that cannot be read rejects, and the gate answers 451.
 */
import type { NamedPepper, NamedPeppers } from '../config/secret-file.ts';
import type { Doubt } from '../gate/recipient.ts';
import { pepperFingerprint } from '../mail/token.ts';
import type { Log } from '../observe/log.ts';
import type { Meter } from '../observe/meter.ts';
import type { AcceptedPepper, Peppers } from '../store/peppers.ts';

/** The standing of a site's peppers to a store; a store without any takes the first that comes. */
export type PepperStanding =
  | {
      /** The first of the list is in force; or no pepper ever was; or one behind it is, and the first comes next. */
      readonly kind: 'in-force' | 'first' | 'next';
      /** The one to mint with, until the daemon puts the next one in force. */
      readonly minting: NamedPepper;
    }
  | {
      readonly kind: 'other';
      /** The one in force. */
      readonly inForce: AcceptedPepper;
      /** When the first of the list was accepted, where it is an earlier one. */
      readonly earlierAt: number | undefined;
    };

/** Characters of a fingerprint that people compare. */
const SHOWN_CHARS = 12;

/** Gives a short name for a pepper that gives nothing of it away. */
export function showPepper(fingerprint: Uint8Array): string {
  return Buffer.from(fingerprint).toString('hex').slice(0, SHOWN_CHARS);
}

/** Finds out how a site's peppers stand to a store. */
export async function judgePeppers(store: Peppers, peppers: NamedPeppers): Promise<PepperStanding> {
  const accepted = await store.peppers();
  const inForce = accepted.at(-1);
  const [first] = peppers;
  if (inForce === undefined) return { kind: 'first', minting: first };
  const minting = peppers.find(({ bytes }) => isOf(bytes)(inForce));
  if (minting !== undefined) return { kind: minting === first ? 'in-force' : 'next', minting };
  return { kind: 'other', inForce, earlierAt: accepted.findLast(isOf(first.bytes))?.acceptedAt };
}

const isOf = (pepper: Uint8Array): ((accepted: AcceptedPepper) => boolean) => {
  const own = pepperFingerprint(pepper);
  return ({ fingerprint }) => own.equals(fingerprint);
};

/** Tells whether addresses that the store has given verify under one of these peppers. */
export async function pepperKnown(store: Peppers, peppers: NamedPeppers): Promise<boolean> {
  return (await judgePeppers(store, peppers)).kind !== 'other';
}

/** Puts a pepper in force by the operator's word: what none of the site's peppers minted is void from then on. */
export async function acceptPepper(store: Peppers, pepper: Uint8Array, now: number): Promise<void> {
  await store.acceptPepper(pepperFingerprint(pepper), now, false);
}

/**
 * Puts the first of the peppers in force where no word is needed: no pepper ever was, or the one in force stands behind
 * it. Says in words why addresses cannot be judged, or nothing when they can. For the daemon, which verifies.
 */
export async function adoptPeppers(
  store: Peppers,
  peppers: NamedPeppers,
  now: number,
): Promise<string | undefined> {
  let standing = await judgePeppers(store, peppers);
  if (standing.kind === 'first' || standing.kind === 'next') {
    await store.acceptPepper(pepperFingerprint(peppers[0].bytes), now, standing.kind === 'first');
    standing = await judgePeppers(store, peppers); // another process may have brought another one
  }
  return standing.kind === 'other' ? pepperProblem(standing, peppers) : undefined;
}

/** A pepper to mint with, or why there is none, in words. */
export type MintingPepper =
  | { readonly ok: true; readonly pepper: Uint8Array }
  | { readonly ok: false; readonly problem: string };

/**
 * Gives the pepper to mint with: the one in force, which is the store's first where there was none. One that waits in
 * front of it mints once the daemon has taken it, which verifies what is minted now.
 */
export async function mintingPepper(
  store: Peppers,
  peppers: NamedPeppers,
  now: number,
): Promise<MintingPepper> {
  let standing = await judgePeppers(store, peppers);
  if (standing.kind === 'first') {
    await store.acceptPepper(pepperFingerprint(peppers[0].bytes), now, true);
    standing = await judgePeppers(store, peppers);
  }
  if (standing.kind !== 'other') return { ok: true, pepper: standing.minting.bytes };
  return { ok: false, problem: pepperProblem(standing, peppers) };
}

/** Minted addresses may be about posts that lie so far in the future. */
const FUTURE_MS = 300_000;

/** Tells whether addresses that a pepper minted may still be good. */
export async function mayBeOut(
  store: Peppers,
  pepper: Uint8Array,
  maxAgeMs: number,
  now: number,
): Promise<boolean> {
  const accepted = await store.peppers();
  const oldest = now - maxAgeMs - FUTURE_MS;
  return accepted.some((each, index) => {
    const until = accepted[index + 1]?.acceptedAt ?? now;
    return isOf(pepper)(each) && until >= oldest;
  });
}

/** The standing of peppers of which none is in force. */
export type OtherPeppers = Extract<PepperStanding, { kind: 'other' }>;

/** Says in one line what is wrong with the peppers, and what to do. */
export function pepperProblem({ inForce, earlierAt }: OtherPeppers, peppers: NamedPeppers): string {
  const since = new Date(inForce.acceptedAt).toISOString();
  const own =
    earlierAt === undefined
      ? 'this store has never had it'
      : `an earlier one, of ${new Date(earlierAt).toISOString()}`;
  const [{ bytes, file }] = peppers;
  const behind = peppers.length > 1 ? `, and ${peppers.length - 1} behind it` : '';
  return (
    `reply.pepper_file: ${file}: holds the pepper ${showPepper(pepperFingerprint(bytes))} (${own})${behind}; addresses are minted under ` +
    `${showPepper(inForce.fingerprint)} since ${since}; put that one back, or if it is lost, "mailgw-ctl pepper accept" voids them`
  );
}

/** The options of the watch. */
export interface PepperWatchOptions {
  /** Gives the peppers in force. */
  readonly peppers: () => NamedPeppers;
  readonly store: Peppers;
  readonly log: Log;
  readonly meter: Meter;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** The daemon's doubt whether one of its peppers is the store's; asked with each address for as long as there is one. */
export class PepperWatch {
  readonly #options: PepperWatchOptions;
  /** The peppers of which one was found to be the store's. */
  #trusted: NamedPeppers | undefined;
  #problem: string | undefined;

  constructor(options: PepperWatchOptions) {
    this.#options = options;
    options.meter.watch('mailgw_pepper_known', {}, () => Number(this.problem === undefined));
  }

  /** Says why no address can be judged, as last heard. */
  get problem(): string | undefined {
    return this.#isTrusted() ? undefined : this.#problem;
  }

  /** Says why no address can be judged; at once undefined when a pepper is the store's. */
  readonly doubt = (): Promise<Doubt | undefined> | undefined => {
    if (this.#isTrusted()) return undefined;
    return this.#ask().then((why) => (why === undefined ? undefined : { reason: 'pepper', why }));
  };

  #isTrusted(): boolean {
    return this.#options.peppers() === this.#trusted;
  }

  async #ask(): Promise<string | undefined> {
    const { store, log, now } = this.#options;
    const peppers = this.#options.peppers();
    const problem = await adoptPeppers(store, peppers, now());
    if (peppers !== this.#options.peppers()) return this.#ask();
    if (this.#isTrusted()) return undefined;
    const before = this.#problem;
    this.#problem = problem;
    this.#trusted = problem === undefined ? peppers : undefined;
    if (problem !== undefined && problem !== before) log('pepper_unknown', { reason: problem });
    if (problem === undefined && before !== undefined) log('pepper_accepted');
    return problem;
  }
}
