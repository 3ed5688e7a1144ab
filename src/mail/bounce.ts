/**
 * What a bounce says: which address failed, why, and whether it is dead.
 *
 * Contract: `hard` means that mail to this address will never arrive: no such mailbox, host or account. All
 * else is `soft`, above all a full mailbox, a refusal by policy or size, and whatever is not understood: an
 * unknown bounce must not silence a living address. The machine-readable part decides where there is one; else
 * the text before the returned message is searched for a status, an SMTP reply code, or a known phrase.
 * Failure: `null` when nothing failed (a report of success) or the header is beyond the limits.
 * Standards: RFC 3464 §2, RFC 6533, RFC 3463; RFC 5321 §4.2 for reply codes.
 * Limits: the first 64 KiB of the body; the time is linear in that.
 */

import { plainLine } from './encoded-word.ts';
import { type Header, headerValue, scanHeader } from './header.ts';
import {
  BODY_WINDOW_BYTES,
  bodyWindow,
  decodedText,
  directParts,
  mediaType,
  type Part,
  RETURNED_TYPE,
} from './parts.ts';

/** A failed or delayed delivery; `status` is an RFC 3463 code, `action` an RFC 3464 keyword in lower case. */
export interface Bounce {
  readonly kind: 'hard' | 'soft';
  readonly status?: string;
  readonly recipient?: string;
  readonly diagnostic?: string;
  readonly action?: string;
  /** The host that says so (Reporting-MTA). */
  readonly reportingMta?: string;
}

/** The statements of a bounce before it is judged. */
interface Findings {
  status?: string | undefined;
  recipient?: string | undefined;
  diagnostic?: string | undefined;
  action?: string | undefined;
  reportingMta?: string | undefined;
}

