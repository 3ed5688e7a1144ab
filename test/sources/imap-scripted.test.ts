// The source of mailboxes on a server that does what real ones do on their worst days.
//
// Contract of all: in the end every message of the folder is one item, none is two, and all are marked; whatever the
// server did meanwhile. Time passes as the tests want it, save for the deadlines of commands.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { COMMAND_MS as REAL_COMMAND_MS } from '../../src/sources/imap/connection.ts';
import { Mailreading } from '../../src/sources/imap/open.ts';
import { SEARCH_MS } from '../../src/sources/imap/pace.ts';
import type { ImapConfig } from '../../src/sources/imap/settings.ts';
import type { OpenMessage } from '../../src/store/mailboxes.ts';
import { itemsIn, START } from '../gate/gate.ts';
import { eventually } from '../support/eventually.ts';
import { ImapScript, type Turn } from '../support/imap-server.ts';
import { replyMessage } from '../support/message.ts';
import { roundsOf } from '../support/rounds.ts';
import { testScratch } from '../support/scratch.ts';
import { type ImapBench, imapBench, MAILBOX } from './imap.ts';
import { SetPace } from './pace.ts';

const COMMAND_MS = 250;
/** The deadline of a command in the daemon, which passes by the real clock: it is added where lateness counts. */
const DEADLINE_MS = REAL_COMMAND_MS;
const LATEST_MS = 5 * 60_000;
/** The time that passes while a test looks once more. */
const STEP_MS = 20_000;

/** A mailbox on a scripted server, and its reader. */
interface Scene {
  readonly script: ImapScript;
  readonly bench: ImapBench;
  readonly pace: SetPace;
  readonly config: ImapConfig;
  /** Message-IDs of what was put into the folder. */
  readonly sent: string[];
  /** Puts a reply of alice's into the folder; its UID. */
  readonly send: (more?: Partial<Parameters<typeof replyMessage>[0]>) => Promise<number>;
  readonly open: () => Mailreading;
  /** Lets time pass until something is so. */
  readonly until: (isSo: () => boolean | Promise<boolean>, what: string) => Promise<void>;
  /** Lets time pass until everything sent is taken and nothing is open, and asserts that it is so once. */
  readonly allTaken: () => Promise<void>;
  readonly rows: () => Promise<readonly OpenMessage[]>;
}

async function play(t: TestContext, change: Partial<ImapConfig> = {}, settings = ''): Promise<Scene> {
  const script = await ImapScript.start();
  t.after(() => {
    script.stop();
  });
  const passwordFile = testScratch(t).path('password');
  writeFileSync(passwordFile, 'open-sesame\n', { mode: 0o600 });
  const config = { ...MAILBOX, port: script.port, passwordFile, ...change };
  const bench = await imapBench(t, [config], {}, settings);
  const pace = new SetPace(START * 1000);
  const sent: string[] = [];
  const { store } = bench.test;
  const rows = (): Promise<readonly OpenMessage[]> => store.openMessages(config.name);
  const until: Scene['until'] = async (isSo, what) => {
    await eventually(
      async () => {
        if (await isSo()) return true;
        pace.leap(STEP_MS);
        return undefined;
      },
      () => `${what}\n${script.commands.slice(-20).join('\n')}\n${JSON.stringify(bench.events.slice(-5))}`,
    );
  };
  return {
    ...{ script, bench, pace, config, sent, rows, until },
    send: async (more = {}) => {
      const messageId = `m${sent.length + 1}@x.example`;
      sent.push(messageId);
      const to = await bench.test.sealed({ thread: `test/thread/${sent.length}` });
      return script.append(replyMessage({ to, messageId, ...more }));
    },
    open: () => bench.open({ pace, commandMs: COMMAND_MS }),
    allTaken: async () => {
      const items = async (): Promise<readonly string[]> =>
        (await itemsIn(bench.test)).map(({ messageId }) => messageId ?? '').sort();
      await until(async () => (await items()).length >= sent.length, `${sent.length} messages taken`);
      await until(async () => (await rows()).length === 0, 'nothing open');
      assert.deepEqual(await items(), [...sent].sort());
    },
  };
}

const isSeen = ({ script }: Scene): boolean =>
  script.inbox.messages.every(({ flags }) => flags.has('\\Seen'));

