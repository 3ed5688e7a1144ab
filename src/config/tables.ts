/**
 * The kind of setting that is a list of tables, `[[section.name]]` in the file, each with keys of its own.
 *
 * Contract: every problem of every table is given in one go, with its path from the setting on: `[0].thread`. A key whose
 * kind has no default must be there, and two tables never have one `name`.
 */
import type { Column, InsideProblem, Setting } from './kinds.ts';
import { show } from './kinds.ts';
import { isTable, tomlKey, unknownKey } from './names.ts';

/** The kinds of a table's keys, by property. */
type Columns<T> = { readonly [K in keyof T]: Setting<T[K]> };

/** Declares a list of tables. */
export function tables<T extends object>(columns: Columns<T>, doc: string): Setting<readonly T[]> {
  const all = Object.entries<Setting<unknown>>(columns).map(([property, setting]) => {
    return { property, name: tomlKey(property), setting };
  });
  const keys = all.map(({ name, setting }) => `${name}${setting.fallback === undefined ? '' : '?'}`);
  const expects = `a list of tables {${keys.join(', ')}}`;
  const readOne = (value: unknown, at: string, problems: InsideProblem[]): T => {
    const given = isTable(value) ? value : {};
    if (!isTable(value)) problems.push({ path: at, problem: `${show(value)} is not a table` });
    for (const key of Object.keys(given)) {
      if (!all.some(({ name }) => name === key)) problems.push(unknown(key, at, all));
    }
    const read: Record<string, unknown> = {};
    for (const { property, name, setting } of isTable(value) ? all : []) {
      const found = given[name] ?? setting.fallback;
      const result = found === undefined ? undefined : setting.read(found);
      const problem =
        result === undefined ? `is missing; expected ${setting.expects}` : result.ok ? '' : result.problem;
      if (problem !== '') problems.push({ path: `${at}.${name}`, problem });
      if (result?.ok === true) read[property] = result.value;
    }
    return read as T;
  };
  return {
    expects,
    fallback: [],
    doc,
    applies: 'now',
    columns: all,
    read: (value) => {
      if (!Array.isArray(value)) return { ok: false, problem: `${show(value)} is not ${expects}` };
      const inside: InsideProblem[] = [];
      const read = value.map((each, index) => readOne(each, `[${index}]`, inside));
      for (const [index, name] of named(read).entries()) {
        if (name !== undefined && named(read).indexOf(name) < index)
          inside.push({
            path: `[${index}].name`,
            problem: `${show(name)} is another's already; expected its own`,
          });
      }
      const text = inside.map(({ path, problem }) => `${path}: ${problem}`).join('; ');
      return inside.length === 0 ? { ok: true, value: read } : { ok: false, problem: text, inside };
    },
    write: (value) => value.map((each) => written(each, all)),
  };
}

/** Lists what tables are called, where they have names. */
const named = (read: readonly object[]): readonly unknown[] =>
  read.map((each) => ('name' in each ? each.name : undefined));

function unknown(key: string, at: string, all: readonly Column[]): InsideProblem {
  const [name = '', ...rest] = unknownKey(
    key,
    all.map(({ name }) => name),
  ).split(': ');
  return { path: `${at}.${name}`, problem: rest.join(': ') };
}

/** Writes a table as the file has it; what is empty is left out. */
function written(value: object, all: readonly Column[]): Record<string, unknown> {
  const given = new Map(Object.entries(value));
  const pairs = all.map(({ property, name, setting }) => [name, setting.write(given.get(property))] as const);
  return Object.fromEntries(pairs.filter(([, each]) => each !== '' && each !== undefined));
}
