/**
 * The sinks in the file: `[sink]` for one platform, or `[[sink]]` for several, each with its name and the prefix of its threads.
 *
 * Contract: what is every sink's is read here, with every problem in one go; the rest of each table is for the sink itself. A
 * problem's key is `sink.KEY` of the one, and `sink.NAME.KEY` of several (`sink[0].name` where there is no name to say).
 */
import { basename, extname, isAbsolute } from 'node:path';
import { NO_LANE } from '../mail/lane.ts';
import { isPrintable } from '../system/printable.ts';
import { type Setting, show, text } from './kinds.ts';
import { isTable } from './names.ts';

/** A sink as it is configured. */
export interface ConfiguredSink {
  readonly name: string;
  /** The beginning of its threads; undefined where it is the only sink, and has all. */
  readonly threads: string | undefined;
  /** The path of its table: `sink`, or `sink.NAME`. */
  readonly key: string;
  /** Its table as the file has it, without what is every sink's but for the type. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** The part of a sink's table that is every sink's: what the table should be, and its type. */
export interface SinkForm {
  readonly expects: string;
  readonly type: Setting<string>;
}

const MAX_THREADS_OCTETS = 200;

/** The settings of `[[sink]]` that are every sink's; `[sink]` may have the name. */
export const SINK_PLACE = {
  name: text(
    undefined,
    'What the sink is called in logs, metrics and commands; in `[sink]` it may be left out, and is the type then.',
    `letters of a to z, digits, "-" and "_", at most 32, a letter or a digit first; and not "${NO_LANE}"`,
    (name) => /^[a-z0-9][a-z0-9_-]{0,31}$/.test(name) && name !== NO_LANE,
  ),
  threads: text(
    undefined,
    'In `[[sink]]` the beginning of the threads that are its own, such as `"forum/"`; the sink does not see it. The longest that fits decides, and `""` takes what no other does.',
    `the beginning of a thread, such as "forum/", at most ${MAX_THREADS_OCTETS} octets`,
    (value) => isPrintable(value) && Buffer.byteLength(value) <= MAX_THREADS_OCTETS,
  ),
} as const;

/** Reads what the file has of sinks. */
export function readSinks(given: unknown, form: SinkForm, problems: string[]): readonly ConfiguredSink[] {
  if (Array.isArray(given)) return readSeveral(given, form, problems);
  if (!isTable(given)) {
    problems.push(`sink: is missing; expected ${form.expects}`);
    return [];
  }
  checkType('sink', given, form, problems);
  const { type } = given;
  // A module may have had settings of these names for years.
  if (typeof type === 'string' && isAbsolute(type))
    return [{ name: nameOf(type), threads: undefined, key: 'sink', options: given }];
  const { name, ...options } = given;
  if (Object.hasOwn(options, 'threads'))
    problems.push('sink.threads: is for several sinks, [[sink]]; the only one has all threads');
  const called = name === undefined ? nameOf(type) : readText('sink.name', name, SINK_PLACE.name, problems);
  return [{ name: called ?? '', threads: undefined, key: 'sink', options }];
}

function readSeveral(
  given: readonly unknown[],
  form: SinkForm,
  problems: string[],
): readonly ConfiguredSink[] {
  if (given.length === 0) problems.push(`sink: is empty; expected ${form.expects}`);
  const sinks = given.map((table, index): ConfiguredSink => {
    const place = `sink[${index}]`;
    if (!isTable(table)) {
      problems.push(`${place}: ${show(table)} is not a table; expected ${form.expects}`);
      return { name: '', threads: undefined, key: place, options: {} };
    }
    const { name: givenName, threads: givenThreads, ...options } = table;
    const name = readText(`${place}.name`, givenName, SINK_PLACE.name, problems);
    const key = name === undefined ? place : `sink.${name}`;
    const threads = readText(`${key}.threads`, givenThreads, SINK_PLACE.threads, problems);
    checkType(key, options, form, problems);
    return { name: name ?? '', threads, key, options };
  });
  for (const [index, { name, threads, key }] of sinks.entries()) {
    const before = sinks.slice(0, index);
    if (name !== '' && before.some((other) => other.name === name))
      problems.push(`sink[${index}].name: "${name}" is another sink's already; expected a name of its own`);
    const rival = before.find((other) => threads !== undefined && other.threads === threads);
    if (rival !== undefined)
      problems.push(
        `${key}.threads: "${threads}" is ${rival.key}'s already; expected a beginning of its own`,
      );
  }
  return sinks;
}

function checkType(
  key: string,
  { type }: ConfiguredSink['options'],
  form: SinkForm,
  problems: string[],
): void {
  const read = form.type.read(type);
  if (!read.ok) problems.push(`${key}.type: ${read.problem}`);
}

function readText(
  key: string,
  value: unknown,
  setting: Setting<string>,
  problems: string[],
): string | undefined {
  const read = value === undefined ? undefined : setting.read(value);
  if (read?.ok === true) return read.value;
  problems.push(`${key}: ${read === undefined ? `is missing; expected ${setting.expects}` : read.problem}`);
  return undefined;
}

/** Gives the name of a sink that has none of its own: its type, or what its module is called. */
const nameOf = (type: unknown): string => basename(String(type), extname(String(type)));

/** Writes a sink's table as the file has it. */
export function writtenSink({ name, threads, options }: ConfiguredSink): Readonly<Record<string, unknown>> {
  if (threads !== undefined) return { name, threads, ...options };
  return name === nameOf(options.type) ? options : { name, ...options };
}

/** Tells whether a site has `[[sink]]`: each of them takes its own threads. */
export const isDivided = (sinks: readonly ConfiguredSink[]): boolean => sinks[0]?.threads !== undefined;
