/** Acting as a user by the `Sudo` field, as Gitea, Forgejo and GitLab let an administrator's key do. */
import { type Examined, lacks, member, type PlatformAnswer, refuse } from './client.ts';

/** Writes the field; throws where the name is none that the platform could have. */
export function sudo(login: string): Readonly<Record<string, string>> {
  if (!/^[\x21-\x7e]+$/.test(login)) throw refuse(`no user can be called ${JSON.stringify(login)} there`);
  return { sudo: login };
}

/** Reads whose key it is, by the member that has the login: only an administrator's may act as others. */
export function readSudoer({ status, json }: PlatformAnswer, name: string): Examined {
  const found = member(json, name);
  const login = typeof found === 'string' ? found : 'nobody known';
  const postsAs = `the user of each reply, by the token of ${login}`;
  if (status !== 200 || member(json, 'is_admin') === true) return { postsAs };
  const fix = 'take the token of an account that is: only those may post as others';
  return lacks(`${login} is no administrator`, fix, postsAs);
}
