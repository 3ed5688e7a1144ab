/**
 * A Postfix's configuration as Postfix itself reads it: postconf(1) for main.cf and master.cf, postmap(1) for tables.
 *
 * Contract: reads, and changes nothing; parameters come with their defaults, expanded or as they were written. A table is
 * asked by Postfix's own code, whatever its type.
 * Failure: a directory that postconf(1) cannot read is a value; a table that cannot be asked holds nothing and is named
 * in `troubles`.
 * Limits: "-o" overrides in master.cf are looked at for filters alone.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Overridden, overriddenIn } from './overridden.ts';

/** A service of master.cf(5). */
export interface Service {
  readonly name: string;
  readonly type: string;
  readonly chroot: boolean;
  /** The program without its arguments. */
  readonly program: string;
}

/** A Postfix's configuration. */
export interface PostfixSetup {
  readonly directory: string;
  /** What postconf(1) complained about, and tables that could not be asked. */
  readonly troubles: string[];
  /** The settings of main.cf that a later line of it replaces. */
  readonly overridden: readonly Overridden[];
  /** Gives a parameter's value, `''` when Postfix knows none of that name. */
  setting(name: string): string;
  /** Gives the value as it was written, with `$name` in it. */
  written(name: string): string;
  /** Tells whether main.cf sets the parameter. */
  isSet(name: string): boolean;
  /** Lists what "-o" lines of master.cf set a parameter to, whatever the service. */
  overrides(name: string): readonly string[];
  /** Finds the service of this name that listens on a Unix socket. */
  service(name: string): Service | undefined;
  /** Lists the services of a program. */
  services(program: string): readonly Service[];
  /** Looks a key up in several tables; the first that has it answers. */
  lookUp(tables: string, key: string): string | undefined;
  /** Tells whether a parameter's list of domains, files and tables holds a domain. */
  holds(name: string, domain: string): boolean;
}

/** A configuration, or why postconf(1) cannot read it. */
export type PostfixRead =
  | { readonly ok: true; readonly setup: PostfixSetup }
  | { readonly ok: false; readonly problem: string };

/** Where packages put it. */
export const DEFAULT_POSTFIX_DIRECTORY = '/etc/postfix';

/** Reads the configuration in `directory`. */
export function readPostfix(directory: string): PostfixRead {
  const [main, written, own, master] = [['-x'], [], ['-n'], ['-M']].map((args) =>
    run('postconf', ['-c', directory, ...args]),
  ) as [Ran, Ran, Ran, Ran];
  const failed = [main, written, own, master].find(({ ok }) => !ok);
  if (failed !== undefined) return { ok: false, problem: lastLine(failed.stderr) };
  const settings = parseSettings(main.stdout);
  const asWritten = parseSettings(written.stdout);
  const inMain = parseSettings(own.stdout);
  const services = parseServices(
    master.stdout,
    Number.parseFloat(settings.get('compatibility_level') ?? '0'),
  );
  const troubles = [...new Set([...complaints(main.stderr), ...complaints(master.stderr)])];
  const lookUp = (tables: string, key: string): string | undefined => {
    for (const table of splitList(tables)) {
      const found = askTable(directory, table, key, troubles);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return {
    ok: true,
    setup: {
      directory,
      troubles,
      overridden: overriddenIn(readText(join(directory, 'main.cf'))),
      written: (name) => asWritten.get(name) ?? '',
      isSet: (name) => inMain.has(name),
      setting: (name) => settings.get(name) ?? '',
      overrides: (name) => overridesIn(directory, name),
      service: (name) => services.find((service) => service.name === name && service.type === 'unix'),
      services: (program) => services.filter((service) => service.program === program),
      lookUp,
      holds: (name, domain) => {
        const withParents = splitList(settings.get('parent_domain_matches_subdomains') ?? '').includes(name);
        const ask = (table: string): string | undefined => lookUp(table, domain);
        return splitList(settings.get(name) ?? '').some((entry) =>
          entryHolds(entry, { domain, withParents, ask }),
        );
      },
    },
  };
}

/**
 * Asks the Postfix configured in `directory` for the name of its host; undefined where there is none that postconf(1)
 * can read.
 */
export function postfixHostname(directory: string): string | undefined {
  const { ok, stdout } = run('postconf', ['-c', directory, '-x', '-h', 'myhostname']);
  return ok ? stdout.trim() : undefined;
}

interface Ran {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

function run(program: string, args: readonly string[]): Ran {
  const path = `${process.env.PATH ?? ''}:/usr/sbin:/usr/local/sbin`;
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: 'utf8',
    env: { ...process.env, PATH: path },
    maxBuffer: 16 * 1024 * 1024,
    timeout: 10_000,
  });
  if (error !== undefined) return { ok: false, stdout: '', stderr: `${program}: ${error.message}` };
  return { ok: status === 0, stdout, stderr };
}

/**
 * Lists a program's complaints. It reads main.cf several times over, and then even names lines that override nothing.
 */
function complaints(stderr: string): string[] {
  return stderr.split('\n').filter((line) => line !== '' && !line.includes('overriding earlier entry'));
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}

function parseSettings(text: string): Map<string, string> {
  const settings = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, name, value] = /^(\S+) =\s*(.*)$/.exec(line) ?? [];
    if (name !== undefined) settings.set(name, value ?? '');
  }
  return settings;
}

