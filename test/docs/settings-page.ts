/** docs/settings.md, made from the table of settings: `npm run docs` writes it, a test holds it to the table. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { show } from '../../src/config/kinds.ts';
import { SINK_PLACE } from '../../src/config/sinks.ts';
import { DEFAULT_SINK, SINK_FORM, SINKS } from '../../src/sinks/catalogue.ts';
import type { SinkSetting } from '../../src/sinks/sink-kind.ts';
import { repositoryRoot } from '../support/process.ts';
import { SETTING_SECTIONS } from './setting-sections.ts';

/** Where the page is. */
export const SETTINGS_PAGE = join(repositoryRoot, 'docs', 'settings.md');

const HEAD = `# Settings

One TOML file, \`/etc/mailgw/mailgw.toml\` unless \`--config\` names another. Unknown keys are errors, and every problem is reported in one go:
\`mailgw-ctl config check\`. Secrets are only ever files, which group and world must not be able to read. This page is made from the program's own table.
`;

/** The options of each built-in sink by its type; a sink reads its own, so they are no settings. The default's come first, under `type`. */
export const SINK_OPTIONS: ReadonlyMap<string, readonly SinkOption[]> = new Map(
  Object.entries(SINKS)
    .sort(([a], [b]) => Number(b === DEFAULT_SINK) - Number(a === DEFAULT_SINK))
    .map(([type, { settings = {} }]) => {
      const shared: Record<string, SinkSetting> =
        type === DEFAULT_SINK ? { type: SINK_FORM.type, ...SINK_PLACE } : {};
      const options = Object.entries({ ...shared, ...settings });
      return [type, options.map(([key, { doc, unset }]) => ({ key, doc, fallback: unset }))];
    }),
);

/** A row of the table of a sink's options. */
export interface SinkOption {
  readonly key: string;
  readonly doc: string;
  readonly fallback: string | undefined;
}

function sinkSection(): string {
  const tables = [...SINK_OPTIONS].map(([type, options]) => {
    const rows = options.map(({ key, doc, fallback }) => `| \`${key}\` | ${fallback ?? '–'} | ${doc} |\n`);
    const heading = type === DEFAULT_SINK ? '' : `\n### [sink] with type = "${type}"\n`;
    return `${heading}\n| key | default | |\n|---|---|---|\n${rows.join('')}`;
  });
  return `
## [sink]

Where posts go: \`type\` names one of the platforms that are built in ([what each needs](platforms.md)), or is the absolute path of a module of your own that exports
\`createSink\` ([example](examples/my-sink.js)) and gets the rest of the table. Several platforms have a \`[[sink]]\` each ([how](platforms.md#several-platforms)).
${tables.join('')}`;
}

/** The page as it should be. */
export function settingsPage(): string {
  const sections = SETTING_SECTIONS.map(({ heading, doc, keys }) => {
    const rows = keys.map(({ name, setting }) => {
      const fallback = setting.fallback === undefined ? '–' : `\`${show(setting.fallback)}\``;
      return `| \`${name}\` | ${fallback} | ${setting.doc} Takes ${setting.expects}. |`;
    });
    const said = doc === undefined ? '' : `\n${doc}\n`;
    return `\n## ${heading}\n${said}\n| key | default | |\n|---|---|---|\n${rows.join('\n')}\n`;
  });
  return `${HEAD}${sections.join('')}${sinkSection()}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(SETTINGS_PAGE, settingsPage());
