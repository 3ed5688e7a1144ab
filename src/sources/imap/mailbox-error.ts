/**
 * What went wrong with a mailbox, told apart by what is to be done about it.
 *
 * Contract: every failure of a mailbox becomes one {@link MailboxError}. A server that is busy says so by a response code
 * (RFC 5530 §3) or in words, and then a refused login says nothing about the password. Limits: the words of servers are
 * matched loosely; whatever is not recognised counts as the network's, which is tried again.
 */
import { DeadlineError } from '../../system/deadline.ts';
import { errorLine } from '../../system/error-text.ts';
import { printable } from '../../system/printable.ts';

/** The kinds of failure. */
export type MailboxErrorKind =
  /** The server refuses the password or the token. */
  | 'login'
  /** A file or a program that the settings name cannot be used. */
  | 'settings'
  /** The server's certificate is not believed, or it does not offer TLS. */
  | 'tls'
  /** The folder is not there, or it may not be read. */
  | 'folder'
  /** The server is busy, or asks for patience. */
  | 'busy'
  /** No connection, or none any more, or no answer in time. */
  | 'network'
  /** A message, or an answer, that is larger than it may be. */
  | 'too-large'
  /** Another installation of mailgw reads the mailbox. */
  | 'rival'
  /** The server refuses a command on one message; the connection is as good as it was. */
  | 'refused';

/** A failure of a mailbox. */
export class MailboxError extends Error {
  readonly kind: MailboxErrorKind;

  constructor(kind: MailboxErrorKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

const FOR_THE_OPERATOR: ReadonlySet<MailboxErrorKind> = new Set<MailboxErrorKind>([
  'login',
  'settings',
  'tls',
  'folder',
  'rival',
]);

/** Tells whether a failure needs the operator: it does not pass by itself. */
export const needsOperator = (kind: MailboxErrorKind): boolean => FOR_THE_OPERATOR.has(kind);

/** The properties that imapflow gives its errors, none of which is certain. */
interface ServerError {
  readonly code?: unknown;
  readonly authenticationFailed?: unknown;
  readonly serverResponseCode?: unknown;
  readonly responseStatus?: unknown;
  readonly responseText?: unknown;
  readonly response?: unknown;
  readonly oauthError?: unknown;
}

/** Response codes that ask for patience (RFC 5530 §3, RFC 9051 §7.1). */
const BUSY_CODES: ReadonlySet<string> = new Set(['UNAVAILABLE', 'LIMIT', 'INUSE', 'SERVERBUG']);
const BUSY_WORDS = /too many|throttl|temporar|try again|rate.?limit|unavailable|exceeded|busy/i;

/** Errors of the TLS layer, by Node's names for them. */
const TLS_CODE =
  /^(?:ERR_(?:TLS|SSL)_|(?:CERT|CRL|DEPTH|SELF_SIGNED|UNABLE_TO|HOSTNAME_MISMATCH|INVALID_CA|EPROTO)\w*$|UPGRADE_TIMEOUT|MissingServerExtension|STARTTLS_INJECTION)/;

const TOO_LARGE: ReadonlySet<unknown> = new Set(['LiteralTooLarge', 'ResponseTooLarge', 'LineTooLarge']);

/** Makes a {@link MailboxError} of whatever was thrown; `what` was being done. */
export function mailboxError(error: unknown, what: string): MailboxError {
  if (error instanceof MailboxError) return error;
  const told = (error instanceof Error ? error : {}) as ServerError;
  const text = `${what}: ${wordsOf(error, told)}`;
  return new MailboxError(kindOf(told, text), text);
}

function kindOf(told: ServerError, text: string): MailboxErrorKind {
  if (TOO_LARGE.has(told.code)) return 'too-large';
  if (told.code === 'ETHROTTLE') return 'busy';
  if (typeof told.code === 'string' && TLS_CODE.test(told.code)) return 'tls';
  if (/STARTTLS/.test(text) || told.serverResponseCode === 'PRIVACYREQUIRED') return 'tls';
  const isNo = told.responseStatus === 'NO' || told.responseStatus === 'BAD';
  if (told.authenticationFailed !== true && !isNo) {
    return /Unsupported authentication mechanism/.test(text) ? 'settings' : 'network';
  }
  const code = typeof told.serverResponseCode === 'string' ? told.serverResponseCode : '';
  if (code !== 'AUTHENTICATIONFAILED' && (BUSY_CODES.has(code) || BUSY_WORDS.test(text))) return 'busy';
  return told.authenticationFailed === true ? 'login' : 'refused';
}

/** Gives what the server said, or else what the error says. */
function wordsOf(error: unknown, { responseText, response, serverResponseCode }: ServerError): string {
  const said = [responseText, response].find((text) => typeof text === 'string' && text !== '');
  const words = typeof said === 'string' ? said : errorLine(error);
  const code = typeof serverResponseCode === 'string' ? `[${serverResponseCode}] ` : '';
  return printable(`${words.includes('[') ? '' : code}${words}`).slice(0, 300);
}

/** Picks what tells more of a command's failure: its own error, or the one by which the connection had ended. */
export function tellingError(error: unknown, connectionError: unknown): unknown {
  if (connectionError === undefined || !(error instanceof Error)) return error;
  const { code } = error as ServerError;
  const saysLittle =
    error instanceof DeadlineError || code === 'NoConnection' || code === 'EConnectionClosed';
  return saysLittle ? connectionError : error;
}
