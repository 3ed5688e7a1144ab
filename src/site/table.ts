/** The whole table of settings: those that belong to no source, and each source's section in its place. */
import { rowsOf } from '../config/rows.ts';
import { BASE_SETTINGS } from '../config/table.ts';
import { SOURCES } from '../sources/catalogue.ts';

const { reply, store, sender, rate, ...others } = BASE_SETTINGS;
const { lmtp, imap, webhook, ...sources } = SOURCES;

/** The table of a source under its name. */
type SectionsOf<S> = { readonly [K in keyof S]: S[K] extends { readonly settings: infer T } ? T : never };

function sectionsOf<S extends Readonly<Record<string, { readonly settings: object }>>>(
  all: S,
): SectionsOf<S> {
  return Object.fromEntries(
    Object.entries(all).map(([section, { settings }]) => [section, settings]),
  ) as SectionsOf<S>;
}

/** Every setting by section; the source that every site has comes first. */
export const SETTINGS = {
  lmtp: lmtp.settings,
  reply,
  store,
  sender,
  rate,
  ...sectionsOf(sources),
  ...others,
  ...sectionsOf({ imap, webhook }),
} as const;

/** Every row, in the order of docs/settings.md. */
export const ROWS = rowsOf(SETTINGS);
