/**
 * `mailgw-ctl config`: checks the configuration, and shows it with every default.
 *
 * Contract: `check` finds every problem in one go, those of the pepper and the sink included; 78 when there is one.
 * `show` never prints a secret: what a sink's options call one is hidden.
 */

import { EXIT, Fault } from '../../actions/fault.ts';
import { EACH } from '../../config/rows.ts';
import { readPeppers } from '../../config/secret-file.ts';
import { isDivided, writtenSink } from '../../config/sinks.ts';
import { settingLines, tomlKeyText, tomlValue } from '../../config/text.ts';
import { isBuiltIn, settingsOf } from '../../sinks/catalogue.ts';
import type { SinkTable } from '../../sinks/sink-kind.ts';
import type { Config } from '../../site/config.ts';
import { loadConfig } from '../../site/config.ts';
import { readNoticeTexts } from '../../site/notices.ts';
import { distrustedPlaces } from '../../site/settings.ts';
import { closeSinks, openSinks } from '../../site/sinks.ts';
import { ROWS } from '../../site/table.ts';
import type { CommandGroup, CommandSpec, Context } from '../command.ts';
import { becomeStoreOwner } from '../owner.ts';
import { openConfig } from '../session.ts';
import { printDone, printObject, printText } from '../terminal/print.ts';

const check: CommandSpec = {
  words: 'check',
  summary: 'read the configuration and its secrets, and name every problem',
  examples: ['check', 'check --config ./mailgw.toml'],
  run: async (_input, context) => {
    const loaded = loadConfig(context.configPath);
    const problems = loaded.ok ? await furtherProblems(loaded.config, context.configPath) : loaded.problems;
    const texts = loaded.ok ? readNoticeTexts(loaded.config) : undefined;
    const notes = texts?.ok === true ? texts.notes : [];
    const row = { config: context.configPath, ok: problems.length === 0, problems, notes };
    if (problems.length > 0) {
      if (context.output.json) printObject(context.output, row);
      throw new Fault(EXIT.configuration, problems);
    }
    printDone(context.output, row, [...notes, `${context.configPath}: no problem found`].join('\n'));
  },
};

const show: CommandSpec = {
  words: 'show',
  summary: 'print the configuration in effect, defaults included',
  examples: ['show', 'show --json'],
  run: (_input, context) => {
    const config = openConfig(context);
    if (context.output.json) showObjects(config, context);
    else printText(context.output, showToml(config));
  },
};

/** The commands on the configuration. */
export const configGroup: CommandGroup = {
  name: 'config',
  summary: 'check and show the configuration',
  commands: [check, show],
};

/** Checks the pepper, the texts of notices, and the sink, which reads its own options. */
async function furtherProblems(config: Config, path: string): Promise<string[]> {
  const distrusted = distrustedPlaces(path, config);
  const peppers = readPeppers(config);
  // A site's own sink is code: root must not run what the service user may have written.
  if (!config.sinks.every(({ options }) => isBuiltIn(options))) becomeStoreOwner(config.store.path);
  const opened = await openSinks(config);
  if (opened.ok) await closeSinks(opened.sinks);
  const texts = readNoticeTexts(config);
  return [
    ...distrusted,
    ...(peppers.ok ? [] : peppers.problems),
    ...(opened.ok ? [] : opened.problems),
    ...(texts.ok ? [] : texts.problems),
  ];
}

function showObjects(config: Config, context: Context): void {
  for (const { property, key, setting, value, isDefault } of settingLines(ROWS, config)) {
    const shown = property === EACH ? tablesIn(value) : value;
    printObject(context.output, { key, value: shown, default: isDefault, doc: setting.doc });
  }
  const options = config.sinks.flatMap((sink) =>
    Object.entries(writtenSink(sink)).map(([key, value]) => ({ sink, key, value })),
  );
  for (const { sink, key, value } of options) {
    printObject(context.output, {
      key: `${sink.key}.${key}`,
      value: hidden(sink.options, key, value),
      default: false,
      doc: null,
    });
  }
}

function showToml(config: Config): string {
  const lines: string[] = [];
  let current = '';
  for (const { section, property, name, value, isDefault } of settingLines(ROWS, config)) {
    if (property === EACH) {
      for (const table of tablesIn(value)) {
        lines.push('', `[[${section}]]`);
        for (const [key, inner] of Object.entries(table)) lines.push(`${key} = ${tomlValue(inner)}`);
      }
      continue;
    }
    if (section !== current) lines.push(...(current === '' ? [] : ['']), `[${section}]`);
    current = section;
    lines.push(`${name} = ${tomlValue(value)}${isDefault ? '  # default' : ''}`);
  }
  for (const sink of config.sinks) {
    lines.push('', isDivided(config.sinks) ? '[[sink]]' : '[sink]');
    for (const [key, value] of Object.entries(writtenSink(sink)))
      lines.push(`${tomlKeyText(key)} = ${tomlValue(hidden(sink.options, key, value))}`);
  }
  return lines.join('\n');
}

/** Gives the tables of a list as they are shown: the arguments of a program may be a secret. */
function tablesIn(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  if (!Array.isArray(value)) return [];
  return value.map((table: Readonly<Record<string, unknown>>) => {
    const shown = Object.entries(table).map(([key, inner]): readonly [string, unknown] => {
      if (!key.endsWith('_command') || !Array.isArray(inner)) return [key, inner];
      return [key, inner.map((word: unknown, at) => (at === 0 ? word : '(hidden)'))];
    });
    return Object.fromEntries(shown);
  });
}

/**
 * Hides what may be a secret in the options of a sink: a site's own may take one in the file, against advice. Settings of
 * built-in sinks are none, and what should be a file is shown.
 */
function hidden(table: SinkTable, key: string, value: unknown): unknown {
  if (Object.hasOwn(settingsOf(table) ?? {}, key)) return value;
  const isNamedSo =
    /secret|token|passw|credential|authorization|api_?key/i.test(key) && !key.endsWith('_file');
  if (isNamedSo) return '(hidden)';
  if (typeof value === 'string') return value.replace(/\/\/[^/\s]*@/, '//(hidden)@');
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Date)
    return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, hidden({}, name, inner)]));
}
