// Several recipients in one message, as aliases and mailing programs make them (RFC 2033 §4.2).
//
// smtp-server by itself merges recipients that name one address and then owes Postfix a reply; Postfix takes the reply
// to its QUIT for it and logs `status=sent (221 Bye)`: mail lost without a trace. Here that must never be seen.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { REPLY_DOMAIN, type Settings } from '../support/daemon.ts';
import { replyMessage } from '../support/message.ts';
import { type Postfix, postfixUnavailable } from '../support/postfix.ts';
import { ALICE, freshAddress, type Site, suiteSite } from '../support/site.ts';

const skip = postfixUnavailable();
const [FIRST, SECOND, THIRD] = ['first', 'second', 'third'].map((alias) => `${alias}@${REPLY_DOMAIN}`) as [
  string,
  string,
  string,
];

interface Addresses {
  /** What `first` and `second` stand for. */
  readonly repeated: { readonly reply_to: string; readonly thread: string };
  /** What `third` stands for. */
  readonly other: { readonly reply_to: string; readonly thread: string };
}

/** A site whose aliases `first` and `second` name one reply address and `third` another, which Postfix sorts last. */
function aliased(overrides: Record<string, string>, settings: Settings): () => Site & Addresses {
  let addresses: Addresses | undefined;
  const site = suiteSite({
    settings,
    postfix: async (daemon) => {
      const minted = [await freshAddress(daemon), await freshAddress(daemon)];
      const [repeated, other] = minted.sort((a, b) => (a.reply_to < b.reply_to ? -1 : 1));
      addresses = { repeated: repeated!, other: other! };
      const table = [FIRST, SECOND]
        .map((alias) => `${alias} ${repeated!.reply_to}\n`)
        .concat(`${THIRD} ${other!.reply_to}\n`);
      return {
        tables: { virtual: table.join('') },
        settings: { virtual_alias_maps: 'texthash:$config_directory/virtual', ...overrides },
      };
    },
  });
  return () => ({ ...site(), ...(addresses ?? assert.fail('no addresses')) });
}

/** Every recipient ends in one 250 of mailgw's own; no other reply was taken for one. */
function assertEachWasAnswered(lines: string[]): void {
  const sent = lines.filter((line) => line.includes('status=sent'));
  for (const line of sent) assert.match(line, /status=sent \(250 2\.0\.0 (queued as|duplicate of) \S+\)$/);
  for (const alias of [FIRST, SECOND, THIRD]) {
    assert.equal(sent.filter((line) => line.includes(`orig_to=<${alias}>`)).length, 1, lines.join('\n'));
  }
}

async function sendToAll(postfix: Postfix): Promise<string> {
  return await postfix.accept({
    from: ALICE.address,
    to: [FIRST, SECOND, THIRD],
    data: replyMessage({ to: `${FIRST}, ${SECOND}, ${THIRD}` }),
  });
}

describe('two aliases of one reply address and a third recipient, in one transaction', () => {
  const site = aliased({ mailgw_destination_recipient_limit: '50' }, { lmtp: { max_recipients: 2 } });

  it('each gets an answer of its own, and the third, deferred at first, arrives later', {
    skip,
  }, async () => {
    const { postfix, platform, repeated, other } = site();
    const queueId = await sendToAll(postfix);
    const lines = await postfix.done(queueId);
    const deferred = lines.filter((line) => line.includes('status=deferred'));
    assert.equal(deferred.length, 1, lines.join('\n'));
    assert.match(deferred[0]!, new RegExp(`orig_to=<${THIRD}>.*dsn=4\\.5\\.3.* 452 4\\.5\\.3 `));
    assertEachWasAnswered(lines);
    await platform.post((post) => post.data.thread === repeated.thread);
    await platform.post((post) => post.data.thread === other.thread);
    assert.equal(platform.posts.length, 2);
    assert.doesNotMatch(postfix.log(), /status=sent \(221/);
  });

  it('a forged address among them is refused alone', { skip }, async () => {
    const { postfix, platform } = site();
    const forged = `reply+${'a'.repeat(48)}@${REPLY_DOMAIN}`;
    const queueId = await postfix.accept({
      from: ALICE.address,
      to: [FIRST, forged],
      data: replyMessage({ to: FIRST, body: 'With company.\n' }),
    });
    const verdicts = (await postfix.done(queueId)).filter((line) => line.includes('status='));
    assert.equal(verdicts.length, 2, verdicts.join('\n'));
    for (const line of verdicts) {
      const expected = line.includes(`orig_to=<${FIRST}>`)
        ? /status=sent \(250 2\.0\.0 queued/
        : /status=bounced .* 550 5\.1\.1 /;
      assert.match(line, expected);
    }
    await platform.post((post) => post.data.body.text.startsWith('With company'));
  });
});

describe('the same with postfix-examples as they are: one recipient per transaction', () => {
  const site = aliased({}, {});

  it('each gets an answer of its own, and each address one post', { skip }, async () => {
    const { postfix, platform, repeated, other } = site();
    const queueId = await sendToAll(postfix);
    const lines = await postfix.done(queueId);
    assertEachWasAnswered(lines);
    await platform.post((post) => post.data.thread === repeated.thread);
    await platform.post((post) => post.data.thread === other.thread);
    assert.equal(platform.posts.length, 2);
    assert.doesNotMatch(postfix.log(), /status=(deferred|bounced)|status=sent \(221/);
  });
});
