// kill -9 in the midst of a relay, a hundred times in full: no mail is lost, and none comes out as another one.
//
// The client does as Postfix does: it sends again to whoever was not answered 250, until everybody was. A copy may come
// out twice, where the relay had it and the client was not told any more; a copy that is cut off must never come out.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { digest } from '../sources/outbound.ts';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { NO_SINK } from '../support/intake.ts';
import { type ScriptedRelay, startRelay } from '../support/relay.ts';
import { roundsOf } from '../support/rounds.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';
import { LmtpWire } from './lmtp-wire.ts';

const ROUNDS = roundsOf(100, 8);

/** The first is known and gets a copy of her own, the others share one. */
const RECIPIENTS = ['alice@example.com', 'x@example.com', 'y@example.com'];

/** The moments of the kill. */
const MOMENTS = ['header', 'content', 'dot', 'first-copy', 'second-copy'] as const;

interface Bench {
  readonly daemon: Daemon;
  readonly relay: ScriptedRelay;
  readonly socket: string;
}

async function open(t: TestContext, scratch: Scratch): Promise<Bench> {
  const relay = await startRelay(t);
  const socket = scratch.path('outbound.sock');
  const daemon = await startDaemon(scratch, {
    sink: NO_SINK,
    settings: {
      outbound: {
        socket,
        relay: relay.place,
        rule: [{ field: 'X-Tracker-Issue', thread: 'issue/{X-Tracker-Issue}' }],
      },
    },
  });
  await daemon.addUser('alice');
  return { daemon, relay, socket };
}

/** A notification that no other round has. */
function notification(round: number): Buffer {
  const header = `From: Tracker <t@example.org>\r\nX-Tracker-Issue: ${round}\r\nSubject: round ${round}\r\n\r\n`;
  return Buffer.from(`${header}${`line of round ${round}\r\n`.repeat(12_000)}`);
}

/** A connection, as soon as the daemon takes one. */
async function connected(socket: string): Promise<LmtpWire> {
  for (;;) {
    const wire = await LmtpWire.connect(socket);
    if (wire !== undefined) return wire;
    await nextTurn();
  }
}

/** Waits for what the relay sees. */
async function seen(look: () => boolean): Promise<void> {
  while (!look()) await nextTurn();
}

/** Sends to these, and kills the daemon at a moment; who was answered 250. */
async function sendAndKill(
  { daemon, relay, socket }: Bench,
  raw: Buffer,
  moment: (typeof MOMENTS)[number],
): Promise<string[]> {
  const wire = await connected(socket);
  const before = { mails: relay.mails.length, commands: relay.commands.length };
  assert.equal((await wire.begin(RECIPIENTS))?.isDataWanted, true);
  const half = raw.subarray(0, moment === 'header' ? 60 : raw.length / 2);
  const isWhole = moment !== 'header' && moment !== 'content';
  wire.write((isWhole ? raw : half).toString('latin1'));
  if (moment === 'content') await seen(() => relay.commands.slice(before.commands).includes('DATA'));
  if (isWhole) wire.write('.\r\n');
  if (moment === 'first-copy') await seen(() => relay.mails.length > before.mails);
  if (moment === 'second-copy')
    await seen(() => relay.commands.slice(before.commands).filter((line) => line === 'DATA').length > 1);
  await daemon.kill9();
  const replies = await wire.replies(RECIPIENTS.length);
  wire.close();
  return RECIPIENTS.filter((_, index) => replies[index]?.startsWith('250') === true);
}

/** Sends to these without a fault; who was answered 250. */
async function send(socket: string, raw: Buffer, recipients: readonly string[]): Promise<string[]> {
  const wire = await connected(socket);
  const begun = await wire.begin(recipients);
  if (begun?.isDataWanted !== true) return [];
  wire.write(`${raw.toString('latin1')}.\r\n`);
  const replies = await wire.replies(recipients.length);
  wire.close();
  return recipients.filter((_, index) => replies[index]?.startsWith('250') === true);
}

describe('kill -9 in the midst of a relay', () => {
  it(`${ROUNDS} rounds: every recipient has every mail, whole and unaltered`, async (t) => {
    const bench = await open(t, testScratch(t));
    const { daemon, relay, socket } = bench;
    let repeated = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const raw = notification(round);
      const first = relay.mails.length;
      const moment = MOMENTS[round % MOMENTS.length] ?? 'dot';
      const told = new Set(await sendAndKill(bench, raw, moment));
      const taken = relay.mails.slice(first).flatMap(({ recipients }) => recipients);
      for (const recipient of told)
        assert.ok(taken.includes(`<${recipient}>`), `250 for ${recipient}, and no mail`);
      await daemon.start();
      const left = RECIPIENTS.filter((recipient) => !told.has(recipient));
      if (left.length > 0) assert.deepEqual(await send(socket, raw, left), left, moment);
      const mails = relay.mails.slice(first);
      for (const mail of mails) {
        const isAlices = mail.recipients.includes('<alice@example.com>');
        const came = isAlices ? mail.raw.toString('latin1').replace(/^Reply-To: .*\r\n/m, '') : mail.raw;
        assert.equal(digest(Buffer.from(came as string, 'latin1')), digest(raw), `${moment}: altered`);
        assert.equal(/^Reply-To: <reply\+/m.test(mail.raw.toString('latin1', 0, 500)), isAlices);
      }
      const reached = mails.flatMap(({ recipients }) => recipients);
      for (const recipient of RECIPIENTS) assert.ok(reached.includes(`<${recipient}>`), `${recipient}: lost`);
      repeated += reached.length - RECIPIENTS.length;
      relay.mails.length = 0;
    }
    t.diagnostic(`${repeated} of ${ROUNDS * RECIPIENTS.length} copies came out twice`);
  });
});
