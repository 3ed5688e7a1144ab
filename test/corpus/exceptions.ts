/**
 * Pairs that contradict the conventions of corpora/README.md, by file and id, each with the reason; at most 20.
 */
export const EXCEPTIONS: Readonly<Record<string, string>> = {
  'talon-text/std_iphone': 'keeps "Sent from my iPhone", which goes',
  'talon-text/std_sparrow': 'keeps a signature under its delimiter, which goes',
  'crisp/email_1':
    'keeps the signature "-Abhishek Kona" that github and willdurand cut from the same message',
  'crisp/email_15': 'drops the paragraph that stands below "Sent from my phone"; it may have been typed',
  'crisp/email_german_3': 'drops "Hi there!" below the line of a telephone; it may have been typed',
  'crisp/email_with_regards': 'cuts a closing typed by hand, which stays',
  'willdurand/email_15': 'the same message as crisp/email_15',
  'willdurand/email_2':
    'drops the quotes between which the answer stands; github keeps them in the same message',
  'discourse-even/forwarded_gmail': 'drops a forwarded message, which stays',
  'discourse-even/quote_only': 'gives the whole mail where nothing was typed; that is an empty reply',
  'discourse-even/embedded_email_18':
    'gives the whole original, which is not marked, where nothing stands above it',
  'talon-html/test_blockquote_disclaimer':
    'drops a quote that nothing announces and that text follows; it stays',
  'talon-html/test_reply_separated_by_hr': 'drops the name "Bob" typed under the text, which stays',
};
