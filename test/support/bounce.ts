// Bounces as mail systems write them (RFC 3464).

let bounces = 0;

/** What a bounce says; the default is a mailbox that does not exist. */
export interface BounceMessage {
  readonly recipient?: string;
  readonly status?: string;
  readonly action?: string;
  readonly diagnostic?: string;
}

/** Writes a delivery status notification that returns the lines of a header. */
export function bounce(returned: readonly string[] = [], says: BounceMessage = {}): Buffer {
  const { recipient = 'alice@example.com', status = '5.1.1', action = 'failed' } = says;
  const lines = [
    'From: Mail Delivery System <mailer-daemon@mx.example.com>',
    'Subject: Undelivered Mail Returned to Sender',
    `Message-ID: <bounce-${++bounces}@mx.example.com>`,
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
    '',
    '--b',
    '',
    'It failed.',
    '--b',
    'Content-Type: message/delivery-status',
    '',
    'Reporting-MTA: dns; mx.example.com',
    '',
    `Final-Recipient: rfc822; ${recipient}`,
    `Action: ${action}`,
    `Status: ${status}`,
    `Diagnostic-Code: smtp; ${says.diagnostic ?? `550 ${status} no such user`}`,
    '--b',
    'Content-Type: text/rfc822-headers',
    '',
    ...returned,
    'Subject: a notification',
    '',
    '--b--',
    '',
  ];
  return Buffer.from(lines.join('\r\n'));
}
