/** The daemon's own gate on the tool's session, for verdicts without consequences: it cannot commit anything. */

import { createGate, type Gate } from '../gate/gate.ts';
import { gateRules } from '../site/gate-rules.ts';
import { judgePeppers, pepperProblem } from '../site/pepper.ts';
import type { SecretSession } from '../site/session.ts';
import type { Acceptance } from '../store/acceptance.ts';

/** Stands where an item's id would: none is given without a commit. */
const NO_ID = 'dry-run';

/** Opens the gate. */
export function openDryGate({ config, peppers, store }: SecretSession): Gate {
  return createGate({
    ...gateRules(config, peppers),
    directory: store,
    notified: store,
    doubt: async () => {
      const standing = await judgePeppers(store, peppers);
      if (standing.kind !== 'other') return undefined;
      return { reason: 'pepper', why: pepperProblem(standing, peppers) };
    },
    queue: { accept: refuseToWrite },
    isSpaceLow: () => false,
    isLogStalled: () => false,
    now: Date.now,
    newId: () => NO_ID,
  });
}

const refuseToWrite: Acceptance['accept'] = () => Promise.reject(new Error('a dry gate commits nothing'));
