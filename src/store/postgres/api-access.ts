/** ApiAccess in PostgreSQL: addToken, removeToken, tokens, tokenHolder, keepAnswer, keptAnswer. */
import type { ApiAccess } from '../api-access.ts';
import type { Ground } from './ground.ts';
import { unbuilt } from './unbuilt.ts';

/** Gives the port. */
export function apiAccessPort(_ground: Ground): ApiAccess {
  return unbuilt<ApiAccess>(['addToken', 'removeToken', 'tokens', 'tokenHolder', 'keepAnswer', 'keptAnswer']);
}
