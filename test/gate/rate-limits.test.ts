// Rates on the real daemon: what an LMTP client sees, and what a restart and a kill leave of them.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { freshReply, type Intake, startIntake } from '../support/intake.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { testScratch } from '../support/scratch.ts';

const LIMITED = /^450 4\.7\.1 too many replies/;

/** Delivers so many replies, each on its own. */
async function deliver(t: TestContext, intake: Intake, address: string, count: number): Promise<void> {
  const client = await LmtpClient.open(t, intake.socket);
  for (let reply = 0; reply < count; reply++) {
    assert.match((await client.deliver(freshReply().text, address))[0]!, /^250 2\.0\.0 queued/);
  }
}

/** The answer to RCPT in a transaction of its own. */
async function rcpt(t: TestContext, intake: Intake, address: string): Promise<string> {
  const client = await LmtpClient.open(t, intake.socket);
  const [, answer] = await client.sayAll('MAIL FROM:<alice@example.com>', `RCPT TO:<${address}>`);
  client.vanish();
  return answer!;
}

describe('a user beyond the rate', () => {
  it('is answered 450 4.7.1 at RCPT, and others are not', async (t) => {
    const intake = await startIntake(testScratch(t), { rate: { per_user: '3/d' } });
    await deliver(t, intake, intake.alice, 3);
    assert.match(await rcpt(t, intake, intake.alice), LIMITED);
    assert.match(await rcpt(t, intake, intake.bob), /^250 /);
  });

  it('is not brought there by probes', async (t) => {
    const intake = await startIntake(testScratch(t), { rate: { per_user: '1/d', total: '1/d' } });
    for (let probe = 0; probe < 5; probe++) assert.match(await rcpt(t, intake, intake.alice), /^250 /);
    await deliver(t, intake, intake.alice, 1);
  });

  it('who had several recipients accepted before is answered at the end of data, each for itself', async (t) => {
    const intake = await startIntake(testScratch(t), { rate: { per_user: '2/d' } });
    const client = await LmtpClient.open(t, intake.socket);
    const { alice, bob } = intake;
    const replies = await client.deliver(freshReply().text, alice, alice, bob, alice);
    assert.match(replies[0]!, /^250 2\.0\.0 queued/);
    assert.match(replies[1]!, /^250 2\.0\.0 duplicate/);
    assert.match(replies[2]!, /^250 2\.0\.0 queued/);
    assert.match(replies[3]!, LIMITED);
  });

  it('gets there with discarded messages as well', async (t) => {
    const intake = await startIntake(testScratch(t), { rate: { per_user: '2/d' } });
    const client = await LmtpClient.open(t, intake.socket);
    for (let reply = 0; reply < 2; reply++) {
      const automatic = `Auto-Submitted: auto-replied\r\n${freshReply().text}`;
      assert.match((await client.deliver(automatic, intake.alice))[0]!, /^250 2\.0\.0 discarded/);
    }
    assert.match(await rcpt(t, intake, intake.alice), LIMITED);
  });

  it('is still there after a restart, and after a kill right behind the 250', async (t) => {
    const intake = await startIntake(testScratch(t), { rate: { per_user: '3/d' } });
    await deliver(t, intake, intake.alice, 3);
    await intake.daemon.kill9();
    await intake.daemon.start();
    assert.match(await rcpt(t, intake, intake.alice), LIMITED);
    await intake.daemon.restart();
    assert.match(await rcpt(t, intake, intake.alice), LIMITED);
  });

  it('is what the log says, once per recipient and with the limit by name', async (t) => {
    const intake = await startIntake(testScratch(t), { rate: { per_address: '1/d' } });
    await deliver(t, intake, intake.alice, 1);
    await rcpt(t, intake, intake.alice);
    // The line is written after the answer.
    const lines = await eventually(
      () => intake.daemon.log().match(/^.*"reason":"rate-limited".*$/gm) ?? undefined,
      () => intake.daemon.log(),
    );
    assert.equal(lines.length, 1);
    assert.match(lines[0], /"verdict":"deferred".*"detail":"rate\.per_address"/);
  });

  it('is shown by user show', async (t) => {
    const intake = await startIntake(testScratch(t), { rate: { per_user: '5/d' } });
    const left = async (): Promise<unknown> =>
      (await intake.daemon.ctl('user', 'show', 'alice'))[0]?.replies_left;
    assert.equal(await left(), 5);
    await deliver(t, intake, intake.alice, 3);
    assert.equal(await left(), 2);
  });
});

describe('rates that are off', () => {
  it('limit nothing, and nothing is kept', async (t) => {
    const intake = await startIntake(testScratch(t));
    await deliver(t, intake, intake.alice, 50);
    await intake.daemon.stop();
    assert.deepEqual(await intake.store.loadBuckets(), []);
  });
});
