/** Acting as a user by the `Sudo` field, as Gitea, Forgejo and GitLab let an administrator's key do. */
import { refuse } from './client.ts';

/** Writes the field; throws where the name is none that the platform could have. */
export function sudo(login: string): Readonly<Record<string, string>> {
  if (!/^[\x21-\x7e]+$/.test(login)) throw refuse(`no user can be called ${JSON.stringify(login)} there`);
  return { sudo: login };
}