describe('a mailbox whose server', () => {
  const commands: readonly (readonly [string, RegExp])[] = [
    ['the greeting', /^GREETING$/],
    ['the login', /^(?:LOGIN|AUTHENTICATE)/],
    ['SELECT', /^SELECT/],
    ['UID SEARCH', /^UID SEARCH/],
    ['the sizes', /^UID FETCH .*SIZE/],
    ['a message', /^UID FETCH .*BODY/],
    ['the mark', /^UID STORE/],
    ['IDLE', /^IDLE/],
  ];
  const misdeeds: readonly (readonly [string, Turn])[] = [
    ['says nothing any more', 'hang'],
    ['ends the connection', 'drop'],
    ['says BYE', { bye: '[UNAVAILABLE] maintenance' }],
    ['says NO [LIMIT]', { answer: 'NO [LIMIT] slow down' }],
    ['says NO [UNAVAILABLE]', { answer: 'NO [UNAVAILABLE] backend down' }],
    ['stops in the middle of a line', { cut: 20 }],
  ];
  for (const [misdeed, turn] of misdeeds) {
    it(`${misdeed}, at any command, gives every message once`, async (t) => {
      const scene = await play(t);
      scene.open();
      for (const [stage, pattern] of commands) {
        if (stage === 'the greeting' && typeof turn === 'object' && !('bye' in turn)) continue;
        scene.script.when(pattern, turn, 2);
        await scene.send();
        await scene.send();
        scene.script.hangUp();
        await scene.allTaken();
        scene.script.calm();
      }
      assert.ok(isSeen(scene));
    });
  }

  it('cuts a connection within a message, at any octet, gives every message once', async (t) => {
    const scene = await play(t);
    for (let n = 0; n < 3; n++) await scene.send();
    for (const cut of [1, 60, 75, 90, 200, 400]) scene.script.when(/^UID FETCH .*BODY/, { cut });
    scene.open();
    await scene.allTaken();
    assert.ok(isSeen(scene));
  });

  it('tells of no message is searched all the same', async (t) => {
    const scene = await play(t);
    scene.script.nature.tellsOfMessages = false;
    scene.open();
    await scene.script.asked(/^IDLE/);
    await scene.send();
    scene.pace.leap(SEARCH_MS);
    await scene.script.asked(/^UID FETCH 1 .*BODY/);
    await scene.allTaken();
  });

  it('falls silent while it idles, every hour of a day, has every message taken within five minutes', async (t) => {
    const scene = await play(t);
    const { script, pace } = scene;
    scene.open();
    for (let hour = 0; hour < roundsOf(24, 3); hour++) {
      await script.asked(/^IDLE/, hour + 1);
      // What came before is taken and marked, and the reader waits for nothing but the next search.
      await scene.allTaken();
      script.fallSilent();
      await scene.send();
      const came = pace.monotonic();
      pace.leap(SEARCH_MS);
      const isReplaced = (): true | undefined => {
        if (script.connections > hour + 1) return true;
        pace.leap(1000);
        return undefined;
      };
      await eventually(isReplaced, () => 'no new connection');
      await script.asked(new RegExp(`^UID FETCH ${hour + 1} .*BODY`));
      assert.ok(pace.monotonic() - came + DEADLINE_MS <= LATEST_MS, `${pace.monotonic() - came} ms`);
      await scene.allTaken();
      pace.leap(3_600_000 - SEARCH_MS);
    }
  });

  it('overlooks a message until the folder is selected again has it taken with the next search', async (t) => {
    const scene = await play(t);
    let known: readonly number[] = [];
    scene.script.nature.tellsOfMessages = false;
    scene.script.nature.finds = (uids) => uids.filter((uid) => known.includes(uid));
    const look = (): void => {
      known = scene.script.inbox.messages.map(({ uid }) => uid);
    };
    scene.script.when(/^SELECT/, { first: look }, 100);
    await scene.send();
    scene.open();
    await scene.allTaken();
    await scene.script.asked(/^IDLE/);
    await scene.send();
    scene.pace.leap(SEARCH_MS);
    await scene.script.asked(/^UID FETCH 2 .*BODY/);
    await scene.allTaken();
    assert.equal(scene.script.connections, 1);
  });

  it('has other UIDs all at once is noticed within the connection', async (t) => {
    const scene = await play(t);
    await scene.send();
    scene.open();
    await scene.allTaken();
    await scene.script.asked(/^IDLE/);
    const { inbox } = scene.script;
    const [old] = inbox.messages.splice(0);
    Object.assign(inbox, { uidValidity: 99, uidNext: 1 });
    await scene.send();
    scene.script.append(old!.raw);
    scene.pace.leap(SEARCH_MS);
    await scene.allTaken();
    assert.equal(scene.script.connections, 2);
  });

  it('tells of messages that are not there is not believed', async (t) => {
    const scene = await play(t);
    scene.script.nature.phantoms = 3;
    scene.open();
    await scene.script.asked(/^IDLE/);
    scene.script.announce(scene.script.inbox, 9);
    await scene.script.asked(/^UID SEARCH/, 2);
    await scene.send();
    await scene.allTaken();
    assert.equal((await scene.rows()).length, 0);
  });

  it('finds a message that it cannot give yet is asked again, and the others are not kept waiting', async (t) => {
    const scene = await play(t);
    const late = await scene.send();
    await scene.send();
    scene.script.nature.withheld.add(late);
    scene.open();
    await scene.until(async () => (await itemsIn(scene.bench.test)).length === 1, 'the second');
    await scene.until(async () => (await scene.rows()).some(({ uid }) => uid === late), 'a row of the first');
    scene.script.nature.withheld.clear();
    await scene.allTaken();
  });

  it('finds what was settled long ago, again and again, gets no second look at it', async (t) => {
    const scene = await play(t);
    for (let n = 0; n < 3; n++) await scene.send();
    scene.script.nature.finds = (uids) => [...new Set([...uids, 1, 2, 3])];
    scene.open();
    await scene.allTaken();
    const looks = scene.script.count(/^UID FETCH .*BODY/);
    const searches = scene.script.count(/^UID SEARCH/);
    await scene.until(() => scene.script.count(/^UID SEARCH/) >= searches + 3, 'three more searches');
    assert.equal(scene.script.count(/^UID FETCH .*BODY/), looks);
  });

  it('has lost its UIDs has the folder walked, and nothing taken twice', async (t) => {
    for (const now of [8, 0]) {
      const scene = await play(t);
      for (let n = 0; n < 3; n++) await scene.send();
      scene.open();
      await scene.allTaken();
      scene.script.inbox.uidValidity = now;
      scene.script.inbox.uidNext = 1;
      const messages = scene.script.inbox.messages.splice(0);
      for (const { raw } of messages.reverse()) scene.script.append(raw);
      await scene.send();
      scene.script.hangUp();
      await scene.allTaken();
      const verdicts = scene.bench.verdicts.filter((verdict) => /duplicate/.test(verdict));
      assert.equal(verdicts.length, 3, 'the accept knows what came again');
      const walked = scene.bench.events.filter(({ event }) => event === 'mailbox_renumbered');
      assert.equal(walked.length, 1);
    }
  });

  it('removes messages while its folder is walked, and tells of it at any moment, gives all others once', async (t) => {
    for (const stage of [/^UID SEARCH/, /^UID FETCH .*SIZE/, /^UID FETCH .*BODY/]) {
      const scene = await play(t, { after: 'nothing' });
      for (let n = 0; n < 6; n++) await scene.send();
      scene.open();
      await scene.allTaken();
      scene.script.inbox.uidValidity += 1;
      for (let n = 0; n < 3; n++) await scene.send();
      const remove = (): void => {
        // The first two are gone, and the sequence numbers of all the others are less by as many.
        for (let turn = 0; turn < 2; turn++) scene.script.expunge(0);
      };
      scene.script.when(stage, { first: remove });
      scene.script.hangUp();
      await scene.allTaken();
      const isWalking = async (): Promise<boolean> =>
        (await scene.bench.test.store.mailbox('replies'))?.isWalking !== false;
      await scene.until(async () => !(await isWalking()), 'the end of the walk');
    }
  });

  it('has no IDLE, UIDPLUS, MOVE or keyword gives every message once, and none is removed by a bare EXPUNGE', async (t) => {
    for (const after of ['seen', 'keyword', 'move:Done', 'delete'] as const) {
      const scene = await play(t, { after });
      scene.script.nature.capabilities = ['IMAP4rev1'];
      scene.script.nature.permanentFlags = '\\Seen \\Deleted';
      scene.script.append('Subject: of somebody else\r\n\r\nx\r\n');
      scene.script.inbox.messages[0]?.flags.add('\\Deleted');
      await scene.send();
      await scene.send();
      scene.open();
      await scene.allTaken();
      await scene.send();
      await scene.allTaken();
      assert.equal(scene.script.count(/^(?:UID )?EXPUNGE|^CLOSE/), 0);
      assert.equal(scene.script.inbox.messages.length, 4, after);
      const done = scene.script.folders.get('Done')!.messages.length;
      assert.equal(done, after === 'move:Done' ? 3 : 0);
    }
  });
});

