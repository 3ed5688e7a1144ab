// Redmine, mailgw and nobody between them: two mailboxes take mail by SMTP, and what Postfix would hand over is handed over here.

import { writeFileSync } from 'node:fs';
import { startDaemon } from '../support/daemon.ts';
import { freePort } from '../support/free-port.ts';
import { startMailbox } from '../support/mailbox.ts';
import { startRedmine } from '../support/redmine.ts';
import type { Scratch } from '../support/scratch.ts';
import { deliver } from './lmtp-client.ts';
import type { MailRoute } from './redmine.ts';
import type { Story } from './story.ts';

/** Starts Redmine and mailgw, and says what runs. */
export async function startDirectly(story: Story, scratch: Scratch): Promise<MailRoute> {
  const [sent, inbox] = [await startMailbox(scratch), await startMailbox(scratch)];
  const redmine = await startRedmine(scratch, { port: await freePort(), smtpPort: sent.port });
  const key = scratch.path('redmine.key');
  writeFileSync(key, redmine.adminKey, { mode: 0o600 });
  const outbound = scratch.path('outbound.sock');
  const sink = { type: 'redmine', url: redmine.origin, token_file: key };
  const daemon = await startDaemon(scratch, {
    sink: { url: '', secret: '' },
    change: (settings) => ({ ...settings, sink }),
    settings: { log: { format: 'human' }, outbound: { socket: outbound, relay: inbox.server, users: 'ask' } },
  });
  story.show({
    Redmine: `${redmine.origin}, Debian's package, unchanged; its mail goes to port ${sent.port}`,
    mailgwd: `process ${daemon.pid}; it knows no user`,
  });
  return {
    redmine,
    daemon,
    notification: async (told) => {
      const own = await sent.nthMail(1);
      told.quote(own.header.replaceAll('\r\n', '\n'));
      told.say(
        'Her mail program would answer to nobody who listens. Postfix would hand that mail to mailgw:',
      );
      const transaction = {
        from: 'redmine@example.org',
        to: ['alice@example.com'],
        data: own.raw.toString('latin1'),
      };
      const { data } = await deliver(outbound, transaction);
      told.expectMatch(data[0]?.text ?? '', /^(250) /, '"250", as the relay said');
      return (await inbox.nthMail(1)).raw;
    },
    answer: async (told, from, to, content) => {
      const { data } = await deliver(daemon.socket, { from, to: [to], data: content.toString('utf8') });
      told.say('Postfix would hand the answer to mailgw:');
      told.quote(
        told.expectMatch(data[0]?.text ?? '', /^(250 2\.0\.0 queued as \S+)$/, '"250 2.0.0 queued as ID"'),
      );
    },
  };
}
