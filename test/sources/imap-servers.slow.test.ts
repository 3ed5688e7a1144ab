// The source of mailboxes on real servers: Dovecot, Cyrus, Courier and GNU imap4d.
//
// Contract of all: in the end every message of the folder is one item, none is two, and what was to become of it in its
// folder has become of it, as far as the server can. Time passes as the tests want it.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import type { Mailreading } from '../../src/sources/imap/open.ts';
import type { ImapConfig } from '../../src/sources/imap/settings.ts';
import { itemsIn, START } from '../gate/gate.ts';
import { courierUnavailable, startCourier } from '../support/courier.ts';
import { cyrusUnavailable, startCyrus } from '../support/cyrus.ts';
import { dovecotUnavailable, startDovecot } from '../support/dovecot.ts';
import { eventually } from '../support/eventually.ts';
import { ImapClient, type Listed } from '../support/imap-client.ts';
import type { ImapServer } from '../support/imap-servers.ts';
import { imap4dUnavailable, startImap4d } from '../support/imap4d.ts';
import { replyMessage } from '../support/message.ts';
import { roundsOf } from '../support/rounds.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';
import { type ImapBench, imapBench, MAILBOX, ownMark, standing } from './imap.ts';
import { SetPace } from './pace.ts';

/** A server, and what it can. */
interface Kind {
  readonly name: string;
  readonly skip: string | false;
  readonly start: (scratch: Scratch) => Promise<ImapServer>;
  readonly hasKeywords: boolean;
  readonly hasUidplus: boolean;
}

const STEP_MS = 10_000;
const WITHIN_MS = 60_000;

/** Starts a Dovecot that is stopped and started as the other servers are. */
async function startOurDovecot(scratch: Scratch): Promise<ImapServer> {
  const dovecot = await startDovecot(scratch);
  const { port, user, password } = dovecot;
  const client = await ImapClient.login(port, user, password);
  await client.command('CREATE Done');
  client.close();
  return {
    ...{ port, user, password, inbox: 'INBOX', done: 'Done' },
    start: () => dovecot.start(),
    stop: () => dovecot.stop(),
    renumber: async () => {
      await dovecot.renumber();
      await dovecot.stop();
    },
  };
}

const KINDS: readonly Kind[] = [
  {
    ...{ name: 'Dovecot', skip: dovecotUnavailable(), start: startOurDovecot },
    ...{ hasKeywords: true, hasUidplus: true },
  },
  {
    ...{ name: 'Cyrus', skip: cyrusUnavailable(), start: startCyrus },
    ...{ hasKeywords: true, hasUidplus: true },
  },
  {
    ...{ name: 'Courier', skip: courierUnavailable(), start: startCourier },
    ...{ hasKeywords: true, hasUidplus: true },
  },
  {
    ...{ name: 'GNU imap4d', skip: imap4dUnavailable(), start: startImap4d },
    ...{ hasKeywords: false, hasUidplus: false },
  },
];

/** A mailbox on a real server, and its reader. */
interface Scene {
  readonly server: ImapServer;
  readonly bench: ImapBench;
  readonly sent: string[];
  /** Appends so many replies of alice's. */
  readonly send: (count: number) => Promise<void>;
  readonly open: () => void;
  readonly until: (isSo: () => Promise<boolean>, what: string) => Promise<void>;
  /** Lets time pass until everything sent is taken and nothing is open, and asserts that it is so once. */
  readonly allTaken: () => Promise<void>;
  /** Ends the reader: some servers show others what it has marked only then. */
  readonly close: () => Promise<void>;
  readonly list: (folder: string) => Promise<readonly Listed[]>;
}

async function play(
  t: TestContext,
  kind: Kind,
  change: (server: ImapServer) => Partial<ImapConfig> = () => ({}),
): Promise<Scene> {
  const scratch = testScratch(t);
  const server = await kind.start(scratch);
  const passwordFile = scratch.path('password');
  writeFileSync(passwordFile, `${server.password}\n`, { mode: 0o600 });
  const { port, user } = server;
  const bench = await imapBench(t, [{ ...MAILBOX, port, user, passwordFile, ...change(server) }]);
  const pace = new SetPace(START * 1000);
  const sent: string[] = [];
  let reading: Mailreading | undefined;
  const withClient = async <T>(use: (client: ImapClient) => Promise<T>): Promise<T> => {
    const client = await ImapClient.login(port, user, server.password);
    try {
      return await use(client);
    } finally {
      client.close();
    }
  };
  const items = async (): Promise<readonly string[]> =>
    (await itemsIn(bench.test)).map(({ messageId }) => messageId ?? '').sort();
  const until: Scene['until'] = async (isSo, what) => {
    await eventually(
      async () => {
        if (await isSo()) return true;
        pace.leap(STEP_MS);
        return undefined;
      },
      () => `${what}\n${JSON.stringify(bench.events.slice(-5))}`,
      WITHIN_MS,
    );
  };
  return {
    ...{ server, bench, sent, until },
    send: (count) =>
      withClient(async (client) => {
        for (let n = 0; n < count; n++) {
          const messageId = `m${sent.length + 1}@x.example`;
          const to = await bench.test.sealed({ thread: `test/thread/${sent.length}` });
          sent.push(messageId);
          await client.append(server.inbox, replyMessage({ to, messageId }));
        }
      }),
    open: () => {
      reading = bench.open({ pace, commandMs: 10_000 });
    },
    close: async () => {
      await reading?.stop(5000);
    },
    allTaken: async () => {
      await until(async () => (await items()).length >= sent.length, `${sent.length} messages taken`);
      await until(
        async () => (await bench.test.store.openMessages(MAILBOX.name)).length === 0,
        'nothing open',
      );
      assert.deepEqual(await items(), [...sent].sort());
    },
    list: (folder) => withClient((client) => client.list(folder)),
  };
}

