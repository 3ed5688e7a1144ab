/**
 * Which elements are blocks, which have margins, and which show nothing that a reader of the mail would read.
 */

/** Elements that are left out with all that is in them. */
export const DROPPED = new Set([
  'style',
  'script',
  'head',
  'title',
  'template',
  'noscript',
  'object',
  'iframe',
  'svg',
  'math',
  'select',
  'textarea',
  'audio',
  'video',
]);
/** Blocks with a margin above and below. */
export const PARAGRAPHS = new Set([
  'p',
  'ul',
  'ol',
  'dl',
  'table',
  'pre',
  'blockquote',
  'h1',
  'h2',
  'h3',
  'h4',
  'h5',
  'h6',
  'fieldset',
  'figure',
]);
/** Elements that begin and end a line. */
export const BLOCKS = new Set([
  ...PARAGRAPHS,
  ...[
    'div',
    'section',
    'article',
    'header',
    'footer',
    'main',
    'nav',
    'aside',
    'address',
    'center',
    'form',
    'dd',
    'dt',
    'li',
    'tr',
    'caption',
    'hr',
    'body',
    'html',
  ],
]);
