/**
 * A look into a mailbox before it is trusted: what its server can, what would be taken now, whom the newest messages are
 * for, and who wrote Authentication-Results into them.
 *
 * Contract: nothing is marked, moved or written. The folder is examined (RFC 9051 §6.3.3), but selected where a keyword is
 * to be set, since only then the server says whether it takes one. Tokens of reply addresses are hidden.
 * Failure: rejects with a {@link MailboxError} of sources/imap.
 * Limits: the headers of the newest {@link LOOKED_AT} messages.
 */
import { allForms, matchRecipient } from '../mail/address.ts';
import { parseAuthenticationResults } from '../mail/authentication-results.ts';
import { type Header, headerValues, scanHeader } from '../mail/header.ts';
import { addressesOf } from '../mail/mailbox.ts';
import type { Config } from '../site/config.ts';
import { tokenMask } from '../site/token-mask.ts';
import type { OpenMailbox } from '../sources/imap/connection.ts';
import { refuseRival, takeOver } from '../sources/imap/rival.ts';
import { changesFolder, type ImapConfig } from '../sources/imap/settings.ts';
import type { MailboxState } from '../store/mailboxes.ts';

/** Messages whose headers are read. */
export const LOOKED_AT = 20;

/** Addresses that are shown of a field. */
const SHOWN_ADDRESSES = 3;

/** Something that the server cannot, and what comes of it. */
export interface MailboxLack {
  readonly what: string;
  readonly means: string;
  /** Whether the settings ask for what is lacking. */
  readonly isNeeded: boolean;
}

/** A field that names recipients, over the messages that were looked at. */
export interface RecipientField {
  readonly field: string;
  /** How many messages have it. */
  readonly messages: number;
  /** In how many of them it names a reply address of ours. */
  readonly ours: number;
  /** Some of its addresses, tokens hidden. */
  readonly addresses: readonly string[];
}

/** Authentication-Results of one writer at one place, over the messages that were looked at. */
export interface ResultsPlace {
  /** `none` for the form of Exchange Online, which has no id. */
  readonly authservId: string;
  /** Received fields above it. */
  readonly above: number;
  readonly messages: number;
}

/** A mailbox as it looks. */
export interface MailboxLook {
  readonly place: string;
  readonly folder: string;
  readonly uidValidity: number;
  readonly capabilities: readonly string[];
  readonly lacks: readonly MailboxLack[];
  /** Messages in the folder. */
  readonly messages: number;
  /** Messages that the next pass would look at. */
  readonly wouldTake: number;
  /** Why so many. */
  readonly because: string;
  /** Messages whose headers were read. */
  readonly lookedAt: number;
  /** How many of them were read before, and are unread in the mailbox all the same; 0 unless `after` is `"seen"`. */
  readonly unread: number;
  /** How many of them name a reply address of ours anywhere. */
  readonly ours: number;
  readonly recipients: readonly RecipientField[];
  /** The topmost Authentication-Results of each message, the commonest first. */
  readonly results: readonly ResultsPlace[];
  /** What the settings should say, by those messages; undefined where none has results. */
  readonly advice: { readonly authservId: string; readonly ownReceived: number } | undefined;
}

/** The subjects of a look. */
export interface LookOptions {
  readonly config: Config;
  readonly imap: ImapConfig;
  /** What the store knows of the mailbox. */
  readonly state: MailboxState | undefined;
  /** The number of this installation; undefined where no store tells it. */
  readonly installation: number | undefined;
  /** The time that a command has, in milliseconds. */
  readonly commandMs?: number;
}

/** Looks into a mailbox. */
export async function lookIntoMailbox(options: LookOptions): Promise<MailboxLook> {
  const { config, imap, state, installation, commandMs } = options;
  const { openMailbox, portOf } = await import('../sources/imap/connection.ts');
  const { maxMessageBytes } = config.lmtp;
  const isReadOnly = imap.after !== 'keyword';
  const box = await openMailbox(imap, { maxMessageBytes, isReadOnly, ...(commandMs && { commandMs }) });
  try {
    if (changesFolder(imap) && installation !== undefined) await refuseRival(box, installation);
    const taken = await countOf(box, imap, state);
    const newest = (await box.searchAfter(0)).slice(-LOOKED_AT).reverse();
    const headers = await headersOf(box, newest);
    const results = resultsIn(headers);
    return {
      place: `${imap.host}:${portOf(imap)}`,
      folder: imap.folder,
      uidValidity: box.uidValidity,
      capabilities: [...box.capabilities].sort(),
      lacks: lacksOf(box, imap),
      messages: box.exists,
      ...taken,
      lookedAt: headers.length,
      unread: imap.after === 'seen' ? await countUnread(box, newest, state) : 0,
      ...recipientsIn(headers, options),
      results,
      advice: adviceOf(results),
    };
  } finally {
    await box.close();
  }
}

/** Makes a mailbox this installation's where another one's keyword says otherwise; how many messages had that. */
export async function claimMailbox(
  { lmtp: { maxMessageBytes } }: Config,
  imap: ImapConfig,
  installation: number,
): Promise<number> {
  const { openMailbox } = await import('../sources/imap/connection.ts');
  const box = await openMailbox(imap, { maxMessageBytes, isReadOnly: false });
  try {
    return await takeOver(box, installation);
  } finally {
    await box.close();
  }
}

