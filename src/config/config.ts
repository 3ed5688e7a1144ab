/**
 * The configuration: one frozen Config from one file.
 *
 * Contract: unknown keys are errors; every problem is reported in one go with its key path, the value and what
 * was expected; secrets are only ever files.
 */
import { parse, TomlError } from 'smol-toml';
import { allForms, matchRecipient } from '../mail/address.ts';
import { errorLine } from '../system/error-text.ts';
import { type Endpoint, type Setting, show } from './kinds.ts';
import { isTable, unknownKey } from './names.ts';
import { EACH, type Row, rowsOf, type Table } from './rows.ts';
import { type ConfiguredSink, readSinks, type SinkForm } from './sinks.ts';
import type { BASE_SETTINGS } from './table.ts';

type ValueOf<S> = S extends Setting<infer T> ? T : never;

/** The values of a table of settings; durations in milliseconds, sizes in bytes. */
export type ConfigOf<T> = {
  readonly [S in keyof T]: { readonly [K in keyof T[S]]: ValueOf<T[S][K]> };
};

/** The part of a configuration that needs no source; sinks have their options as the file has them. */
export type BaseConfig = ConfigOf<typeof BASE_SETTINGS> & {
  readonly sinks: readonly ConfiguredSink[];
};

/** A configuration, and its settings by their keys as the file has them, defaults included. */
export interface Configured<C> {
  readonly config: C;
  readonly written: Readonly<Record<string, unknown>>;
}

/** A configuration, or every problem that it has. */
export type Loaded<C> =
  | ({ readonly ok: true } & Configured<C>)
  | { readonly ok: false; readonly problems: readonly string[] };

const DAY_MS = 86_400_000;

/** Postfix tries for 5 days by default, and what it still holds after an outage must be known again. */
const LEAST_DEDUPE_WINDOW_MS = 7 * DAY_MS;

/** Longer, and Postfix's smtpd_policy_service_timeout (100 s) comes near. */
const MOST_DELAY_MS = 60_000;

/** Gives the time that dedupe rows live, in milliseconds. */
export function dedupeWindowMs(config: Pick<BaseConfig, 'store' | 'reply'>): number {
  return config.store.dedupeWindowMs ?? config.reply.maxAgeMs + 2 * LEAST_DEDUPE_WINDOW_MS;
}

/** Gives the address that notices come from; another domain than the minting one's, where they came from before. */
export function noticeSender(
  config: Pick<BaseConfig, 'notice' | 'reply'>,
  domain = config.reply.domain[0],
): string {
  return config.notice.from === '' ? `noreply@${domain}` : config.notice.from;
}

/** Tells whether replies without a token are matched; if not, nobody who was notified is remembered. */
export function isMatching({ matching }: Pick<BaseConfig, 'matching'>): boolean {
  return matching.by.length > 0;
}

/** Gives the server that takes all mail of ours. */
export function mailServer({ outbound, notice }: Pick<BaseConfig, 'outbound' | 'notice'>): Endpoint {
  const { server } = notice;
  return outbound.relay ?? server;
}

/** The form of a file: its table of settings, and what is known of `[sink]`. */
export interface FileForm<T> {
  readonly settings: T;
  readonly sink: SinkForm;
}

/** Checks a configuration's text; `name` stands before problems of its syntax. */
export function parseConfig<T extends Table & typeof BASE_SETTINGS>(
  source: string,
  name: string,
  { settings, sink }: FileForm<T>,
): Loaded<ConfigOf<T> & BaseConfig> {
  let table: Record<string, unknown>;
  try {
    table = parse(source);
  } catch (error) {
    const line = error instanceof TomlError ? `line ${error.line}: ` : '';
    return { ok: false, problems: [`${name}: ${line}${errorLine(error)}`] };
  }
  const problems: string[] = [];
  const config: Record<string, unknown> = {};
  const written: Record<string, unknown> = {};
  const rows = rowsOf(settings);
  for (const section of Object.keys(settings)) {
    const own = rows.filter((row) => row.section === section);
    config[section] = readSection({ section, rows: own }, table[section], written, problems);
  }
  for (const section of Object.keys(table)) {
    if (section !== 'sink' && !(section in settings))
      problems.push(unknownKey(section, [...Object.keys(settings), 'sink']));
  }
  config.sinks = readSinks(table.sink, sink, problems);
  if (problems.length > 0) return { ok: false, problems };
  const complete = deepFreeze(config) as ConfigOf<T> & BaseConfig;
  const conflicts = crossCheck(complete);
  return conflicts.length > 0 ? { ok: false, problems: conflicts } : { ok: true, config: complete, written };
}

function readSection(
  { section, rows }: { readonly section: string; readonly rows: readonly Row[] },
  table: unknown,
  written: Record<string, unknown>,
  problems: string[],
): Record<string, unknown> {
  const isList = rows[0]?.property === EACH;
  const given: unknown = isList && table !== undefined ? { '': table } : (table ?? {});
  if (!isTable(given)) {
    problems.push(`${section}: ${show(given)} is not a table`);
    return {};
  }
  const keys = rows.map(({ key }) => key);
  for (const key of isList ? [] : Object.keys(given).map((key) => `${section}.${key}`)) {
    if (!keys.includes(key)) problems.push(unknownKey(key, keys));
  }
  const values: Record<string, unknown> = {};
  for (const { property, name, key, setting } of rows) {
    const value = given[name] ?? setting.fallback;
    if (value === undefined) {
      problems.push(`${key}: is missing; expected ${setting.expects}`);
      continue;
    }
    written[key] = value;
    const read = setting.read(value);
    if (read.ok) values[property] = read.value;
    else if (read.inside === undefined) problems.push(`${key}: ${read.problem}`);
    else problems.push(...read.inside.map(({ path, problem }) => `${key}${path}: ${problem}`));
  }
  return values;
}

