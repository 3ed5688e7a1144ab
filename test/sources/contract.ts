// The contract of the source port: what every way in must keep, on a real gate with a real store behind it.
//
// Contract: `open` opens the source on the intake that it is given, and gives a client that speaks to it as the outside
// does. Nothing here knows what is behind the port.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Gate } from '../../src/gate/gate.ts';
import type { LogEvent, LogFields } from '../../src/observe/log.ts';
import { Meter } from '../../src/observe/meter.ts';
import type { Config } from '../../src/site/config.ts';
import type { Intake, Source } from '../../src/sources/source.ts';
import { configOf, LEAST } from '../config/least.ts';
import { itemsIn, message, openGate, type TestGate } from '../gate/gate.ts';
import { testScratch } from '../support/scratch.ts';

/** What the outside learns of one recipient; `none` where it was told nothing. */
export type Answer = 'accepted' | 'refused' | 'temporary' | 'none';

/** What a source can say: an answer `each`, or `one` for the whole message, in which a good recipient covers the others. */
export type AnswersTo = 'each' | 'one';

/** A source that is open, and a client of it. */
export interface OpenedSource {
  readonly source: Source;
  /** Sends one message to these addresses; gives an answer for each, in order. */
  readonly send: (addresses: readonly string[], raw: Buffer) => Promise<readonly Answer[]>;
}

/** Opens a source for one test, which closes it. */
export type OpenForTest = (t: TestContext, intake: Intake<Config>) => Promise<OpenedSource>;

/** A source with all that is behind it. */
interface Bench extends OpenedSource {
  readonly test: TestGate;
  /** Puts another gate in force. */
  readonly use: (gate: Gate) => void;
  readonly events: { readonly event: LogEvent; readonly fields: LogFields }[];
  /** The verdicts that were counted. */
  readonly counted: string[];
}

async function openBench(t: TestContext, open: OpenForTest): Promise<Bench> {
  const test = await openGate(t);
  let { gate } = test;
  const events: Bench['events'] = [];
  const counted: string[] = [];
  const config = configOf(`${LEAST}\n[lmtp]\nsocket = "${testScratch(t).path('lmtp.sock')}"`);
  const opened = await open(t, {
    config: () => config,
    gate: () => gate,
    log: (event, fields = {}) => events.push({ event, fields }),
    meter: new Meter(),
    count: (verdict, reason) => counted.push(`${verdict} ${reason}`),
    mailboxes: test.store,
    follow: (_section, changed) => {
      changed();
    },
  });
  t.after(() => opened.source.stop(0));
  const use = (next: Gate): void => {
    gate = next;
  };
  return { ...opened, test, use, events, counted };
}

/** An address of ours that nobody minted. */
const forged = (address: string): string =>
  address.replace(/(.)@/, (_, last) => (last === 'a' ? 'b@' : 'a@'));

/** A gate that says when it is asked about a message, and answers when it is let go. */
function waiting(gate: Gate): {
  readonly gate: Gate;
  readonly asked: Promise<void>;
  readonly letGo: () => void;
} {
  let letGo = (): void => undefined;
  let say = (): void => undefined;
  const going = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const asked = new Promise<void>((resolve) => {
    say = resolve;
  });
  const message: Gate['message'] = async (...args) => {
    say();
    await going;
    return gate.message(...args);
  };
  return { gate: { ...gate, message }, asked, letGo };
}

const broken = (): Promise<never> => Promise.reject(new Error('the disk is gone'));

