// docs/sending.md as a newcomer follows it: its commands typed in order, at a daemon that has nothing yet.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startApi } from '../api/api.ts';
import { startMailbox } from '../support/mailbox.ts';
import { testScratch } from '../support/scratch.ts';
import { walk } from './walk.ts';

describe('docs/sending.md', () => {
  it('walks a newcomer to a mail by each of its ways', async (t) => {
    const mailbox = await startMailbox(testScratch(t));
    const house = await startApi(t, { outbound: { relay: mailbox.server } });
    const stdout = await walk('docs/sending.md', house);
    assert.match(
      stdout,
      /user alice created\n\w{24} is queued\n\{"id":"\w{24}","message_id":[^]*\nID +STATE [^]*\{"reply_to":"reply\+[^]*"headers":\{"Reply-To"/,
    );
    await mailbox.nthMail(2);
    for (const mail of mailbox.mails) {
      assert.match(mail.header, /^Reply-To:\s+reply\+[a-z2-7]{48}@reply\.example\.org\r$/m);
      assert.match(mail.header, /^Subject: \[acme\/website\] The logo is blurred \(#7\)\r$/m);
    }
  });
});
