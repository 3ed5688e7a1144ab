// 200 replies whose connections are cut at points of chance: what becomes of each, by the phase of the exchange that was cut.
//
// Contract: the request that makes the post is cut once for every reply, in a phase that is drawn and at a byte of it that is
// drawn; with every fourth reply some other request is cut as well: the question before it, a file's, the look whether
// it is there. MAILGW_FAULT_SEED repeats the choices; whatever fails names the seed. What was posted is counted by whoever
// calls, on the platform's own interface.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { Chance, failedRound } from '../fault/rounds.ts';
import type { Cut, Fits, Front } from '../support/front.ts';

/** The phases of an exchange in which a connection can end. */
const PHASES = {
  'before the request': 'request',
  'in its head': 'request head',
  'in its body': 'request body',
  'before the answer': 'unheard',
  "in the answer's head": 'answer head',
  "in the answer's body": 'answer body',
  'after the answer': 'answer',
} as const;

type Phase = keyof typeof PHASES;

const NAMES = Object.keys(PHASES) as Phase[];

/** How a reply got to its platform: in how many attempts, and whether a later one found it there. */
export interface Delivered {
  readonly attempts: number;
  readonly wasThere: boolean;
}

/** What is under the cuts. */
export interface UnderCuts {
  readonly front: Front;
  /** Tells the request that makes a post. */
  readonly posts: Fits;
  readonly rounds: number;
  /** Delivers the reply of a round, as the queue does. */
  readonly deliver: (round: number) => Promise<Delivered>;
  /** Counts on the platform how often the reply of each round stands there. */
  readonly count: () => Promise<readonly number[]>;
}

/** What became of the replies that were cut in one phase. */
export interface Tally {
  replies: number;
  attempts: number;
  /** Those that a later attempt found on the platform. */
  found: number;
  lost: number;
  doubled: number;
}

/** Delivers all replies through the cuts, prints what became of them as a table, and fails where one is lost. */
export async function deliverThroughCuts(t: TestContext, under: UnderCuts): Promise<Tally> {
  const chance = new Chance();
  const seed = `MAILGW_FAULT_SEED=${chance.seed}`;
  const rows = new Map(NAMES.map((name) => [name, emptyTally()]));
  const phases: Phase[] = [];
  for (let round = 0; round < under.rounds; round++) {
    const phase = chance.oneOf(NAMES);
    phases.push(phase);
    under.front.clear();
    under.front.wish(cutIn(phase, chance), under.posts);
    if (chance.below(4) === 0) under.front.wish(cutIn(chance.oneOf(NAMES), chance));
    const { attempts, wasThere } = await under.deliver(round).catch((error: unknown) => {
      throw failedRound(error, seed, `round ${round}`, `cut ${phase}`);
    });
    const row = rows.get(phase)!;
    row.replies += 1;
    row.attempts += attempts;
    row.found += wasThere ? 1 : 0;
  }
  under.front.clear();
  for (const [round, times] of (await under.count()).entries()) {
    const row = rows.get(phases[round]!)!;
    row.lost += times === 0 ? 1 : 0;
    row.doubled += Math.max(0, times - 1);
  }
  const all = emptyTally();
  for (const row of rows.values())
    for (const what of Object.keys(all) as (keyof Tally)[]) all[what] += row[what];
  t.diagnostic(`${seed}: ${COLUMNS}`);
  for (const [phase, row] of rows) t.diagnostic(lineOf(`cut ${phase}`, row));
  t.diagnostic(lineOf('all', all));
  assert.equal(all.lost, 0, `${seed}: ${all.lost} lost`);
  return all;
}

/** Draws the byte of a phase at which a connection is cut; before the request and after the answer there is one. */
function cutIn(phase: Phase, chance: Chance): Cut {
  const share = phase === 'after the answer' ? 1 : phase === 'before the request' ? 0 : chance.fraction();
  return { cut: PHASES[phase], share };
}

const COLUMNS = 'replies, attempts, found by a later attempt, lost, doubled';

function lineOf(name: string, { replies, attempts, found, lost, doubled }: Tally): string {
  return [
    name.padEnd(26),
    ...[replies, attempts, found, lost, doubled].map((n) => String(n).padStart(4)),
  ].join(' ');
}

function emptyTally(): Tally {
  return { replies: 0, attempts: 0, found: 0, lost: 0, doubled: 0 };
}
