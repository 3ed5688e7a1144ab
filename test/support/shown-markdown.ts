// Markdown as a forge shows it: the text that people read.

import { html } from '../../src/sinks/platform/html.ts';

const ENTITIES: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&amp;': '&',
  '&quot;': '"',
  '&#39;': "'",
};

/** Reads a text in Markdown; a paragraph is a line. */
export function shownMarkdown(markdown: string): string {
  return html(markdown.replace(/<!--(?:(?!-->)[^])*-->/g, ''))
    .replace(/<br ?\/?>\n?/g, ' ')
    .replace(/<[a-z/!][^>]*>/g, '')
    .replace(/&(?:lt|gt|amp|quot|#39);/g, (entity) => ENTITIES[entity] ?? entity)
    .trim();
}
