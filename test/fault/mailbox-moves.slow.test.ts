// A mailbox that three hosts may read: one at a time does, and when that one is killed another goes on where it was.

import assert from 'node:assert/strict';
import { appendFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { dovecotUnavailable, startDovecot } from '../support/dovecot.ts';
import { eventually } from '../support/eventually.ts';
import { newMessageId, replyMessage } from '../support/message.ts';
import { type Postgres, postgresUnavailable, startPostgres } from '../support/postgres.ts';
import { roundsOf } from '../support/rounds.ts';
import { suiteScratch, testScratch } from '../support/scratch.ts';
import { makeFleet } from './fleet.ts';
import { Chance } from './rounds.ts';

const ROUNDS = roundsOf(2, 1);

/** The ownership of a host that is dead lasts for a minute, and the others look once a minute. */
const MOVED_MS = 180_000;

const MESSAGES_A_ROUND = 30;

describe('a mailbox of several hosts', { skip: postgresUnavailable() || dovecotUnavailable() }, () => {
  const scratch = suiteScratch();
  let server: Postgres;

  before(async () => {
    server = await startPostgres(scratch, { syncs: true });
  });

  after(() => scratch.close());

  it(`moves ${ROUNDS} times when its owner is killed: each message is posted once and marked`, async (t) => {
    const own = testScratch(t);
    const [dovecot, fleet] = [await startDovecot(own), await makeFleet(t, server)];
    writeFileSync(own.path('mailbox'), dovecot.password, { mode: 0o600 });
    const place = ['[[imap]]', 'name = "replies"', 'host = "127.0.0.1"', `port = ${dovecot.port}`];
    const login = ['tls = "off"', `user = "${dovecot.user}"`, `password_file = "${own.path('mailbox')}"`];
    const table = `\n${[...place, ...login, 'since = "all"', 'after = "seen"'].join('\n')}\n`;
    for (const daemon of fleet.daemons) appendFileSync(daemon.config, table);
    for (const daemon of fleet.daemons) await daemon.start();
    const [client, chance, sent] = [await dovecot.connect(), new Chance(), [] as string[]];
    const ownerIs = (): Promise<string> => server.sql('SELECT owner FROM mailbox_owner', fleet.database);
    const put = async (): Promise<void> => {
      const messageId = newMessageId();
      sent.push(messageId);
      const message = replyMessage({ to: chance.oneOf(fleet.recipients).address, messageId });
      await client.append(message.replaceAll(/\r?\n/g, '\r\n'));
    };
    for (let round = 0; round < ROUNDS; round++) {
      const owner = await eventually(
        async () => (await ownerIs()) || undefined,
        () => 'an owner',
      );
      const killed = fleet.daemons[Number(owner.slice('host'.length)) - 1]!;
      const posted = fleet.ledger.entries.length;
      for (let n = 0; n < MESSAGES_A_ROUND; n++) {
        await put();
        // In the midst of them.
        if (n === MESSAGES_A_ROUND / 2) {
          await eventually(
            () => (fleet.ledger.entries.length > posted ? true : undefined),
            () => killed.log().slice(-2000),
          );
          await killed.kill9();
        }
      }
      await eventually(
        () => (fleet.ledger.entries.length >= sent.length ? true : undefined),
        () => `${fleet.ledger.entries.length} posts of ${sent.length}`,
        MOVED_MS,
      );
      assert.notEqual(await ownerIs(), owner);
      await killed.start();
    }
    const isUnread = ({ flags }: { readonly flags: readonly string[] }): boolean => !flags.includes('\\Seen');
    await eventually(
      async () => ((await client.list()).some(isUnread) ? undefined : true),
      () => 'messages without a mark',
    );
    client.end();
    assert.deepEqual(fleet.ledger.entries.map(({ messageId }) => messageId).sort(), [...sent].sort());
    assert.equal(await server.sql('SELECT count(*) FROM item', fleet.database), String(sent.length));
  });
});
