/**
 * The sockets that systemd holds for mailgwd, as the units on this host say: they count, whatever the configuration names.
 *
 * Contract: the service whose command line names this configuration, and the .socket units that start it, drop-ins included.
 * A unit counts where systemd runs or its socket is there. Reads files alone, and asks nobody.
 * Standards: systemd.unit(5) for the search path and drop-ins ($SYSTEMD_UNIT_PATH too), systemd.socket(5).
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Config } from '../site/config.ts';
import type { SocketName } from '../system/unix-socket.ts';

const UNIT_DIRECTORIES = [
  '/etc/systemd/system',
  '/run/systemd/system',
  '/usr/local/lib/systemd/system',
  '/usr/lib/systemd/system',
  '/lib/systemd/system',
];

/** Puts the sockets that systemd passes in place of those that the configuration names. */
export function withPassedSockets(config: Config, configPath: string): Config {
  const { lmtp, policy, outbound } = passedSockets(configPath);
  return {
    ...config,
    lmtp: lmtp === undefined ? config.lmtp : { ...config.lmtp, socket: lmtp },
    policy: policy === undefined ? config.policy : { ...config.policy, socket: policy },
    outbound: outbound === undefined ? config.outbound : { ...config.outbound, socket: outbound },
  };
}

/** A service that runs mailgwd, with its User=. */
export interface Service {
  readonly name: string;
  readonly user: string | undefined;
}

/** Finds the service that runs mailgwd on a configuration. */
export function serviceOf(configPath: string): Service | undefined {
  const service = findService(readUnits(), configPath);
  return service && { name: service[0], user: service[1].get('User')?.at(-1) };
}

function findService(units: ReadonlyMap<string, Unit>, configPath: string): [string, Unit] | undefined {
  return [...units].find(([name, unit]) => name.endsWith('.service') && commandNames(unit, configPath));
}

/** Paths of sockets by the names that systemd gives them. */
type Passed = { [Name in SocketName]?: string };

/** Lists the paths on which systemd listens for the daemon of a configuration. */
function passedSockets(configPath: string): Passed {
  const units = readUnits();
  const service = findService(units, configPath);
  if (service === undefined) return {};
  const found: Passed = {};
  for (const [name, unit] of units) {
    const starts = unit.get('Service')?.at(-1) ?? name.replace(/\.socket$/, '.service');
    const path = unit.get('ListenStream')?.find((listened) => listened.startsWith('/'));
    if (!name.endsWith('.socket') || starts !== service[0] || path === undefined) continue;
    if (!existsSync('/run/systemd/system') && !existsSync(path)) continue;
    const passedAs = unit.get('FileDescriptorName')?.at(-1);
    found[passedAs === 'policy' || passedAs === 'outbound' ? passedAs : 'lmtp'] ??= path;
  }
  return found;
}

/** Tells whether a service runs mailgwd on this configuration. */
function commandNames(unit: Unit, configPath: string): boolean {
  const command = unit.get('ExecStart')?.join(' ').split(/\s+/) ?? [];
  return command.some((word) => basename(word) === 'mailgwd') && command.includes(configPath);
}

/** The values of a unit's keys, each in the order of the files. */
type Unit = ReadonlyMap<string, readonly string[]>;

/** Reads the units that have to do with mailgw, by name. */
function readUnits(): Map<string, Unit> {
  const directories = unitDirectories();
  const names = new Set(directories.flatMap((directory) => listed(directory)).filter(isUnit));
  return new Map(
    [...names].flatMap((name) => {
      const main = directories.map((directory) => join(directory, name)).find((path) => existsSync(path));
      if (main === undefined) return [];
      const dropIns = directories
        .toReversed()
        .flatMap((directory) => dropInsIn(join(directory, `${name}.d`)));
      return [[name, parseUnit([main, ...dropIns].map(readText).join('\n'))] as const];
    }),
  );
}

const isUnit = (name: string): boolean => /mailgw.*\.(?:service|socket)$/.test(name);

/**
 * Lists the places where systemd looks for units, in its order; an empty entry of the variable stands for the usual
 * ones.
 */
function unitDirectories(): string[] {
  const given = process.env.SYSTEMD_UNIT_PATH;
  if (given === undefined) return UNIT_DIRECTORIES;
  return given.split(':').flatMap((directory) => (directory === '' ? UNIT_DIRECTORIES : [directory]));
}

function dropInsIn(directory: string): string[] {
  return listed(directory)
    .filter((name) => name.endsWith('.conf'))
    .sort()
    .map((name) => join(directory, name));
}

function listed(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Reads the keys of a unit; an empty value takes back what stands before it. */
function parseUnit(text: string): Unit {
  const unit = new Map<string, string[]>();
  const lines = text
    .split('\n')
    .filter((line) => !/^\s*[#;]/.test(line))
    .join('\n');
  for (const line of lines.replaceAll(/\\\n\s*/g, ' ').split('\n')) {
    const [, key, value = ''] = /^(\w+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (key === undefined) continue;
    unit.set(key, value === '' ? [] : [...(unit.get(key) ?? []), value]);
  }
  return unit;
}
