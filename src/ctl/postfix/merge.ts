/**
 * What a parameter of main.cf becomes when ours is added to what is there: the values of `postconf -e`.
 *
 * Contract: every entry that is live stays, in its order and as it was written, `$name` included. Where order decides
 * (restrictions, tables), ours stands first, because the first that answers wins and a permit_... ends the list.
 */
import { join } from 'node:path';
import type { Config } from '../../site/config.ts';
import { type PostfixSetup, splitList } from './postfix-setup.ts';
import { policyService, probeEntries, wantedRoute } from './snippet.ts';

/** A parameter and the whole value that it gets. */
export interface Setting {
  readonly name: string;
  readonly value: string;
}

/** Gives the live value of a parameter as it was written, empty where it comes to nothing. */
export function liveValue(setup: PostfixSetup, name: string): string {
  // A default such as relay_domains' own says much and is empty in the end.
  return setup.setting(name).trim() === '' ? '' : setup.written(name).trim();
}

function joined(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(', ');
}

/** Puts `entry` behind what is live in the parameter. */
export function appended(setup: PostfixSetup, name: string, entry: string): Setting {
  return { name, value: joined(liveValue(setup, name), entry) };
}

/** Puts `entry` in front of what is live in the parameter. */
export function prepended(setup: PostfixSetup, name: string, entry: string): Setting {
  return { name, value: joined(entry, liveValue(setup, name)) };
}

/** Adds reply domains to the relayed ones. */
export function withRelayDomains(domains: readonly string[], setup: PostfixSetup): Setting {
  return appended(setup, 'relay_domains', domains.join(', '));
}

/** Adds a transport for reply domains alone: relay_transport would take the mail of every relay domain. */
export function withTransport(config: Config, setup: PostfixSetup, domains: readonly string[]): Setting {
  const route = wantedRoute(config, setup.setting('queue_directory'));
  return prepended(setup, 'transport_maps', inlineTable(domains.map((domain) => `${domain} = ${route}`)));
}

/** Adds the addresses of reply domains to the recipients that Postfix knows. */
export function withRecipients(domains: readonly string[], setup: PostfixSetup): Setting {
  return appended(setup, 'relay_recipient_maps', inlineTable(domains.map((domain) => `@${domain} = OK`)));
}

function inlineTable(entries: readonly string[]): string {
  return `inline:{ ${entries.map((entry) => `{ ${entry} }`).join(', ')} }`;
}

/** Puts our policy service in front of all restrictions: a restriction class, and the access table that names it. */
export function withPolicyService(
  domains: readonly string[],
  socket: string,
  setup: PostfixSetup,
): Setting[] {
  const ours = policyService(socket, setup.setting('queue_directory'));
  const name = className(setup, domains[0] ?? '', ours);
  const isListed = splitList(setup.setting('smtpd_restriction_classes')).includes(name);
  const entries = domains.flatMap((domain) => [`postmaster@${domain} = DUNNO`, `${domain} = ${name}`]);
  return [
    ...(isListed ? [] : [appended(setup, 'smtpd_restriction_classes', name)]),
    { name, value: ours },
    prepended(setup, 'smtpd_recipient_restrictions', `check_recipient_access ${inlineTable(entries)}`),
  ];
}

/**
 * Names the restriction class: `mailgw_policy`; for a second mailgw behind the same Postfix a name with its domain.
 */
function className(setup: PostfixSetup, domain: string, ours: string): string {
  const name = 'mailgw_policy';
  const taken = setup.setting(name);
  return taken === '' || taken === ours ? name : `${name}_${domain.replaceAll(/[^a-z0-9]/gi, '_')}`;
}

/** Names our table for header_checks, as no admin's own is called. */
export function headerTable({ directory }: PostfixSetup): string {
  return join(directory, 'mailgw_header_checks');
}

/** Puts probes of reply domains in front of all restrictions. */
export function withProbes(domains: readonly string[], setup: PostfixSetup): Setting {
  const probe = `check_recipient_access inline:{ ${probeEntries(domains)} }`;
  return prepended(setup, 'smtpd_recipient_restrictions', probe);
}

/** Writes the command that sets a parameter, for a shell. */
export function postconfCommand({ directory }: PostfixSetup, { name, value }: Setting): string {
  return `postconf -c ${quoted(directory)} -e ${quoted(`${name} = ${value}`)}`;
}

/** Writes the command that sets a parameter and has Postfix read it. */
export function fixCommand(setup: PostfixSetup, setting: Setting): string {
  return `${postconfCommand(setup, setting)} && postfix -c ${quoted(setup.directory)} reload`;
}

/** Quotes a word as a shell reads it back. */
export function quoted(word: string): string {
  return /^[\w./:@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
