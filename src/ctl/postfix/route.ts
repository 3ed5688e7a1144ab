/**
 * Where Postfix takes a reply address: its domain's class, the transport, the service of master.cf, and the socket.
 *
 * Contract: follows trivial-rewrite(8): transport_maps first, then the transport of the domain's class. A socket's path
 * is what lmtp(8) opens in the end, chrooted or not.
 */
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import type { PostfixSetup, Service } from './postfix-setup.ts';

/** The classes of ADDRESS_CLASS_README, with the parameters that list their domains and name their transport. */
const CLASSES = [
  { name: 'local', list: 'mydestination', transport: 'local_transport' },
  { name: 'virtual alias', list: 'virtual_alias_domains', transport: undefined },
  { name: 'virtual mailbox', list: 'virtual_mailbox_domains', transport: 'virtual_transport' },
  { name: 'relay', list: 'relay_domains', transport: 'relay_transport' },
] as const;

/** The class that the reply domain should have. */
export const RELAY_CLASS = CLASSES[3];

/** A class of domains. */
export type DomainClass = (typeof CLASSES)[number];

/** A transport with its next hop, and the parameter that names them. */
export interface Route {
  readonly parameter: string;
  readonly transport: string;
  readonly nexthop: string;
}

/** Lists the classes that hold a domain; Postfix wants one. */
export function classesOf(setup: PostfixSetup, domain: string): DomainClass[] {
  return CLASSES.filter(({ list }) => setup.holds(list, domain));
}

/** Finds the route of a domain of this class. */
export function routeOf(setup: PostfixSetup, domain: string, of: DomainClass): Route | undefined {
  const mapped = mappedRoute(setup, domain);
  if (of.transport === undefined) return mapped;
  const ofClass = parseRoute(of.transport, setup.setting(of.transport));
  if (mapped === undefined) return ofClass;
  // An entry without a transport leaves that to the class.
  return mapped.transport === '' ? { ...mapped, transport: ofClass.transport } : mapped;
}

function mappedRoute(setup: PostfixSetup, domain: string): Route | undefined {
  const tables = setup.setting('transport_maps');
  if (tables === '') return undefined;
  const labels = domain.split('.');
  const parents = labels.slice(1).map((_, index) => `.${labels.slice(index + 1).join('.')}`);
  for (const key of [domain, ...parents, '*']) {
    const found = setup.lookUp(tables, key);
    if (found !== undefined) return parseRoute('transport_maps', found);
  }
  return undefined;
}

function parseRoute(parameter: string, text: string): Route {
  const colon = text.indexOf(':');
  return colon === -1
    ? { parameter, transport: text, nexthop: '' }
    : { parameter, transport: text.slice(0, colon), nexthop: text.slice(colon + 1) };
}

/**
 * Gives the file that a chrooted or free service of Postfix's opens for a socket's path; relative ones lie in the
 * queue directory.
 */
export function openedPath(setup: PostfixSetup, { chroot }: Pick<Service, 'chroot'>, path: string): string {
  const isInQueue = chroot || !path.startsWith('/');
  return isInQueue ? join(setup.setting('queue_directory'), path) : path;
}

/** Tells whether two paths lead to one file. */
export function sameFile(one: string, other: string): boolean {
  return realPath(one) === realPath(other);
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
