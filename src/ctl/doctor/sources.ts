/**
 * The mailboxes that replies are read from: that each can be opened, what its server lacks, whose results stand in its mail,
 * what of it is not settled, and who reads it.
 *
 * Contract: connects as mailgwd does, and changes nothing; what is read of the newest messages is read without a mark.
 * It runs as the store's owner: a `token_command` is a program of the site's. Limits: a command has {@link WITHIN_MS}.
 */
import { describe, EXIT } from '../../actions/fault.ts';
import { type LookOptions, lookIntoMailbox, type MailboxLook } from '../../actions/mailbox-look.ts';
import type { Config } from '../../site/config.ts';
import { MailboxError } from '../../sources/imap/mailbox-error.ts';
import { installationOf } from '../../sources/imap/rival.ts';
import type { ImapConfig } from '../../sources/imap/settings.ts';
import type { Mailboxes, MailboxView, OpenMessage } from '../../store/mailboxes.ts';
import { isoTime } from '../../system/iso-time.ts';
import { type Advice, type Finding, fine, note, problem, warning } from './finding.ts';

const WITHIN_MS = 10_000;

/** How long a message may wait before it is worth a look. */
const LONG_MS = 3_600_000;

/** Examines every mailbox; without a store nothing is known of what was read before. */
export async function checkMailboxes(
  config: Config,
  store: Pick<Mailboxes, 'listMailboxes' | 'openMessages' | 'installation'> | undefined,
  now: number,
): Promise<readonly Finding[]> {
  const { each } = config.imap;
  if (each.length === 0) return [];
  const views = (await store?.listMailboxes()) ?? [];
  // A store that cannot be written is told of elsewhere.
  const installation = store === undefined ? undefined : await installationOf(store).catch(() => undefined);
  const findings = await Promise.all(
    each.map(async (imap): Promise<readonly Finding[]> => {
      const view = views.find(({ source }) => source === imap.name);
      const open = view === undefined ? [] : ((await store?.openMessages(imap.name)) ?? []);
      return [
        ...(await checkServer({ config, imap, state: view, installation, commandMs: WITHIN_MS })),
        ...checkOpen(imap, open, now),
        checkOwner(imap, view, now),
      ];
    }),
  );
  return findings.flat();
}

async function checkServer(options: LookOptions): Promise<readonly Finding[]> {
  const { config, imap } = options;
  try {
    const look = await lookIntoMailbox(options);
    return [
      opened(imap, look),
      ...lacking(imap, look),
      checkResults(config, imap, look),
      ...checkMail(imap, look),
    ];
  } catch (error) {
    return [unopened(imap, error)];
  }
}

function opened({ name }: ImapConfig, { place, folder, messages, wouldTake, because }: MailboxLook): Finding {
  const what = `${name}: ${place}, folder ${JSON.stringify(folder)}: ${messages} messages, ${wouldTake} to be looked at (${because})`;
  return fine('mailbox.open', what);
}

const UNREAD = 'no reply is read from this mailbox: they wait there';

function unopened(imap: ImapConfig, error: unknown): Finding {
  const kind = error instanceof MailboxError ? error.kind : 'network';
  const text = describe(error);
  const exit = kind === 'network' || kind === 'busy' ? EXIT.unavailable : EXIT.configuration;
  return problem('mailbox.open', exit, {
    what: `${imap.name}: ${text}`,
    why: UNREAD,
    fix: mending(imap, kind, text),
  });
}

/** Says what to do about a mailbox that cannot be opened. */
function mending(
  { name, host, user, tokenCommand }: ImapConfig,
  kind: MailboxError['kind'],
  text: string,
): string {
  // Exchange Online lets such a user in, and then refuses every command (postalsys/imapflow#314).
  if (/authenticated but not connected/i.test(text))
    return `the token is good, and IMAP is off for this mailbox: an administrator of Microsoft 365 enables it for ${user}, and grants the application the right to it`;
  switch (kind) {
    case 'login':
      return tokenCommand.length > 0
        ? `run ${tokenCommand[0] ?? ''} by hand as the user of mailgwd: its token must be for ${user} and for IMAP`
        : `write the password of ${user} at ${host} into imap.${name}.password_file (an application password, where the provider wants one), then mailgw-ctl reload`;
    case 'settings':
      return `mend imap.${name} in mailgw.toml, then mailgw-ctl reload`;
    case 'tls':
      return `imap.${name}.host must be the name in the server's certificate; ca_file names an authority of your own, tls = "starttls" is for port 143`;
    case 'folder':
      return `make the folder at the server, or name another in imap.${name}.folder`;
    case 'rival':
      return `end the other installation, or set after = "nothing" in one of the two; where it is gone for good: mailgw-ctl source claim ${name}`;
    case 'busy':
      return 'wait: the provider asks for patience; mailgwd tries again by itself';
    case 'network':
    case 'refused':
    case 'too-large':
      return `mend imap.${name}.host and port, or the way to them: mailgw-ctl source test ${name}`;
  }
}

function lacking({ name }: ImapConfig, { lacks }: MailboxLook): readonly Finding[] {
  const check = 'mailbox.server';
  if (lacks.length === 0) return [fine(check, `${name}: the server has IDLE, UIDPLUS and MOVE`)];
  return lacks.map(({ what, means, isNeeded }): Finding => {
    const told = `${name}: the server has no ${what}`;
    if (!isNeeded) return note(check, `${told}: ${means}`);
    const why = `${means}; replies are posted all the same`;
    return warning(check, { what: told, why, fix: `set imap.${name}.after = "seen"` });
  });
}

