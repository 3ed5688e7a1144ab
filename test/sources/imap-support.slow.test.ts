// The real IMAP servers of test/support are what the tests of the source take them for.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { courierUnavailable, startCourier } from '../support/courier.ts';
import { cyrusUnavailable, startCyrus } from '../support/cyrus.ts';
import { ImapClient } from '../support/imap-client.ts';
import { imap4dUnavailable, startImap4d } from '../support/imap4d.ts';
import { replyMessage } from '../support/message.ts';
import { testScratch } from '../support/scratch.ts';

const SERVERS = [
  { name: 'Cyrus', skip: cyrusUnavailable(), start: startCyrus },
  { name: 'Courier', skip: courierUnavailable(), start: startCourier },
  { name: 'GNU imap4d', skip: imap4dUnavailable(), start: startImap4d },
] as const;

describe('an IMAP server of the tests', () => {
  for (const { name, skip, start } of SERVERS) {
    it(`${name} keeps its mail through a restart, and has another UIDVALIDITY after hand work`, {
      skip,
    }, async (t) => {
      const server = await start(testScratch(t));
      const before = await ImapClient.login(server.port, server.user, server.password);
      for (const messageId of ['one@x.example', 'two@x.example']) {
        await before.append(server.inbox, replyMessage({ to: 'a@x.example', messageId }));
      }
      const ids = (listed: readonly { readonly messageId: string }[]): readonly string[] =>
        listed.map(({ messageId }) => messageId).sort();
      assert.deepEqual(ids(await before.list(server.inbox)), ['one@x.example', 'two@x.example']);
      const uidValidity = await before.select(server.inbox);
      assert.deepEqual(await before.list(server.done), []);
      before.close();

      await server.stop();
      await server.start();
      const between = await ImapClient.login(server.port, server.user, server.password);
      assert.equal(await between.select(server.inbox), uidValidity);
      between.close();

      await server.stop();
      await server.renumber();
      await server.start();
      const after = await ImapClient.login(server.port, server.user, server.password);
      assert.notEqual(await after.select(server.inbox), uidValidity);
      assert.deepEqual(ids(await after.list(server.inbox)), ['one@x.example', 'two@x.example']);
      after.close();
    });
  }
});
