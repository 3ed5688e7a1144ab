/** The opening of a platform's sink: its table is read, what its options say together is looked at, and the sink is made. */
import type { Sink } from '../sink.ts';
import type { LoadedSink, SinkEnvironment, SinkTable } from '../sink-kind.ts';
import { type PlatformOptions, type PlatformSettings, readPlatformOptions } from './options.ts';

/** Opens the sink of a `[sink]` table. */
type Open = (table: SinkTable, environment: SinkEnvironment) => LoadedSink;

/** Makes what opens a sink; `problemOf` says what is wrong with options of which each is as it should be. */
export function openerOf<S extends PlatformSettings>(
  settings: S,
  create: (options: PlatformOptions<S>, environment: SinkEnvironment) => Sink,
  problemOf: (options: PlatformOptions<S>) => string | undefined = () => undefined,
): Open {
  return (table, environment) => {
    const read = readPlatformOptions(table, settings, environment);
    if (!read.ok) return read;
    const problem = problemOf(read.options);
    if (problem !== undefined) return { ok: false, problems: [problem] };
    return { ok: true, sink: create(read.options, environment) };
  };
}
