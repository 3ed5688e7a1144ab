// The policy service of the real daemon, spoken to as Postfix speaks to it.

import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { createConnection } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import type { Settings } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { freshReply, type Intake, startIntake, suiteIntake } from '../support/intake.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { PolicyClient, policyRequest } from '../support/policy.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';

const DAY_S = 86_400;
const NO_SUCH = '550 5.1.1 no such reply address';

/** Starts a daemon with a policy service for the suite whose body calls this. */
function suitePolicy(): { readonly intake: () => Intake; readonly path: () => string } {
  const socketIn = (scratch: Scratch): string => scratch.path('policy.sock');
  const intake = suiteIntake((scratch) => ({ policy: { socket: socketIn(scratch) } }));
  return { intake, path: () => socketIn(intake().scratch) };
}

/** A daemon with a policy service, and a connection to it. */
async function open(
  t: TestContext,
  settings: Settings = {},
): Promise<{ intake: Intake; client: PolicyClient; path: string }> {
  const scratch: Scratch = testScratch(t);
  const path = scratch.path('policy.sock');
  const intake = await startIntake(scratch, {
    ...settings,
    policy: { socket: path, ...settings.policy },
  });
  return { intake, client: await PolicyClient.open(t, path), path };
}

const forged = (address: string): string => address.replace(/.@/, (end) => (end === 'a@' ? 'b@' : 'a@'));