const has = (listed: readonly Listed[], flag: string): boolean =>
  listed.every(({ flags }) => flags.includes(flag));

for (const kind of KINDS) {
  describe(`a mailbox on ${kind.name}`, { skip: kind.skip }, () => {
    it('has every message taken once and marked as read, those that were there and those that come', async (t) => {
      const scene = await play(t, kind);
      await scene.send(5);
      scene.open();
      await scene.allTaken();
      await scene.send(3);
      await scene.allTaken();
      await scene.close();
      const listed = await scene.list(scene.server.inbox);
      assert.equal(listed.length, 8);
      assert.ok(has(listed, '\\Seen'), JSON.stringify(listed));
    });

    it('begins at what comes from now on where it is told so', async (t) => {
      const scene = await play(t, kind, () => ({ since: 'now' }));
      await scene.send(2);
      scene.sent.splice(0);
      scene.open();
      await scene.until(
        async () => (await scene.bench.test.store.mailbox(MAILBOX.name)) !== undefined,
        'a first look',
      );
      await scene.send(2);
      await scene.allTaken();
    });

    it('takes the keyword, or is left as it is where it takes none', async (t) => {
      const scene = await play(t, kind, () => ({ after: 'keyword' }));
      await scene.send(2);
      scene.open();
      await scene.allTaken();
      await scene.close();
      const listed = await scene.list(scene.server.inbox);
      assert.equal(has(listed, '$Mailgw'), kind.hasKeywords, JSON.stringify(listed));
      assert.equal(
        scene.bench.events.some(({ event }) => event === 'mailbox_mark_failed'),
        !kind.hasKeywords,
      );
    });

    it('is refused to another installation by the keyword, where it takes one', async (t) => {
      const scene = await play(t, kind);
      await scene.send(2);
      scene.open();
      await scene.allTaken();
      await scene.close();
      const listed = await scene.list(scene.server.inbox);
      assert.equal(has(listed, await ownMark(scene.bench)), kind.hasKeywords, JSON.stringify(listed));
      const second = await imapBench(t, scene.bench.intake.config().imap.each);
      await standing(second.open({ owner: 'another' }), kind.hasKeywords ? 'broken' : 'serving');
    });

    it('has messages moved once, with or without MOVE', async (t) => {
      const scene = await play(t, kind, ({ done }) => ({ after: `move:${done}` }));
      await scene.send(4);
      scene.open();
      await scene.allTaken();
      await scene.close();
      const moved = await scene.list(scene.server.done);
      assert.deepEqual(moved.map(({ messageId }) => messageId).sort(), scene.sent);
      const left = await scene.list(scene.server.inbox);
      if (kind.hasUidplus) assert.deepEqual(left, []);
      else assert.ok(left.length === 4 && has(left, '\\Deleted'));
    });

    it('has messages deleted by their UIDs alone', async (t) => {
      const scene = await play(t, kind, () => ({ after: 'delete' }));
      await scene.send(3);
      const client = await ImapClient.login(scene.server.port, scene.server.user, scene.server.password);
      const private_ = replyMessage({ to: 'boss@example.org', messageId: 'private@x.example' });
      await client.append(scene.server.inbox, private_);
      await client.select(scene.server.inbox);
      await client.command('STORE 4 +FLAGS (\\Deleted)');
      scene.open();
      await scene.allTaken();
      await scene.close();
      client.close();
      const left = (await scene.list(scene.server.inbox)).map(({ messageId }) => messageId).sort();
      assert.deepEqual(left, kind.hasUidplus ? ['private@x.example'] : [...scene.sent, 'private@x.example']);
    });

    it('is walked again when its UIDVALIDITY is another, and nothing is taken twice', async (t) => {
      const scene = await play(t, kind);
      await scene.send(4);
      scene.open();
      await scene.allTaken();
      for (let round = 0; round < roundsOf(4, 1); round++) {
        await scene.server.stop();
        await scene.server.renumber();
        await scene.server.start();
        await scene.send(2);
        await scene.allTaken();
        const renumbered = scene.bench.events.filter(({ event }) => event === 'mailbox_renumbered');
        assert.equal(renumbered.length, round + 1);
      }
      await scene.close();
      assert.ok(has(await scene.list(scene.server.inbox), '\\Seen'));
    });

    it('loses nothing and doubles nothing when the server is restarted in the middle', async (t) => {
      const scene = await play(t, kind);
      await scene.send(40);
      scene.open();
      for (let round = 0; round < roundsOf(10, 2); round++) {
        const before = (await itemsIn(scene.bench.test)).length;
        await scene.until(async () => (await itemsIn(scene.bench.test)).length > before, 'another message');
        await scene.server.stop();
        await scene.server.start();
        await scene.send(40);
      }
      await scene.allTaken();
      await scene.close();
      assert.ok(has(await scene.list(scene.server.inbox), '\\Seen'));
    });
  });
}
