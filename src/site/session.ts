/**
 * What an action works on: what the configuration says, and the open store.
 */
import type { Config } from '../config/config.ts';
import type { Store } from '../store/store.ts';

/** What most actions need. */
export interface Session {
  readonly config: Config;
  readonly store: Store;
}

/** What an action needs that mints or verifies. */
export interface SecretSession extends Session {
  readonly pepper: Uint8Array;
}
