/**
 * What speaks for a cut, and when that is enough.
 *
 * Contract: everything that ends a reply, or takes a stretch out of it, is a {@link Cut} with the signs that speak
 * for it. A cut needs two signs of different kinds, one of which is proof: form alone (labels, a date and a name, a
 * rule, a word of lawyers) takes nothing away.
 */

/** A sign in the look of a line; such signs add up to nothing by themselves. */
export type FormSign =
  | 'address'
  | 'banner-words'
  | 'blockquote'
  | 'colon'
  | 'date'
  | 'device'
  | 'heading'
  | 'labels'
  | 'legal-words'
  | 'lines-below'
  | 'link'
  | 'message-word'
  | 'name'
  | 'reply-words'
  | 'rule'
  | 'short-lines'
  | 'time'
  | 'verb';

/**
 * A sign that the text is not the writer's: the original is known (`known-…`), it carries quote marks
 * (`quote-marks`), the mail's markup says so (`markup`), a client's frame or header block stands above it (`frame`,
 * `header-block`), an attribution names whose address it was (`mailbox`) or who wrote when (`writer`); a signature
 * has its delimiter (`delimiter`) or nothing typed below it (`last`); a filter's banner stands above all (`first`).
 */
export type ProofSign =
  | 'delimiter'
  | 'first'
  | 'frame'
  | 'header-block'
  | 'known-address'
  | 'known-line'
  | 'known-name'
  | 'known-subject'
  | 'last'
  | 'mailbox'
  | 'markup'
  | 'quote-marks'
  | 'writer';

/** One sign. */
export type Sign = FormSign | ProofSign;

/** The kind of a text that was taken out of the reply. */
export type CutKind = 'quote' | 'original' | 'signature' | 'footer' | 'banner';

/** One stretch that is not in the reply, and why. */
export interface Cut {
  readonly what: CutKind;
  readonly signs: readonly Sign[];
}

const FORM: ReadonlySet<Sign> = new Set<FormSign>([
  'address',
  'banner-words',
  'blockquote',
  'colon',
  'date',
  'device',
  'heading',
  'labels',
  'legal-words',
  'lines-below',
  'link',
  'message-word',
  'name',
  'reply-words',
  'rule',
  'short-lines',
  'time',
  'verb',
]);

/** Tells whether a sign is form alone. */
export const isForm = (sign: Sign): boolean => FORM.has(sign);

/** Tells whether these signs allow a cut: two, and one of them no form. */
export function isProven(signs: readonly Sign[]): boolean {
  return signs.some((sign) => !isForm(sign)) && signs.some((sign) => sign !== signs[0]);
}
