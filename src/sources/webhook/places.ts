/**
 * The places of a site's providers: the path of each, with the provider that is open behind it.
 *
 * Contract: a reload opens them anew, and calls under way end on the one that they began with. A provider that cannot be
 * opened stays a place: its calls are put off, and it says why, until its operator has mended it.
 */

import { errorText } from '../../system/error-text.ts';
import type { SourceView } from '../source.ts';
import { KINDS } from './kinds.ts';
import type { Provider, ProviderEnvironment } from './provider.ts';
import { pathOf, type WebhookConfig } from './settings.ts';

/** A place. */
export interface Place {
  readonly config: WebhookConfig;
  /** The provider, or why there is none. */
  readonly open: { readonly provider: Provider } | { readonly problem: string };
}

/** What places stand on. */
export type PlacesOptions = Omit<ProviderEnvironment, 'key'>;

/** Opens all of them, by their paths. */
export async function openPlaces(
  configs: readonly WebhookConfig[],
  options: PlacesOptions,
): Promise<ReadonlyMap<string, Place>> {
  const opened = configs.map(async (config): Promise<[string, Place]> => {
    const open = await openPlace(config, { ...options, key: `webhook.${config.name}` });
    if ('problem' in open) options.log('webhook_broken', { source: config.name, reason: open.problem });
    return [pathOf(config), { config, open }];
  });
  return new Map(await Promise.all(opened));
}

async function openPlace(config: WebhookConfig, environment: ProviderEnvironment): Promise<Place['open']> {
  try {
    const { open } = await KINDS[config.kind]();
    const opened = open(config, environment);
    return opened.ok ? opened : { problem: opened.problems.join('; ') };
  } catch (error) {
    return { problem: errorText(error) };
  }
}

/** Closes them. */
export async function closePlaces(places: ReadonlyMap<string, Place>): Promise<void> {
  const open = [...places.values()].flatMap((place) =>
    'provider' in place.open ? [place.open.provider] : [],
  );
  await Promise.allSettled(open.map(async (provider) => provider.close?.()));
}

/** Tells of them. */
export function viewPlaces(places: ReadonlyMap<string, Place>): readonly SourceView[] {
  return [...places.values()].map(({ config: { name }, open }) => {
    return 'problem' in open
      ? { name, kind: 'webhook', state: 'broken', reason: open.problem }
      : { name, kind: 'webhook', state: 'serving' };
  });
}
