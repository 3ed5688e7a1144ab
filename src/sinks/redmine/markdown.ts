/**
 * Redmine's Markdown as a dialect: Markdown whose text Redmine's own marks find nothing to act upon in.
 *
 * Contract: Redmine looks for macros, links to pages and links by name in what its Markdown has rendered, so that
 * neither a backslash nor an entity stops it: such marks are parted by a joiner that shows nothing. Code in backticks, where
 * Redmine looks for none of them, stays as it is.
 * Standards: Redmine 5.0.4, app/helpers/application_helper.rb (MACROS_RE, parse_wiki_links, LINKS_RE).
 */

/** U+2060: joins what stands beside it, and shows nothing. */
const JOINER = '\u2060';

const CODE = /(^```[^\n]*\n[^]*?^```$|(?<![\\`])`(?!`)[^`\n]+`(?!`))/m;
const LINKED =
  /\b(attachment|document|version|forum|news|message|project|commit|source|export|user)(\\?)(?=[:@#]\S)/g;

/** Writes Markdown for a Redmine that is set to Markdown. */
export function redmineMarkdown(markdown: string): string {
  return markdown
    .split(CODE)
    .map((part, at) => (at % 2 === 1 ? part : inert(part)))
    .join('');
}

function inert(text: string): string {
  return text
    .replace(/(\\?\{)(?=\\?\{)/g, `$1${JOINER}`)
    .replace(/(\\?\[)(?=\\?\[)/g, `$1${JOINER}`)
    .replace(LINKED, `$1${JOINER}$2`)
    .replace(/(?<![A-Za-z0-9])r(?=\d)/g, `r${JOINER}`);
}
