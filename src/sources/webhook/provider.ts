/**
 * A provider: the form of one kind of call, as a port.
 *
 * Contract: a call is verified before anything of the mail in it is read: only what `verify` gives can read it. What is
 * verified is the call as it came, octet by octet. Neither step writes anything: a call is consumed with its receipt, in
 * the commit of the items.
 * Failure: whatever a call is refused for has a kind, which says how it is answered, and words for the log. Words never
 * hold text of the call. What is thrown is a failure of ours, and answered as temporary.
 */
import type { Log } from '../../observe/log.ts';
import type { WebhookConfig } from './settings.ts';

/** The body of a call, in memory or in a file of ours; it may be read as often as it is wanted. */
export interface CallBody {
  readonly bytes: number;
  /** Gives it piece by piece. */
  read(): AsyncIterable<Uint8Array>;
  /** Gives it as a whole. */
  whole(): Promise<Buffer>;
}

/** A call, which is a POST to the path of its source. */
export interface Call {
  /** Header fields by their names in lower case, each with all its values. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
  readonly body: CallBody;
  /** When it came, in milliseconds since the epoch. */
  readonly at: number;
}

/** The kinds of refusal. */
export type RefusalKind =
  /** Nobody who knows the secret made this call as it is. */
  | 'forged'
  /** It is signed, and too old or of the future: our clock may be at fault, so it has to come again. */
  | 'untimely'
  /** It is genuine, and not of the form that the provider documents. */
  | 'malformed'
  /** It is genuine, and the raw message is not in it: a setting at the provider has to change. */
  | 'unusable'
  /** It cannot be read now. */
  | 'later';

/** A refusal. */
export interface Refusal {
  readonly kind: RefusalKind;
  /** Why, in words of ours. */
  readonly reason: string;
}

/** The mail in a call. */
export interface ProvidedMail {
  readonly kind: 'mail';
  /** The message, octet by octet; where it is too big, its beginning with the whole header. */
  readonly raw: Uint8Array;
  readonly isTooBig: boolean;
  /** The recipients of the envelope. */
  readonly recipients: readonly string[];
  /** The reverse-path of the envelope, `''` for the null one; undefined where the provider does not give it. */
  readonly reversePath: string | undefined;
  /**
   * The provider's own id of the call, by which a repetition is known; undefined where it gives none: then the digest of
   * the mail and its recipients is the id.
   */
  readonly id: string | undefined;
}

/** A genuine call that brings no mail, such as a test of the provider's; it is answered as taken. */
export interface NoMail {
  readonly kind: 'no-mail';
  /** What it is, in words of ours. */
  readonly reason: string;
}

/** What a verified call brings. */
export type Given = ProvidedMail | NoMail | Refusal;

/** A call that is verified. */
export interface Verified {
  readonly kind: 'verified';
  /** Reads what it brings; `signal` ends a second call to the provider. */
  give(signal: AbortSignal): Promise<Given>;
}

/** How a provider is answered: the HTTP status of each end of a call. */
export interface Statuses {
  readonly taken: number;
  /** The call is not the provider's: it may stop for good. */
  readonly forged: number;
  readonly untimely: number;
  readonly malformed: number;
  /** The provider tries again, while the operator changes the setting. */
  readonly unusable: number;
  readonly later: number;
  /** The body is larger than any mail may be, and unverified. */
  readonly tooLarge: number;
}

/** The statuses that providers have in common; a kind says where it differs. */
export const STATUSES: Statuses = {
  taken: 200,
  forged: 401,
  untimely: 401,
  malformed: 400,
  unusable: 422,
  later: 503,
  tooLarge: 413,
};

/** A provider that is open. */
export interface Provider {
  readonly statuses: Statuses;
  /** Refuses a call by its header alone, before its body is taken, where that tells enough. */
  judgeHeader?(call: Pick<Call, 'fields' | 'at'>): Refusal | undefined;
  /** Says whether a call is genuine. */
  verify(call: Call): Promise<Verified | Refusal>;
  /** Drops its connections, where it has any. */
  close?(): Promise<void>;
}

/** What a provider takes from outside. */
export interface ProviderEnvironment {
  /** The source's table of the configuration, by which problems are named: `webhook.NAME`. */
  readonly key: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: Log;
  /** Gives the size up to which a message is taken, in bytes. */
  readonly mostBytes: () => number;
  /** Gives the path of the store, beside which a source may keep a file of its own. */
  readonly storePath: () => string;
}

/** A provider, or what is wrong with its settings and the files that they name. */
export type OpenedProvider =
  | { readonly ok: true; readonly provider: Provider }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Opens a provider: each kind's module gives one of these as `open`. */
export type OpenProvider = (config: WebhookConfig, environment: ProviderEnvironment) => OpenedProvider;

/** Refuses a call. */
export const refuse = (kind: RefusalKind, reason: string): Refusal => ({ kind, reason });

/** Gives the one value of a field; undefined where it is missing, and where it comes twice. */
export function onlyField(call: Pick<Call, 'fields'>, name: string): string | undefined {
  const values = call.fields.get(name) ?? [];
  return values.length === 1 ? values[0] : undefined;
}
