/** Tokens of Request Tracker: their form, and whose they are. */
import { NoPost } from '../no-post.ts';
import { member, type PlatformClient, pathOf } from '../platform/client.ts';

const FORM = /^1-(\d{1,10})-[0-9a-f]{32}$/i;

/** Gives the number of the user whose token a text is; undefined where it is none. */
export function userIdOf(token: string): string | undefined {
  return FORM.exec(token)?.[1];
}

/** Writes the header field that proves who we are. */
export function authorisation(token: string): { readonly authorization: string } {
  return { authorization: `token ${token}` };
}

/** Gives the name of the user of a token; undefined where it is refused. */
export async function ownerOf(
  client: PlatformClient,
  token: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const path = pathOf('REST', '2.0', 'user', userIdOf(token) ?? '');
  const answer = await client.ask({ path, headers: authorisation(token) }, signal);
  if (answer.status === 401) return undefined;
  const outcome = client.judge(answer);
  if (outcome.kind !== 'posted') throw new NoPost(outcome);
  const name = member(answer.json, 'Name');
  return typeof name === 'string' ? name : undefined;
}
