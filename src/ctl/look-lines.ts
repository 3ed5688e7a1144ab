/** A look into a mailbox in lines for people, with the two lines that belong into the file; and a look at a webhook. */
import type { MailboxLook } from '../actions/mailbox-look.ts';
import type { WebhookLook } from '../actions/webhook-look.ts';
import type { ImapConfig } from '../sources/imap/settings.ts';

/** The capabilities that matter here. */
const WANTED = ['IDLE', 'UIDPLUS', 'MOVE'] as const;

/** Gives the lines. */
export function lookLines(imap: ImapConfig, look: MailboxLook): readonly string[] {
  const has = WANTED.filter((name) => look.capabilities.includes(name));
  return [
    `${imap.name}: ${look.place}, folder ${JSON.stringify(look.folder)}: works`,
    `  server      ${has.length === 0 ? 'has none of IDLE, UIDPLUS, MOVE' : `has ${has.join(', ')}`}`,
    ...look.lacks.map(
      ({ what, means, isNeeded }) => `  ${isNeeded ? 'NEEDED' : 'lacks '}      ${what}: ${means}`,
    ),
    `  messages    ${look.messages}, of which ${look.wouldTake} would be looked at now: ${look.because}`,
    ...recipientLines(look),
    ...resultLines(imap, look),
  ];
}

function recipientLines({ lookedAt, ours, recipients }: MailboxLook): readonly string[] {
  if (lookedAt === 0) return ['  recipients  no message to look at: send one there, and ask again'];
  return [
    `  recipients  ${ours} of the newest ${lookedAt} are for a reply address of yours`,
    ...recipients.map(
      ({ field, messages, ours: own, addresses }) =>
        `              ${field}: in ${messages}, yours in ${own}: ${addresses.join(', ')}`,
    ),
  ];
}

function resultLines(imap: ImapConfig, { lookedAt, results, advice }: MailboxLook): readonly string[] {
  if (lookedAt === 0) return [];
  if (advice === undefined) {
    return [
      '  results     no Authentication-Results in them: nobody is believed, and sender.policy = "strict" posts nothing',
    ];
  }
  const { authservId, ownReceived } = advice;
  const isSet = imap.authservId.toLowerCase() === authservId && imap.ownReceived === ownReceived;
  return [
    ...results.map(({ authservId: id, above, messages }, at) => {
      return `  ${at === 0 ? 'results   ' : '          '}  of ${JSON.stringify(id)} below ${above} Received, in ${messages} of ${lookedAt}`;
    }),
    ...(isSet
      ? ['              as the file says']
      : [
          '  Write this into its [[imap]], if that is the filter of this mailbox:',
          `authserv_id = ${JSON.stringify(authservId)}`,
          `own_received = ${ownReceived}`,
        ]),
  ];
}

/** Gives the lines of a webhook. */
export function webhookLines(name: string, { kind, listen, path, tell }: WebhookLook): readonly string[] {
  return [
    `${name}: calls of kind "${kind}" are taken at ${listen}, path ${path}`,
    `  the provider is told  https://HOST${path}, where your server hands it on to ${listen}`,
    ...tell.map((line) => `                        ${line}`),
    '  mailgw-ctl doctor sends a forged call, and says whether it is refused',
  ];
}
