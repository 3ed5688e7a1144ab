// Mail that comes without RCPT, through a real gate: what a source of a kind does with the message, in one call.

import { type Arrived, arrive } from '../../src/gate/arrival.ts';
import type { SourceRules } from '../../src/gate/rules.ts';
import type { Disposition } from '../../src/mail/disposition.ts';
import { scanHeader } from '../../src/mail/header.ts';
import { Meter } from '../../src/observe/meter.ts';
import { candidatesOf, RECIPIENT_HEADERS } from '../../src/sources/candidates.ts';
import { reversePathOf } from '../../src/sources/reverse-path.ts';
import { sourceRules } from '../../src/sources/source-rules.ts';
import type { SourceConfig } from '../../src/sources/source-settings.ts';
import type { Receipt } from '../../src/store/receipts.ts';
import { configOf, LEAST } from '../config/least.ts';
import { inWords, type TestGate } from './gate.ts';

/** What a source's table says; the rest is by default. */
export type Told = Partial<SourceConfig>;

/** The settings of a source called `box`. */
export const configured = (told: Told): SourceConfig => ({
  name: 'box',
  authservId: '',
  ownReceived: 0,
  ownHosts: [],
  recipientHeaders: [...RECIPIENT_HEADERS],
  spamHeaders: [],
  ...told,
});

/** The rules of such a source, where the site's configuration says this beside the least. */
export const rulesOf = (told: Told, site = ''): SourceRules =>
  sourceRules(configured(told), configOf(`${LEAST}\n${site}`));

/** A message as a source hands it on; the envelope is that of a provider's call, where it has one. */
export interface Brought {
  readonly rules: SourceRules;
  readonly raw: Uint8Array;
  readonly uid: number;
  readonly call?: string;
  readonly envelope?: { readonly from: string; readonly to: readonly string[] };
  readonly refusal?: Disposition;
  readonly recipientHeaders?: readonly string[];
}

const NOW = 1_700_000_000_000;

function receiptOf({ uid, call }: Pick<Brought, 'uid' | 'call'>): Receipt {
  return call === undefined
    ? { kind: 'mailbox', source: 'box', uidValidity: 1, uid, highWater: uid, owesCourtesy: false, at: NOW }
    : { kind: 'call', source: 'hook', call, digest: Buffer.alloc(32, uid), at: NOW };
}

/** Brings a message to the gate. */
export async function bring(test: TestGate, brought: Brought): Promise<Arrived> {
  const { rules, raw, envelope, refusal, recipientHeaders = RECIPIENT_HEADERS } = brought;
  const scan = scanHeader(raw);
  if (!scan.ok) throw new Error(scan.problem);
  const reversePath = envelope?.from ?? reversePathOf(scan.header, rules);
  const shared = { gate: () => test.gate, log: () => undefined, meter: new Meter(), count: () => undefined };
  return await arrive(shared, {
    session: `box-${brought.uid}`,
    envelope: { reversePath, rules },
    candidates: envelope?.to ?? candidatesOf(scan.header, recipientHeaders),
    raw,
    refusal,
    receipt: receiptOf(brought),
  });
}

/** What became of a message, in words: of every address that it was for. */
export const fateOf = ({ verdicts }: Arrived): string => verdicts.map((each) => inWords(each)).join(', ');
