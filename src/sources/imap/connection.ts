/**
 * A mailbox that is open: one connection to one folder, and the commands that are needed of it.
 *
 * Contract: every command has a deadline of ours; one that is missed closes the connection, and nothing more comes of it:
 * open another. Messages are read by BODY.PEEK, one command at a time; reading leaves no mark. A UID is good for as long
 * as {@link OpenMailbox.uidValidity} is. Failure: everything rejects with a {@link MailboxError}; after one of kind
 * `refused` the connection is as good as before, after any other it is closed.
 * Standards: RFC 9051, RFC 4315 (UIDPLUS), RFC 6851 (MOVE), RFC 2177 (IDLE), RFC 7628 (OAUTHBEARER).
 * Limits: imapflow is imported here and nowhere else; its own automatic IDLE is off.
 */
import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { ImapFlow, type ImapFlowOptions } from 'imapflow';
import { withinDeadline } from '../../system/deadline.ts';
import { errorLine } from '../../system/error-text.ts';
import { distrust } from '../../system/trusted-file.ts';
import { Credentials, type Login } from './credentials.ts';
import { MailboxError, mailboxError, tellingError } from './mailbox-error.ts';
import { LastWords, type OpenMailbox, SelectedMailbox } from './open-mailbox.ts';
import { changesFolder, type ImapConfig } from './settings.ts';

export type { OpenMailbox } from './open-mailbox.ts';

/** The time that a command has, unless told otherwise. */
export const COMMAND_MS = 30_000;

const nothing = (): void => undefined;
const SILENT = { debug: nothing, info: nothing, error: nothing };

/** Room for the words around a message in a response. */
const HEADROOM_BYTES = 64 * 1024;

/** The options of an open mailbox. */
export interface MailboxOptions {
  /** The largest message that is read, in bytes: `lmtp.max_message_bytes`. */
  readonly maxMessageBytes: number;
  /** The time that a command has, in milliseconds; {@link COMMAND_MS} unless given. */
  readonly commandMs?: number;
  /** What the mailbox is opened with, where a token is to be kept for the next time. */
  readonly credentials?: Credentials;
  /** Ends the connection, from the first attempt on. */
  readonly signal?: AbortSignal;
  /** Whether the folder is only looked at (EXAMINE). */
  readonly isReadOnly?: boolean;
}

/** Opens a mailbox; rejects with a {@link MailboxError}. */
export async function openMailbox(config: ImapConfig, options: MailboxOptions): Promise<OpenMailbox> {
  const { credentials = new Credentials(config) } = options;
  const mayBeStale = credentials.isStale;
  try {
    return await openOnce(config, options, await credentials.login());
  } catch (error) {
    if (!(error instanceof MailboxError) || error.kind !== 'login') throw error;
    credentials.forget();
    if (!mayBeStale) throw error;
  }
  // The token was good before, and is too old now.
  try {
    return await openOnce(config, options, await credentials.login());
  } catch (error) {
    if (error instanceof MailboxError && error.kind === 'login') credentials.forget();
    throw error;
  }
}

async function openOnce(config: ImapConfig, options: MailboxOptions, login: Login): Promise<OpenMailbox> {
  const { commandMs = COMMAND_MS, isReadOnly = !changesFolder(config) } = options;
  const words = new LastWords();
  const flow = new ImapFlow(flowOptions(config, options, login, words));
  // An error without a listener would end the process; what it was is told by the command that fails.
  let last: unknown;
  flow.on('error', (error: unknown) => {
    last ??= error;
  });
  const abandon = (): void => {
    flow.close();
  };
  if (options.signal?.aborted === true) throw new MailboxError('network', 'not wanted any more');
  options.signal?.addEventListener('abort', abandon);
  flow.on('close', () => options.signal?.removeEventListener('abort', abandon));
  const place = `${config.host}:${flow.port}`;
  const ask = async <Answer>(what: string, command: () => Promise<Answer>): Promise<Answer> => {
    try {
      return await withinDeadline(commandMs, command);
    } catch (error) {
      flow.close();
      throw mailboxError(tellingError(error, last), what);
    }
  };
  await ask(place, () => flow.connect());
  const folder = await ask(`${place}: folder ${JSON.stringify(config.folder)}`, async () => {
    try {
      return await flow.mailboxOpen(config.folder, { readOnly: isReadOnly });
    } catch (error) {
      const failure = mailboxError(error, `${place}: folder ${JSON.stringify(config.folder)}`);
      throw failure.kind === 'refused' ? new MailboxError('folder', failure.message) : failure;
    }
  });
  return new SelectedMailbox(flow, folder, { commandMs, place, words });
}

function flowOptions(
  config: ImapConfig,
  options: MailboxOptions,
  auth: Login,
  words: LastWords,
): ImapFlowOptions {
  const { host, tls } = config;
  const { commandMs = COMMAND_MS, maxMessageBytes } = options;
  const maxLiteralSize = maxMessageBytes + HEADROOM_BYTES;
  return {
    host,
    port: portOf(config),
    secure: tls === 'implicit',
    // Left unset it would go on in the clear where the offer was taken out of the capabilities.
    ...(tls === 'implicit' ? {} : { doSTARTTLS: tls === 'starttls' }),
    tls: { rejectUnauthorized: true, minVersion: 'TLSv1.2', ...authorities(config) },
    auth: { ...auth },
    clientInfo: { name: 'mailgw', version: false, vendor: false, 'support-url': false, date: false },
    logger: { ...SILENT, warn: words.hear },
    disableAutoIdle: true,
    disableCompression: true,
    maxLiteralSize,
    maxLineLength: 4 * 1024 * 1024,
    maxResponseSize: maxLiteralSize + HEADROOM_BYTES,
    connectionTimeout: commandMs,
    greetingTimeout: commandMs,
    socketTimeout: 10 * 60_000,
    maxIdleTime: 9 * 60_000,
    missingIdleCommand: 'NOOP',
  };
}

/** Gives the port of a mailbox's server. */
export function portOf({ port, tls }: Pick<ImapConfig, 'port' | 'tls'>): number {
  if (port !== 0) return port;
  return tls === 'implicit' ? 993 : 143;
}

/** Gives the authorities to believe, where the settings name more than the system's. */
function authorities({ name, caFile }: ImapConfig): { readonly ca?: string[] } {
  if (caFile === undefined) return {};
  const distrusted = distrust(caFile, 'believed');
  if (distrusted !== undefined) throw new MailboxError('settings', `imap ${name}: ca_file: ${distrusted}`);
  try {
    return { ca: [...rootCertificates, readFileSync(caFile, 'utf8')] };
  } catch (error) {
    throw new MailboxError('settings', `imap ${name}: ca_file: cannot be read: ${errorLine(error)}`);
  }
}
