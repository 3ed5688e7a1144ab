/** What main.ts hands on: everything that begins while the rest of the daemon is still being loaded. */
import type { CommitMeasures } from '../observe/commit-measures.ts';
import type { Settings } from '../site/settings.ts';
import type { StoreWatch } from '../site/store-watch.ts';
import type { Store } from '../store/store.ts';

/** The things that main.ts has begun. */
export interface Beginning {
  /** The configuration's file. */
  readonly path: string;
  readonly settings: Settings;
  /** The store, on its way. */
  readonly opening: Promise<Store>;
  readonly commits: CommitMeasures;
  /** Resolves when the store breaks while it is open. */
  readonly broken: Promise<Error>;
  /** The news of the store's files. */
  readonly news: StoreWatch;
}