describe('a courtesy', () => {
  for (const after of ['seen', 'keyword', 'move:Done', 'delete'] as const) {
    it(`that is refused for an hour is done in the end, and never causes a second post (${after})`, async (t) => {
      const scene = await play(t, { after });
      for (let n = 0; n < 3; n++) await scene.send();
      const refused = /^UID (?:STORE|MOVE|COPY|EXPUNGE)/;
      scene.script.when(refused, { answer: 'NO [OVERQUOTA] full' }, 1000);
      scene.open();
      const begun = scene.pace.monotonic();
      await scene.until(() => {
        scene.pace.leap(60_000);
        return scene.pace.monotonic() - begun > 3_600_000;
      }, 'an hour');
      assert.equal((await itemsIn(scene.bench.test)).length, 3);
      assert.deepEqual(
        (await scene.rows()).map(({ state }) => state),
        ['courtesy', 'courtesy', 'courtesy'],
      );
      scene.script.calm();
      await scene.allTaken();
      const { messages } = scene.script.inbox;
      const done = scene.script.folders.get('Done')!.messages.length;
      if (after === 'delete' || after === 'move:Done') assert.equal(messages.length, 0);
      else assert.ok(messages.every(({ flags }) => flags.has(after === 'seen' ? '\\Seen' : '$Mailgw')));
      assert.equal(done, after === 'move:Done' ? 3 : 0);
    });
  }

  it('touches no message that was not for us', async (t) => {
    const scene = await play(t, { after: 'delete' });
    scene.script.append(replyMessage({ to: 'boss@example.org', messageId: 'private@x.example' }));
    await scene.send();
    scene.open();
    await scene.allTaken();
    assert.equal(scene.script.inbox.messages.length, 1);
    assert.equal(scene.script.inbox.messages[0]?.flags.size, 0);
  });
});

