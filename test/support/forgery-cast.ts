// Who plays in a forgery: alice's domains, mallory's, and what each of them publishes.

import { type DkimKey, makeDkimKey } from './dkim.ts';
import type { Zone } from './dns.ts';

/** Alice's addresses: in a domain with DMARC, in one without, and in one that wants failures refused. */
export const VICTIMS = ['alice@example.com', 'alice@nodmarc.example', 'alice@strict.example'] as const;

/** Where alice's mail comes from. */
export const GENUINE_ADDRESS = '192.0.2.10';
/** Where mallory's does. */
export const HOSTILE_ADDRESS = '192.0.2.66';

/** Mallory's domain. */
export const EVIL = 'evil.example';

/** All domains that are hers, some with names near alice's: she has their keys, and her host may send for them. */
export const HERS = [
  ...[EVIL, `mail.${EVIL}`, `lists.${EVIL}`, 'com', 'example', 'xexample.com', 'example.com.evil.example'],
  ...[
    'nodmarc.example.evil.example',
    'tenant.example.com',
    'tenant.nodmarc.example',
    'tenant.strict.example',
  ],
];

/** The keys, and the reply addresses of alice's. */
export interface Cast {
  readonly alice: DkimKey;
  readonly evil: DkimKey;
  /** The one that mallory holds and sends to. */
  readonly to: string;
  /** One of another thread. */
  readonly other: string;
}

/** The two keys. */
export function makeKeys(): Pick<Cast, 'alice' | 'evil'> {
  return { alice: makeDkimKey(), evil: makeDkimKey() };
}

/** The domain of an address. */
export function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1);
}

/** What the name server knows. */
export function castZone({ alice, evil }: Pick<Cast, 'alice' | 'evil'>): Zone {
  const genuine = VICTIMS.map(domainOf).flatMap((domain) => [
    [domain, `v=spf1 ip4:${GENUINE_ADDRESS} -all`],
    [`s1._domainkey.${domain}`, alice.record],
  ]);
  const hostile = HERS.flatMap((domain) => [
    [domain, `v=spf1 ip4:${HOSTILE_ADDRESS} -all`],
    [`m._domainkey.${domain}`, evil.record],
  ]);
  return Object.fromEntries([
    ...genuine,
    ...hostile,
    // Strict alignment: else DMARC itself lets a domain below speak for the one above.
    ['_dmarc.example.com', 'v=DMARC1; p=none; adkim=s; aspf=s'],
    ['_dmarc.strict.example', 'v=DMARC1; p=reject; adkim=s; aspf=s'],
  ]) as Zone;
}

/** The keys of a zone, as OpenDKIM reads them from a file. */
export function keyRecords(zone: Zone): string {
  const keys = Object.entries(zone).filter(([name]) => name.includes('._domainkey.'));
  return keys.map(([name, record]) => `${name} ${record}\n`).join('');
}
