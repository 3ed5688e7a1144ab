/**
 * What a parameter of main.cf becomes when ours is added to what is there: the values of `postconf -e`.
 *
 * Contract: every entry that is live stays, in its order and as it was written, `$name` included. Where order decides
 * (restrictions, tables), ours stands first, because the first that answers wins and a permit_... ends the list.
 */
import { join } from 'node:path';
import type { Config } from '../../config/config.ts';
import { type PostfixSetup, splitList } from './postfix-setup.ts';
import { domainOf, policyService, wantedRoute } from './snippet.ts';

/** A parameter and the whole value that it gets. */
export interface Setting {
  readonly name: string;
  readonly value: string;
}

/** The live value of a parameter as it was written, empty where it comes to nothing. */
export function liveValue(setup: PostfixSetup, name: string): string {
  // A default such as relay_domains' own says much and is empty in the end.
  return setup.setting(name).trim() === '' ? '' : setup.written(name).trim();
}

function joined(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(', ');
}

/** The parameter with `entry` behind what is live. */
export function appended(setup: PostfixSetup, name: string, entry: string): Setting {
  return { name, value: joined(liveValue(setup, name), entry) };
}

/** The parameter with `entry` in front of what is live. */
export function prepended(setup: PostfixSetup, name: string, entry: string): Setting {
  return { name, value: joined(entry, liveValue(setup, name)) };
}

/** The reply domain among the relayed ones. */
export function withRelayDomain(config: Config, setup: PostfixSetup): Setting {
  return appended(setup, 'relay_domains', domainOf(config));
}

/** A transport for the reply domain alone: relay_transport would take the mail of every relay domain. */
export function withTransport(config: Config, setup: PostfixSetup): Setting {
  const route = wantedRoute(config, setup.setting('queue_directory'));
  return prepended(setup, 'transport_maps', `inline:{ { ${domainOf(config)} = ${route} } }`);
}

/** The reply addresses among the recipients that Postfix knows. */
export function withRecipients(config: Config, setup: PostfixSetup): Setting {
  return appended(setup, 'relay_recipient_maps', `inline:{ { @${domainOf(config)} = OK } }`);
}

/** Our policy service in front of all restrictions: a restriction class, and the access table that names it. */
export function withPolicyService(config: Config, socket: string, setup: PostfixSetup): Setting[] {
  const domain = domainOf(config);
  const ours = policyService(socket, setup.setting('queue_directory'));
  const name = className(setup, domain, ours);
  const isListed = splitList(setup.setting('smtpd_restriction_classes')).includes(name);
  return [
    ...(isListed ? [] : [appended(setup, 'smtpd_restriction_classes', name)]),
    { name, value: ours },
    prepended(
      setup,
      'smtpd_recipient_restrictions',
      `check_recipient_access inline:{ { postmaster@${domain} = DUNNO }, { ${domain} = ${name} } }`,
    ),
  ];
}

/** `mailgw_policy`; for a second mailgw behind the same Postfix a name with its domain. */
function className(setup: PostfixSetup, domain: string, ours: string): string {
  const name = 'mailgw_policy';
  const taken = setup.setting(name);
  return taken === '' || taken === ours ? name : `${name}_${domain.replaceAll(/[^a-z0-9]/gi, '_')}`;
}

/** Our table for header_checks, under a name that is no admin's own. */
export function headerTable({ directory }: PostfixSetup): string {
  return join(directory, 'mailgw_header_checks');
}

/** Probes of the reply domain in front of all restrictions. */
export function withProbes(config: Config, setup: PostfixSetup): Setting {
  const probe = `check_recipient_access inline:{ { ${domainOf(config)} = reject_unverified_recipient } }`;
  return prepended(setup, 'smtpd_recipient_restrictions', probe);
}

/** The command that sets a parameter, for a shell. */
export function postconfCommand({ directory }: PostfixSetup, { name, value }: Setting): string {
  return `postconf -c ${quoted(directory)} -e ${quoted(`${name} = ${value}`)}`;
}

/** The command that sets a parameter and has Postfix read it. */
export function fixCommand(setup: PostfixSetup, setting: Setting): string {
  return `${postconfCommand(setup, setting)} && postfix -c ${quoted(setup.directory)} reload`;
}

/** A word as a shell reads it back. */
export function quoted(word: string): string {
  return /^[\w./:@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