/** Registers the whole suite for one source. */
export function describeSourceContract(name: string, open: OpenForTest, answersTo: AnswersTo = 'each'): void {
  describe(`the source port on ${name}`, () => {
    it('says "accepted" only of what is committed, once for each recipient, in their order', async (t) => {
      const { test, send, events, counted } = await openBench(t, open);
      const [one, two] = [await test.sealed(), await test.sealed({ thread: 'test/thread/2' })];
      const answers = await send([one, forged(one), two, one], message());
      const forForged = answersTo === 'each' ? 'refused' : 'accepted';
      assert.deepEqual(answers, ['accepted', forForged, 'accepted', 'accepted']);
      const items = await itemsIn(test);
      assert.deepEqual(items.map(({ thread }) => thread).sort(), ['test/thread/1', 'test/thread/2']);
      const verdicts = events.filter(({ event }) => event === 'verdict').map(({ fields }) => fields.reason);
      const repeated = answersTo === 'each' ? ['duplicate'] : []; // else each address is looked at once
      assert.deepEqual(verdicts.sort(), [...repeated, 'no-such-address', 'queued', 'queued']);
      assert.equal(counted.length, verdicts.length);
    });

    it('takes a message that comes again for what it is', async (t) => {
      const { test, send } = await openBench(t, open);
      const [address, raw] = [await test.sealed(), message()];
      assert.deepEqual(await send([address], raw), ['accepted']);
      assert.deepEqual(await send([address], raw), ['accepted']);
      assert.equal((await itemsIn(test)).length, 1);
    });

    it('hands the message on octet by octet, whatever stands at its lines', async (t) => {
      const { test, send } = await openBench(t, open);
      const body = ['.', '..', '.x', 'From x', 'caf\u00e9', 'QUIT', 'last'].join('\r\n');
      const raw = message([], body);
      assert.deepEqual(await send([await test.sealed()], raw), ['accepted']);
      const [item] = await itemsIn(test);
      const kept = Buffer.from((await test.store.content(item!.id)) ?? []);
      assert.ok(kept.toString().startsWith(raw.toString()), kept.toString());
    });

    it('answers what is unknown as temporary, at the address and at the message, and says why', async (t) => {
      const { test, send, use, events } = await openBench(t, open);
      const [one, two] = [await test.sealed(), await test.sealed({ thread: 'test/thread/2' })];
      use({ ...test.gate, message: broken });
      assert.deepEqual(await send([one, two], message()), ['temporary', 'temporary']);
      use({ ...test.gate, recipient: broken });
      assert.deepEqual(await send([one], message()), ['temporary']);
      const failed = events.filter(({ event }) => event === 'transaction_failed');
      assert.deepEqual(
        failed.map(({ fields }) => fields.reason),
        ['the disk is gone', 'the disk is gone'],
      );
      use(test.gate);
      assert.deepEqual(await send([one], message()), ['accepted']);
    });

    it('promises nothing where the verdicts are not as many as the recipients', async (t) => {
      const { test, send, use } = await openBench(t, open);
      use({ ...test.gate, message: () => Promise.resolve([]) });
      const answer = answersTo === 'each' ? 'none' : 'temporary';
      assert.deepEqual(await send([await test.sealed()], message()), [answer]);
    });

    it('ends a transaction on the gate that it began with, and begins the next on the one in force', async (t) => {
      const { test, send, use } = await openBench(t, open);
      const address = await test.sealed();
      const held = waiting(test.gate);
      use(held.gate);
      const sent = send([address], message());
      await held.asked;
      use({ ...test.gate, message: broken });
      held.letGo();
      assert.deepEqual(await sent, ['accepted']);
      assert.deepEqual(await send([address], message()), ['temporary']);
    });

    it('takes nothing that cannot be kept', async (t) => {
      const { test, send, use } = await openBench(t, open);
      const full = { verdict: 'deferred', reason: 'storage', detail: 'space is low' } as const;
      use({ ...test.gate, transaction: () => full });
      assert.deepEqual(await send([await test.sealed()], message()), ['temporary']);
      assert.equal((await itemsIn(test)).length, 0);
    });

    it('stops when what is under way is answered, and takes nothing new', async (t) => {
      const { test, send, use, source } = await openBench(t, open);
      const address = await test.sealed();
      const held = waiting(test.gate);
      use(held.gate);
      const sent = send([address], message());
      await held.asked;
      const stopped = source.stop(20_000);
      assert.deepEqual(await send([address], message()), ['none']);
      held.letGo();
      assert.deepEqual(await sent, ['accepted']);
      await stopped;
      assert.equal((await itemsIn(test)).length, 1);
    });

    it('drops what lasts longer than it may', async (t) => {
      const { test, send, use, source } = await openBench(t, open);
      const held = waiting(test.gate);
      use(held.gate);
      const sent = send([await test.sealed()], message());
      await held.asked;
      await source.stop(0);
      held.letGo();
      assert.deepEqual(await sent, ['none']);
    });
  });
}
