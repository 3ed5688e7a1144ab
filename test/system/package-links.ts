// The links of the pages in a package, as a reader of the unpacked package follows them.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { links } from '../docs/pages.ts';

/** The pages below a directory, through symbolic links too. */
function pagesBelow(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => name !== 'node_modules')
    .map((name) => join(directory, name))
    .flatMap((path) => {
      if (!existsSync(path)) return [];
      if (statSync(path).isDirectory()) return pagesBelow(path);
      return path.endsWith('.md') ? [path] : [];
    });
}

/** What the pages below `root` say, and their links that lead nowhere: `PAGE: LINK`. */
export function readLinks(root: string): { count: number; dead: string[] } {
  const all = pagesBelow(root).flatMap((page) =>
    links({ name: page, lines: readFileSync(page, 'utf8').split('\n') }),
  );
  const local = all.filter(({ text }) => !/^(?:https?:|#)/.test(text));
  const isDead = ({ page, text }: { page: string; text: string }): boolean =>
    !existsSync(join(dirname(page), text.replace(/#.*/, '')));
  return {
    count: local.length,
    dead: local.filter(isDead).map(({ page, text }) => `${relative(root, page)}: ${text}`),
  };
}
