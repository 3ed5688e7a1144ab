// The source port's contract on a provider's calls, over the real listener.

import { openWebhookAt } from '../../src/sources/webhook/open.ts';
import { configOf, LEAST } from '../config/least.ts';
import { START } from '../gate/gate.ts';
import { testScratch } from '../support/scratch.ts';
import { type Answer, describeSourceContract } from './contract.ts';
import { DIRECT_KINDS, genuineCall, newKeys, sendCall, tablesOf } from './webhook-bench.ts';

const ANSWERS: Readonly<Record<number, Answer>> = { 200: 'accepted', 503: 'temporary' };

for (const kind of DIRECT_KINDS) {
  describeSourceContract(
    `calls of ${kind}`,
    async (t, intake) => {
      const scratch = testScratch(t);
      const keys = newKeys();
      const socket = scratch.path('inbound.sock');
      const config = configOf(
        `${LEAST}\n[store]\npath = "${scratch.path('mailgw.db')}"\n[inbound]\nlisten = "unix:${socket}"\n${tablesOf(scratch, keys)}`,
      );
      const source = await openWebhookAt({ ...intake, config: () => config }, () => START * 1000);
      const send = async (addresses: readonly string[], raw: Buffer): Promise<Answer[]> => {
        const call = genuineCall(keys, kind, { raw, to: addresses }, START * 1000);
        const { status = 0 } = await sendCall(socket, call);
        return addresses.map(() => ANSWERS[status] ?? (status === 0 ? 'none' : 'refused'));
      };
      return { source, send };
    },
    'one',
  );
}
