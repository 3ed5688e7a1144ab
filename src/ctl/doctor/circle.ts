/**
 * The circle of stamping: a notification goes in at outbound.socket, is stamped, goes out by the relay, and comes back
 * as a probe.
 *
 * Contract: no mail goes to a person. The notification's one recipient is a probe's address (mail/probe.ts), which the
 * stamp recognises by its proof, and to which Postfix has one way: back to mailgwd, where it is held, looked at and
 * dropped. The null reverse-path keeps a refusal from becoming a bounce to anybody. The notification is one that the
 * site's first rule fits, and names the user's own address in To; the reply address that it comes back with says whether
 * the rule and the directory of the running mailgwd know the two.
 * Limits: of several rules the first is proven; a sink's own recognition is not, since only its platform makes such mail.
 * Failure: the first link that is broken is the finding.
 */
import { randomBytes } from 'node:crypto';
import { openDryGate } from '../../actions/dry-gate.ts';
import { describe, EXIT } from '../../actions/fault.ts';
import { endpointText } from '../../config/kinds.ts';
import { mintingForm } from '../../mail/address.ts';
import { type Header, headerValues, scanHeader } from '../../mail/header.ts';
import { mailboxesOf } from '../../mail/mailbox.ts';
import { isProbe, PROBE_THREAD, type ProbeFindings, probeFindings } from '../../mail/probe.ts';
import { parseTemplate } from '../../mail/thread-template.ts';
import { QUIET_FIELDS } from '../../outbound/compose.ts';
import { type Rule, recogniseByRules } from '../../outbound/rules.ts';
import type { Config } from '../../site/config.ts';
import type { SecretSession } from '../../site/session.ts';
import type { User } from '../../store/directory.ts';
import { type Advice, type Finding, fine, problem, skipped, warning } from './finding.ts';
import { arrival, mintFor, withoutTokens } from './probe.ts';
import { openTalk, type Talk } from './talk.ts';

const CHECK = 'outbound.circle';

/** For all commands and the relay's answer, milters included. */
const TALK_MS = 60_000;

/** For the checks between the connection and the circle. */
const KEPT_MS = 3_600_000;

const WHY = 'notifications go out without a reply address, wait in Postfix, or get replies that never come';

const LOG = 'journalctl -u mailgw -n 20';

/** The way to the listener, opened by root before it becomes somebody who may not connect. */
export interface WayOut {
  readonly path: string;
  /** Undefined where nobody answered. */
  readonly talk: Talk | undefined;
  /** Ends the connection. */
  close(): void;
}

/** Connects to the listener; undefined where the site has none. */
export async function openWayOut({ outbound }: Config): Promise<WayOut | undefined> {
  const { socket: path, relay } = outbound;
  if (path === undefined || relay === undefined) return undefined;
  const talk = await openTalk({ path }, TALK_MS).catch(() => undefined);
  talk?.bound(KEPT_MS);
  return { path, talk, close: () => talk?.close() };
}

/** The means of closing the circle. */
export interface CircleOptions {
  readonly wayOut: WayOut;
  readonly waitMs: number;
}

/** Sends the notification of a user and looks at what comes back. */
export async function closeCircle(
  session: SecretSession,
  user: User,
  { wayOut, waitMs }: CircleOptions,
): Promise<Finding> {
  const sent = notification(session.config, await mintFor(session, user, PROBE_THREAD), user);
  const refusal = await hand(session.config, wayOut, sent);
  if (refusal !== undefined) return refusal;
  const item = await arrival(session, sent.id, waitMs);
  if (item === undefined) return lost(session.config, waitMs);
  const raw = await session.store.content(item.id);
  await session.store.operate('drop', item.id, Date.now());
  if (raw === undefined) return skipped(CHECK, 'the probe was removed meanwhile');
  return judge(session, user, sent, Buffer.from(raw));
}

/** The notification: its id, its one recipient, and what it says, line by line. */
interface Sent {
  readonly id: string;
  readonly to: string;
  /** The user's own address, which To names as well; undefined where none is ASCII. */
  readonly own: string | undefined;
  /** Whether a rule of the site fits it. */
  readonly fits: boolean;
  readonly fields: readonly (readonly [string, string])[];
  readonly body: string;
}

