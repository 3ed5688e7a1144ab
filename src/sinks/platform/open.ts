/**
 * The opening of a platform's sink: its table is read, what its options say together is looked at, and the sink is made. A
 * preview has the same table read, as far as it decides what is sent.
 */
import type { Post } from '../../reply/post.ts';
import type { Sink } from '../sink.ts';
import type { LoadedSink, Preview, SinkEnvironment, SinkTable } from '../sink-kind.ts';
import { refuse } from './client.ts';
import {
  type PlatformOptions,
  type PlatformSettings,
  readPlatformOptions,
  readTextOptions,
  type TextOptions,
} from './options.ts';

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

/** Makes what shows a post as a sink of the `[sink]` table would send it; a table with problems refuses the post. */
export function previewerOf<S extends PlatformSettings>(
  settings: S,
  show: (post: Post, options: TextOptions<S>) => Preview,
): (post: Post, table: SinkTable) => Preview {
  return (post, table) => {
    const read = readTextOptions(table, settings);
    if (!read.ok) throw refuse(read.problems.join('; '));
    return show(post, read.options);
  };
}
