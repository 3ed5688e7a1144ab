// `npm run demo -- redmine`: the circle with Debian's own Redmine, which nobody changed. Its notification is stamped, Alice's
// mail program answers, and the note stands in Redmine as hers.
//
// Contract: all is real: Redmine on a copy of its database, and between it and mailgw a Postfix of its own directories, where one
// is installed (with-postfix.ts). Where none is, or with --direct, its part is played, and the story says so (direct.ts).

import { once } from 'node:events';
import type { Daemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { MAIL_PROGRAMS, readNotification } from '../support/mail-programs.ts';
import { newMessageId } from '../support/message.ts';
import { postfixUnavailable } from '../support/postfix.ts';
import { type Redmine, redmineUnavailable } from '../support/redmine.ts';
import { readNotes } from '../support/redmine-page.ts';
import type { Scratch } from '../support/scratch.ts';
import { startDirectly } from './direct.ts';
import { print, type Story } from './story.ts';
import { startWithPostfix } from './with-postfix.ts';

const ALICE = { name: 'Alice Example', address: 'alice@example.com' } as const;
const TYPED = 'It is the gutter, and I have the ladder. {{toc}} and #1 stay as I typed them.';
const NOTED_WITHIN_MS = 60_000;

/** What runs. */
export interface RedmineStage {
  readonly redmine: Redmine;
  readonly daemon: Daemon;
  readonly issue: number;
}

/** The way that mail takes between Redmine, mailgw and Alice. */
export interface MailRoute {
  readonly redmine: Redmine;
  readonly daemon: Daemon;
  /** Tells how Redmine's notification goes out, and gives it as it comes to Alice. */
  readonly notification: (story: Story) => Promise<Buffer>;
  /** Hands an answer of Alice's over, and tells how it comes in. */
  readonly answer: (story: Story, from: string, to: string, data: Buffer) => Promise<void>;
}

/** Says why there is no Redmine to watch; false where there is one. */
export const missingRedmine = redmineUnavailable;

/** Says why Postfix takes no part; false where it does. */
export function missingPostfix(isDirect: boolean): string | false {
  return isDirect ? 'as --direct wishes' : postfixUnavailable();
}

/** Tells the whole story. */
export async function tellRedmine(story: Story, scratch: Scratch, isDirect: boolean): Promise<RedmineStage> {
  const withoutPostfix = missingPostfix(isDirect) !== false;
  story.step(`Start Redmine, on a copy of its database, ${withoutPostfix ? '' : 'Postfix '}and mailgw`);
  const route = await (withoutPostfix ? startDirectly : startWithPostfix)(story, scratch);
  const { redmine, daemon } = route;

  story.step('Bob writes an issue in Redmine, and Redmine tells Alice');
  const issue = await redmine.issue();
  const notification = await readNotification(await route.notification(story));
  story.expectMatch(notification.replyTo, /^(reply\+[a-z2-7]{48}@)/, 'a reply address');
  story.show({ 'Reply-To': notification.replyTo });

  story.step('Alice answers in her mail program');
  const messageId = newMessageId().replaceAll(/[<>]/g, '');
  const gmail = MAIL_PROGRAMS.find(({ name }) => name === 'Gmail');
  const answer = gmail?.answer(notification, { ...ALICE, messageId, text: TYPED });
  story.quote(TYPED);
  await route.answer(story, ALICE.address, notification.replyTo, answer ?? Buffer.alloc(0));

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
