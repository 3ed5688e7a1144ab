/**
 * Personal access tokens of Mattermost's users, which post as them (api/v4/source/users.yaml, CreateUserAccessToken: server 4.1
 * and newer, for whom has the permission `create_user_access_token`).
 */
import { NoPost } from '../no-post.ts';
import { member, type PlatformClient, unexpected } from '../platform/client.ts';

/** Writes the header field that proves who posts. */
export function bearer(token: string): { readonly authorization: string } {
  return { authorization: `Bearer ${token}` };
}

/** Gives the name of the user of a token; undefined where it is refused, and a rejection where that is not to be known. */
export async function ownerOf(
  client: PlatformClient,
  token: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const answer = await client.ask({ path: '/api/v4/users/me', headers: bearer(token) }, signal);
  if (answer.status === 401) return undefined;
  const outcome = client.judge(answer);
  if (outcome.kind !== 'posted') throw new NoPost(outcome);
  const name = member(answer.json, 'username');
  if (typeof name !== 'string') throw unexpected(answer, 'the answer names no user');
  return name;
}
