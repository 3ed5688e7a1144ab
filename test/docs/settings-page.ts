/** docs/settings.md, made from the table of settings: `npm run docs` writes it, a test holds it to the table. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Setting, show } from '../../src/config/kinds.ts';
import { tomlKey } from '../../src/config/rows.ts';
import { SETTINGS } from '../../src/config/table.ts';
import { WEBHOOK_SETTINGS } from '../../src/sinks/webhook/options.ts';
import { repositoryRoot } from '../support/process.ts';

/** Where the page is. */
export const SETTINGS_PAGE = join(repositoryRoot, 'docs', 'settings.md');

const HEAD = `# Settings

One TOML file, \`/etc/mailgw/mailgw.toml\` unless \`--config\` names another. Unknown keys are errors, and every problem is reported in one go:
\`mailgw-ctl config check\`. Secrets are only ever files, which group and world must not be able to read. This page is made from the program's own table.
`;

/** The options of the built-in sink; a sink reads its own, so they are no settings. */
export const SINK_OPTIONS: readonly {
  readonly key: string;
  readonly doc: string;
  readonly fallback?: string;
}[] = Object.entries(WEBHOOK_SETTINGS).map(([key, setting]) => ({
  key,
  doc: setting.doc,
  ...('unset' in setting && { fallback: setting.unset }),
}));

const SINK = `
## [sink]

Where posts go. \`type = "webhook"\` is built in; an absolute path is a module of your own that exports \`createSink\`
([example](examples/my-sink.js)) and gets the rest of the table.

| key | default | |
|---|---|---|
${SINK_OPTIONS.map(({ key, doc, fallback }) => `| \`${key}\` | ${fallback ?? '–'} | ${doc} |\n`).join('')}`;

/** The page as it should be. */
export function settingsPage(): string {
  const sections = Object.entries(SETTINGS).map(([section, settings]) => {
    const rows = Object.entries<Setting<unknown>>(settings).map(([property, setting]) => {
      const fallback = setting.fallback === undefined ? '–' : `\`${show(setting.fallback)}\``;
      return `| \`${tomlKey(property)}\` | ${fallback} | ${setting.doc} Takes ${setting.expects}. |`;
    });
    return `\n## [${section}]\n\n| key | default | |\n|---|---|---|\n${rows.join('\n')}\n`;
  });
  return `${HEAD}${sections.join('')}${SINK}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(SETTINGS_PAGE, settingsPage());
