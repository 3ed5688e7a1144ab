// What people write in the demonstration: a post on the platform, the notification about it, and Alice's reply.
//
// Contract: pure; messages are whole, with CR LF, as a mail program and Postfix would leave them.

import type { Minted } from '../support/daemon.ts';
import { newMessageId } from '../support/message.ts';

/** Who replies. */
export const ALICE = { user: 'alice', name: 'Alice Example', address: 'alice@example.com' } as const;

/** The thread, as the platform has it before anyone replies by mail. */
export const THREAD = {
  locator: 'acme/website/issue/7',
  title: 'The logo is blurred on my phone',
  author: 'bob',
  text: 'The logo in the header is blurred on my phone.\nOn the big screen it is sharp. Any idea?',
} as const;

/** What Alice types; the markup in it must reach the platform as text. */
export const TYPED =
  'Found it: the <img> in the header has no width, so browsers scale it.\nThe attached file is twice the size and stays sharp.';

/** What her mail program puts below. */
export const SIGNATURE = 'Alice Example\nExample Ltd, web team';

/** The file that she attaches: a picture of an envelope. */
export const PICTURE = {
  filename: 'logo@2x.png',
  contentType: 'image/png',
  content: Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAGAAAAAwAgMAAACTeJdcAAAADFBMVEX///8fOl/b5/PIPDIYI/jrAAAA1UlEQVR42s3UwQ3CMAwF0G7ASEyR' +
      'SPTOhSWYIiPkkHDoCHQkBkAKcZwm3y6VCuKAD7Ti1d+NJRiGvy2jagdcIlQAGBF8h5NBMOcGo4OsYH0Hbzu4ESBClokIro3PzQihZeVx' +
      'CD0r3wjwNYuuApYsenEBkdcSKFICZ5VPCeVZ7pNQ0nmSAloLn1MBnYBPo8Etu9QQbN2+hmjqXlbQ1qIhcNKU0iyhVkrp+Q5yQ2sRcCd4' +
      'fAL0/TJkF9wKpF+AmCF+NZtwhXOIOm7BAXYlC7a7apm/+VN4AY6BkZFj+UAIAAAAAElFTkSuQmCC',
    'base64',
  ),
} as const;

const NOTIFIER = 'Bob (Acme Tracker) <noreply@reply.example.org>';

/** What the platform asks mailgw to send to Alice about Bob's post. */
export function notificationOrder(at: Date) {
  return {
    user: ALICE.user,
    thread: THREAD.locator,
    replied_to: at.toISOString(),
    subject: `[acme/website] ${THREAD.title} (#7)`,
    from: { name: 'Bob (Acme Tracker)' },
    text: notificationText().join('\n'),
  };
}

function notificationText(): string[] {
  return [...THREAD.text.split('\n'), '', 'Reply to this mail to answer Bob.'];
}

/** Alice's reply: her text, her signature, the notification quoted, the picture; as Postfix hands it over. */
export function reply({ reply_to, message_id }: Minted, notifiedAt: Date, at: Date): string {
  const boundary = '------------0f1dGs8wqkZ2vT4c';
  const base64 = PICTURE.content.toString('base64');
  return lines(
    'Received: from mail.example.com (mail.example.com [192.0.2.25])',
    `\tby mx.example.org (Postfix) with ESMTPS id 4XyZ1k2Lm3; ${mailDate(at)}`,
    `Message-ID: <${newMessageId()}>`,
    `Date: ${mailDate(at)}`,
    'MIME-Version: 1.0',
    `Subject: Re: [acme/website] ${THREAD.title} (#7)`,
    `To: ${reply_to}`,
    `References: ${message_id}`,
    `In-Reply-To: ${message_id}`,
    `From: ${ALICE.name} <${ALICE.address}>`,
    `Content-Type: multipart/mixed; boundary="${boundary}"`,
    '',
    'This is a multi-part message in MIME format.',
    `--${boundary}`,
    'Content-Type: text/plain; charset=UTF-8',
    'Content-Transfer-Encoding: 8bit',
    '',
    ...TYPED.split('\n'),
    '',
    '-- ',
    ...SIGNATURE.split('\n'),
    '',
    `On ${quotedDate(notifiedAt)}, ${NOTIFIER} wrote:`,
    ...notificationText().map((line) => `> ${line}`.trimEnd()),
    '',
    `--${boundary}`,
    `Content-Type: ${PICTURE.contentType}; name="${PICTURE.filename}"`,
    `Content-Disposition: attachment; filename="${PICTURE.filename}"`,
    'Content-Transfer-Encoding: base64',
    '',
    ...(base64.match(/.{1,76}/g) ?? []),
    '',
    `--${boundary}--`,
  );
}

/** A reply address of nobody: the last character of the token is another one, as if it were guessed. */
export function forge(address: string): string {
  return address.replace(/.(?=@)/, (last) => (last === 'a' ? 'b' : 'a'));
}

function lines(...all: string[]): string {
  return `${all.join('\r\n')}\r\n`;
}

/** RFC 5322 §3.3. */
function mailDate(at: Date): string {
  return at.toUTCString().replace('GMT', '+0000');
}

/** As Gmail begins a quote: `Fri, Nov 20, 2026 at 9:14 AM`. */
function quotedDate(at: Date): string {
  const day = at.toLocaleDateString('en-US', {
    weekday: 'short',
    month: 'short',
    day: 'numeric',
    year: 'numeric',
    timeZone: 'UTC',
  });
  const time = at.toLocaleTimeString('en-US', { hour: 'numeric', minute: '2-digit', timeZone: 'UTC' });
  return `${day} at ${time.replace('\u202f', ' ')}`;
}

/** The second platform: it knows nothing of mailgw, and names its ticket in a field of its own, as many do. */
export const HELPDESK = {
  field: 'X-Helpdesk-Ticket',
  thread: 'helpdesk/ticket/2351',
  sender: 'helpdesk@support.example',
  typed: 'Thank you, it prints again.',
} as const;

/** A notification as the second platform has always sent it. */
export function plainNotification(at: Date): string {
  return lines(
    `From: Carol (Help Desk) <${HELPDESK.sender}>`,
    `To: ${ALICE.name} <${ALICE.address}>`,
    'Subject: [Help Desk 2351] The printer is silent',
    `Date: ${mailDate(at)}`,
    `Message-ID: <ticket.2351.4711@support.example>`,
    'X-Helpdesk-Ticket: 2351',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    '',
    'Carol wrote: I changed the cartridge. Does it print now?',
  );
}

/** What Alice answers to it. */
export function plainReply(replyTo: string, at: Date): string {
  return lines(
    `From: ${ALICE.name} <${ALICE.address}>`,
    `To: ${replyTo}`,
    'Subject: Re: [Help Desk 2351] The printer is silent',
    `Date: ${mailDate(at)}`,
    `Message-ID: <${newMessageId()}>`,
    'In-Reply-To: <ticket.2351.4711@support.example>',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    '',
    HELPDESK.typed,
    '',
    'Carol (Help Desk):',
    'Carol wrote: I changed the cartridge. Does it print now?',
  );
}
