/**
 * The sinks that are built in, a line each, and the answers to what is asked of the one that `[sink]` names.
 *
 * Contract: a sink is its folder, its line here and its test; whoever needs to know something of a sink asks here or asks
 * the opened sink, and none knows it by name. A site's own module is one more kind.
 */
import { text } from '../config/kinds.ts';
import type { Post } from '../reply/post.ts';
import { DISCOURSE_SETTINGS } from './discourse/settings.ts';
import { GITEA_SETTINGS } from './gitea/settings.ts';
import { GITHUB_SETTINGS } from './github/settings.ts';
import { GITLAB_SETTINGS } from './gitlab/settings.ts';
import { MATRIX_SETTINGS } from './matrix/settings.ts';
import { MATTERMOST_SETTINGS } from './mattermost/settings.ts';
import { NoPost } from './no-post.ts';
import { REDMINE_SETTINGS } from './redmine/settings.ts';
import { ROCKETCHAT_SETTINGS } from './rocketchat/settings.ts';
import { RT_SETTINGS } from './rt/settings.ts';
import type { LoadedSink, Preview, SinkEnvironment, SinkKind, SinkSetting, SinkTable } from './sink-kind.ts';
import { WEBHOOK_SETTINGS } from './webhook/settings.ts';
import { WORDPRESS_SETTINGS } from './wordpress/settings.ts';
import { ZAMMAD_SETTINGS } from './zammad/settings.ts';
import { ZULIP_SETTINGS } from './zulip/settings.ts';

/** The built-in sinks by their type in `[sink]`; the code of one is loaded when it is configured. */
export const SINKS: Readonly<Record<string, SinkKind>> = {
  discourse: { settings: DISCOURSE_SETTINGS, load: () => import('./discourse/discourse.ts') },
  gitea: { settings: GITEA_SETTINGS, load: () => import('./gitea/gitea.ts') },
  github: { settings: GITHUB_SETTINGS, load: () => import('./github/github.ts') },
  gitlab: { settings: GITLAB_SETTINGS, load: () => import('./gitlab/gitlab.ts') },
  matrix: { settings: MATRIX_SETTINGS, load: () => import('./matrix/matrix.ts') },
  mattermost: { settings: MATTERMOST_SETTINGS, load: () => import('./mattermost/mattermost.ts') },
  redmine: { settings: REDMINE_SETTINGS, load: () => import('./redmine/redmine.ts') },
  rocketchat: { settings: ROCKETCHAT_SETTINGS, load: () => import('./rocketchat/rocketchat.ts') },
  rt: { settings: RT_SETTINGS, load: () => import('./rt/rt.ts') },
  webhook: { settings: WEBHOOK_SETTINGS, load: () => import('./webhook/webhook.ts') },
  wordpress: { settings: WORDPRESS_SETTINGS, load: () => import('./wordpress/wordpress.ts') },
  zammad: { settings: ZAMMAD_SETTINGS, load: () => import('./zammad/zammad.ts') },
  zulip: { settings: ZULIP_SETTINGS, load: () => import('./zulip/zulip.ts') },
};

/** A site's own module. */
const MODULE: SinkKind = { settings: undefined, load: () => import('./module/module.ts') };

/** The sink of a new configuration. */
export const DEFAULT_SINK = 'webhook';

/** The types of the built-in sinks, as people read them. */
export const SINK_TYPES = Object.keys(SINKS).map((type) => `"${type}"`);

/** What the configuration reads of `[sink]`; the sink reads the rest. */
export const SINK_FORM = {
  expects: `a table with type = "${DEFAULT_SINK}" and its url`,
  type: text(
    undefined,
    `${SINK_TYPES.map((type) => `\`${type}\``).join(', ')}, or the absolute path of a sink module.`,
    `${SINK_TYPES.join(', ')} or the absolute path of a sink module`,
    (type) => kindOf(type) !== undefined,
  ),
};

/** Tells a sink that is built in from one that runs the site's own code. */
export function isBuiltIn(table: SinkTable): boolean {
  return settingsOf(table) !== undefined;
}

/** Gives the settings of the sink; undefined for a module, which alone knows its own. */
export function settingsOf({ type }: SinkTable): Readonly<Record<string, SinkSetting>> | undefined {
  return kindOf(type)?.settings;
}

/** Files that a key of `[sink]` names. */
export interface SinkFiles {
  readonly key: string;
  readonly setting: SinkSetting | undefined;
  readonly paths: readonly string[];
}

/** Gives the files that the table at a path names; a key of a module names some by ending in `_file`. */
export function sinkFiles(table: SinkTable, path = 'sink'): SinkFiles[] {
  const settings = settingsOf(table);
  return Object.entries(table).flatMap(([name, value]) => {
    const setting = settings?.[name];
    const isNaming = settings === undefined ? name.endsWith('_file') : setting?.names !== undefined;
    const paths = [value].flat().filter((path) => typeof path === 'string');
    return isNaming ? [{ key: `${path}.${name}`, setting, paths }] : [];
  });
}

/**
 * Opens the sink; nothing is thrown for what is wrong with its table. Where that is another than `[sink]`, `key` is its path,
 * and problems name it.
 */
export async function loadSink(
  table: SinkTable,
  environment: SinkEnvironment,
  key = 'sink',
): Promise<LoadedSink> {
  const loaded = await load(table, environment);
  if (loaded.ok || key === 'sink') return loaded;
  // A path that holds such a word stays what it is.
  const problems = loaded.problems.map((what) => what.replace(/(^|[\s"(])sink\.(?=[a-z_]+)/g, `$1${key}.`));
  return { ok: false, problems };
}

async function load(table: SinkTable, environment: SinkEnvironment): Promise<LoadedSink> {
  const { type } = table;
  const kind = kindOf(type);
  if (kind !== undefined) return (await kind.load()).open(table, environment);
  const shown = type === undefined ? 'is missing' : `${JSON.stringify(type)} is no sink`;
  return { ok: false, problems: [`sink.type: ${shown}; expected ${SINK_FORM.type.expects}`] };
}

/** Shows what the sink of a table would send of a post, or why it would send nothing. */
export async function previewPost(table: SinkTable, post: Post): Promise<Preview> {
  const sink = await (kindOf(table.type) ?? MODULE).load();
  try {
    return sink.preview(post, table);
  } catch (error) {
    if (!(error instanceof NoPost)) throw error;
    return { body: null, fields: { refused: error.outcome.diagnostic } };
  }
}

function kindOf(type: unknown): SinkKind | undefined {
  if (typeof type !== 'string') return undefined;
  if (type.startsWith('/')) return MODULE;
  return Object.hasOwn(SINKS, type) ? SINKS[type] : undefined;
}
