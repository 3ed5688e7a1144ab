/**
 * What is different between the settings in effect and new ones, in words; and which of them wait for a restart.
 *
 * Contract: every key that changed is named once, with what the file says now and said before; of sinks' options,
 * of files, and of whatever holds an address only the key is told. Values that mean the same (`"60s"`, `"1min"`) are
 * no change. Of a mailbox or a provider each key is told by the table's name. A secret that systemd read at the start (secret-file.ts) and that was written since is named by every reload
 * until the restart.
 */
import { overlay, valueIn } from '../config/config.ts';
import { type Setting, show } from '../config/kinds.ts';
import type { Row } from '../config/rows.ts';
import type { NamedPepper } from '../config/secret-file.ts';
import { writtenSink } from '../config/sinks.ts';
import { pepperFingerprint } from '../mail/token.ts';
import { showPepper } from './pepper.ts';
import type { Settings } from './settings.ts';
import { ROWS } from './table.ts';
import { isList, tablesOf } from './table-rows.ts';

/** One key that changed. */
export interface SettingChange {
  readonly key: string;
  /** As the file has it; undefined where values are not told. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  /** The key is as it was, and what stands in its file is not. */
  readonly isFileOnly: boolean;
  /** It has no effect before the next start. */
  readonly needsRestart: boolean;
}

/** The fate of a new configuration. */
export type Reloaded =
  | { readonly ok: true; readonly changes: readonly SettingChange[] }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Reloads; `mayVoid` where the operator knows that addresses which are out will be refused. Never rejects. */
export type Reload = (mayVoid: boolean) => Promise<Reloaded>;

/** A change that voids reply addresses that are out: those under these names, or these peppers. */
export interface VoidingChange {
  readonly change: SettingChange;
  readonly without: readonly string[];
}

/**
 * Gives the changes that void reply addresses that are out: a name or a pepper of before is left out, wherever it
 * stood. `mayBeOut` tells of a pepper whether addresses under it may still be good.
 */
export async function voidingChanges(
  before: Settings,
  after: Settings,
  mayBeOut: (pepper: Uint8Array) => Promise<boolean>,
): Promise<readonly VoidingChange[]> {
  const voiding: VoidingChange[] = [];
  for (const change of changedSettings(before, after)) {
    const row = ROWS.find(({ key, setting }) => key === change.key && setting.voids === 'addresses');
    if (row === undefined || change.needsRestart) continue;
    const without =
      row.setting.names === 'secret'
        ? await peppersLeft(before, after, mayBeOut)
        : namesLeft(valueIn(before.config, row), valueIn(after.config, row));
    if (without.length > 0) voiding.push({ change, without });
  }
  return voiding;
}

function namesLeft(before: unknown, after: unknown): readonly string[] {
  const kept = new Set([after].flat().map((name) => String(name).toLowerCase()));
  return [before]
    .flat()
    .map(String)
    .filter((name) => !kept.has(name.toLowerCase()))
    .map(show);
}

async function peppersLeft(
  before: Settings,
  after: Settings,
  mayBeOut: (pepper: Uint8Array) => Promise<boolean>,
): Promise<readonly string[]> {
  const fingerprint = ({ bytes }: NamedPepper): string => showPepper(pepperFingerprint(bytes));
  const kept = new Set(after.peppers.map(fingerprint));
  const left: string[] = [];
  for (const pepper of before.peppers) {
    if (!kept.has(fingerprint(pepper)) && (await mayBeOut(pepper.bytes)))
      left.push(`the pepper ${fingerprint(pepper)}`);
  }
  return left;
}

/** Gives the keys that changed, in the order of docs/settings.md. */
export function changedSettings(before: Settings, after: Settings): SettingChange[] {
  const changes: SettingChange[] = [];
  for (const row of ROWS) {
    if (isSame(valueIn(before.config, row), valueIn(after.config, row))) continue;
    if (isList(row)) changes.push(...changedTables(row, before, after));
    else
      changes.push(
        toldChange(row.key, row.setting, { from: before.written[row.key], to: after.written[row.key] }),
      );
  }
  const [old, now] = [sinkValues(before), sinkValues(after)];
  for (const key of new Set([...old.keys(), ...now.keys()])) {
    if (!isSame(old.get(key), now.get(key))) changes.push({ key, isFileOnly: false, needsRestart: false });
  }
  for (const [key, digest] of after.digests) {
    if (before.digests.get(key) !== digest && !isToldOf(changes, key))
      changes.push({ key, isFileOnly: true, needsRestart: waitsForRestart(key) });
  }
  for (const key of after.stale) {
    if (!isToldOf(changes, key)) changes.push({ key, isFileOnly: true, needsRestart: true });
  }
  return changes;
}

/** Tells whether what a key names is read at the start alone. */
const waitsForRestart = (key: string): boolean =>
  ROWS.some((row) => row.key === key && row.setting.applies === 'restart');

/** Tells whether a key is among the changes, or a table that it stands in. */
const isToldOf = (changes: readonly SettingChange[], key: string): boolean =>
  changes.some((change) => key === change.key || key.startsWith(`${change.key}.`));

/** Tells a change by its values in the file, unless one of them holds an address. */
function toldChange(
  key: string,
  { applies }: Pick<Setting<unknown>, 'applies'>,
  values: { readonly from: unknown; readonly to: unknown },
): SettingChange {
  const [from, to] = [show(values.from), show(values.to)];
  const isTold = !from.includes('@') && !to.includes('@');
  const told = isTold ? { from, to } : {};
  return { key, ...told, isFileOnly: false, needsRestart: applies === 'restart' };
}

/** Gives what changed of a list of tables, table by table; of a program's arguments only that they did. */
function changedTables(row: Row, before: Settings, after: Settings): SettingChange[] {
  const [old, now] = [before, after].map(
    ({ config }) => new Map(tablesOf(config, row).map((table) => [table.key, table.columns])),
  );
  const heading = `[[${row.section}]]`;
  const changes: SettingChange[] = [];
  for (const key of new Set([...(old?.keys() ?? []), ...(now?.keys() ?? [])])) {
    const [was, is] = [old?.get(key), now?.get(key)];
    if (was === undefined || is === undefined) {
      const [from, to] = was === undefined ? ['nothing', heading] : [heading, 'nothing'];
      changes.push({ key, from, to, isFileOnly: false, needsRestart: row.setting.applies === 'restart' });
      continue;
    }
    for (const [at, column] of is.entries()) {
      const values = { from: was[at]?.value, to: column.value };
      if (isSame(values.from, values.to)) continue;
      const { setting } = column;
      const isSecret = Array.isArray(column.value) && column.property.endsWith('Command');
      changes.push(
        isSecret
          ? { key: column.key, isFileOnly: false, needsRestart: false }
          : toldChange(column.key, row.setting, {
              from: setting.write(values.from),
              to: setting.write(values.to),
            }),
      );
    }
  }
  // The order of tables is nothing that anybody reads.
  return changes;
}

/** Gives what the tables of sinks say, by the keys that people know it by. */
function sinkValues({ config }: Settings): ReadonlyMap<string, unknown> {
  const values = config.sinks.flatMap((sink) =>
    Object.entries(writtenSink(sink)).map(([own, value]) => [`${sink.key}.${own}`, value] as const),
  );
  return new Map(values);
}

/** Gives the new settings, with the old ones where only a start can change them. */
export function settingsInEffect(before: Settings, after: Settings): Settings {
  return { ...after, ...overlay(ROWS, before, after) };
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
