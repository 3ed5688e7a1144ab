/**
 * How the messages of one transaction are counted by the rates.
 *
 * Contract: each claim is charged once it is known who vouches for the message, whatever becomes of it then. What ends
 * deferred is given back, since it comes again and is counted then.
 */
import type { Disposition } from '../mail/disposition.ts';
import type { Authentication } from '../mail/origin.ts';
import type { Charged } from '../mail/rate.ts';
import type { RateLimit } from './limits.ts';
import type { Rates, Standing } from './rates.ts';
import type { Claim } from './recipient.ts';
import type { End } from './trail.ts';

/** Charges the claim of this index: the limit that there was nothing left of, if any. */
export type Charge = (index: number, standing: Standing) => RateLimit | undefined;

/** Tells for whom a message counts: its user, unless the policy asks for somebody to vouch for it and nobody does. */
export function standingOf(
  policy: Authentication['policy'],
  result: Authentication['result'] | undefined,
): Standing {
  return policy === 'off' || result === 'pass' ? 'vouched' : 'unvouched';
}

function chargedOf({ user, proof }: Claim): Charged {
  return proof.kind === 'token' ? proof.token : { form: 'matched', userNumber: user.number };
}

/** What a transaction was charged. Its life: `take` for each claim, `keep` once the verdicts are there, `giveBack`. */
export class Charges {
  readonly #rates: Pick<Rates, 'take' | 'giveBack'> | undefined;
  readonly #claims: readonly (Claim | End)[];
  readonly #taken = new Map<number, { readonly charged: Charged; readonly standing: Standing }>();

  constructor(rates: Pick<Rates, 'take' | 'giveBack'> | undefined, claims: readonly (Claim | End)[]) {
    this.#rates = rates;
    this.#claims = claims;
  }

  readonly take: Charge = (index, standing) => {
    if (this.#rates === undefined) return undefined;
    const claim = this.#claims[index];
    if (claim === undefined || 'kind' in claim) throw new Error(`there is no claim ${index}`);
    const charged = chargedOf(claim);
    const limit = this.#rates.take(charged, standing);
    if (limit === undefined) this.#taken.set(index, { charged, standing });
    return limit;
  };

  /** Keeps what was taken for verdicts that stand. */
  keep(verdicts: readonly Disposition[]): void {
    verdicts.forEach(({ verdict }, index) => {
      if (verdict !== 'deferred') this.#taken.delete(index);
    });
  }

  /** Gives back what is not kept. */
  giveBack(): void {
    for (const { charged, standing } of this.#taken.values()) this.#rates?.giveBack(charged, standing);
  }
}