function notification({ reply, outbound }: Config, to: string, user: User): Sent {
  const { domain } = mintingForm(reply);
  const id = `doctor.${randomBytes(12).toString('hex')}@${domain}`;
  const [rule] = outbound.rule;
  // Beyond ASCII the whole way out would have to speak SMTPUTF8.
  const own = user.addresses.find((address) => /^[\x21-\x7e]+$/.test(address));
  const fields = [
    ['From', `"mailgw-ctl doctor" <${rule?.from ?? `doctor@${domain}`}>`],
    ['Reply-To', '<before-the-stamp@doctor.invalid>'],
    ['To', own === undefined ? `<${to}>` : `<${to}>, <${own}>`],
    ['Subject', 'a probe of mailgw-ctl doctor'],
    ['Date', dateField()],
    ['Message-ID', `<${id}>`],
    ...Object.entries(QUIET_FIELDS),
    ['MIME-Version', '1.0'],
    ['Content-Type', 'text/plain; charset=us-ascii'],
  ] as const;
  const body = 'This notification is a probe. It comes back, is held and removed.\r\n';
  const fitting = rule === undefined ? fields : [...fields, ...fieldsFor(rule, fields)];
  return { id, to, own, fields: fitting, fits: fits(outbound.rule, fitting), body };
}

const dateField = (): string => new Date().toUTCString().replace('GMT', '+0000');

/** Makes the fields that a rule wants and that are not there. */
function fieldsFor({ field, thread, repliedTo }: Rule, there: Sent['fields']): Sent['fields'] {
  const inThread = (parseTemplate(thread) ?? []).flatMap((part) => ('field' in part ? [part.field] : []));
  const wanted = new Map<string, Sent['fields'][number]>(
    [field, ...inThread].map((name) => [name.toLowerCase(), [name, '1']]),
  );
  if (repliedTo !== undefined) wanted.set(repliedTo.toLowerCase(), [repliedTo, dateField()]);
  for (const [name] of there) wanted.delete(name.toLowerCase());
  return [...wanted.values()];
}

/** Tells whether a rule of this configuration fits the fields. */
function fits(rules: readonly Rule[], fields: Sent['fields']): boolean {
  const scan = scanHeader(Buffer.from(`${textOf(fields)}\r\n`));
  return scan.ok && recogniseByRules(rules)({ header: scan.header, reversePath: '' }) !== undefined;
}

const textOf = (fields: Sent['fields']): string =>
  fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');

/** Hands it to mailgwd; a finding where it is not taken. */
async function hand(
  config: Config,
  wayOut: WayOut,
  { to, fields, body }: Sent,
): Promise<Finding | undefined> {
  const message = `${textOf(fields)}\r\n${body}.`;
  const dialogue: readonly (readonly [string, string, number])[] = [
    ['MAIL', 'MAIL FROM:<>', 250],
    ['RCPT', `RCPT TO:<${to}>`, 250],
    ['DATA', 'DATA', 354],
    ['the notification', message, 250],
  ];
  let talk: Talk | undefined;
  try {
    talk = await greet(wayOut);
    for (const [what, line, wanted] of dialogue) {
      const { code, text } = await talk.say(line);
      if (code !== wanted) return refused(config, what, { code, text });
    }
    return undefined;
  } catch (error) {
    return broken(EXIT.unavailable, {
      what: `${wayOut.path}: ${describe(error)}`,
      fix: `${LOG}; systemctl restart mailgw.service`,
    });
  } finally {
    talk?.close();
  }
}

/** Says LHLO on the connection that is there, or on a new one where mailgwd has grown tired of it. */
async function greet({ path, talk }: WayOut): Promise<Talk> {
  try {
    talk?.bound(TALK_MS);
    if ((await talk?.say('LHLO doctor.invalid'))?.code === 250 && talk !== undefined) return talk;
  } catch {
    // The new one says what is wrong.
  }
  talk?.close();
  const other = await openTalk({ path }, TALK_MS);
  await other.say('LHLO doctor.invalid');
  return other;
}

function refused(
  { outbound }: Config,
  what: string,
  { code, text }: { readonly code: number; readonly text: string },
): Finding {
  const relay = outbound.relay === undefined ? 'outbound.relay' : endpointText(outbound.relay);
  return broken(code < 500 ? EXIT.unavailable : EXIT.configuration, {
    what: `mailgwd, or the relay ${relay} behind it, answers ${what} with "${withoutTokens(text)}"`,
    fix: 'grep stamped/smtpd in the mail log; mailgw-ctl postfix-config prints the smtpd(8) for outbound.relay',
  });
}

function lost({ outbound }: Config, waitMs: number): Finding {
  const relay = outbound.relay === undefined ? 'outbound.relay' : endpointText(outbound.relay);
  return broken(EXIT.unavailable, {
    what: `${relay} took the notification, and ${waitMs / 1000} s later it has not come back to mailgwd`,
    fix: 'postqueue -p   # shows why it is deferred; and grep status= in the mail log',
  });
}