/** Lists the values in lines such as `smtp/inet/content_filter = scan:localhost:10025`. */
function overridesIn(directory: string, name: string): string[] {
  const { stdout } = run('postconf', ['-c', directory, '-x', '-P', `*/*/${name}`]);
  return [...stdout.matchAll(/^[^=]* = *(.*)$/gm)].map(([, value = '']) => value);
}

/** Reads the lines of master.cf as `postconf -M` prints them: eight columns, arguments on lines of their own. */
function parseServices(text: string, compatibilityLevel: number): Service[] {
  return text
    .replaceAll(/\n[ \t]+/g, ' ')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns.length >= 8)
    .map(([name = '', type = '', , , chroot, , , program = '']) => ({
      name,
      type,
      // The default was "y" before compatibility level 1.
      chroot: chroot === 'y' || (chroot === '-' && compatibilityLevel < 1),
      program,
    }));
}

/** Splits a list at commas and white space; braces hold an entry together. */
export function splitList(list: string): string[] {
  const entries: string[] = [];
  let entry = '';
  let depth = 0;
  for (const character of list) {
    if (character === '{') depth++;
    if (character === '}') depth--;
    if (depth === 0 && /[\s,]/.test(character)) {
      if (entry !== '') entries.push(entry);
      entry = '';
    } else entry += character;
  }
  return entry === '' ? entries : [...entries, entry];
}

function askTable(directory: string, table: string, key: string, troubles: string[]): string | undefined {
  const { ok, stdout, stderr } = run('postmap', ['-c', directory, '-q', key, table]);
  if (ok) return stdout.trim();
  // postmap(1) is silent where there is no such key.
  const trouble = complaints(stderr).at(-1);
  if (trouble !== undefined && !troubles.includes(trouble)) troubles.push(trouble);
  return undefined;
}

/** The domain that is looked for in a list, and its forms. */
interface Sought {
  readonly domain: string;
  /** Whether an entry stands for its sub-domains as well (parent_domain_matches_subdomains). */
  readonly withParents: boolean;
  readonly ask: (table: string) => string | undefined;
}

function entryHolds(entry: string, sought: Sought): boolean {
  if (entry.startsWith('/')) return fileHolds(entry, sought);
  if (entry.includes(':')) return sought.ask(entry) !== undefined;
  const name = entry.toLowerCase();
  const { domain, withParents } = sought;
  return domain === name || (withParents ? domain.endsWith(`.${name}`) : isBelow(domain, name));
}

function isBelow(domain: string, name: string): boolean {
  return name.startsWith('.') && domain.endsWith(name);
}

function fileHolds(path: string, sought: Sought): boolean {
  const lines = readText(path).split('\n');
  return lines.some((line) => entryHolds(line.trim() || '#', { ...sought, ask: () => undefined }));
}

/** Reads a file's text, nothing where it cannot be read. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