/** Compares whose results are believed with those that stand in the newest messages. */
function checkResults(
  { sender }: Config,
  imap: ImapConfig,
  { advice, lookedAt, results }: MailboxLook,
): Finding {
  const check = 'mailbox.authserv_id';
  const { name, authservId, ownReceived } = imap;
  const fix =
    advice === undefined
      ? `send a message there from outside, then mailgw-ctl source test ${name}`
      : `if that is the filter of this mailbox, set authserv_id = ${JSON.stringify(advice.authservId)} and own_received = ${advice.ownReceived} in its [[imap]], then mailgw-ctl reload`;
  const there = results.map(({ authservId: id, above }) => `${JSON.stringify(id)} below ${above} Received`);
  const found =
    there.length === 0 ? 'no Authentication-Results' : `Authentication-Results of ${there.join(', ')}`;
  if (sender.policy === 'off')
    return note(check, `${name}: sender.policy is "off"; the newest messages have ${found}`);
  if (authservId === '') {
    const what = `${name}: authserv_id is empty; the newest ${lookedAt} messages have ${found}`;
    const advised: Advice = {
      what,
      why: `nobody's results are believed: sender.policy = "${sender.policy}"`,
      fix,
    };
    return sender.policy === 'strict' ? problem(check, EXIT.configuration, advised) : warning(check, advised);
  }
  const isThere = results.some(
    ({ authservId: id, above }) => isNamed(authservId, id) && above <= ownReceived,
  );
  if (isThere) return fine(check, `${name}: authserv_id "${authservId}" stands in the newest messages`);
  if (lookedAt === 0) return note(check, `${name}: no message to compare authserv_id "${authservId}" with`);
  const what = `${name}: authserv_id is "${authservId}" with own_received = ${ownReceived}; the newest ${lookedAt} messages have ${found}`;
  return warning(check, { what, why: 'replies in such messages are not believed', fix });
}

/** Tells whether an id is the configured one; Exchange Online has two forms under one word. */
const isNamed = (configured: string, id: string): boolean =>
  configured.toLowerCase() === id || (configured.toLowerCase() === 'none' && id === 'mx.microsoft.com');

/** Tells whom the newest messages are for, and what looks unread although it was read. */
function checkMail(
  { name }: ImapConfig,
  { lookedAt, ours, recipients: fields, unread }: MailboxLook,
): readonly Finding[] {
  const named = fields.map(
    ({ field, messages, ours: those, addresses }) =>
      `${field} in ${messages}, yours in ${those} (such as ${addresses.slice(0, 2).join(', ')})`,
  );
  const recipients =
    lookedAt === 0
      ? note('mailbox.recipients', `${name}: no message in the folder yet`)
      : note(
          'mailbox.recipients',
          [
            `${name}: ${ours} of the newest ${lookedAt} messages name a reply address of yours`,
            ...named,
          ].join('; '),
        );
  if (unread === 0) return [recipients];
  const what = `${name}: ${unread} of them were read by mailgw and are unread in the mailbox: they came before it was set up, or somebody marked them so; which ones were taken is kept in the store, not in marks`;
  return [recipients, note('mailbox.unread', what)];
}

function checkOpen({ name }: ImapConfig, open: readonly OpenMessage[], now: number): readonly Finding[] {
  const check = 'mailbox.messages';
  const of = (state: OpenMessage['state']): readonly OpenMessage[] =>
    open.filter((each) => each.state === state);
  const [failed, late] = [of('failed'), of('waiting').filter(({ sinceAt }) => now - sinceAt > LONG_MS)];
  const findings: Finding[] = [];
  const tell = (messages: readonly OpenMessage[], how: string, why: string, fix: string): void => {
    const [first] = messages;
    if (first === undefined) return;
    const what = `${name}: ${messages.length} ${how}, the first with UID ${first.uid}: ${first.reason}`;
    findings.push(warning(check, { what, why, fix }));
  };
  tell(
    failed,
    'given up',
    'no reply is made of these messages; they are still in the mailbox',
    `mailgw-ctl source list ${name} shows them; mailgw-ctl source sync ${name} --retry tries them again`,
  );
  tell(late, 'put off for more than an hour', 'a reply among them is late', `mailgw-ctl source list ${name}`);
  if (findings.length > 0) return findings;
  const [waiting, courtesies] = [of('waiting').length, of('courtesy').length];
  return [
    fine(check, `${name}: ${waiting} put off, none given up, ${courtesies} still to be marked in the folder`),
  ];
}

function checkOwner({ name }: ImapConfig, view: MailboxView | undefined, now: number): Finding {
  const check = 'mailbox.owner';
  if (view === undefined)
    return note(check, `${name}: was never read; mailgwd reads it once it runs with this configuration`);
  const { owner, ownedUntil = 0, touchedAt } = view;
  if (owner !== undefined && ownedUntil >= now)
    return fine(check, `${name}: read by ${owner}, until ${isoTime(ownedUntil) ?? '?'} at least`);
  return warning(check, {
    what: `${name}: nobody reads it; something was last noted ${isoTime(touchedAt) ?? 'never'}`,
    why: UNREAD,
    fix: `systemctl start mailgw.service; where it runs: mailgw-ctl source list ${name}`,
  });
}
