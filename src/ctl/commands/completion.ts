/**
 * `mailgw-ctl completion`: what makes a shell complete the command line, written from the table of commands.
 *
 * Contract: the scripts are static; completing starts no program and reads no store. Commands, options, the values of
 * options that have a fixed set, and names of files are completed.
 */

import { badInput } from '../../actions/fault.ts';
import type { CommandGroup, CommandSpec, OptionSpec } from '../command.ts';
import { printObject } from '../terminal/print.ts';

/** The program as completion sees it. */
export interface Completed {
  readonly name: string;
  readonly entries: readonly (CommandGroup | CommandSpec)[];
  /** The options that every command has. */
  readonly options: readonly OptionSpec[];
}

/** The words that may follow some words, and the options. */
interface Place {
  /** The words before, such as `queue list`. */
  readonly path: string;
  readonly words: readonly { readonly name: string; readonly doc: string }[];
  readonly options: readonly Flag[];
  /** Whether arguments are names of files. */
  readonly takesFile: boolean;
}

/** An option by its names; `takes` says what its value is, if it has one. */
interface Flag {
  readonly names: readonly string[];
  readonly doc: string;
  readonly takes: 'nothing' | 'text' | 'file' | readonly string[];
}

const SHELLS: Readonly<Record<string, (name: string, places: readonly Place[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

const SHELL_NAMES = Object.keys(SHELLS);

/** Declares `completion`, for the program that `completed` gives. */
export function completionCommand(completed: () => Promise<Completed>): CommandSpec {
  return {
    words: 'completion <shell>',
    summary: `print the script that makes a shell (${SHELL_NAMES.join(', ')}) complete commands`,
    values: SHELL_NAMES,
    examples: ['completion bash > /etc/bash_completion.d/mailgw-ctl', 'completion fish | source'],
    run: async (input, { output }) => {
      const script = SHELLS[input.argument()];
      if (script === undefined) {
        throw badInput(`completion "${input.argument()}": is not one of ${SHELL_NAMES.join(', ')}`);
      }
      const program = await completed();
      const { name } = program;
      const shell = input.argument();
      const text = `${script(name, placesOf(program))}# Made by "${name} completion ${shell}".\n`;
      if (output.json) printObject(output, { shell, script: text });
      else output.write(text);
    },
  };
}

const firstWord = (words: string): string => words.split(' ', 1)[0] ?? '';

function placesOf({ entries, options }: Completed): readonly Place[] {
  const common = options.map(flagOf);
  const top = entries.map((entry) => ({
    name: 'commands' in entry ? entry.name : firstWord(entry.words),
    doc: entry.summary,
  }));
  const leaf = (spec: CommandSpec, before: string): Place => ({
    path: before + firstWord(spec.words),
    words: (spec.values ?? []).map((name) => ({ name, doc: spec.words.replace(/^.*<|>.*$/g, '') })),
    options: [...(spec.options ?? []).map(flagOf), ...common],
    takesFile: [spec.words, ...(spec.options ?? []).map(({ flags }) => flags.replace(/<.*/, ''))].some(
      (words) => /[<[](?:file|dir)[\].>]/.test(words),
    ),
  });
  const below = entries.flatMap((entry) => {
    if (!('commands' in entry)) return [leaf(entry, '')];
    const words = entry.commands.map(({ words: own, summary }) => ({ name: firstWord(own), doc: summary }));
    const group = { path: entry.name, words, options: common, takesFile: false };
    return [group, ...entry.commands.map((spec) => leaf(spec, `${entry.name} `))];
  });
  return [{ path: '', words: top, options: common, takesFile: false }, ...below];
}

function flagOf({ flags, doc, values }: OptionSpec): Flag {
  // A value in brackets may be left out: what follows completes as if it were.
  const value = /<([^>]*)>/.exec(flags)?.[1];
  const names = flags
    .replace(/<[^>]*>|\[[^\]]*\]/, '')
    .split(/[ ,]+/)
    .filter((name) => name !== '');
  if (value === undefined) return { names, doc, takes: 'nothing' };
  return { names, doc, takes: values ?? (value === 'file' || value === 'dir' ? 'file' : 'text') };
}

/** Collects the options that take a value, by what they take; an option means the same wherever it stands. */
function valuesOf(places: readonly Place[]): ReadonlyMap<string, Exclude<Flag['takes'], 'nothing'>> {
  const found = new Map<string, Exclude<Flag['takes'], 'nothing'>>();
  for (const { names, takes } of places.flatMap(({ options }) => options)) {
    if (takes !== 'nothing') for (const name of names) found.set(name, takes);
  }
  return found;
}

const valued = (places: readonly Place[]): string[] => [...valuesOf(places).keys()];

/** Writes the branches of a `case` on the word before, which end the function where it is an option with a value. */
function valueCases(
  places: readonly Place[],
  complete: (takes: Exclude<Flag['takes'], 'nothing'>) => string,
): string {
  const found = [...valuesOf(places)];
  return found.map(([flag, takes]) => `    ${flag}) ${complete(takes)} return ;;`).join('\n');
}

const namesOf = ({ words, options }: Place): string =>
  [...words.map(({ name }) => name), ...options.flatMap(({ names }) => names)].join(' ');

function bashScript(name: string, places: readonly Place[]): string {
  const words = places.map((place) => {
    const files = place.takesFile ? ' compopt -o default;' : '';
    return `    "${place.path}")${files} words="${namesOf(place)}" ;;`;
  });
  return `_${shellName(name)}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} path= word words= i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case $word in
      ${valued(places).join('|')}) ((i++)) ;;
      -*) ;;
      *) case " ${places
        .map(({ path }) => path.replace(' ', '/'))
        .filter((path) => path !== '')
        .join(' ')} " in
        *" \${path:+$path/}$word "*) path=\${path:+$path/}$word ;;
      esac ;;
    esac
  done
  path=\${path/\\// }
  case $prev in
${valueCases(places, bashValue)}
  esac
  case $path in
${words.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _${shellName(name)} ${name}
`;
}

function bashValue(takes: Exclude<Flag['takes'], 'nothing'>): string {
  if (takes === 'text') return '';
  if (takes === 'file') return 'compopt -o default;';
  return `COMPREPLY=($(compgen -W "${takes.join(' ')}" -- "$cur"));`;
}

const shellName = (name: string): string => name.replaceAll('-', '_');

/** Puts a word in single quotes, for all three shells. */
const quoted = (text: string): string => `'${text.replaceAll("'", '’')}'`;

function zshScript(name: string, places: readonly Place[]): string {
  const described = (names: readonly string[], doc: string): string[] =>
    names.map((word) => quoted(`${word.replaceAll(':', '\\:')}:${doc}`));
  const words = places.map(({ path, words: own, options, takesFile }) => {
    const items = [
      ...own.flatMap((word) => described([word.name], word.doc)),
      ...options.flatMap(({ names, doc }) => described(names, doc)),
    ];
    return `    "${path}") items=(${items.join(' ')})${takesFile ? '; _files' : ''} ;;`;
  });
  return `#compdef ${name}
_${name}() {
  local where= word i
  local -a items known
  known=(${places.map(({ path }) => quoted(path)).join(' ')})
  for ((i = 2; i < CURRENT; i++)); do
    word=$words[i]
    case $word in
      ${valued(places).join('|')}) ((i++)) ;;
      -*) ;;
      *) (( \${known[(Ie)\${where:+$where }$word]} )) && where="\${where:+$where }$word" ;;
    esac
  done
  case $words[CURRENT-1] in
${valueCases(places, zshValue)}
  esac
  case $where in
${words.join('\n')}
  esac
  _describe command items
}
if [[ \${funcstack[1]} = _${name} ]]; then _${name} "$@"; else compdef _${name} ${name}; fi
`;
}

function zshValue(takes: Exclude<Flag['takes'], 'nothing'>): string {
  if (takes === 'text') return '_message value;';
  return takes === 'file' ? '_files;' : `compadd -- ${takes.join(' ')};`;
}

function fishScript(name: string, places: readonly Place[]): string {
  const fn = `__${shellName(name)}_at`;
  const lines = places.flatMap((place) => {
    const when = `-n ${quoted(place.path === '' ? fn : `${fn} ${place.path}`)}`;
    const own = place.words.map(
      (word) => `complete -c ${name} ${when} -a ${word.name} -d ${quoted(word.doc)}`,
    );
    const files = place.takesFile ? [`complete -c ${name} ${when} -F`] : [];
    const options = place.options.map(({ names, doc, takes }) => {
      const spelled = names.map((flag) =>
        flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
      );
      return `complete -c ${name} ${when} ${spelled.join(' ')}${fishValue(takes)} -d ${quoted(doc)}`;
    });
    return [...own, ...files, ...options];
  });
  const known = places.filter(({ path }) => path !== '').map(({ path }) => quoted(path));
  return `function ${fn}
  set -l path
  set -l skip 0
  for word in (commandline -opc)[2..-1]
    if test $skip = 1
      set skip 0
    else if contains -- $word ${valued(places).join(' ')}
      set skip 1
    else if contains -- (string join ' ' -- $path $word) ${known.join(' ')}
      set -a path $word
    end
  end
  test "$path" = "$argv"
end
complete -c ${name} -f
${lines.join('\n')}
`;
}

function fishValue(takes: Flag['takes']): string {
  if (takes === 'nothing') return '';
  if (takes === 'text') return ' -x';
  return takes === 'file' ? ' -r -F' : ` -x -a ${quoted(takes.join(' '))}`;
}
