/**
 * The sinks of a site: opened together, each under the prefix of its threads, and found by a thread.
 *
 * Contract: either all are open or none; the problems of all come in one go.
 */
import { readSecretFile, readSecretText } from '../config/secret-file.ts';
import { type ConfiguredSink, isDivided } from '../config/sinks.ts';
import { createLaneOf, type Lane } from '../mail/lane.ts';
import { loadSink } from '../sinks/catalogue.ts';
import type { Sink } from '../sinks/sink.ts';
import type { LoadedSink, OnFault } from '../sinks/sink-kind.ts';
import { underPrefix } from '../sinks/under-prefix.ts';
import type { Config } from './config.ts';

/** A sink of the site, open; what it is told, and names, are threads of the site. */
export interface SiteSink {
  readonly name: string;
  /** The beginning of its threads; undefined where it is the only one. */
  readonly threads: string | undefined;
  readonly sink: Sink;
}

/** The sinks, or every problem that they have. */
export type LoadedSinks =
  | { readonly ok: true; readonly sinks: readonly SiteSink[] }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Opens one sink, whose code is loaded with the first one of its kind. */
export async function openSink(
  { key, threads, options }: ConfiguredSink,
  onFault?: OnFault,
): Promise<LoadedSink> {
  const environment = { now: Date.now, readSecretFile, readSecretText, onFault };
  const loaded = await loadSink(options, environment, key);
  return loaded.ok && threads !== undefined && threads !== ''
    ? { ok: true, sink: underPrefix(loaded.sink, threads) }
    : loaded;
}

/** Opens all sinks. */
export async function openSinks({ sinks }: Config, onFault?: OnFault): Promise<LoadedSinks> {
  const loaded = await Promise.all(
    sinks.map(async (configured) => {
      const { name, threads } = configured;
      const withName = (reason: string): void =>
        onFault?.(threads === undefined ? reason : `${name}: ${reason}`);
      const read = await openSink(configured, withName);
      return { name, threads, read };
    }),
  );
  const problems = loaded.flatMap(({ read }) => (read.ok ? [] : read.problems));
  const open = loaded.flatMap(({ name, threads, read }) =>
    read.ok ? [{ name, threads, sink: read.sink }] : [],
  );
  if (problems.length === 0) return { ok: true, sinks: open };
  await closeSinks(open);
  return { ok: false, problems };
}

/** Closes them. */
export async function closeSinks(sinks: readonly SiteSink[]): Promise<void> {
  await Promise.all(sinks.map(async ({ sink }) => sink.close()));
}

/** Gives the lanes of a site's queue: none where it has one sink. */
export function lanesOf({ sinks }: Pick<Config, 'sinks'>): readonly Lane[] {
  return isDivided(sinks) ? sinks.map(({ name, threads = '' }) => ({ name, threads })) : [];
}

/** Finds the sink of a thread; undefined where none is for it. */
export function sinkOf(config: Pick<Config, 'sinks'>, locator: string): ConfiguredSink | undefined {
  const { sinks } = config;
  if (!isDivided(sinks)) return sinks[0];
  const lane = createLaneOf(lanesOf(config))(locator);
  return sinks.find(({ name }) => name === lane);
}

/** Lists the beginnings of threads that there are sinks for, as people read them. */
export function knownThreads({ sinks }: Pick<Config, 'sinks'>): string {
  return sinks.map(({ name, threads }) => `"${threads ?? ''}" (${name})`).join(', ');
}
