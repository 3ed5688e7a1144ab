/**
 * A ticket of Request Tracker: its locator, and a look at it before something is posted.
 *
 * Contract: the locator is `ticket/N`. Request Tracker answers 400 to a reply that is not to be, whatever the reason is,
 * and takes replies to a ticket that is deleted; so the ticket is looked at first, and what follows rests on that.
 */

import { NoPost } from '../no-post.ts';
import { member, members, type PlatformClient, pathOf, refuse, unexpected } from '../platform/client.ts';
import type { Outcome } from '../sink.ts';

/** The ways to post into a ticket. */
export type PostAs = 'correspond' | 'comment';

/** Whose token a request bears: the account of `token_file`, or the user who wrote. */
export type Poster =
  | { readonly is: 'bot' }
  | { readonly is: 'user'; readonly user: string; readonly headers: Readonly<Record<string, string>> };

/** A ticket as the poster sees it. */
export interface SeenTicket {
  readonly id: string;
  /** Tells whether the poster has the right that a post needs, as far as it is told. */
  readonly mayPost: boolean;
}

/** Writes the locator of a ticket. */
export function ticketThread(id: string): string {
  return `ticket/${id}`;
}

/** Reads a locator: the number of its ticket. */
export function ticketOf(thread: string | undefined): string {
  const id = /^ticket\/([1-9]\d{0,9})$/.exec(thread ?? '')?.[1];
  if (id === undefined)
    throw refuse(
      `the thread ${JSON.stringify(thread ?? '')} is no ticket of Request Tracker; expected ticket/N`,
    );
  return id;
}

/** Looks at the ticket; throws where it takes no post. */
export async function seeTicket(
  client: PlatformClient,
  id: string,
  { as, by, closed }: { readonly as: PostAs; readonly by: Poster; readonly closed: readonly string[] },
  signal: AbortSignal,
): Promise<SeenTicket> {
  const headers = by.is === 'bot' ? {} : by.headers;
  const answer = await client.ask({ path: pathOf('REST', '2.0', 'ticket', id), headers }, signal);
  if (answer.status === 403 && answer.json !== undefined)
    throw new NoPost(lacking(by, 'ShowTicket', id, answer.status));
  const outcome = client.judge(answer);
  if (outcome.kind !== 'posted') throw new NoPost(outcome);
  const status = member(answer.json, 'Status');
  if (typeof status !== 'string') throw unexpected(answer, 'the answer is no ticket');
  if (closed.includes(status)) throw refuse(`ticket ${id} is ${status} and takes no replies`);
  return { id, mayPost: offers(answer.json, as) };
}

/** Tells whether a ticket of an answer offers a way to post. */
export function offers(ticket: unknown, as: PostAs): boolean {
  return members(member(ticket, '_hyperlinks')).some((link) => member(link, 'ref') === as);
}

/** Gives the name of the right that a way to post needs. */
export function rightFor(as: PostAs): string {
  return as === 'correspond' ? 'ReplyToTicket' : 'CommentOnTicket';
}

/** Gives the outcome where a right is missing: an operator's matter of the account, and an answer to a user. */
export function lacking(by: Poster, right: string, id: string, status: number): Outcome {
  if (by.is === 'user')
    return { kind: 'failed', status, diagnostic: `${by.user} has no right ${right} on ticket ${id}` };
  const diagnostic = `the account of token_file has no right ${right} on ticket ${id}`;
  return { kind: 'deferred', broken: true, status, diagnostic };
}
