/**
 * The kinds of setting: how a value of the TOML file becomes a typed value, or a problem in plain words.
 *
 * Contract: a reader never throws and never guesses; a problem names what was found and what was expected.
 */
import type { Rate } from '../mail/rate.ts';

/** A reader's answer. */
export type Read<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: string };

/** One setting: what it takes, its default as it would be written in the file, and one sentence for people. */
export interface Setting<T> {
  readonly expects: string;
  readonly fallback: unknown;
  readonly doc: string;
  /** Converts a value of the file. */
  readonly read: (value: unknown) => Read<T>;
}

const MS_PER: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
const BYTES_PER: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
};

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
): Setting<T> {
  const read = (value: unknown): Read<T> => {
    const converted = convert(value);
    return converted === undefined
      ? { ok: false, problem: `${show(value)} is not ${expects}` }
      : { ok: true, value: converted };
  };
  return { expects, fallback, doc, read };
}

/** Any text that `accepts` takes. */
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

/** A text that may be left out. */
export function optionalText(doc: string): Setting<string | undefined> {
  return {
    expects: 'a text',
    fallback: '',
    doc,
    read: (value) =>
      typeof value === 'string'
        ? { ok: true, value: value === '' ? undefined : value }
        : { ok: false, problem: `${show(value)} is not a text` },
  };
}

/** An absolute path. */
export function path(fallback: string | undefined, doc: string): Setting<string> {
  return text(fallback, doc, 'an absolute path', (value) => value.startsWith('/') && !value.includes('\0'));
}

/** An absolute path that may be left out. */
export function optionalPath(doc: string): Setting<string | undefined> {
  const { expects, read } = path(undefined, doc);
  return {
    expects,
    fallback: '',
    doc,
    read: (value) => (value === '' ? { ok: true, value: undefined } : read(value)),
  };
}

/** A whole number from `least` to `most`. */
export function integer(fallback: number, least: number, most: number, doc: string): Setting<number> {
  return setting(`a whole number from ${least} to ${most}`, fallback, doc, (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
      ? value
      : undefined,
  );
}

/** A number that may be left out. */
export function optionalNumber(least: number, most: number, doc: string): Setting<number | undefined> {
  return {
    expects: `a number from ${least} to ${most}`,
    fallback: '',
    doc,
    read: (value) => {
      if (value === '') return { ok: true, value: undefined };
      return typeof value === 'number' && value >= least && value <= most
        ? { ok: true, value }
        : { ok: false, problem: `${show(value)} is not a number from ${least} to ${most}` };
    },
  };
}

/** One of a few words. */
export function oneOf<const W extends string>(
  words: readonly W[],
  fallback: NoInfer<W> | undefined,
  doc: string,
): Setting<W> {
  return setting(`one of ${words.map((word) => `"${word}"`).join(', ')}`, fallback, doc, (value) =>
    words.find((word) => word === value),
  );
}

/** A time span such as `"90d"`, in milliseconds. */
export function duration(fallback: string, doc: string): Setting<number> {
  return setting('a duration such as "30s", "10min", "12h" or "90d"', fallback, doc, (value) =>
    typeof value === 'string' ? parseDuration(value) : undefined,
  );
}

/** A time span that may be left to mailgw. */
export function optionalDuration(doc: string): Setting<number | undefined> {
  const { expects, read } = duration('0s', doc);
  return {
    expects,
    fallback: '',
    doc,
    read: (value) => (value === '' ? { ok: true, value: undefined } : read(value)),
  };
}

/** Reads a duration text; milliseconds. */
export function parseDuration(value: string): number | undefined {
  return quantity(value, MS_PER);
}

/** A size such as `"25MiB"`, in bytes. */
export function size(fallback: string, doc: string): Setting<number> {
  return setting('a size such as "25MiB" or "256KiB"', fallback, doc, (value) =>
    typeof value === 'string' ? quantity(value, BYTES_PER) : undefined,
  );
}

function quantity(value: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d{1,9}) ?([A-Za-z]+)$/.exec(value);
  const unit = units[match?.[2] ?? ''];
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}

/** A list of texts that `accepts` takes one by one. */
export function texts<const W extends string = string>(
  fallback: readonly W[],
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

/** A file mode such as `"0660"`. */
export function mode(fallback: string, doc: string): Setting<number> {
  return setting('a file mode in octal such as "0660"', fallback, doc, (value) =>
    typeof value === 'string' && /^0?[0-7]{3}$/.test(value) ? Number.parseInt(value, 8) : undefined,
  );
}

/** A listener: a Unix socket by its path, or a host and a port. */
export type Endpoint = { readonly path: string } | { readonly host: string; readonly port: number };

/** A listener such as `"127.0.0.1:783"`, `"[::1]:783"` or `"unix:/run/spamd.sock"`. */
export function endpoint(fallback: string, doc: string): Setting<Endpoint> {
  return setting('"host:port" or "unix:" and an absolute path', fallback, doc, (value) =>
    typeof value === 'string' ? parseEndpoint(value) : undefined,
  );
}

/** A listener that may be left out. */
export function optionalEndpoint(doc: string): Setting<Endpoint | undefined> {
  const { expects, read } = endpoint('', doc);
  return {
    expects,
    fallback: '',
    doc,
    read: (value) => (value === '' ? { ok: true, value: undefined } : read(value)),
  };
}

/** Unix socket paths longer than this do not fit sockaddr_un. */
const MAX_SOCKET_PATH_BYTES = 107;

function parseEndpoint(value: string): Endpoint | undefined {
  const path = /^unix:(\/[^\0]+)$/.exec(value)?.[1];
  if (path !== undefined) return Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES ? undefined : { path };
  const match = /^(?:\[([\da-f:.]+)\]|([\w.-]+)):(\d{1,5})$/i.exec(value);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}

/** A rate such as `"120/h"`, or `"off"`. */
export function rate(fallback: string, doc: string): Setting<Rate | 'off'> {
  return setting('"off" or a rate such as "5/s", "20/min", "120/h" or "500/d"', fallback, doc, (value) => {
    if (value === 'off') return 'off';
    const match = typeof value === 'string' ? /^([1-9]\d{0,8})\/(s|min|h|d)$/.exec(value) : null;
    const perMs = MS_PER[match?.[2] ?? ''];
    return match === null || perMs === undefined ? undefined : { count: Number(match[1]), perMs };
  });
}