/** Judges what came back: its Reply-To has to be an address by which the same user answers a probe. */
async function judge(session: SecretSession, user: User, sent: Sent, raw: Buffer): Promise<Finding> {
  const scan = scanHeader(raw);
  if (!scan.ok) return unstamped(`it has no header that could be read: ${scan.problem}`);
  const { header } = scan;
  const found = headerValues(header, 'reply-to');
  const [address, ...others] = found.flatMap(mailboxesOf).map((mailbox) => mailbox.address);
  if (address === undefined) return unstamped('it has no Reply-To');
  if (others.length > 0 || found.length > 1) return unstamped('it has several addresses in Reply-To');
  if (address.endsWith('@doctor.invalid')) return unstamped('its Reply-To is the one that it had before');
  const verdict = await openDryGate(session).recipient(address, undefined);
  if (verdict.kind === 'refused') {
    const { verdict: judged, reason } = verdict.disposition;
    return unstamped(`a reply to its Reply-To would be ${judged} (${reason})`);
  }
  const { claim } = verdict;
  if (
    claim.user === undefined ||
    claim.target === undefined ||
    !isProbe(claim.target) ||
    claim.user.number !== user.number
  )
    return unstamped('its Reply-To is of another thread or user');
  const unknown = unknownToMailgwd(session.config, user, sent, probeFindings(claim.target));
  if (unknown !== undefined) return unknown;
  const changed = changedFields(session.config, sent, { header, raw, address });
  if (changed.length === 0)
    return fine(
      CHECK,
      `a notification came back stamped, with a reply address of ${user.name}${sent.own === undefined ? '' : `, whom ${sent.own} finds`}; ${proven(session.config, sent)}`,
    );
  return warning(CHECK, {
    what: `a notification came back stamped, and with another ${changed.join(', ')}`,
    why: 'something on the way out changes what the platform writes',
    fix: 'look at header_checks, canonical maps and milters of the smtpd(8) for outbound.relay',
  });
}

const unstamped = (how: string): Finding =>
  broken(EXIT.configuration, {
    what: `a notification came back without a stamp that holds: ${how}`,
    fix: `mailgw-ctl reload; ${LOG}   # "reason" in the line with "event":"relayed" says why`,
  });

/** Says what of a real notification mailgwd would not have known. */
function unknownToMailgwd(
  { outbound }: Config,
  user: User,
  { own, fits: isFitting }: Sent,
  { isRecognised, isFound }: ProbeFindings,
): Finding | undefined {
  if (isFitting && !isRecognised)
    return broken(EXIT.configuration, {
      what: `the notification has the field ${outbound.rule[0]?.field ?? ''} of the first outbound.rule, and mailgwd knows no rule for it`,
      fix: 'mailgw-ctl reload   # the rules that mailgwd has in force are not those of the file',
    });
  if (own !== undefined && !isFound)
    return broken(EXIT.configuration, {
      what: `${own} is the address of ${user.name}, and mailgwd finds nobody by it, or several`,
      fix: 'mailgw-ctl user list   # an address belongs to one user: mailgw-ctl user set',
    });
  return undefined;
}

/** Says what the circle shows of the rules. */
function proven({ outbound }: Config, { fits: isFitting }: Sent): string {
  const [rule, ...others] = outbound.rule;
  if (rule === undefined) return 'there is no outbound.rule: what the sink recognises is not shown by this';
  if (!isFitting) return `the rule for ${rule.field} is not shown by this, since it does not fit the probe`;
  return `the rule for ${rule.field} fits it${others.length === 0 ? '' : ', the other rules are not shown by this'}`;
}

/** Says which parts of what came back are not as they were sent. */
function changedFields(
  { outbound }: Config,
  { fields, body }: Sent,
  came: { readonly header: Header; readonly raw: Buffer; readonly address: string },
): string[] {
  const { header, raw, address } = came;
  const stamped = outbound.from === 'keep' ? ['Reply-To'] : ['Reply-To', 'From'];
  const changed = fields
    .filter(([name]) => !stamped.includes(name))
    .filter(([name, value]) => headerValues(header, name.toLowerCase()).join('\n') !== value)
    .map(([name]) => name);
  const authors = headerValues(header, 'from').flatMap(mailboxesOf);
  if (outbound.from !== 'keep' && authors.some((author) => author.address !== address)) changed.push('From');
  const text = raw.subarray(header.bodyOffset).toString('latin1');
  return text.replaceAll('\r\n', '\n') === body.replaceAll('\r\n', '\n') ? changed : [...changed, 'body'];
}

const broken = (
  exit: Extract<Finding, { status: 'problem' }>['exit'],
  advice: Omit<Advice, 'why'>,
): Finding => problem(CHECK, exit, { ...advice, why: WHY });
