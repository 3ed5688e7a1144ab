// The text of simple HTML, as platforms make it of a comment: paragraphs, items, headings and broken lines on lines of their own.

/** Gives HTML as it is read. */
export function readSimple(html: string): string {
  return html
    .replace(/<br>\n?/g, '\n')
    .replace(/<\/(?:p|li|h\d)>/g, '\n')
    .replace(/<[^>]*>/g, '')
    .replace(/&(lt|gt|quot|amp);/g, (_, name: string) => ({ lt: '<', gt: '>', quot: '"' })[name] ?? '&')
    .trim();
}
