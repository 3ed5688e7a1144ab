/**
 * The context that a platform gives with an address, to have it back with the reply.
 *
 * Failure: an InputFault for a value that is not JSON, or too large.
 */
import type { Contexts } from '../store/contexts.ts';
import { invalid } from './fault.ts';

/** The largest context, as JSON. */
export const MAX_CONTEXT_BYTES = 16 * 1024;

/** A context with the address that it belongs to, as it was minted; times in Unix seconds. */
export interface GivenContext {
  readonly userNumber: number;
  readonly thread: string;
  readonly repliedTo: number;
  readonly expiresAt: number;
  readonly context: unknown;
}

/** Writes a context as JSON, or throws what is wrong with it; to be asked before anything is minted for it. */
export function contextText(context: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(context);
  } catch {
    text = undefined;
  }
  if (text === undefined)
    throw invalid('context', `context: cannot be written as JSON; expected a JSON value`);
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_CONTEXT_BYTES)
    throw invalid('context', `context: has ${bytes} bytes as JSON; expected at most ${MAX_CONTEXT_BYTES}`);
  return text;
}

/** Keeps the contexts of addresses until they expire, all in one commit. */
export async function setContext(
  store: Pick<Contexts, 'setContexts'>,
  ...given: readonly GivenContext[]
): Promise<void> {
  const contexts = given.map(({ userNumber, thread, repliedTo, expiresAt, context }) => ({
    userNumber,
    thread,
    repliedToAt: repliedTo * 1000,
    context: contextText(context),
    expiresAt: expiresAt * 1000,
  }));
  if (contexts.length > 0) await store.setContexts(contexts);
}
