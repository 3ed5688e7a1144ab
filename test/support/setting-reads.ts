// Loaded into mailgwd before itself (node --import): writes down which module reads which setting, and what it gets.
//
// Contract: one JSON line a read, in the file that SETTING_READS names, in order. It knows a configuration by its being
// frozen, as every one is before anything works with it, and puts accessors in the place of its values.

import { appendFileSync } from 'node:fs';

/** One read of a setting. */
export interface SettingRead {
  /** Section and property, as in Config. */
  readonly setting: string;
  /** The path of the module below dist/src. */
  readonly module: string;
  /** What it got, as JSON. */
  readonly value: string;
}

const target = process.env.SETTING_READS;
const freeze = Object.freeze.bind(Object);

/** The nearest module on the stack that may keep what it reads; undefined where a configuration is only checked. */
function reader(): string | undefined {
  const { stack = '' } = new Error();
  if (
    / at (?:crossCheck|listenProblems|storeProblems|storeFileProblems|namesTwice|changedSettings|settingsInEffect|valueIn) /.test(
      stack,
    )
  )
    return undefined;
  return /\/dist\/src\/((?!mail\/|config\/config\.js)[\w/.-]+\.js)/.exec(stack)?.[1] ?? 'none of ours';
}

function watched(section: string, values: object): object {
  const copy = {};
  for (const [property, value] of Object.entries(values)) {
    const get = (): unknown => {
      const module = reader();
      if (module === undefined) return value;
      const setting = `${section}.${property}`;
      const read: SettingRead = { setting, module, value: value === undefined ? '' : JSON.stringify(value) };
      appendFileSync(target ?? '', `${JSON.stringify(read)}\n`);
      return value;
    };
    Object.defineProperty(copy, property, { get, enumerable: true });
  }
  return freeze(copy);
}

function isConfig(value: unknown): value is Record<string, object> {
  return typeof value === 'object' && value !== null && 'lmtp' in value && 'delivery' in value;
}

if (target !== undefined) {
  Error.stackTraceLimit = 30;
  Object.freeze = (value: unknown) =>
    freeze(
      isConfig(value)
        ? Object.fromEntries(
            Object.entries(value).map(([section, values]) => [
              section,
              section === 'sinks' ? values : watched(section, values),
            ]),
          )
        : value,
    );
}
