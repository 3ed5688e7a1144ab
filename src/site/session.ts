/**
 * What an action works on: what the configuration says, and the open store.
 */

import type { NamedPeppers } from '../config/secret-file.ts';
import type { Store } from '../store/store.ts';
import type { Config } from './config.ts';

/** The session of most actions. */
export interface Session {
  readonly config: Config;
  readonly store: Store;
}

/** The session of an action that mints or verifies. */
export interface SecretSession extends Session {
  readonly peppers: NamedPeppers;
}
