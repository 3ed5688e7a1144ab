/**
 * A Postfix's configuration as Postfix itself reads it: postconf(1) for main.cf and master.cf, postmap(1) for tables.
 *
 * Contract: reads, and changes nothing; parameters come with their defaults and expanded. A table is asked by Postfix's
 * own code, whatever its type.
 * Failure: a directory that postconf(1) cannot read is a value; a table that cannot be asked holds nothing and is named
 * in `troubles`.
 * Limits: "-o" overrides of smtpd(8) services in master.cf are not looked at.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

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
  /** A parameter's value, `''` when Postfix knows none of that name. */
  setting(name: string): string;
  /** The service of this name that listens on a Unix socket. */
  service(name: string): Service | undefined;
  /** The services of a program. */
  services(program: string): readonly Service[];
  /** What the first of several tables says of a key. */
  lookUp(tables: string, key: string): string | undefined;
  /** Whether a list of domains, files and tables holds a domain. */
  holds(list: string, domain: string): boolean;
}

/** A configuration, or why postconf(1) cannot read it. */
export type PostfixRead =
  | { readonly ok: true; readonly setup: PostfixSetup }
  | { readonly ok: false; readonly problem: string };

/** Where packages put it. */
export const DEFAULT_POSTFIX_DIRECTORY = '/etc/postfix';

/** Reads the configuration in `directory`. */
export function readPostfix(directory: string): PostfixRead {
  const main = run('postconf', ['-c', directory, '-x']);
  const master = run('postconf', ['-c', directory, '-M']);
  const failed = [main, master].find(({ ok }) => !ok);
  if (failed !== undefined) return { ok: false, problem: lastLine(failed.stderr) };
  const settings = parseSettings(main.stdout);
  const services = parseServices(
    master.stdout,
    Number.parseFloat(settings.get('compatibility_level') ?? '0'),
  );
  const troubles = [...new Set([...main.stderr.split('\n'), ...master.stderr.split('\n')])].filter(Boolean);
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
      setting: (name) => settings.get(name) ?? '',
      service: (name) => services.find((service) => service.name === name && service.type === 'unix'),
      services: (program) => services.filter((service) => service.program === program),
      lookUp,
      holds: (list, domain) =>
        splitList(list).some((entry) => entryHolds(entry, domain, (table) => lookUp(table, domain))),
    },
  };
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

/** The lines of master.cf as `postconf -M` prints them: eight columns, arguments on lines of their own. */
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

/** The entries of a list, separated by commas and white space; what stands in braces belongs together. */
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
  if (stderr !== '' && !troubles.includes(lastLine(stderr))) troubles.push(lastLine(stderr));
  return undefined;
}

/** Whether an entry of a list of domains is about this one; a parent counts, as it does in relay_domains. */
function entryHolds(entry: string, domain: string, ask: (table: string) => string | undefined): boolean {
  if (entry.startsWith('/')) return fileHolds(entry, domain);
  if (entry.includes(':')) return ask(entry) !== undefined;
  const name = entry.toLowerCase();
  return domain === name || domain.endsWith(name.startsWith('.') ? name : `.${name}`);
}

function fileHolds(path: string, domain: string): boolean {
  try {
    const lines = readFileSync(path, 'utf8').split('\n');
    return lines.some((line) => entryHolds(line.trim() || '#', domain, () => undefined));
  } catch {
    return false;
  }
}
