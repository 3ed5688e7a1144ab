/**
 * The kinds of setting: how a value of the TOML file becomes a typed value and is written as one again.
 *
 * Contract: a reader never throws and never guesses; a problem names what was found and what was expected. What a kind
 * writes, it reads back as the same value.
 */
import type { Rate } from '../mail/rate.ts';
import { MAX_SOCKET_PATH_BYTES } from '../system/unix-socket.ts';

/** A reader's answer. */
export type Read<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: string; readonly inside?: readonly InsideProblem[] };

/** A problem of something inside a value: its path from there, such as `[0].thread`. */
export interface InsideProblem {
  readonly path: string;
  readonly problem: string;
}

/** One setting: what it takes, its default as it would be written in the file, and one sentence for people. */
export interface Setting<T> {
  readonly expects: string;
  readonly fallback: unknown;
  readonly doc: string;
  /** When a reload brings a new value into effect: the daemon holds open from its start what waits for a restart. */
  readonly applies: 'now' | 'restart';
  /** What a new value makes void that is out in the world. */
  readonly voids?: 'addresses';
  /** The content that belongs to the setting: of the file or the directory at its path, or of a secret's file. */
  readonly names?: 'file' | 'secret';
  /** The keys of each table, where the setting is a list of tables. */
  readonly columns?: readonly Column[];
  /** Converts a value of the file. */
  readonly read: (value: unknown) => Read<T>;
  /** Converts a value back into one of the file, in the largest unit that leaves no remainder. */
  write(value: T): unknown;
}

/** A key of a table in a list: its property, its name in the file, and its kind. */
export interface Column {
  readonly property: string;
  readonly name: string;
  readonly setting: Setting<unknown>;
}

/** Units as they are written, the largest first. */
type Units = Readonly<Record<string, number>>;

const MS_PER: Units = { d: 86_400_000, h: 3_600_000, min: 60_000, s: 1000, ms: 1 };
const BYTES_PER: Units = { GiB: 1024 ** 3, MiB: 1024 ** 2, KiB: 1024, B: 1 };

/** Units that are read only. */
const MORE_MS_PER: Units = { m: 60_000, w: 604_800_000 };
const MORE_BYTES_PER: Units = { KB: 1000, MB: 1000 ** 2, GB: 1000 ** 3 };

