/**
 * A rehearsal of a message as if a source had brought it: for whom it is, and its way for each of them.
 *
 * Contract: the recipients, the reverse-path and the rules are found as the source finds them, and the rehearsal is
 * that of rehearse.ts. What the envelope of a provider's call says can be given. A message that is for nobody gets one
 * step, which says so.
 * Failure: a fault where no source is called so.
 */
import { isElsewhere, MOST_CLAIMS } from '../gate/arrival.ts';
import { foldAddress } from '../mail/address.ts';
import { type Header, scanHeader } from '../mail/header.ts';
import type { SecretSession } from '../site/session.ts';
import { candidatesOf } from '../sources/candidates.ts';
import { namedSources } from '../sources/named.ts';
import { reversePathOf, UNKNOWN_PATH } from '../sources/reverse-path.ts';
import { sourceRules } from '../sources/source-rules.ts';
import type { SourceConfig } from '../sources/source-settings.ts';
import { openDryGate } from './dry-gate.ts';
import { badInput } from './fault.ts';
import { type Rehearsal, rehearse, type Stage } from './rehearse.ts';

/** A message that a source may bring; the paths without brackets, undefined where its header says them. */
export interface SourceMail {
  readonly raw: Uint8Array;
  readonly recipient: string | undefined;
  readonly reversePath: string | undefined;
}

/** Rehearses a message for every reply address that it is for, one rehearsal each. */
export async function rehearseBySource(
  session: SecretSession,
  name: string,
  { raw, recipient, reversePath }: SourceMail,
): Promise<readonly Rehearsal[]> {
  const source = sourceOf(session, name);
  const rules = sourceRules(source, session.config);
  const scan = scanHeader(raw);
  const header: Header = scan.ok ? scan.header : { fields: [], bodyOffset: 0 };
  const named = recipient === undefined ? candidatesOf(header, source.recipientHeaders) : [recipient];
  const claimed = await repliesAmong(session, named);
  const path = reversePath ?? (scan.ok ? reversePathOf(header, rules) : UNKNOWN_PATH);
  const step = sourceStage(source, named, claimed, path);
  if (claimed.length === 0) return [{ steps: [step], text: undefined, post: undefined }];
  const rehearsals: Rehearsal[] = [];
  for (const address of claimed) {
    const rehearsal = await rehearse(session, { raw, recipient: address, reversePath: path, rules });
    rehearsals.push({ ...rehearsal, steps: [step, ...rehearsal.steps] });
  }
  return rehearsals;
}

function sourceOf({ config }: SecretSession, name: string): SourceConfig {
  const all = namedSources(config);
  const found = all.find((each) => each.name === name);
  if (found !== undefined) return found;
  const known = all.map((each) => each.name).join(', ');
  throw badInput(
    `--source: ${JSON.stringify(name)} is the name of no [[imap]] or [[webhook]]; expected ${known === '' ? 'one, and there is none' : `one of ${known}`}`,
  );
}

/** Gives those of the addresses that are for replies, good or bad, as an arrival would take them. */
async function repliesAmong(session: SecretSession, named: readonly string[]): Promise<readonly string[]> {
  const gate = openDryGate(session);
  const found = new Map<string, string>();
  for (const address of named) {
    const folded = foldAddress(address);
    if (found.has(folded) || found.size >= MOST_CLAIMS) continue;
    const verdict = await gate.recipient(address);
    if (verdict.kind !== 'refused' || !isElsewhere(verdict.disposition)) found.set(folded, address);
  }
  return [...found.values()];
}

function sourceStage(
  { name }: SourceConfig,
  named: readonly string[],
  claimed: readonly string[],
  path: string,
): Stage {
  const from = path === UNKNOWN_PATH ? 'not known' : `<${path}>`;
  const detail = `${name}: ${named.length} addresses, ${claimed.length} of them for replies; the reverse-path is ${from}`;
  const isFor = claimed.length > 0;
  return {
    step: 'source',
    verdict: isFor ? 'accepted' : 'rejected',
    reason: isFor ? null : 'no-such-address',
    detail,
    reply: null,
    rules: [],
  };
}