const MAX_DIAGNOSTIC_LENGTH = 500;
const MAX_HOST_LENGTH = 255;
const STATUS = /(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?![\d.]*\d)/;
const FAILED_STATUS = /(?<![\d.])[45]\.\d{1,3}\.\d{1,3}(?![\d.]*\d)/;
const REPLY_CODE = /(?<![\d.:/-])(?:4[2-5]\d|5[0-57]\d)(?=[ -])/;
const ADDRESS = /[^\s<>@"'(),:;[\]]{1,64}@[a-z0-9][a-z0-9.-]{0,252}[a-z0-9]/gi;
const MAIL_SYSTEM = /^(?:mailer-daemon|postmaster)@/i;

// Where the returned message begins in a bounce without parts.
const RETURNED_MESSAGE =
  /^(?:-{2,} ?(?:below this line|this is a copy|original message|the body of)|(?:message headers follow|original (?:message|mail))|(?:return-path|received):)/im;

const UNKNOWN_ADDRESS =
  /(?:user|recipient|mailbox|account|address|alias|local[ -]part)[^.\n]{0,60}(?:unknown|not (?:found|exist|recogni|known|a valid|our)|n't (?:exist|have)|does not exist|disabled|discontinued|no longer|invalid|inactive)|(?:no such|unknown|invalid|non-?existent) (?:local |e-?mail )?(?:user|recipient|mailbox|address|account|person|domain)|not (?:a valid|listed in)|host (?:unknown|or domain name not found|not found)|(?:domain|host)[^.\n]{0,40}(?:not exist|not found)|nxdomain|user unknown|doesn't have a[^\n]{0,80}account|no mailbox here/i;
const FULL_MAILBOX =
  /mailbox[^.\n]{0,30}full|over ?quota|quota (?:exceeded|full)|exceeded[^.\n]{0,40}quota|insufficient (?:system )?storage|disk (?:quota|full)|storage limit/i;
const POLICY =
  /\b(?:spam|blocked|black-?list|banned|dmarc|spf|dkim|rdns|reverse dns|unauthenticated|access denied|not allowed|rate limit|frequency limit|mismatches client ip|relay(?:ing)? denied|service (?:currently )?unavailable|reputation)/i;
const DELAY =
  /delayed|still being retried|will (?:be retried|retry|keep trying|continue)|could not send message for past/i;
const PERMANENT = /permanent(?:ly)? (?:fatal )?(?:error|fail)|failed permanently|given up/i;

/** Reads a bounce; `ownAddresses` are those that it may have come to, never taken for the one that failed. */
export function parseBounce(raw: Uint8Array, ownAddresses: readonly string[] = []): Bounce | null {
  const scan = scanHeader(raw);
  if (!scan.ok) return null;
  const { header } = scan;
  const body = bodyWindow(raw, header);
  const parts = [...directParts(body, headerValue(header, 'content-type') ?? '')];
  const stated = statedFindings(header, body, parts);
  if (stated !== undefined && isSuccess(stated.action)) return null;
  const text = openingText(header, body, parts);
  return judge(complete(stated ?? {}, header, text, ownAddresses), text);
}

/** Reads the Message-ID of the message that a bounce returns, as its field has it; only from a part of its own. */
export function returnedMessageId(raw: Uint8Array): string | undefined {
  const scan = scanHeader(raw);
  if (!scan.ok) return undefined;
  const body = bodyWindow(raw, scan.header);
  for (const part of directParts(body, headerValue(scan.header, 'content-type') ?? '')) {
    if (!RETURNED_TYPE.test(part.type)) continue;
    const returned = scanHeader(part.body);
    const id = returned.ok ? headerValue(returned.header, 'message-id') : undefined;
    if (id !== undefined) return id;
  }
  return undefined;
}

function isSuccess(action: string | undefined): boolean {
  return action === 'delivered' || action === 'relayed' || action === 'expanded';
}

/** Reads the findings of the machine-readable part, or of its fields where a broken system put them into the text. */
function statedFindings(header: Header, body: Buffer, parts: readonly Part[]): Findings | undefined {
  const isStatus = (type: string): boolean => /^message\/(?:global-)?delivery-status$/.test(type);
  for (const part of parts.filter(({ type }) => isStatus(type))) {
    const findings = recipientFindings(decodedText(part.header, part.body));
    if (findings !== undefined) return findings;
  }
  if (isStatus(mediaType(headerValue(header, 'content-type') ?? ''))) return recipientFindings(text(body));
  const written = text(body);
  const at = written.search(/^(?:final|original)-recipient:/im);
  return at === -1 ? undefined : recipientFindings(written.slice(at));
}

/** Reads the group of fields that matters most: a failure, else a delay, else the first (RFC 3464 §2.3). */
function recipientFindings(status: string): Findings | undefined {
  const all = fieldGroups(status);
  const reportingMta = typed(all.find((group) => group.has('reporting-mta'))?.get('reporting-mta'));
  const groups = all
    .filter((group) => group.has('action') || group.has('status') || group.has('final-recipient'))
    .map(groupFindings);
  const withAction = (action: string): Findings | undefined =>
    groups.find((group) => group.action === action);
  const chosen = withAction('failed') ?? withAction('delayed') ?? groups[0];
  return chosen === undefined ? undefined : { ...chosen, reportingMta };
}

/** Splits a delivery status at its blank lines; of a repeated field the first counts. */
function fieldGroups(status: string): Map<string, string>[] {
  const groups: Map<string, string>[] = [];
  let group = new Map<string, string>();
  let name = '';
  for (const line of status.split('\n')) {
    const field = /^([a-z-]{1,60})[ \t]{0,9}:(.*)/i.exec(line);
    if (line.trim() === '') {
      group = new Map();
    } else if (/^[ \t]/.test(line)) {
      group.set(name, `${group.get(name) ?? ''} ${line.trim()}`);
    } else if (field !== null) {
      name = (field[1] ?? '').toLowerCase();
      if (group.size === 0) groups.push(group);
      if (!group.has(name)) group.set(name, (field[2] ?? '').trim());
    }
  }
  return groups;
}

function groupFindings(group: ReadonlyMap<string, string>): Findings {
  const diagnostic = typed(group.get('diagnostic-code'));
  return {
    action: /^[a-z]+/i.exec(group.get('action') ?? '')?.[0].toLowerCase(),
    status: preciseStatus(STATUS.exec(group.get('status') ?? '')?.[0], diagnostic),
    recipient:
      addresses(typed(group.get('original-recipient')) ?? '')[0] ??
      addresses(typed(group.get('final-recipient')) ?? '')[0],
    diagnostic,
  };
}

/** Gives the value after its type, as in `smtp; 550 …`; some systems leave the type out. */
function typed(value: string | undefined): string | undefined {
  return value === undefined || value === ''
    ? undefined
    : value.replace(/^[\w-]{1,40}[ \t]{0,9};/, '').trim();
}

/** Gives `status`, or the diagnostic's own status where `status` is no more than X.0.0. */
function preciseStatus(status: string | undefined, diagnostic = ''): string | undefined {
  return status === undefined || status.endsWith('.0.0')
    ? (FAILED_STATUS.exec(diagnostic)?.[0] ?? status)
    : status;
}

/** Fills from header and text what the machine-readable part left open. */
function complete(
  stated: Findings,
  header: Header,
  opening: string,
  ownAddresses: readonly string[],
): Findings {
  const line = diagnosticLine(opening);
  const own = ownAddresses.map((each) => each.toLowerCase());
  const others = (list: string[]): string | undefined =>
    list.find((found) => !own.includes(found.toLowerCase()) && !MAIL_SYSTEM.test(found));
  return {
    action: stated.action,
    reportingMta: stated.reportingMta,
    status: stated.status ?? FAILED_STATUS.exec(stated.diagnostic ?? line ?? '')?.[0],
    diagnostic: stated.diagnostic ?? line,
    recipient:
      stated.recipient ??
      others(addresses(headerValue(header, 'x-failed-recipients') ?? '')) ??
      others(addresses(opening)),
  };
}

/** Finds the first line with a status, else with a reply code, else with a phrase that says why. */
function diagnosticLine(opening: string): string | undefined {
  const lines = opening.split('\n');
  for (const sign of [FAILED_STATUS, REPLY_CODE, UNKNOWN_ADDRESS, FULL_MAILBOX]) {
    const line = lines.find((candidate) => sign.test(candidate.slice(0, 1000)));
    if (line !== undefined) return line.trim();
  }
  return undefined;
}

function judge(findings: Findings, opening: string): Bounce {
  const diagnostic = plainLine((findings.diagnostic ?? '').slice(0, MAX_DIAGNOSTIC_LENGTH));
  return {
    kind: isHard(findings, diagnostic === '' ? opening : diagnostic, opening) ? 'hard' : 'soft',
    ...(findings.status !== undefined && { status: findings.status }),
    ...(findings.recipient !== undefined && { recipient: findings.recipient }),
    ...(diagnostic !== '' && { diagnostic }),
    ...(findings.action !== undefined && { action: findings.action }),
    ...(findings.reportingMta !== undefined && {
      reportingMta: plainLine(findings.reportingMta.slice(0, MAX_HOST_LENGTH)),
    }),
  };
}

function isHard({ action, status }: Findings, diagnostic: string, opening: string): boolean {
  if (action === 'delayed') return false;
  if (FULL_MAILBOX.test(diagnostic)) return false;
  const isUnknown = UNKNOWN_ADDRESS.test(diagnostic);
  if (!isUnknown && POLICY.test(diagnostic) && !status?.startsWith('5.1.')) return false;
  if (status !== undefined) return status.startsWith('5') && (isUnknown || isDeadStatus(status));
  const code = REPLY_CODE.exec(diagnostic)?.[0];
  if (code !== undefined) return code.startsWith('5') && (isUnknown || code === '550' || code === '553');
  if (isUnknown) return true;
  return action === 'failed' || (PERMANENT.test(opening) && !DELAY.test(opening));
}

/** Tells whether a permanent status speaks of the address and not of this one message (RFC 3463 §3). */
function isDeadStatus(status: string): boolean {
  const [, subject, detail] = status.split('.');
  switch (subject) {
    case '1': // 1.7 and 1.8 blame the sender's address
      return detail !== '7' && detail !== '8';
    case '2': // 2.1 is a disabled mailbox; 2.2 a full one, 2.3 too long a message
      return detail !== '2' && detail !== '3';
    case '3': // the system: its size limit, its disk
    case '6': // conversion of the content
    case '7': // policy: blocked, not authenticated, taken for spam
      return false;
    case '4': // 4.5 congestion, 4.6 a loop, 4.7 time ran out
      return detail !== '5' && detail !== '6' && detail !== '7';
    case '5': // the protocol; 5.0 is what some say of an unknown mailbox
      return detail === '0';
    default:
      return true;
  }
}

/** Reads the text that the mail system wrote, up to the message that it returns. */
function openingText(header: Header, body: Buffer, parts: readonly Part[]): string {
  const part = parts.find(({ type }) => type.startsWith('text/') && type !== 'text/rfc822-headers');
  const opening = part === undefined ? decodedText(header, body) : decodedText(part.header, part.body);
  const end = opening.search(RETURNED_MESSAGE);
  return end === -1 ? opening : opening.slice(0, end);
}

/** Decodes a body as text with LF line ends. */
function text(bytes: Buffer): string {
  return bytes.toString('utf8', 0, BODY_WINDOW_BYTES).replaceAll('\r\n', '\n');
}

function addresses(value: string): string[] {
  return value.match(ADDRESS) ?? [];
}