describe('a password that is refused', () => {
  it('is tried once, then waited with and told of; a word of the operator’s has it tried again', async (t) => {
    const scene = await play(t);
    await scene.send();
    scene.script.nature.login = () => 'NO [AUTHENTICATIONFAILED] wrong';
    const reading = scene.open();
    const view = (): string => reading.views()[0]?.state ?? '';
    await eventually(
      () => (view() === 'broken' ? true : undefined),
      () => view(),
    );
    scene.pace.leap(10 * 60_000);
    assert.equal(scene.script.connections, 1);
    const told = scene.bench.events.filter(({ event }) => event === 'source_down');
    assert.equal(told.length, 1);
    assert.equal(told[0]?.fields.kind, 'login');
    assert.doesNotMatch(JSON.stringify(scene.bench.events), /sesame/);
    scene.script.nature.login = () => undefined;
    reading.sync(scene.config.name);
    await scene.allTaken();
    assert.equal(scene.script.count(/^(?:LOGIN|AUTHENTICATE)/), 2);
  });

  it('by a busy server is no wrong password: it is tried again, and nobody is alarmed', async (t) => {
    const scene = await play(t);
    await scene.send();
    let refusals = 3;
    scene.script.nature.login = () => (refusals-- > 0 ? 'NO [UNAVAILABLE] try later' : undefined);
    const reading = scene.open();
    await scene.allTaken();
    assert.equal(reading.views()[0]?.state, 'serving');
    const states = scene.bench.events.filter(({ event }) => event === 'source_down');
    assert.ok(states.every(({ fields }) => fields.state === 'waiting'));
    assert.ok(states.length >= 1);
  });
});

