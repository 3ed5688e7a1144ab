// What processes loaded: V8 writes down every script that ran where NODE_V8_COVERAGE names a folder, when the process ends.

import { readdirSync, readFileSync } from 'node:fs';

/** The files that were loaded, by their paths below dist/ or node_modules/ without an ending, sorted. */
export function loadedScripts(folder: string): string[] {
  const urls = readdirSync(folder).flatMap((file) => {
    const { result } = JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')) as {
      readonly result: readonly { readonly url: string }[];
    };
    return result.map(({ url }) => url);
  });
  const names = urls.map(
    (url) => /\/(?:node_modules|dist)\/((?!node_modules).*)\.[cm]?js$/.exec(url)?.[1] ?? '',
  );
  return [...new Set(names)].sort();
}
