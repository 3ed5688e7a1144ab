/**
 * The reverse-path of a message, where no envelope says it: as the provider of its mailbox wrote it down.
 *
 * Contract: only what its author cannot have written counts. A Return-Path must stand above the last Received of the
 * provider; else a result of SPF that is believed names the path. So a bounce is known by its null path, and a person's
 * mail that has no Return-Path, or one that somebody wrote below, is not taken for a bounce. Exchange Online puts its
 * Return-Path among the author's fields: there the result of SPF alone tells.
 * Failure: {@link UNKNOWN_PATH}, which is nobody's address, and vouches for nobody.
 * Standards: RFC 5321 §4.4, RFC 7208 §4.3.
 */
import type { SourceRules } from '../gate/rules.ts';
import type { Header } from '../mail/header.ts';
import { depthOf } from '../mail/provider-zone.ts';
import { placeResults } from '../mail/results-place.ts';

/** The reverse-path of a message of which nobody says it. */
export const UNKNOWN_PATH = 'unknown@sender.invalid';

const IN_BRACKETS = /^<([^<>\s]*)>$/;
const BARE = /^[^<>\s@]+@[^<>\s@]+$/;

/** Gives the reverse-path without brackets, `''` for the null one; {@link UNKNOWN_PATH} where it is not known. */
export function reversePathOf(header: Header, rules: SourceRules): string {
  return returnPath(header, depthOf(header, rules)) ?? pathOfSpf(header, rules) ?? UNKNOWN_PATH;
}

/** Reads the topmost Return-Path that stands above the last Received of the provider, or above all of them. */
function returnPath({ fields }: Header, ownReceived: number | undefined): string | undefined {
  if (ownReceived === undefined) return undefined;
  // Without that Received nothing tells the provider's fields from the author's.
  const marks = fields.filter(({ name }) => name === 'received').length;
  if (marks < Math.max(1, ownReceived)) return undefined;
  let above = 0;
  for (const { name, value, isSpaced } of fields) {
    if (name === 'received' && ++above >= Math.max(1, ownReceived)) return undefined;
    if (name === 'return-path' && isSpaced !== true) return pathIn(value);
  }
  return undefined;
}

/** Reads the path that SPF was asked about, from the results that are believed. */
function pathOfSpf(
  header: Header,
  { authservId, ownReceived, ownHosts, results }: SourceRules,
): string | undefined {
  if (authservId === undefined) return undefined;
  const placed = placeResults(header, { authservId, ownReceived: ownReceived ?? 0, ownHosts, results });
  if (placed.kind === 'none' || placed.fields.some(({ doubt }) => doubt !== undefined)) return undefined;
  const spf = placed.fields.flatMap((field) => field.results).find(({ method }) => method === 'spf');
  const path = spf?.properties.get('smtp.mailfrom');
  // Some filters name its domain alone.
  return path === '' ? '' : path === undefined ? undefined : pathIn(path);
}

function pathIn(value: string): string | undefined {
  return IN_BRACKETS.exec(value)?.[1] ?? (BARE.test(value) ? value : undefined);
}
