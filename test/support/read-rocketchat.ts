// A message of Rocket.Chat as people read it, by the rules of its parser (RocketChat/Rocket.Chat,
// packages/message-parser/src/grammar.pegjs), in which nothing escapes a mark.

/** Gives the text that is read, a line for each that is shown. */
export function readRocketChat(message: string): string {
  let isCode = false;
  return message
    .split('\n')
    .flatMap((line) => {
      if (/^```[\w .-]*$/.test(line)) {
        isCode = !isCode;
        return [];
      }
      return [isCode ? line : block(line)];
    })
    .filter((line) => line.trim() !== '')
    .join('\n');
}

/** Blocks: quotes, headings, lists. */
function block(line: string): string {
  const quote = /^>[ \t]*(.*)$/.exec(line);
  if (quote !== null) return block(quote[1] ?? '');
  const heading = /^#{1,4}[ \t]+(.+)$/.exec(line);
  if (heading !== null) return heading[1] ?? '';
  const item = /^(?:-|\*|\d+\.)[ \t]+(.+)$/.exec(line);
  return inline(item?.[1] ?? line);
}

/** Rules of a line in the order in which they are tried: what is read of what they match. */
const RULES: readonly (readonly [RegExp, (match: RegExpExecArray) => string])[] = [
  [/^`([^`\n]+)`/, ([, code = '']) => code],
  [/^\[([^\]]*)\]\((\S+?)\)/, ([, title = '', url = '']) => (title === '' ? url : inline(title))],
  [/^<[^|>\s]+\|([^>]+)>/, ([, title = '']) => title],
  [/^https?:\/\/\S+/, ([url]) => url],
  [/^\|\|(.+?)\|\|/, ([, hidden = '']) => inline(hidden)],
  [/^(?:\*+[ \t]+\*+|_+[ \t]+_+|~+[ \t]+~+)/, ([blank]) => blank],
  [/^(?:\*\*([^*\n]+)\*\*|\*([^*\n]+)\*)/, ([, two, one = '']) => inline(two ?? one)],
  [/^[a-zA-Z0-9]+__?/, ([plain]) => plain],
  [/^(?:__[^_\n]+__[a-zA-Z0-9]+|_[^_\n]+_[a-zA-Z]+)/, ([plain]) => plain],
  [/^(?:__([^_\n]+)__|_([^_\n]+)_)/, ([, two, one = '']) => inline(two ?? one)],
  [/^(?:~~([^~\n]+)~~|~([^~\n]+)~)/, ([, two, one = '']) => inline(two ?? one)],
  [/^[^*_~`:\n<[\]! \t()\\|h]+/, ([plain]) => plain],
  [/^[\s\S]/, ([any]) => any],
];

function inline(text: string): string {
  let [rest, read] = [text, ''];
  while (rest !== '') {
    for (const [rule, reads] of RULES) {
      const match = rule.exec(rest);
      if (match === null) continue;
      read += reads(match);
      rest = rest.slice(match[0].length);
      break;
    }
  }
  return read;
}