const countOf = ({ bench }: Scene, verdict: string): number =>
  bench.verdicts.filter((each) => each === verdict).length;

/** Lets hours pass until a message is given up; its row. */
async function givenUp(scene: Scene): Promise<OpenMessage | undefined> {
  const failed = async (): Promise<OpenMessage | undefined> =>
    (await scene.rows()).find(({ state }) => state === 'failed');
  await scene.until(async () => {
    scene.pace.leap(600_000);
    return (await failed()) !== undefined;
  }, 'a message given up');
  // Told once that is committed.
  await scene.until(() => countOf(scene, 'discarded unreadable') > 0, 'its verdict');
  return await failed();
}

describe('a message that ten times', () => {
  it('ends the connection is given up with a verdict, and all others are taken', async (t) => {
    const scene = await play(t);
    await scene.send();
    const poison = await scene.send();
    await scene.send();
    scene.script.when(new RegExp(`^UID FETCH ${poison} .*BODY`), 'drop', 1000);
    const reading = scene.open();
    const row = await givenUp(scene);
    assert.deepEqual([row?.uid, row?.attempts], [poison, 10]);
    assert.equal(scene.script.count(new RegExp(`^UID FETCH ${poison} .*BODY`)), 10);
    assert.equal((await itemsIn(scene.bench.test)).length, 2);
    assert.equal(countOf(scene, 'discarded unreadable'), 1);
    // The operator's word has it read again, once it can be.
    scene.script.calm();
    assert.equal(await scene.bench.test.store.retryMessages('replies', scene.pace.now()), 1);
    reading.sync('replies');
    await scene.allTaken();
  });

  it('breaks something of ours is given up with a verdict, and all others are taken', async (t) => {
    const scene = await play(t);
    await scene.send();
    const poison = await scene.send({ body: 'poison\n' });
    await scene.send();
    const { gate } = scene.bench.test;
    const message: typeof gate.message = (envelope, claims, raw, receipt) =>
      Buffer.from(raw).includes('poison')
        ? Promise.reject(new Error('a fault of ours'))
        : gate.message(envelope, claims, raw, receipt);
    const intake = { ...scene.bench.intake, gate: () => ({ ...gate, message }) };
    const reading = new Mailreading(intake, { owner: 'here', pace: scene.pace, commandMs: COMMAND_MS });
    t.after(() => reading.stop(5000));
    reading.change();
    const row = await givenUp(scene);
    assert.deepEqual([row?.uid, row?.attempts, row?.reason], [poison, 10, 'unknown: a fault of ours']);
    assert.equal((await itemsIn(scene.bench.test)).length, 2);
    assert.equal(countOf(scene, 'discarded unreadable'), 1);
  });
});

describe('a folder for what is refused', () => {
  const forged = (address: string): string => address.replace(/.@/, (end) => (end[0] === 'a' ? 'b@' : 'a@'));

  for (const after of ['seen', 'delete', 'nothing'] as const) {
    it(`takes messages with a bad token alone, whatever becomes of the others (${after})`, async (t) => {
      const scene = await play(t, { after, refusedTo: 'Done' });
      const address = await scene.bench.test.sealed();
      scene.script.append(replyMessage({ to: forged(address), messageId: 'forged@x.example' }));
      scene.script.append(replyMessage({ to: 'boss@example.org', messageId: 'private@x.example' }));
      await scene.send();
      scene.open();
      await scene.allTaken();
      const done = scene.script.folders.get('Done')!;
      assert.deepEqual(
        done.messages.map(({ raw }) => /forged@x/.test(raw.toString())),
        [true],
      );
      const left = scene.script.inbox.messages.map(({ flags }) => flags.has('\\Seen'));
      assert.deepEqual(left, after === 'delete' ? [false] : [false, after === 'seen']);
      assert.equal(countOf(scene, 'rejected forged'), 1);
    });
  }

  it('that is missing leaves them where they are, and they go there once it is made', async (t) => {
    const scene = await play(t, { after: 'delete', refusedTo: 'Bad' });
    scene.script.append(replyMessage({ to: forged(await scene.bench.test.sealed()) }));
    scene.open();
    await scene.until(
      async () => (await scene.rows()).some(({ reason }) => /UID MOVE/.test(reason)),
      'a try',
    );
    assert.equal(scene.script.inbox.messages.length, 1);
    scene.script.folders.set('Bad', { uidValidity: 9, uidNext: 1, messages: [] });
    await scene.allTaken();
    assert.equal(scene.script.folders.get('Bad')?.messages.length, 1);
  });
});

