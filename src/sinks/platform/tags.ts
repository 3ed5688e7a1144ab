/**
 * What looks like HTML in Markdown, for platforms that take it for HTML: there it would vanish, or act.
 *
 * Contract: pure. A tag, a comment and what begins as one is written so that it is read as it was typed. Code, an address in
 * angle brackets and what is escaped already stay as they are. Linear.
 * Limits: an indented line is taken for code below an empty line or other code.
 */

const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const CODE = /((?<![\\`])(`+)(?!`).*?(?<!`)\2(?!`))/;
const TAG = /(?<!\\)<(?=[a-z!/?])(?!(?:https?|mailto):[^\s<>]*>)(?![^\s<>@]{1,64}@[^\s<>@]{1,255}>)/gi;

/** Shows tags as they were typed. */
export function showTags(markdown: string): string {
  let fence: string | undefined;
  let isCode = true; // so far: an indented line here would be code
  return markdown
    .split('\n')
    .map((line) => {
      const mark = FENCE.exec(line)?.[1];
      if (fence !== undefined) {
        if (mark?.startsWith(fence) === true && line.trim() === mark) fence = undefined;
        return line;
      }
      if (mark !== undefined) {
        fence = mark;
        return line;
      }
      isCode = line.trim() === '' || (isCode && /^(?: {4}|\t)/.test(line));
      return isCode ? line : shown(line);
    })
    .join('\n');
}

function shown(line: string): string {
  // The parts are prose, code, and the ticks of that code, in turn.
  return line
    .split(CODE)
    .filter((_, at) => at % 3 !== 2)
    .map((part, at) => (at % 2 === 1 ? part : part.replace(TAG, '&lt;')))
    .join('');
}
