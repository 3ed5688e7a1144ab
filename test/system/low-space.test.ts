// What Postfix makes of the refusal below the low-water mark: it keeps the mail, and it does not give up on us.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { newMessageId, replyMessage } from '../support/message.ts';
import { postfixUnavailable } from '../support/postfix.ts';
import { ALICE, freshAddress, suiteSite } from '../support/site.ts';

describe('below the low-water mark', { skip: postfixUnavailable() }, () => {
  const site = suiteSite({ settings: { store: { low_water: '999999GiB' } } });

  it('Postfix defers each mail with 4.3.1 in reply to MAIL, suspends nothing, and delivers when there is space', async () => {
    const { daemon, postfix, platform } = site();
    const sent: string[] = [];
    for (let n = 0; n < 3; n++) {
      const { reply_to } = await freshAddress(daemon);
      const messageId = newMessageId();
      sent.push(`<${messageId}>`);
      const data = replyMessage({ to: reply_to, messageId });
      const since = postfix.log().length;
      await postfix.accept({ from: ALICE.address, to: [reply_to], data });
      const refusal =
        /dsn=4\.3\.1, status=deferred \(host \S+ said: 452 4\.3\.1 insufficient system storage \(in reply to MAIL FROM command\)\)/;
      await postfix.waitForLog(refusal, since);
    }
    // Three at once, each a first attempt: a destination that is suspended would not be asked again.
    assert.doesNotMatch(postfix.log(), /temporarily suspended/);
    assert.equal(platform.posts.length, 0);

    const text = readFileSync(daemon.config, 'utf8');
    writeFileSync(daemon.config, text.replace('999999GiB', '1MiB'));
    await daemon.restart();
    await postfix.queueEmpty(60_000);
    for (const id of sent) await platform.post((post) => post.data.message_id === id, 30_000);
    assert.doesNotMatch(postfix.log(), /status=bounced/);
  });
});
