// A command line of mailgw-ctl read by the tables that the tool itself is made from, as far as the line goes: prose
// names commands without their arguments, and options without their values.

import assert from 'node:assert/strict';
import type { CommandGroup, CommandSpec, OptionSpec } from '../../src/ctl/command.ts';
import { GLOBAL_OPTIONS, HELP_OPTION, loadEntries, VERSION_OPTION } from '../../src/ctl/commands.ts';

const ENTRIES = await loadEntries();

const EVERYWHERE = [...GLOBAL_OPTIONS, HELP_OPTION, VERSION_OPTION];

const longName = ({ flags }: OptionSpec): string => /--[a-z-]+/.exec(flags)?.[0] ?? '';
const nameOf = (entry: CommandGroup | CommandSpec): string =>
  'commands' in entry ? entry.name : (entry.words.split(' ')[0] ?? '');

/** The words of groups of commands, such as `queue`. */
export const GROUPS: readonly string[] = ENTRIES.filter((entry) => 'commands' in entry).map(nameOf);

/** What stands behind the words of a command. */
interface Rest {
  readonly args: readonly string[];
  readonly given: ReadonlySet<string>;
  /** Whether the line ends with an option whose value is missing. */
  readonly isCut: boolean;
}

/**
 * Reads a line without the program's name: whether it can be run, because nothing that is required is missing. Throws,
 * naming `where`, for commands, options and values that do not exist.
 */
export function canRun(words: readonly string[], where: string): boolean {
  const isValue = (index: number): boolean =>
    GLOBAL_OPTIONS.some((option) => option.flags.includes('<') && longName(option) === words[index - 1]);
  const first = words.findIndex((word, index) => !word.startsWith('-') && !isValue(index));
  const [spec, length] = first === -1 ? [undefined, 0] : findCommand(words.slice(first), where);
  const options = [...EVERYWHERE, ...(spec?.options ?? [])];
  const before = first === -1 ? words : words.slice(0, first);
  const rest = readRest(options, [...before, ...(first === -1 ? [] : words.slice(first + length))], where);
  return spec !== undefined && isWhole(spec, rest);
}

/** The command that the words name, if they name a whole one, and how many of them do. */
function findCommand(words: readonly string[], where: string): [CommandSpec | undefined, number] {
  const [name = '', below] = words;
  const entry = ENTRIES.find((each) => nameOf(each) === name);
  assert.ok(entry !== undefined, `${where}: there is no command ${name}`);
  if (!('commands' in entry)) return [entry, 1];
  if (below === undefined || below.startsWith('-')) return [undefined, 1];
  const spec = entry.commands.find((each) => nameOf(each) === below);
  assert.ok(spec !== undefined, `${where}: there is no command ${name} ${below}`);
  return [spec, 2];
}

function readRest(options: readonly OptionSpec[], words: readonly string[], where: string): Rest {
  const args: string[] = [];
  const given = new Set<string>();
  let awaited: OptionSpec | undefined;
  for (const word of words) {
    if (awaited !== undefined) {
      assert.ok(awaited.values?.includes(word) ?? true, `${where}: ${word} is no value of ${awaited.flags}`);
      awaited = undefined;
    } else if (word.startsWith('-') && word !== '-') {
      const option = options.find((each) => longName(each) === word);
      assert.ok(option !== undefined, `${where}: there is no option ${word}`);
      given.add(word);
      if (option.flags.includes('<')) awaited = option;
    } else args.push(word);
  }
  return { args, given, isCut: awaited !== undefined };
}

function isWhole(spec: CommandSpec, { args, given, isCut }: Rest): boolean {
  const required = (spec.words.match(/<[^>]*>/g) ?? []).length;
  // Either ids or filters: a line with neither only names the command.
  const isAboutNothing = spec.words.includes('[id...]') && args.length === 0 && given.size === 0;
  const isGiven = (option: OptionSpec): boolean => option.required !== true || given.has(longName(option));
  return !isCut && !isAboutNothing && args.length >= required && (spec.options ?? []).every(isGiven);
}
