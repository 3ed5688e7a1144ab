// `npm run demo -- --keep`: what a reader can do with the running daemon.

import { once } from 'node:events';
import { join } from 'node:path';
import { repositoryRoot } from '../support/process.ts';
import { ALICE, THREAD } from './messages.ts';
import type { Stage } from './steps.ts';
import { print } from './story.ts';

/** Prints where everything is and commands to try, then waits for the signal to end. */
export async function inviteToPlay(stage: Stage, interrupt: AbortSignal): Promise<void> {
  const address = await stage.daemon.mint({ user: ALICE.user, thread: THREAD.locator });
  for (const line of invitation(stage, address.reply_to)) print(line);
  if (!interrupt.aborted) await once(interrupt, 'abort');
  print('');
}

function invitation({ page, api, daemon }: Stage, replyTo: string): string[] {
  const ctl = `${join(repositoryRoot, 'bin', 'mailgw-ctl')} --config ${daemon.config}`;
  const sender = join(repositoryRoot, 'dist', 'test', 'demo', 'send.js');
  return [
    '',
    'It stays up until Ctrl-C. The thread is here; the page shows new replies by itself:',
    `  ${page}`,
    `LMTP is served on ${daemon.socket}. From another terminal:`,
    '',
    '  # another reply, with the text and the files that you name',
    `  node ${sender} --socket ${daemon.socket} --to ${replyTo} 'It works now.'`,
    '  # the same with swaks, the mail tester',
    `  swaks --protocol LMTP --socket ${daemon.socket} --from ${ALICE.address} --to ${replyTo} --body 'It works now.'`,
    '  # another thread, the queue, everything else',
    `  ${ctl} address mint --user ${ALICE.user} --thread acme/website/issue/8`,
    `  ${ctl} queue list`,
    `  ${ctl} --help`,
    `  # the HTTP interface at ${api}, as docs/api.md and docs/sending.md walk through it`,
    `  ${ctl} token create walk --scope mint,send,users,read,queue,events`,
    '  # the log',
    `  tail -f ${join(daemon.config, '..', 'mailgwd.log')}`,
  ];
}
