/** Buckets in PostgreSQL: loadBuckets, bucket, saveBuckets. */
import type { Buckets } from '../buckets.ts';
import type { Ground } from './ground.ts';
import { unbuilt } from './unbuilt.ts';

/** Gives the port. */
export function bucketPort(_ground: Ground): Buckets {
  return unbuilt<Buckets>(['loadBuckets', 'bucket', 'saveBuckets']);
}
