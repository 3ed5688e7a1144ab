/** The copies of a reply as a store keeps them: by their keys (src/mail/belief.ts) in rows of their own, and with the item. */
import type { Copy } from '../mail/belief.ts';
import type { Digest } from '../mail/fingerprint.ts';
import type { Authentication } from '../mail/origin.ts';
import type { NewItem } from './item.ts';

/** Gives the copy that a new item is. */
export const copyOf = ({ fingerprint, written, authentication, hold }: NewItem): Copy => ({
  fingerprint,
  written,
  result: authentication.result,
  isHeld: hold !== undefined,
});

/** The traces of its copy that an item's row keeps. */
export interface KeptCopy {
  readonly fingerprint: Uint8Array | null;
  readonly written: Uint8Array | null;
}

const octets = (digest: Digest): Uint8Array => Buffer.from(digest, 'latin1');
const digest = (kept: Uint8Array): Digest => Buffer.from(kept).toString('latin1');

const BEST: KeptCopy = { fingerprint: null, written: null };

/** Gives what is kept of a new item's copy: nothing of the best, which no other one shadows. */
export function keptCopy(item: NewItem): KeptCopy {
  const { fingerprint, written, hold, authentication } = item;
  const isBest = hold === undefined && authentication.result === 'pass';
  return isBest
    ? BEST
    : { fingerprint: octets(fingerprint), written: written === undefined ? null : octets(written) };
}

/** The copy of an item that is to be posted by the operator's word. */
export interface WantedCopy extends KeptCopy {
  readonly senderResult: Authentication['result'];
}

/** Gives the copy that an item is once it is not held; undefined for one that nothing shadows. */
export function releasedCopy({ fingerprint, written, senderResult: result }: WantedCopy): Copy | undefined {
  if (fingerprint === null) return undefined;
  const said = written === null ? undefined : digest(written);
  return { fingerprint: digest(fingerprint), written: said, result, isHeld: false };
}