describe('a message', () => {
  it('that cannot be fetched three times is given up, told of, and keeps nothing else waiting', async (t) => {
    const scene = await play(t);
    await scene.send();
    const poison = await scene.send();
    scene.sent.pop();
    await scene.send();
    scene.script.when(
      new RegExp(`^UID FETCH ${poison} .*BODY`),
      { answer: 'NO [CONTACTADMIN] broken' },
      1000,
    );
    scene.open();
    const failed = async (): Promise<OpenMessage | undefined> =>
      (await scene.rows()).find(({ state }) => state === 'failed');
    await scene.until(async () => (await failed()) !== undefined, 'the row of what was given up');
    const row = await failed();
    assert.equal(row?.uid, poison);
    assert.equal(row.attempts, 3);
    assert.match(row.reason, /broken/);
    assert.equal(scene.bench.events.filter(({ event }) => event === 'mailbox_poison').length, 1);
    assert.deepEqual(countOf(scene, 'discarded unreadable'), 1);
    const [told] = scene.bench.events.filter(({ fields }) => fields.reason === 'unreadable');
    assert.deepEqual([told?.event, told?.fields.session], ['verdict', `replies/${poison}`]);
    assert.equal((await itemsIn(scene.bench.test)).length, 2);
    const asked = scene.script.count(new RegExp(`^UID FETCH ${poison} .*BODY`));
    await scene.send();
    await scene.until(async () => (await itemsIn(scene.bench.test)).length === 3, 'the next message');
    assert.equal(scene.script.count(new RegExp(`^UID FETCH ${poison} .*BODY`)), asked);
  });

  it('with octets that no message may have is taken octet by octet', async (t) => {
    const scene = await play(t);
    const odd = Buffer.concat([
      Buffer.from(replyMessage({ to: await scene.bench.test.sealed(), messageId: 'odd@x.example' })),
      Buffer.from([0, 0xff, 0x80, 0x0d, 0x0a, 0, 0x29, 0x0d, 0x0a]),
    ]);
    scene.sent.push('odd@x.example');
    scene.script.append(odd);
    scene.open();
    await scene.allTaken();
    const [item] = await itemsIn(scene.bench.test);
    const kept = Buffer.from((await scene.bench.test.store.content(item!.id)) ?? []);
    assert.ok(kept.subarray(0, odd.length).equals(odd));
  });

  it('that another client marks while it is fetched is taken at the first attempt', async (t) => {
    const scene = await play(t);
    const uid = await scene.send();
    await scene.send();
    const mark = (): void => {
      for (const number of [1, 2]) scene.script.tell(`* ${number} FETCH (FLAGS (\\Answered))`);
    };
    scene.script.when(new RegExp(`^UID FETCH ${uid} .*BODY`), { first: mark });
    scene.script.when(/^UID FETCH .*SIZE/, { first: mark });
    scene.open();
    await scene.allTaken();
    assert.equal(scene.script.count(/^UID FETCH .*BODY/), 2);
  });

  it('that is too large gets its verdict by its header alone', async (t) => {
    const scene = await play(t, {}, '\n[lmtp]\nmax_message = "64KiB"\n');
    await scene.send();
    const large = await scene.send({ body: `${'x'.repeat(70)}\n`.repeat(2000) });
    scene.sent.pop();
    await scene.send();
    scene.open();
    await scene.allTaken();
    assert.ok(scene.bench.verdicts.includes('rejected too-big'), scene.bench.verdicts.join());
    const fetches = scene.script.commands.filter((text) => text.startsWith(`UID FETCH ${large} `));
    assert.ok(fetches.length > 0);
    for (const text of fetches) assert.doesNotMatch(text, /BODY\.PEEK\[\]/);
    assert.ok(isSeen(scene));
  });
});
