/**
 * How the messages of one transaction are counted by the rates.
 *
 * Contract: each claim is charged once it is known who vouches for the message, whatever becomes of it then. What ends
 * deferred is given back, since it comes again and is counted then.
 */
import type { Disposition } from '../mail/disposition.ts';
import type { Authentication } from '../mail/origin.ts';
import type { Token } from '../mail/token.ts';
import type { RateLimit, Rates, Standing } from './rates.ts';
import type { Claim } from './recipient.ts';

/** Charges the claim of this index: the limit that there was nothing left of, if any. */
export type Charge = (index: number, standing: Standing) => RateLimit | undefined;

/** Tells for whom a message counts: its user, unless the policy asks for somebody to vouch for it and nobody does. */
export function standingOf(
  policy: Authentication['policy'],
  result: Authentication['result'] | undefined,
): Standing {
  return policy === 'off' || result === 'pass' ? 'vouched' : 'unvouched';
}

/** Judges a message for its claims; `judge` charges each of them. */
export async function counted<V extends Disposition>(
  rates: Pick<Rates, 'take' | 'giveBack'> | undefined,
  claims: readonly Claim[],
  judge: (charge: Charge) => Promise<readonly V[]>,
): Promise<readonly V[]> {
  if (rates === undefined) return judge(() => undefined);
  const taken = new Map<number, { readonly token: Token; readonly standing: Standing }>();
  const charge: Charge = (index, standing) => {
    const token = claims[index]?.proof.token;
    if (token === undefined) throw new Error(`there is no claim ${index}`);
    const limit = rates.take(token, standing);
    if (limit === undefined) taken.set(index, { token, standing });
    return limit;
  };
  try {
    const verdicts = await judge(charge);
    verdicts.forEach(({ verdict }, index) => {
      if (verdict !== 'deferred') taken.delete(index);
    });
    return verdicts;
  } finally {
    for (const { token, standing } of taken.values()) rates.giveBack(token, standing);
  }
}
