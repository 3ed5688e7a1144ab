// Markdown as people read it once a platform has rendered it: its words, a line for each that is shown.

import MarkdownIt from 'markdown-it';

const renderer = new MarkdownIt({ html: false, breaks: true, linkify: true });

/** Gives the text that is read. */
export function readMarkdown(markdown: string): string {
  return readHtml(renderer.render(markdown));
}

/** Gives the text that is read of HTML as a platform keeps it. */
export function readHtml(html: string): string {
  return html
    .replace(/\n/g, ' ')
    .replace(/<br\s*\/?>|<\/(?:p|li|blockquote|h\d|pre|tr)>/g, '\n')
    .replace(/<[^>]*>/g, '')
    .replace(/&(lt|gt|quot|#39|amp);/g, (_, name: string) => ENTITIES[name] ?? '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join('\n');
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', '#39': "'", amp: '&' };