/** Shows a value of the file in a message, shortened. */
export function show(value: unknown): string {
  const text = value instanceof Date ? value.toISOString() : (JSON.stringify(value) as string | undefined);
  return text === undefined ? 'nothing' : text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

function setting<T>(
  expects: string,
  fallback: unknown,
  doc: string,
  convert: (value: unknown) => T | undefined,
  write: (value: T) => unknown = (value) => value,
): Setting<T> {
  const read = (value: unknown): Read<T> => {
    const converted = convert(value);
    return converted === undefined
      ? { ok: false, problem: `${show(value)} is not ${expects}` }
      : { ok: true, value: converted };
  };
  return { expects, fallback, doc, applies: 'now', read, write };
}

/** Makes a kind optional: undefined is an empty text in the file, and the default. */
export function optional<T>(kind: (fallback: '', doc: string) => Setting<T>) {
  return (doc: string): Setting<T | undefined> => {
    const inner = kind('', doc);
    return {
      ...inner,
      read: (value) => (value === '' ? { ok: true, value: undefined } : inner.read(value)),
      write: (value) => (value === undefined ? '' : inner.write(value)),
    };
  };
}

/** Makes new values of a kind wait for a restart. */
export function atStart<A extends readonly unknown[], T>(kind: (...given: A) => Setting<T>) {
  return (...given: A): Setting<T> => ({ ...kind(...given), applies: 'restart' });
}

/** Makes new values of a kind void the reply addresses that are out. */
export function underAddresses<A extends readonly unknown[], T>(kind: (...given: A) => Setting<T>) {
  return (...given: A): Setting<T> => ({ ...kind(...given), voids: 'addresses' });
}

/** Declares any text that `accepts` takes. */
export function text(
  fallback: string | undefined,
  doc: string,
  expects = 'a text',
  accepts: (value: string) => boolean = () => true,
): Setting<string> {
  return setting(expects, fallback, doc, (value) =>
    typeof value === 'string' && accepts(value) ? value : undefined,
  );
}

/** Declares an absolute path. */
export function path(fallback: string | undefined, doc: string): Setting<string> {
  return text(fallback, doc, 'an absolute path', (value) => value.startsWith('/') && !value.includes('\0'));
}

/** Declares the absolute path of a file, or of a directory, that is read with the configuration. */
export function file(fallback: string | undefined, doc: string): Setting<string> {
  return { ...path(fallback, doc), names: 'file' };
}

/** Declares the absolute path of a file with a secret. */
export function secretFile(fallback: string | undefined, doc: string): Setting<string> {
  return { ...path(fallback, doc), names: 'secret' };
}

/** Declares the URL of a database; a problem of it does not repeat it, since a password may stand in it by mistake. */
export function storeUrl(fallback: string | undefined, doc: string): Setting<string> {
  return text(fallback, doc, 'a URL such as "postgresql://mailgw@db.example.org/mailgw"');
}

/** Declares the name of a host. */
export function hostName(fallback: string | undefined, doc: string): Setting<string> {
  return text(fallback, doc, 'a name of up to 63 letters, digits, "-", "_" and "."', (value) =>
    /^[\w.-]{1,63}$/.test(value),
  );
}

/** Declares a whole number from `least` to `most`. */
export function integer(fallback: number, least: number, most: number, doc: string): Setting<number> {
  return setting(`a whole number from ${least} to ${most}`, fallback, doc, (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
      ? value
      : undefined,
  );
}

/** Makes a kind of number from `least` to `most`. */
export function number(least: number, most: number) {
  return (fallback: number | '', doc: string): Setting<number> =>
    setting(`a number from ${least} to ${most}`, fallback, doc, (value) =>
      typeof value === 'number' && value >= least && value <= most ? value : undefined,
    );
}

/** Declares a switch. */
export function yesNo(fallback: boolean, doc: string): Setting<boolean> {
  return setting('true or false', fallback, doc, (value) => (typeof value === 'boolean' ? value : undefined));
}

/** Declares one of a few words. */
export function oneOf<const W extends string>(
  words: readonly W[],
  fallback: NoInfer<W> | undefined,
  doc: string,
): Setting<W> {
  return setting(`one of ${words.map((word) => `"${word}"`).join(', ')}`, fallback, doc, (value) =>
    words.find((word) => word === value),
  );
}

/** Declares a time span such as `"90d"`, in milliseconds. */
export function duration(fallback: string, doc: string): Setting<number> {
  return setting(
    'a duration such as "30s", "10min", "12h" or "90d"',
    fallback,
    doc,
    (value) => (typeof value === 'string' ? parseDuration(value) : undefined),
    (value) => inUnits(value, MS_PER),
  );
}

/** Reads a duration text; milliseconds. */
export function parseDuration(value: string): number | undefined {
  return quantity(value, MS_PER, MORE_MS_PER);
}

/** Declares a size such as `"25MiB"`, in bytes; the default may be given as their number. */
export function size(fallback: string | number, doc: string): Setting<number> {
  return setting(
    'a size such as "25MiB" or "256KiB"',
    typeof fallback === 'number' ? inUnits(fallback, BYTES_PER) : fallback,
    doc,
    (value) => (typeof value === 'string' ? quantity(value, BYTES_PER, MORE_BYTES_PER) : undefined),
    (value) => inUnits(value, BYTES_PER),
  );
}

function quantity(value: string, units: Units, more: Units): number | undefined {
  const [, digits, name = ''] = /^(\d{1,9}) ?([A-Za-z]+)$/.exec(value) ?? [];
  const unit = [units, more].find((known) => Object.hasOwn(known, name))?.[name];
  return unit === undefined ? undefined : Number(digits) * unit;
}

/** Writes the number in the largest unit that leaves no remainder. */
function inUnits(value: number, units: Units): string {
  const all = Object.entries(units);
  const [name, size] = all.find(([, size]) => value !== 0 && value % size === 0) ?? all.at(-1) ?? ['', 1];
  return `${value / size}${name}`;
}

/** Declares a list of texts that `accepts` takes one by one. */
export function texts<const W extends string = string>(
  fallback: readonly NoInfer<W>[],
  doc: string,
  expects: string,
  accepts: ((value: string) => value is W) | ((value: string) => boolean),
): Setting<readonly W[]> {
  return setting(expects, fallback, doc, (value) => {
    if (!Array.isArray(value)) return undefined;
    const all = value.filter((each): each is W => typeof each === 'string' && accepts(each));
    return all.length === value.length ? all : undefined;
  });
}

/** Lets one text of the file stand for a list of one. */
export function orOne(list: Setting<readonly string[]>): Setting<readonly string[]> {
  return {
    ...list,
    read: (value) => list.read(typeof value === 'string' ? [value] : value),
    write: (value) => (value.length === 1 ? value[0] : value),
  };
}

/** Declares the group that owns a Unix socket. */
export const socketGroup = atStart(optional(text));

/** The most names in a list: each one is tried against what comes in. */
const MAX_NAMES = 8;

/** Makes a kind of text one or more: a text of the file is a list of one. */
export function oneOrMore<A extends readonly unknown[]>(kind: (...given: A) => Setting<string>) {
  return (...given: A): Setting<readonly [string, ...string[]]> => {
    const one = kind(...given);
    return {
      ...one,
      expects: `${one.expects}, or a list of up to ${MAX_NAMES}, of which the first mints and all verify`,
      read: (value) => {
        const reads = (Array.isArray(value) ? value : [value]).map((each: unknown) => one.read(each));
        const bad = reads.find((read) => !read.ok);
        if (bad !== undefined) return bad;
        const [first, ...more] = reads.flatMap((read) => (read.ok ? [read.value] : []));
        if (first !== undefined && reads.length <= MAX_NAMES) return { ok: true, value: [first, ...more] };
        return { ok: false, problem: `${show(value)} is not a list of 1 to ${MAX_NAMES}` };
      },
      write: (value) => (value.length === 1 ? value[0] : value),
    };
  };
}

/** Declares a file mode such as `"0660"`. */
export function mode(fallback: string, doc: string): Setting<number> {
  return setting(
    'a file mode in octal such as "0660"',
    fallback,
    doc,
    (value) =>
      typeof value === 'string' && /^0?[0-7]{3}$/.test(value) ? Number.parseInt(value, 8) : undefined,
    (value) => `0${value.toString(8).padStart(3, '0')}`,
  );
}

/** A host and a port. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

/** Declares a place of a server such as `"127.0.0.1:25"` or `"[::1]:25"`. */
export function place(fallback: string, doc: string): Setting<Place> {
  return setting('a host and a port such as "127.0.0.1:25"', fallback, doc, parsePlace, endpointText);
}

/** Reads a host and a port; brackets around an IPv6 address are no part of it. */
export function parsePlace(value: unknown): Place | undefined {
  if (typeof value !== 'string') return undefined;
  const match = /^(?:\[([\da-f:.]+)\]|([^\s:/@[\]]+)):(\d{1,5})$/i.exec(value);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}

/** A listener: a Unix socket by its path, or a host and a port. */
export type Endpoint = { readonly path: string } | Place;

/** Declares a listener such as `"127.0.0.1:783"`, `"[::1]:783"` or `"unix:/run/spamd.sock"`. */
export function endpoint(fallback: string, doc: string): Setting<Endpoint> {
  return setting(
    '"host:port" or "unix:" and an absolute path',
    fallback,
    doc,
    (value) => parseSocket(value) ?? parsePlace(value),
    endpointText,
  );
}

function parseSocket(value: unknown): { path: string } | undefined {
  const path = typeof value === 'string' ? /^unix:(\/[^\0]+)$/.exec(value)?.[1] : undefined;
  return path === undefined || Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES ? undefined : { path };
}

/** Writes a listener, or a place, as the file names it. */
export function endpointText(endpoint: Endpoint): string {
  if ('path' in endpoint) return `unix:${endpoint.path}`;
  const { host, port } = endpoint;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Declares a rate such as `"120/h"`, or `"off"`. */
export function rate(fallback: string, doc: string): Setting<Rate | 'off'> {
  return setting(
    '"off" or a rate such as "5/s", "20/min", "120/h" or "500/d"',
    fallback,
    doc,
    (value) => (value === 'off' ? value : parseRate(value)),
    // The span is one unit: "1h" without its number.
    (value) => (value === 'off' ? value : `${value.count}/${inUnits(value.perMs, MS_PER).slice(1)}`),
  );
}

function parseRate(value: unknown): Rate | undefined {
  const [, count, per = ''] =
    (typeof value === 'string' && /^([1-9]\d{0,8})\/(s|min|h|d)$/.exec(value)) || [];
  const perMs = MS_PER[per];
  return perMs === undefined ? undefined : { count: Number(count), perMs };
}

/**
 * Declares whether what a person typed may act on the platform. A platform gets the text as it is, unless the site
 * makes it inert.
 */
export const live = (doc: string): Setting<'inert' | 'live'> => oneOf(['inert', 'live'], 'live', doc);
