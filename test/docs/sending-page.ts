/** The mail and the examples in docs/sending.md, from their files: `npm run docs` writes them, a test holds the page to them. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { repositoryRoot } from '../support/process.ts';
import { fenced, replaceSection } from './sections.ts';

/** Where the page is. */
export const SENDING_PAGE = join(repositoryRoot, 'docs', 'sending.md');

const EXAMPLES = join(repositoryRoot, 'docs', 'examples', 'sending');

/** The mail, as test/outbound/compose.test.ts holds it to what is sent. */
const MAIL = join(repositoryRoot, 'test', 'outbound', 'golden', 'full.eml');

/** What an example's block is marked with. */
const LANGUAGES: Readonly<Record<string, string>> = {
  mjs: 'js',
  py: 'python',
  php: 'php',
  rb: 'ruby',
  go: 'go',
};

/** The page as it should be. */
export function sendingPage(page: string): string {
  const withMail = replaceSection(page, 'mail', fenced('text', readFileSync(MAIL, 'utf8')));
  return readdirSync(EXAMPLES).reduce((made, name) => {
    const language = LANGUAGES[name.replace(/.*\./, '')] ?? 'text';
    return replaceSection(made, name, fenced(language, readFileSync(join(EXAMPLES, name), 'utf8')));
  }, withMail);
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(SENDING_PAGE, sendingPage(readFileSync(SENDING_PAGE, 'utf8')));
