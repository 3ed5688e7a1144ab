/**
 * Mails for the load client, made before the clock starts: a reply such as a mail program writes it, of an exact
 * size in octets, whose Message-ID is patched in place for every sending.
 *
 * Contract: every line ends in CR LF, none is longer than 998 octets (RFC 5322 §2.1.1) and none begins with a dot,
 * so nothing is stuffed (RFC 5321 §4.5.2). From 64 KB up the bulk is a base64 attachment, as in real large mail.
 */

/** One session's own copy of a mail: wire octets with the end-of-data dot and a QUIT behind it. */
export interface Mail {
  /** Header, body, `.` line and a QUIT line. */
  readonly wire: Buffer;
  /** Where the `.` line ends; what follows is the QUIT. */
  readonly dotEnd: number;
  /** Where the eight hexadecimal digits that differ from mail to mail begin. */
  readonly numberAt: number;
}

const HEX = Buffer.from('0123456789abcdef', 'latin1');
const ATTACHMENT_FROM_BYTES = 64 * 1024;
const TAIL = '.\r\nQUIT\r\n';
const QUIT_LENGTH = 'QUIT\r\n'.length;

const PROSE =
  'Thanks for looking into this so quickly; the second patch works for me, too.\r\n' +
  'On the test machine the daemon came back within a second, with nothing lost.\r\n';
const BASE64 = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9\r\n';
const QUOTED = '> Could you try again with the patch from yesterday and tell us what you see?\r\n';

/** Builds a mail of `bytes` octets (without the dot line) from `sender` whose Message-ID begins with `run`. */
export function buildMail(bytes: number, sender: string, run: string): Mail {
  const attached = bytes >= ATTACHMENT_FROM_BYTES;
  const head = header(sender, run, attached);
  const parts = attached ? attachedBody() : textBody();
  const filler = bytes - Buffer.byteLength(head + parts.before + parts.after);
  const wire = Buffer.concat([
    Buffer.from(head + parts.before),
    fill(filler, parts.pattern),
    Buffer.from(parts.after + TAIL),
  ]);
  return { wire, dotEnd: wire.length - QUIT_LENGTH, numberAt: head.indexOf(`${run}.`) + run.length + 1 };
}

/** Returns a copy with buffers of its own, for a session that patches and sends independently of others. */
export function copyMail(mail: Mail): Mail {
  return { ...mail, wire: Buffer.from(mail.wire) };
}

/** Makes the mail's Message-ID that of number `count` (32 bits). */
export function numberMail(mail: Mail, count: number): void {
  for (let digit = 0; digit < 8; digit++) {
    mail.wire[mail.numberAt + digit] = HEX[(count >>> (28 - 4 * digit)) & 15] ?? 0;
  }
}

function header(sender: string, run: string, attached: boolean): string {
  const date = new Date().toUTCString().replace('GMT', '+0000');
  const type = attached ? 'multipart/mixed; boundary="=_bench"' : 'text/plain; charset=utf-8';
  return [
    `Received: from out.client.example (out.client.example [192.0.2.17])`,
    `\tby mx.reply.example (Postfix) with ESMTPS id 4XyZ1k3Qz2z9sT`,
    `\tfor <reply@reply.example>; ${date}`,
    `Authentication-Results: mx.reply.example; dmarc=pass header.from=client.example`,
    `Received: from laptop.client.example ([198.51.100.3])`,
    `\tby out.client.example with ESMTPSA; ${date}`,
    `From: "A. Reader" <${sender}>`,
    `To: Tracker <reply@reply.example>`,
    `Subject: Re: [acme/site] The daemon does not come back after a reload (#2351)`,
    `Date: ${date}`,
    `Message-ID: <${run}.00000000@client.example>`,
    `In-Reply-To: <acme/site/issue/2351/1220588887@reply.example>`,
    `References: <acme/site/issue/2351/1220588887@reply.example>`,
    `User-Agent: Mozilla Thunderbird`,
    `MIME-Version: 1.0`,
    `Content-Type: ${type}`,
    ...(attached ? [] : ['Content-Transfer-Encoding: 8bit']),
    '\r\n',
  ].join('\r\n');
}

interface Parts {
  readonly before: string;
  readonly pattern: string;
  readonly after: string;
}

function textBody(): Parts {
  const quote = `\r\nOn Thu, 19 Nov 2026 at 17:02, Tracker <reply@reply.example> wrote:\r\n${QUOTED.repeat(8)}`;
  return { before: PROSE, pattern: PROSE, after: quote };
}

function attachedBody(): Parts {
  const text = `--=_bench\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${PROSE.repeat(8)}${QUOTED.repeat(8)}`;
  const attachment =
    '--=_bench\r\nContent-Type: image/png; name="shot.png"\r\nContent-Transfer-Encoding: base64\r\n' +
    'Content-Disposition: attachment; filename="shot.png"\r\n\r\n';
  return { before: text + attachment, pattern: BASE64, after: '--=_bench--\r\n' };
}

/** Repeats the pattern of CR LF lines to exactly `bytes` octets that end in CR LF and hold no bare CR or LF. */
function fill(bytes: number, pattern: string): Buffer {
  if (bytes < 4) throw new RangeError(`a mail of this size has no room for its header: ${bytes} octets left`);
  const block = Buffer.alloc(bytes, pattern, 'latin1');
  block.write('\r\n', bytes - 2, 'latin1');
  // The cut may have fallen into a line end: what is left of it becomes text.
  const before = block[bytes - 3];
  if (before === 10) block.write('AA', bytes - 4, 'latin1');
  if (before === 13) block.write('A', bytes - 3, 'latin1');
  return block;
}