/** Counts what the next pass would look at. */
async function countOf(
  box: OpenMailbox,
  { since }: ImapConfig,
  state: MailboxState | undefined,
): Promise<Pick<MailboxLook, 'wouldTake' | 'because'>> {
  if (state === undefined) {
    return since === 'all'
      ? { wouldTake: box.exists, because: 'it was never read, and since = "all" takes what is there' }
      : { wouldTake: 0, because: 'it was never read, and since = "now" takes what comes from now on' };
  }
  if (box.uidValidity === 0 || state.uidValidity !== box.uidValidity) {
    const because = `UIDVALIDITY was ${state.uidValidity} and is ${box.uidValidity}: the folder is walked again, and what was posted is known`;
    return { wouldTake: box.exists, because };
  }
  if (state.isWalking) return { wouldTake: box.exists, because: 'the folder is being walked again' };
  const above = await box.searchAfter(state.highWater);
  return { wouldTake: above.length, because: `it was read up to UID ${state.highWater}` };
}

/** Lists what the server lacks, and what that means. */
function lacksOf({ capabilities, takesKeywords }: OpenMailbox, { after }: ImapConfig): MailboxLack[] {
  const all: readonly (MailboxLack & { readonly isThere: boolean })[] = [
    {
      what: 'IDLE',
      means: 'new mail is seen within 2 minutes instead of at once',
      isNeeded: false,
      isThere: capabilities.has('IDLE'),
    },
    {
      what: 'UIDPLUS',
      means: 'nothing can be deleted here: after = "delete" only marks messages as deleted',
      isNeeded: after === 'delete',
      isThere: capabilities.has('UIDPLUS'),
    },
    {
      what: 'MOVE',
      means: 'messages cannot be moved here in one step, as after = "move:FOLDER" wants',
      isNeeded: after.startsWith('move:'),
      isThere: capabilities.has('MOVE'),
    },
    {
      what: 'keywords',
      means: 'the folder takes no keyword of ours: after = "keyword" cannot mark messages',
      isNeeded: after === 'keyword',
      // Of a folder that is only examined nobody knows.
      isThere: after !== 'keyword' || takesKeywords,
    },
  ];
  return all
    .filter(({ isThere }) => !isThere)
    .map(({ what, means, isNeeded }) => ({ what, means, isNeeded }));
}

/** Reads headers; a message that is not there any more has none. */
async function headersOf(box: OpenMailbox, uids: readonly number[]): Promise<readonly Header[]> {
  const headers: Header[] = [];
  for (const uid of uids) {
    const raw = await box.fetchHeader(uid);
    const scan = raw === undefined ? undefined : scanHeader(raw);
    if (scan?.ok === true) headers.push(scan.header);
  }
  return headers;
}

/** Counts messages that were read before and are unread in the mailbox. */
async function countUnread(
  box: OpenMailbox,
  uids: readonly number[],
  state: MailboxState | undefined,
): Promise<number> {
  if (state?.uidValidity !== box.uidValidity) return 0;
  const flags = await box.flagsOf(uids.filter((each) => each <= state.highWater));
  return [...flags.values()].filter((each) => !each.has('\\Seen')).length;
}

function recipientsIn(
  headers: readonly Header[],
  { config, imap }: LookOptions,
): Pick<MailboxLook, 'ours' | 'recipients'> {
  const forms = allForms(config.reply);
  const mask = tokenMask(config);
  const isOurs = (address: string): boolean => matchRecipient(forms, address).kind === 'token';
  const named = new Set<Header>();
  const recipients = [...imap.recipientHeaders, 'To', 'Cc'].map((field): RecipientField => {
    const lists = headers.map((header) => {
      const addresses = headerValues(header, field.toLowerCase()).flatMap((value) => addressesOf(value));
      if (addresses.some(isOurs)) named.add(header);
      return addresses;
    });
    const shown = new Set(lists.flat().map(mask));
    return {
      field,
      messages: lists.filter((addresses) => addresses.length > 0).length,
      ours: lists.filter((addresses) => addresses.some(isOurs)).length,
      addresses: [...shown].slice(0, SHOWN_ADDRESSES),
    };
  });
  return { ours: named.size, recipients: recipients.filter(({ messages }) => messages > 0) };
}

/** Finds the topmost Authentication-Results of each message, and counts those alike. */
function resultsIn(headers: readonly Header[]): readonly ResultsPlace[] {
  const places = new Map<string, ResultsPlace>();
  for (const header of headers) {
    const top = header.fields.findIndex(({ name }) => name === 'authentication-results');
    const field = header.fields[top];
    if (field === undefined) continue;
    const above = header.fields.slice(0, top).filter(({ name }) => name === 'received').length;
    const authservId = parseAuthenticationResults(field.value)?.authservId ?? 'none';
    const key = `${above} ${authservId}`;
    const messages = (places.get(key)?.messages ?? 0) + 1;
    places.set(key, { authservId, above, messages });
  }
  return [...places.values()].sort((one, other) => other.messages - one.messages || one.above - other.above);
}

/** Picks the commonest place; what a few messages say otherwise, their senders may have written. */
function adviceOf([commonest]: readonly ResultsPlace[]): MailboxLook['advice'] {
  if (commonest === undefined) return undefined;
  const { authservId, above } = commonest;
  // The id that Exchange Online writes where it writes any; the settings have one word for both forms.
  return { authservId: authservId === 'mx.microsoft.com' ? 'none' : authservId, ownReceived: above };
}
