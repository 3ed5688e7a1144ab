/**
 * Elements that no reader of the mail sees: previews of templates, words for filters.
 *
 * Contract: `isHidden` reads the element's own attributes and style (as styleOf gives it), in all spellings of nothing.
 */
import { attribute, type HtmlNode, isBare } from './tree.ts';

const NOTHING = '0(?:\\.0+)?(?:px|pt|em|rem|ex|%)?(?:!important)?(?:;|$)';
const HIDDEN = new RegExp(
  [
    'display:none',
    'mso-hide:all',
    'visibility:(?:hidden|collapse)',
    `(?:^|;)font-size:${NOTHING}`,
    `(?:^|;)opacity:${NOTHING}`,
    '(?:^|;)(?:text-indent|left|top|margin-left):-\\d{4,}',
    '(?:^|;)color:transparent',
    '(?:^|;)clip:rect\\(0',
  ].join('|'),
);
const NO_SPACE = new RegExp(`(?:^|;)(?:max-)?(?:height|width):${NOTHING}`);

/** Tells whether nothing of the element is shown. */
export function isHidden(node: HtmlNode, style: string): boolean {
  if (isBare(node)) return false;
  if (node.attrs?.some(({ name }) => name === 'hidden') === true) return true;
  if (style === '')
    return attribute(node, 'aria-hidden') === 'true' && node.tagName === 'span' && isEmpty(node);
  return HIDDEN.test(style) || (NO_SPACE.test(style) && /overflow(?:-[xy])?:(?:hidden|clip)/.test(style));
}

const isEmpty = (node: HtmlNode): boolean =>
  (node.childNodes ?? []).every(({ value }) => value?.trim() === '');
