/**
 * Redmine's own notifications of issues, told from their header.
 *
 * Contract: pure. A notification of an issue names it, and its Message-ID says which issue or journal it is about and when
 * that was made, to the second; mail about anything else, reminders among it, is none.
 * Standards: Redmine 5.0.4, app/models/mailer.rb (issue_add, issue_edit, token_for).
 * Limits: nothing in the header tells a private note; the sink does not answer one (redmine.ts).
 */
import { type Header, headerValues } from '../../mail/header.ts';
import type { Recognise } from '../../mail/recognise.ts';

/** `redmine.journal-7.20261129093527.5@example.org`: the kind, its number, the time in UTC, the number of the user. */
const MESSAGE_ID =
  /^<redmine\.(?:issue|journal)-\d{1,10}\.(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.\d{1,10})?@[^\s<>@]+>$/;

/** Makes what recognises the notifications of a Redmine; an empty host is any. */
export function recogniseRedmine(host: string): Recognise {
  return ({ header }) => {
    if (only(header, 'x-mailer') !== 'Redmine') return undefined;
    const from = only(header, 'x-redmine-host');
    if (from === undefined || (host !== '' && from.toLowerCase() !== host.toLowerCase())) return undefined;
    const issue = /^[1-9]\d{0,9}$/.exec(only(header, 'x-redmine-issue-id') ?? '')?.[0];
    const [, year, month, day, hour, minute, second] =
      MESSAGE_ID.exec(only(header, 'message-id') ?? '') ?? [];
    if (issue === undefined || year === undefined) return undefined;
    const repliedTo = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
    return Number.isNaN(repliedTo) ? undefined : { thread: `issue/${issue}`, repliedTo };
  };
}

/** Gives the value of a field that stands once. */
function only(header: Header, name: string): string | undefined {
  const [value, ...more] = headerValues(header, name);
  return more.length === 0 ? value : undefined;
}
