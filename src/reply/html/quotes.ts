/**
 * The marks that mail clients leave on the tree around quotes and signatures.
 *
 * Contract: `markOf` looks at one element. `quote` wraps an original with its attribution; `opening` stands where the
 * original begins and has no end; `forward` wraps what is sent on; `rule` draws the line above a header block; `cite`
 * is a quoting blockquote, `citation` one that the writer made, `blockquote` one that nothing tells apart;
 * `signature` wraps what was not typed. The marks are evidence for the same rules that judge plain text, so that a
 * quote which is answered inside is treated as any interleaved quote.
 */
import { FACT } from '../text/evidence.ts';
import { makeLine } from '../text/lines.ts';
import { FORWARDED } from '../text/words.ts';
import { attribute, classesOf, firstWords, type HtmlNode, idOf, openingText } from './tree.ts';

/** The mark that an element sets. */
export type Mark =
  | 'quote'
  | 'opening'
  | 'forward'
  | 'rule'
  | 'cite'
  | 'citation'
  | 'blockquote'
  | 'signature';

const QUOTE_CLASSES = new Set([
  'gmail_quote',
  'gmail_quote_container',
  'yahoo_quoted',
  'protonmail_quote',
  'tutanota_quote',
  'zmail_extra',
  'skiff_quote',
  'front-blockquote',
]);
const QUOTE_IDS = new Set([
  'OLK_SRC_BODY_SECTION',
  'cm_replymail_content_wrap',
  'isReplyContent',
  'reply139content',
  'origbody',
  'mailcontent',
  'mail-editor-reference-message-container',
  'oriMsgHtmlSeperator',
]);
const OPENING_IDS = new Set(['divRplyFwdMsg', 'appendonsend', 'stopSpelling', 'replySplit', 'zwchr']);
const SIGNATURE_CLASSES = new Set([
  'gmail_signature',
  'gmail_signature_prefix',
  'moz-signature',
  'protonmail_signature_block',
  'tutanota_signature',
  'front-signature',
  'missive_signature',
  'bloop_sign',
  'yahoo-signature',
]);
const SIGNATURE_IDS = new Set([
  'Signature',
  'signature',
  'ms-outlook-mobile-signature',
  'stopSpellingSignature',
  'blue_mail_signature',
  'edo-signature',
  'composer_signature',
]);

function isQuote(node: HtmlNode, classes: readonly string[], id: string): boolean {
  if (classes.some((name) => QUOTE_CLASSES.has(name) || name.endsWith('yahoo_quoted'))) return true;
  if (QUOTE_IDS.has(id) || id.includes('yahoo_quoted')) return true;
  const name = attribute(node, 'name');
  return (
    name === 'messageReplySection' || name === 'quote' || attribute(node, 'data-marker') === '__QUOTED_TEXT__'
  );
}

function isSignature(node: HtmlNode, classes: readonly string[], id: string): boolean {
  if (classes.some((name) => SIGNATURE_CLASSES.has(name)) || SIGNATURE_IDS.has(id)) return true;
  if (attribute(node, 'data-smartmail') === 'gmail_signature') return true;
  if (attribute(node, 'name') === 'messageSignatureSection') return true;
  return (
    attribute(node, 'data-signatureblock') === 'true' || attribute(node, 'data-marker').startsWith('__SIG_')
  );
}

/** Tells whether a style draws the line that Outlook and Windows Mail put above the header block of the original. */
function drawsRule(style: string): boolean {
  if (!style.includes('border-top')) return false;
  if (/border:none;border-top:solid#?[\da-z]{3,10}1\.0pt;padding:3\.0pt0(?:in|cm|mm)?0/.test(style))
    return true;
  return /padding-top:\d+px/.test(style) && style.includes('border-top-style:solid');
}

/**
 * Reads the mark of a blockquote. A quoting one says so by its type, by a source, by a client's class or by the bar
 * at its side.
 */
function blockquoteMark(node: HtmlNode, classes: readonly string[], inQuote: boolean, style: string): Mark {
  if (attribute(node, 'type') === 'cite' || attribute(node, 'cite') !== '' || classes.includes('iosymail'))
    return 'cite';
  if (inQuote) return 'cite';
  // Outside the quote that Gmail makes, this class is what its own button for citations writes.
  if (classes.includes('gmail_quote')) return 'citation';
  return /border-left(?:-width|-style)?:(?!0|none)/.test(style) ? 'cite' : 'blockquote';
}

/** Tells whether a container of a quote holds a forwarded message, which is content. */
const holdsForward = (node: HtmlNode): boolean => {
  const words = firstWords(node);
  return /^\s*-{8,}/.test(words) && FORWARDED.test(words);
};

/** Tells whether an element begins as an original does: with a date, an address, a field or a frame. */
export function announces(node: HtmlNode): boolean {
  const text = openingText(node);
  const { facts } = makeLine(text, false);
  return (facts & (FACT.dateFirst | FACT.addressFirst | FACT.label)) !== 0 || /^[-_=*]{3,}/.test(text);
}

/** Marks stand in these, and all but the rule and a blockquote's bar in no other. */
const TELLING = new Set(['class', 'id', 'name', 'data-marker', 'data-smartmail', 'data-signatureblock']);
const isTelling = (node: HtmlNode): boolean => node.attrs?.some(({ name }) => TELLING.has(name)) === true;

/**
 * Reads the mark of an element, if it sets any; `inQuote` says whether it stands inside a marked quote, `style` is
 * what styleOf gives.
 */
export function markOf(node: HtmlNode, inQuote: boolean, style: string): Mark | undefined {
  const isBlockquote = node.tagName === 'blockquote';
  if (!isBlockquote && !isTelling(node)) return drawsRule(style) ? 'rule' : undefined;
  const classes = classesOf(node);
  const id = idOf(node);
  if (isBlockquote && !QUOTE_IDS.has(id)) return blockquoteMark(node, classes, inQuote, style);
  if (isQuote(node, classes, id)) return holdsForward(node) ? undefined : 'quote';
  if (isSignature(node, classes, id)) return 'signature';
  if (classes.includes('moz-forward-container')) return 'forward';
  const divider = attribute(node, 'data-marker');
  if (OPENING_IDS.has(id) || divider === '__DIVIDER__' || divider === '__HEADERS__') return 'opening';
  if (classes.includes('moz-cite-prefix') || classes.includes('gmail_attr'))
    return holdsForward(node) ? undefined : 'opening';
  return drawsRule(style) ? 'rule' : undefined;
}
