/**
 * HTML as a dialect: Markdown rendered for platforms that keep their texts in HTML.
 *
 * Contract: nothing of the text is lost: raw HTML, and what looks like it, is shown as it was typed; line breaks stay. What
 * comes out are the elements p, br, em, strong, s, code, pre, blockquote, ul, ol, li, a, hr, h1 to h6 and those of tables;
 * links lead to http, https, mailto and such alone. An image is the link to it: a platform is to fetch nothing.
 */
import { createReader, isTooDeep, type Reader } from './markdown.ts';

const renderer = createReader({ breaks: true, linkify: true });

renderer.renderer.rules.image = (tokens, index) => {
  const { escapeHtml } = renderer.utils;
  const token = tokens[index];
  const [source, label] = [String(token?.attrGet('src') ?? ''), plainOf(token?.children ?? [])];
  if (!/^https?:/i.test(source)) return escapeHtml(label);
  return `<a href="${escapeHtml(source)}">${escapeHtml(label === '' ? source : label)}</a>`;
};

type Token = ReturnType<Reader['parse']>[number];

/** Gives the words of an image's label, in which nothing is marked. */
function plainOf(label: readonly Token[]): string {
  return label
    .map(({ type, content, children }) => {
      if (type === 'softbreak' || type === 'hardbreak') return ' ';
      return type === 'image' ? plainOf(children ?? []) : content;
    })
    .join('');
}

/** Renders Markdown; what is nested too deep stays as it was typed. */
export function html(markdown: string): string {
  if (isTooDeep(markdown)) return `<pre>${renderer.utils.escapeHtml(markdown)}</pre>`;
  return renderer.render(markdown).trimEnd();
}
