// docs/sending.md as a newcomer follows it: its commands typed in order, at a daemon that has nothing yet.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { startApi } from '../api/api.ts';
import { startMailbox } from '../support/mailbox.ts';
import { repositoryRoot, run } from '../support/process.ts';
import { testScratch } from '../support/scratch.ts';
import { readPage, takeApart } from './pages.ts';

describe('docs/sending.md', () => {
  it('walks a newcomer to a mail by each of its ways', async (t) => {
    const mailbox = await startMailbox(testScratch(t));
    const { daemon, port, scratch } = await startApi(t, { outbound: { relay: mailbox.server } });
    const script = takeApart(readPage('docs/sending.md'))
      .blocks.filter(({ language }) => language === 'sh')
      .flatMap(({ lines }) => lines)
      .join('\n')
      .replaceAll('127.0.0.1:8025', `127.0.0.1:${port}`)
      .replaceAll('mailgw-ctl ', `mailgw-ctl --config ${daemon.config} `);
    writeFileSync(scratch.path('walk.sh'), `set -eu\n${script}\n`);
    const path = `${join(repositoryRoot, 'bin')}:${dirname(process.execPath)}:${process.env.PATH ?? ''}`;
    const { code, stdout, stderr } = await run('env', [`PATH=${path}`, 'bash', scratch.path('walk.sh')]);
    assert.equal(code, 0, `${stdout}${stderr}`);
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
