/** SinkReports in PostgreSQL: setSinkStatus. */
import type { SinkReports } from '../sink-status.ts';
import type { Ground } from './ground.ts';
import { unbuilt } from './unbuilt.ts';

/** Gives the port. */
export function sinkPort(_ground: Ground): SinkReports {
  return unbuilt<SinkReports>(['setSinkStatus']);
}
