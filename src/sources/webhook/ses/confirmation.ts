/**
 * A subscription of SNS that waits for the operator's word.
 *
 * Contract: SNS asks once, before any mail, whether we want what the topic brings. The question is kept as a file beside
 * the store, so that it outlives a restart, and no daemon ever answers it: `mailgw-ctl source confirm` does. The answer goes
 * to the pinned topic's own host, with the token alone taken from the question: its SubscribeURL is never followed.
 * Failure: rejects with what the file system said; {@link confirm} says what SNS answered.
 * Standards: Amazon SNS API Reference, ConfirmSubscription. Limits: a token holds for two days there.
 */
import { readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Get } from './get.ts';
import { confirmationPath, type Topic } from './topic.ts';

/** A question that waits. */
export interface Pending {
  readonly topicArn: string;
  readonly token: string;
  /** When it came, in milliseconds since the epoch. */
  readonly at: number;
}

const ANSWER_BYTES = 16 * 1024;
const WITHIN_MS = 10_000;

/** Gives the file of a source's question. */
export function pendingFile(storePath: string, source: string): string {
  return join(dirname(storePath), `subscription-${source}.json`);
}

/** Keeps a question, in place of an older one. */
export async function keepPending(file: string, pending: Pending): Promise<void> {
  await writeFile(`${file}.new`, `${JSON.stringify(pending)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/** Gives the question that waits; undefined where none does. */
export async function readPending(file: string): Promise<Pending | undefined> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const { topicArn, token, at } = JSON.parse(text) as Partial<Pending>;
  return typeof topicArn === 'string' && typeof token === 'string' && typeof at === 'number'
    ? { topicArn, token, at }
    : undefined;
}

/** Forgets the question. */
export async function forgetPending(file: string): Promise<void> {
  await unlink(file);
}

/** The subscription that was made, or why there is none. */
export type Confirmed =
  | { readonly ok: true; readonly subscriptionArn: string }
  | { readonly ok: false; readonly problem: string };

/** Confirms a subscription. */
export async function confirm(pending: Pending, topic: Topic, get: Get): Promise<Confirmed> {
  if (pending.topicArn !== topic.arn)
    return { ok: false, problem: `the question is of ${pending.topicArn}, and topic_arn is ${topic.arn}` };
  const request = {
    origin: `https://${topic.host}`,
    path: confirmationPath(topic, pending.token),
    mostBytes: ANSWER_BYTES,
  };
  const { status, bytes } = await get(request, AbortSignal.timeout(WITHIN_MS));
  const text = bytes.toString('utf8');
  const [, subscriptionArn = ''] = /<SubscriptionArn>([\w:-]{1,400})<\/SubscriptionArn>/.exec(text) ?? [];
  if (status === 200 && subscriptionArn.startsWith(`${topic.arn}:`)) return { ok: true, subscriptionArn };
  const [, code = ''] = /<Code>([A-Za-z]{1,60})<\/Code>/.exec(text) ?? [];
  return { ok: false, problem: `${topic.host} answers ${status}${code === '' ? '' : ` ${code}`}` };
}
