/** The limits of the rates: which there are, and which bucket counts for each. */
import { addressBucket, type Charged, type Rate, TOTAL_BUCKET, userBucket } from '../mail/rate.ts';

/** The configured rates. */
export interface RateSettings {
  readonly perUser: Rate | 'off';
  readonly perAddress: Rate | 'off';
  readonly total: Rate | 'off';
}

/** A limit by its key in the configuration. */
export type RateLimit = 'rate.per_user' | 'rate.per_address' | 'rate.total';

/** One limit, and the bucket of it that a reply is counted in, if any. */
export interface Limit {
  readonly limit: RateLimit;
  readonly rate: Rate;
  /** The name of the bucket that a reply is counted in. */
  readonly bucketOf: (charged: Charged) => string | undefined;
  /** Tells whether a bucket is one of this limit's, by its name as of a message that is vouched for. */
  readonly owns: (name: string) => boolean;
}

/** Gives the limits that are configured. */
export function limitsOf({ perUser, perAddress, total }: RateSettings): Limit[] {
  const limits: (Omit<Limit, 'rate'> & { readonly rate: Rate | 'off' })[] = [
    {
      limit: 'rate.per_user',
      rate: perUser,
      bucketOf: ({ userNumber }) => userBucket(userNumber),
      owns: (name) => name.startsWith('user/'),
    },
    {
      limit: 'rate.per_address',
      rate: perAddress,
      bucketOf: addressBucket,
      owns: (name) => name.startsWith('address/'),
    },
    {
      limit: 'rate.total',
      rate: total,
      bucketOf: () => TOTAL_BUCKET,
      owns: (name) => name === TOTAL_BUCKET,
    },
  ];
  return limits.filter((limit): limit is Limit => limit.rate !== 'off');
}
