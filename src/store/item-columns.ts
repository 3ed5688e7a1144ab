/** The columns of an item by the fields that reads give, each written once: both adapters have them. */
import type { MatchRule } from '../mail/disposition.ts';
import type { Authentication } from '../mail/origin.ts';
import type { ItemOrigin, ItemView } from './item.ts';
import type { Nullable } from './item-view.ts';

/** An item's row as reads give it, with null for undefined; `Flag` is what the adapter has for true and false. */
export interface ItemColumns<Flag>
  extends Nullable<ItemView>,
    Nullable<Pick<ItemOrigin, 'userNumber' | 'queueId'>> {
  readonly itemNumber: number;
  /** The thread by which the queue has it in order: of a bounce one of its own. */
  readonly orderedBy: string;
  readonly workerDeaths: number;
  readonly senderPolicy: Authentication['policy'];
  readonly senderResult: Authentication['result'];
  readonly spamFlagged: Flag | null;
  /** The rule that found the thread of a reply without a token. */
  readonly matched: MatchRule | null;
  readonly contentKept: Flag;
  readonly fingerprint: Uint8Array | null;
  readonly written: Uint8Array | null;
  /** The locator of the digest that it came to, and of a part the place of its post. */
  readonly digest: string | null;
  readonly digestPost: number | null;
}

/** The thread that an item belongs to: of a bounce the one that it names. */
export const THREAD = 'coalesce(bounce_thread, thread)';

type Field = keyof ItemColumns<unknown>;

const COLUMNS: Readonly<Record<Exclude<Field, 'user'>, string>> = {
  itemNumber: 'item_number',
  id: 'id',
  state: 'state',
  userNumber: 'user_number',
  thread: THREAD,
  orderedBy: 'thread',
  bounce: 'bounce',
  repliedToAt: 'replied_to_at',
  messageId: 'message_id',
  queueId: 'queue_id',
  reversePath: 'reverse_path',
  receivedAt: 'received_at',
  attempts: 'attempts',
  dueAt: 'due_at',
  leaseUntil: 'lease_until',
  settledAt: 'settled_at',
  workerDeaths: 'worker_deaths',
  holdReason: 'hold_reason',
  lastDiagnostic: 'last_diagnostic',
  senderPolicy: 'sender_policy',
  senderResult: 'sender_result',
  spamScore: 'spam_score',
  spamFlagged: 'spam_flagged',
  fingerprint: 'fingerprint',
  written: 'written',
  matched: 'matched',
  contentKept: 'content_kept',
  bytes: 'bytes',
  digest: 'digest',
  digestPost: 'digest_post',
  lane: 'lane',
};

/** Gives the maker of the list of a SELECT that reads fields, by the column that has the name of the user. */
export function columnsBy(user: 'user' | 'user_name'): (fields: readonly Field[]) => string {
  const columns: Readonly<Record<Field, string>> = { ...COLUMNS, user };
  return (fields) => fields.map((field) => `${columns[field]} AS "${field}"`).join(', ');
}
