/**
 * The name that a mail filter on this host most likely signs with: what Postfix calls the host, else its full name.
 *
 * Contract: Postfix's own postconf(1) expands `myhostname`; a name that Postfix made up because it was told none does not
 * count. Each question has a bounded time. Failure: what does not answer is passed over; the short name is always there.
 */
import { spawnSync } from 'node:child_process';
import { hostname } from 'node:os';
import { postfixHostname } from './postfix/postfix-setup.ts';

/** A name, and who says so; a short one is no name that a filter writes. */
export interface HostName {
  readonly name: string;
  readonly source: 'myhostname of Postfix' | "this host's full name" | "this host's short name";
}

/** How long the resolver may take: it may ask name servers that do not answer. */
const WITHIN_MS = 5000;

/** Asks the Postfix configured in `postfixDirectory`, then the system. */
export function hostNameOf(postfixDirectory: string): HostName {
  const postfix = postfixHostname(postfixDirectory);
  if (postfix !== undefined && isFull(postfix)) return { name: postfix, source: 'myhostname of Postfix' };
  const full = [hostname(), resolved()].find(isFull);
  if (full !== undefined) return { name: full, source: "this host's full name" };
  return { name: hostname(), source: "this host's short name" };
}

/** Tells whether a name has a real domain: Postfix and Debian make up the others. */
function isFull(name: string): boolean {
  return /^[^.\s]+\.[^\s]*[^.\s]$/.test(name) && !/\.localdomain$|^localhost\./i.test(name);
}

/** Looks the canonical name up, in /etc/hosts or DNS. */
function resolved(): string {
  const { stdout, error } = spawnSync('hostname', ['-f'], { encoding: 'utf8', timeout: WITHIN_MS });
  return error === undefined ? stdout.trim() : '';
}
