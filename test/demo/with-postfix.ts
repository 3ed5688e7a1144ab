// Redmine, mailgw and a real Postfix between them: an instance of its own, below the scratch, on free ports, as
// postfix-examples/ configures it. Nothing of an installed Postfix but its programs is used.

import { eventually } from '../support/eventually.ts';
import { fieldsOf } from '../support/mailbox.ts';
import type { Postfix } from '../support/postfix.ts';
import { startRedmineSite } from '../support/redmine-site.ts';
import type { Scratch } from '../support/scratch.ts';
import type { MailRoute } from './redmine.ts';
import type { Story } from './story.ts';

/** Starts Redmine, Postfix and mailgw, and says what runs. */
export async function startWithPostfix(story: Story, scratch: Scratch): Promise<MailRoute> {
  const site = await startRedmineSite(scratch, {
    knowsNobody: true,
    settings: { log: { format: 'human' } },
  });
  const { redmine, daemon, postfix, mailbox, port } = site;
  story.show({
    Redmine: `${redmine.origin}, Debian's package, unchanged; its mail goes to port ${port} of Postfix`,
    Postfix: `an instance of its own, port ${postfix.port} for mail from outside: ${postfix.configDirectory}`,
    mailgwd: `process ${daemon.pid}; it knows no user`,
  });
  return {
    redmine,
    daemon,
    notification: async (told) => {
      const mail = await mailbox.nthMail(1);
      told.quote(mail.header.replaceAll('\r\n', '\n'));
      const id = fieldsOf(mail, 'Message-ID').join();
      for (const line of await sentLines(postfix, id)) told.say(line);
      return mail.raw;
    },
    answer: async (told, from, to, data) => {
      const queueId = await postfix.accept({ from, to: [to], data });
      const lines = (await postfix.done(queueId)).filter((line) => line.includes('status='));
      for (const line of lines) told.say(shortened(line));
      told.expectMatch(lines.join(), /status=sent \((250 2\.0\.0 queued as \S+)\)/, 'mail that mailgw took');
    },
  };
}

/** Gives the lines of Postfix's log that say where a message went, as soon as it is on its way to its reader. */
async function sentLines(postfix: Postfix, messageId: string): Promise<string[]> {
  return eventually(
    () => {
      const lines = postfix.log().split('\n');
      const ids = lines
        .filter((line) => line.includes(`message-id=${messageId}`))
        .map((line) => / ([^ ]+): message-id=/.exec(line)?.[1]);
      const sent = lines.filter(
        (line) => line.includes('status=sent') && ids.some((id) => line.includes(` ${id}: `)),
      );
      // Once to mailgw and, stamped, once onwards.
      return sent.length >= 2 ? sent.map(shortened) : undefined;
    },
    () => postfix.log(),
  );
}

/** A line of Postfix's log from the program on, without the delays. */
function shortened(line: string): string {
  return line
    .replace(/^.*? (postfix\S*\/\S+\[\d+\]: )/, '$1')
    .replace(/ (?:orig_to|delay|delays|dsn)=[^,]*,/g, '');
}