/** The events of one kind that the daemon has logged. */
function logged(intake: Intake, event: string): Record<string, unknown>[] {
  return intake.daemon
    .log()
    .split('\n')
    .filter((line) => line.includes(`"event":"${event}"`))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('the policy service answers', () => {
  const { intake, path } = suitePolicy();

  it('DUNNO for a good address, in any case, and for what is none of ours', async (t) => {
    const client = await PolicyClient.open(t, path());
    const recipients = [
      intake().alice,
      intake().alice.toUpperCase(),
      'someone@example.com',
      'postmaster',
      '',
      'größe@übersicht.example',
    ];
    for (const recipient of recipients) assert.equal(await client.ask(recipient), 'DUNNO', recipient);
  });

  it('one 550 5.1.1 for forged, unknown, disabled and no token at all', async (t) => {
    const client = await PolicyClient.open(t, path());
    await intake().store.setUser('bob', { enabled: false });
    const recipients = [
      forged(intake().alice),
      intake().bob,
      'postmaster@reply.example.org',
      'ö@reply.example.org',
    ];
    for (const recipient of recipients) assert.equal(await client.ask(recipient), NO_SUCH, recipient);
  });

  it('550 5.7.1 to the holder of an expired address', async (t) => {
    const client = await PolicyClient.open(t, path());
    const repliedTo = new Date(Date.now() - 100 * DAY_S * 1000).toISOString();
    const { reply_to } = await intake().daemon.mint({ user: 'alice', thread: 't/1', repliedTo });
    assert.match(await client.ask(reply_to), /^550 5\.7\.1 /);
    assert.equal(await client.ask(forged(reply_to)), NO_SUCH);
  });

  it('450 4.7.1 beyond a rate, which asking does not use up', async (t) => {
    const { intake, client } = await open(t, { rate: { per_user: '1/d' } });
    for (let probe = 0; probe < 5; probe++) assert.equal(await client.ask(intake.alice), 'DUNNO');
    const lmtp = await LmtpClient.open(t, intake.socket);
    assert.match((await lmtp.deliver(freshReply().text, intake.alice))[0]!, /^250 /);
    assert.match(await client.ask(intake.alice), /^450 4\.7\.1 /);
    assert.equal(await client.ask(intake.bob), 'DUNNO');
  });

  it('many requests on one connection, whole, in pieces and pipelined, in order', async (t) => {
    const client = await PolicyClient.open(t, path());
    for (const octet of policyRequest({ recipient: intake().alice })) client.write(octet);
    assert.equal(await client.answer(), 'DUNNO');
    const requests = Array.from({ length: 200 }, (_, index) =>
      policyRequest({ recipient: index % 2 === 0 ? intake().alice : forged(intake().alice) }),
    );
    client.write(requests.join(''));
    for (let index = 0; index < requests.length; index++) {
      assert.equal(await client.answer(), index % 2 === 0 ? 'DUNNO' : NO_SUCH);
    }
  });

  it('a client that has closed its side', async (t) => {
    const client = await PolicyClient.open(t, path());
    client.write(policyRequest({ recipient: intake().alice }));
    client.halfClose();
    assert.equal(await client.answer(), 'DUNNO');
    assert.equal(await client.closed(), '');
  });
});

describe('the log of the policy service', () => {
  it("has one line per refusal with Postfix's ids and the client, and no token", async (t) => {
    const { intake, client } = await open(t);
    const bad = forged(intake.alice);
    await client.ask(intake.alice);
    await client.ask(bad, { queue_id: '4F0AB1', instance: '9a.1.2', client_address: '192.0.2.77' });
    const [line] = await eventually(
      () => (logged(intake, 'policy_refused').length > 0 ? logged(intake, 'policy_refused') : undefined),
      () => intake.daemon.log(),
    );
    const { verdict, reason, detail, client: address, queue_id, instance } = line!;
    assert.deepEqual([verdict, reason, detail], ['rejected', 'no-such-address', 'forged']);
    assert.deepEqual([address, queue_id, instance], ['192.0.2.77', '4F0AB1', '9a.1.2']);
    assert.equal(logged(intake, 'policy_refused').length, 1);
    const token = /\+(\w+)@/.exec(bad)![1]!;
    assert.equal(intake.daemon.log().includes(token.slice(0, 40)), false);
  });

  it('lets no attribute of a client forge a line or reach a terminal', async (t) => {
    const { intake, client } = await open(t);
    const nasty = '\u001b[31m\r"},{"event":"verdict\u202e';
    await client.ask(forged(intake.alice), { client_address: nasty, instance: nasty });
    const [line] = await eventually(
      () => (logged(intake, 'policy_refused').length > 0 ? logged(intake, 'policy_refused') : undefined),
      () => intake.daemon.log(),
    );
    assert.equal(line!.client, nasty);
    const controls = [...intake.daemon.log()].filter((char) => char < ' ' && char !== '\n');
    assert.deepEqual(controls, []);
  });
});

describe('the policy service fails safe', () => {
  const { intake, path } = suitePolicy();

  for (const [what, octets] of [
    ['garbage', 'EHLO client.example.com\r\n\n\n'],
    ['another request', 'request=something_else\nrecipient=x@reply.example.org\n\n'],
    ['an empty request', '\n\n'],
    [
      'a request without an end that is larger than 32 KiB',
      `request=smtpd_access_policy\nx=${'y'.repeat(40_000)}`,
    ],
    ['a whole one that is larger than 32 KiB', `request=smtpd_access_policy\nx=${'y'.repeat(40_000)}\n\n`],
  ] as const) {
    it(`${what}: no answer, the connection closes, and others are served`, async (t) => {
      const closedBefore = logged(intake(), 'connection_closed').length;
      const client = await PolicyClient.open(t, path());
      client.write(octets);
      assert.equal(await client.closed(), '');
      await eventually(
        () => (logged(intake(), 'connection_closed').length === closedBefore + 1 ? true : undefined),
        () => 'no line in the log',
      );
      assert.equal(await (await PolicyClient.open(t, path())).ask(intake().alice), 'DUNNO');
    });
  }

  it('a request that trickles in is cut off at its deadline, a silent connection later', async (t) => {
    const { client } = await open(t, { policy: { request_timeout: '200ms', idle_timeout: '1h' } });
    client.write('request=smtpd_access');
    assert.equal(await client.closed(), '');
    const silent = await open(t, { policy: { request_timeout: '1h', idle_timeout: '200ms' } });
    assert.equal(await silent.client.closed(), '');
  });

  it('more connections than may be are closed, and those that are there go on', async (t) => {
    const { intake, client, path } = await open(t, { policy: { max_connections: 1 } });
    assert.equal(await client.ask(intake.alice), 'DUNNO');
    assert.equal(await (await PolicyClient.open(t, path)).closed(), '');
    assert.equal(await client.ask(intake.alice), 'DUNNO');
    client.vanish();
    const again = await eventually(
      async () => (await PolicyClient.open(t, path)).ask(intake.alice).catch(() => undefined),
      () => 'a connection after the first is gone',
    );
    assert.equal(again, 'DUNNO');
  });

  it('a client that asks on without reading is cut off', async (t) => {
    const client = await PolicyClient.open(t, path());
    const deaf = createConnection(path());
    deaf.on('error', () => undefined);
    deaf.pause();
    const request = policyRequest({ recipient: 'someone@example.com' }).repeat(500);
    const closed = new Promise((resolve) => deaf.once('close', resolve));
    const push = (): void => {
      while (!deaf.destroyed && deaf.write(request));
      deaf.once('drain', push);
    };
    push();
    await closed;
    assert.equal(await client.ask('someone@example.com'), 'DUNNO');
  });
});

describe('the socket of the policy service', () => {
  it('has the mode that was configured, and is gone after the stop', async (t) => {
    const { intake, client, path } = await open(t, { policy: { mode: '0600' } });
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(await client.ask(intake.alice), 'DUNNO');
    assert.equal(await intake.daemon.stop(), 'exit 0');
    assert.equal(await client.closed(), '');
    assert.equal(statSync(path, { throwIfNoEntry: false }), undefined);
  });

  it('is a problem of its own in a start that fails', async (t) => {
    const scratch = testScratch(t);
    const settings = { policy: { socket: scratch.path('policy.sock'), group: 'no-such-group' } };
    await assert.rejects(startIntake(scratch, settings), /policy\.socket: policy\.group: "no-such-group"/);
  });
});
