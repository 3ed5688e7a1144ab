/** The setting `[[outbound.rule]]`: what mail on its way out is a notification, and of which thread. */
import { parseTemplate } from '../mail/thread-template.ts';
import { isFieldName, isSender } from './forms.ts';
import * as kind from './kinds.ts';
import { tables } from './tables.ts';

/** A rule that recognises notifications on their way out. */
export interface OutboundRule {
  readonly field: string;
  readonly thread: string;
  readonly from: string | undefined;
  readonly repliedTo: string | undefined;
}

const mailAddress = (fallback: '', doc: string): kind.Setting<string> =>
  kind.text(fallback, doc, 'a mail address', (value) => value !== '' && isSender(value));

const fieldName = (fallback: '', doc: string): kind.Setting<string> =>
  kind.text(fallback, doc, 'the name of a field such as "X-Tracker-Time"', isFieldName);

/** The rules. */
export const OUTBOUND_RULES = tables<OutboundRule>(
  {
    field: kind.text(undefined, '', 'the name of a field such as "X-Tracker-Issue"', isFieldName),
    thread: kind.text(
      undefined,
      '',
      'a locator with names of fields in braces such as "issue/{X-Tracker-Issue}"',
      (value) => parseTemplate(value) !== undefined,
    ),
    from: kind.optional(mailAddress)(''),
    repliedTo: kind.optional(fieldName)(''),
  },
  'What mail is a notification: one that has the field "field", once. "thread" is the locator of its thread, "from" the only address of From or of the envelope that the rule is for, "replied_to" a field with the time of the post (Date where there is none). The first rule that fits decides.',
);