/** Gives the value that a configuration has for a row of the table. */
export function valueIn(config: object, { section, property }: Row): unknown {
  const sections = config as Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  return sections[section]?.[property];
}

/** Gives a new configuration, in which what waits for a restart has its value of before. */
export function overlay<C extends BaseConfig>(
  rows: readonly Row[],
  before: Configured<C>,
  after: Configured<C>,
): Configured<C> {
  const config: Record<string, Record<string, unknown>> = {};
  const written: Record<string, unknown> = {};
  for (const row of rows) {
    const from = row.setting.applies === 'restart' ? before : after;
    (config[row.section] ??= {})[row.property] = valueIn(from.config, row);
    written[row.key] = from.written[row.key];
  }
  return { config: deepFreeze({ ...config, sinks: after.config.sinks }) as C, written };
}

/** Sections that listen on the loopback alone, and why. */
const LOOPBACK_ONLY = {
  metrics: 'nothing asks for a password',
  api: 'tokens would cross the network in the clear: put a server with TLS in front',
  inbound: 'mail and passwords would cross the network in the clear: put a server with TLS in front',
} as const;

function crossCheck(config: BaseConfig): string[] {
  const problems: string[] = [];
  if (config.sender.policy !== 'off' && config.sender.authservId === undefined) {
    problems.push(
      `sender.authserv_id: is missing; sender.policy = "${config.sender.policy}" needs the authserv-id of your own filter`,
    );
  }
  if (config.sender.policy !== 'strict' && config.sender.spoofed !== 'discard') {
    problems.push(
      `sender.spoofed: "${config.sender.spoofed}" has no effect with sender.policy = "${config.sender.policy}"; expected "strict"`,
    );
  }
  problems.push(...crossCheckSpam(config.spam));
  for (const [section, why] of Object.entries(LOOPBACK_ONLY)) {
    const { listen } = config[section as keyof typeof LOOPBACK_ONLY];
    if (listen !== undefined && 'host' in listen && !isLoopback(listen.host)) {
      problems.push(
        `${section}.listen: "${listen.host}" is no address of the loopback, and ${why}; expected "127.0.0.1:PORT", "[::1]:PORT" or "unix:/PATH"`,
      );
    }
  }
  if (config.delivery.retryFirstMs > config.delivery.retryLongestMs) {
    problems.push('delivery.retry_first: is longer than delivery.retry_longest');
  }
  if (matchRecipient(allForms(config.reply), noticeSender(config)).kind === 'token') {
    problems.push('notice.from: is a reply address; expected another one');
  }
  const matched = config.matching.addresses.find(
    (address) => matchRecipient(allForms(config.reply), address).kind === 'token',
  );
  if (matched !== undefined)
    problems.push(`matching.addresses: ${show(matched)} is a reply address; expected one without a token`);
  const { badAddressDelayMs, badAddressDelayLongestMs } = config.rate;
  if (badAddressDelayMs > badAddressDelayLongestMs) {
    problems.push('rate.bad_address_delay: is longer than rate.bad_address_delay_longest');
  }
  if (badAddressDelayLongestMs > MOST_DELAY_MS) {
    problems.push(
      'rate.bad_address_delay_longest: is longer than 60s; Postfix waits 100 s for its policy service',
    );
  }
  if (config.outbound.socket !== undefined && config.outbound.relay === undefined) {
    problems.push(
      'outbound.relay: is missing; outbound.socket needs the smtpd(8) that takes the mail back, such as "127.0.0.1:10026"',
    );
  }
  const least = Math.max(config.reply.maxAgeMs, LEAST_DEDUPE_WINDOW_MS);
  if (dedupeWindowMs(config) <= least) {
    problems.push(
      `store.dedupe_window: is not longer than ${least === config.reply.maxAgeMs ? 'reply.max_age' : '7 days'}; a message that comes again after it would be posted twice`,
    );
  }
  return problems;
}

/** Tells whether only this host can connect to it. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

function crossCheckSpam(spam: BaseConfig['spam']): string[] {
  const problems: string[] = [];
  const user = spam.spamdUser;
  if (user !== undefined && !/^[\w.@+-]{1,64}$/.test(user)) {
    problems.push(`spam.spamd_user: ${show(user)} is not the name of a user`);
  }
  if (spam.source !== 'header') return problems;
  if (spam.headers.length === 0) {
    problems.push(
      'spam.headers: is empty; expected the fields that your filter writes, or spam.source = "off"',
    );
  }
  if (spam.unchecked === 'defer') {
    problems.push(
      'spam.unchecked: "defer" is for spam.source = "spamd"; a message that came without the field never gets it',
    );
  }
  const score = spam.headers.find((name) => /-score$/i.test(name));
  if (score !== undefined && spam.threshold === undefined) {
    problems.push(`spam.threshold: is missing; ${score} holds a score and no verdict`);
  }
  return problems;
}

/** Freezes what the table of settings was read into, to its depths. */
function deepFreeze(value: unknown): unknown {
  if (isTable(value) || Array.isArray(value)) Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}
