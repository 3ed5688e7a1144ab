// `npm run demo -- redmine`: the circle with Debian's own Redmine, which nobody changed. Its notification is stamped, Alice's
// mail program answers, and the note stands in Redmine as hers.
//
// Contract: everything is real but Postfix, whose part is said where it is played: two mailboxes take mail by SMTP, and this
// hands it over by LMTP. Redmine runs on a copy of its database.

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { MAIL_PROGRAMS, readNotification } from '../support/mail-programs.ts';
import { type ReceivedMail, startMailbox } from '../support/mailbox.ts';
import { newMessageId } from '../support/message.ts';
import { type Redmine, redmineUnavailable, startRedmine } from '../support/redmine.ts';
import { readNotes } from '../support/redmine-page.ts';
import type { Scratch } from '../support/scratch.ts';
import { deliver } from './lmtp-client.ts';
import { print, type Story } from './story.ts';

const ALICE = { name: 'Alice Example', address: 'alice@example.com' } as const;
const TYPED = 'It is the gutter, and I have the ladder. {{toc}} and #1 stay as I typed them.';
const NOTED_WITHIN_MS = 60_000;

/** What runs. */
export interface RedmineStage {
  readonly redmine: Redmine;
  readonly daemon: Daemon;
  readonly issue: number;
}

/** Says why there is no Redmine to watch; false where there is one. */
export const missingRedmine = redmineUnavailable;

/** Tells the whole story. */
export async function tellRedmine(story: Story, scratch: Scratch): Promise<RedmineStage> {
  story.step('Start Redmine, on a copy of its database, and mailgw');
  const [sent, inbox] = [await startMailbox(scratch), await startMailbox(scratch)];
  const port = await freePort();
  const redmine = await startRedmine(scratch, { port, smtpPort: sent.port });
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
    '[sink]': Object.entries(sink)
      .map((pair) => pair.join(' = '))
      .join('\n'),
  });

  story.step('Bob writes an issue in Redmine, and Redmine tells Alice');
  const issue = await redmine.issue();
  const own = await sent.nthMail(1);
  story.quote(unixLines(own.header));
  story.say('Her mail program would answer to nobody who listens.');

  story.step('Postfix hands that mail to mailgw, which asks Redmine who has this address');
  const stamped = await stamp(story, outbound, own, () => inbox.nthMail(1));
  const notification = await readNotification(stamped.raw);
  story.expectMatch(notification.replyTo, /^(reply\+[a-z2-7]{48}@)/, 'a reply address');
  story.show({ 'Reply-To': notification.replyTo });

  story.step('Alice answers in her mail program, and Postfix hands the answer to mailgw');
  const messageId = newMessageId().replaceAll(/[<>]/g, '');
  const answer = MAIL_PROGRAMS.find(({ name }) => name === 'Gmail')?.answer(notification, {
    ...ALICE,
    messageId,
    text: TYPED,
  });
  const { data } = await deliver(daemon.socket, {
    from: ALICE.address,
    to: [notification.replyTo],
    data: answer?.toString('utf8') ?? '',
  });
  story.quote(TYPED);
  story.expectMatch(data[0]?.text ?? '', /^(250 2\.0\.0 queued as \S+)$/, '"250 2.0.0 queued as ID"');

  story.step('The note in Redmine, as its own interface and its own page show it');
  const [note] = await eventually(
    async () => {
      const found = await redmine.journals(issue);
      return found.length > 0 ? found : undefined;
    },
    () => daemon.log(),
    NOTED_WITHIN_MS,
  );
  if (note === undefined) throw new Error('no note');
  const shown = readNotes(await redmine.page(issue)).get(note.id)?.text ?? '';
  story.show({
    page: `${redmine.origin}/issues/${issue}`,
    by: note.user.name,
    source: note.notes ?? '',
    shown,
  });
  story.expectEqual([note.user.name, shown], [ALICE.name, TYPED], 'the author and the text');
  return { redmine, daemon, issue };
}

/** Hands a mail to the outbound listener as Postfix does, and gives what comes out. */
async function stamp(
  story: Story,
  outbound: string,
  own: ReceivedMail,
  comesOut: () => Promise<ReceivedMail>,
): Promise<ReceivedMail> {
  const raw = own.raw.toString('latin1');
  const { data } = await deliver(outbound, { from: 'redmine@example.org', to: [ALICE.address], data: raw });
  story.expectMatch(data[0]?.text ?? '', /^(250) /, '"250", as the relay said');
  return comesOut();
}

/** Says where to look, then waits for the signal to end. */
export async function inviteToRedmine(
  { redmine, issue }: RedmineStage,
  interrupt: AbortSignal,
): Promise<void> {
  print('');
  print('It stays up until Ctrl-C. Log in as alice, password "only-for-a-test":');
  print(`  ${redmine.origin}/issues/${issue}`);
  if (!interrupt.aborted) await once(interrupt, 'abort');
  print('');
}

function unixLines(text: string): string {
  return text.replaceAll('\r\n', '\n');
}
