// docs/examples/receiver.mjs, the platform of the quick start: it takes what is signed, and nothing else.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { DaemonProcess, repositoryRoot } from '../support/process.ts';
import { testScratch } from '../support/scratch.ts';

describe('docs/examples/receiver.mjs', () => {
  it('takes and prints what is signed with the secret, and refuses all else', async (t) => {
    const scratch = testScratch(t);
    const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
    writeFileSync(scratch.path('secret'), `${secret}\n`);
    const port = await freePort();
    const program = join(repositoryRoot, 'docs/examples/receiver.mjs');
    const words = [program, scratch.path('secret'), String(port)];
    const receiver = new DaemonProcess(process.execPath, words, scratch.path('printed'));
    scratch.defer(() => receiver.end('SIGTERM').then(() => undefined));
    const prints = (text: string): Promise<true> =>
      eventually(
        () => (receiver.output().includes(text) ? true : undefined),
        () => receiver.output(),
      );
    await prints('takes posts');

    const body = JSON.stringify({
      type: 'reply.created',
      data: { user: 'alice', thread: 'test/1', body: { text: 'It works.\u001b[2J' } },
    });
    const post = async (signer: string, at: Date): Promise<number> => {
      const headers = {
        'webhook-id': 'msg_1',
        'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
        'webhook-signature': `v1,AAAA ${new Webhook(signer).sign('msg_1', at, body)}`,
      };
      return (await fetch(`http://127.0.0.1:${port}/hooks/mail`, { method: 'POST', headers, body })).status;
    };
    const [now, old] = [new Date(), new Date(Date.now() - 600_000)];
    assert.equal(await post(secret, now), 204);
    await prints('alice in test/1: "It works.\\u001b[2J"');
    assert.equal(await post(`whsec_${Buffer.alloc(32, 2).toString('base64')}`, now), 401);
    assert.equal(await post(secret, old), 401);
    assert.equal((await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body })).status, 401);
    assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 405);
  });
});
