// Ten mail programs: what each makes of a notification that somebody answers (RFC 5322, RFC 2045).
//
// Contract: pure. A program is given the notification as it was received and what its user typed, and gives the bytes of
// the answer: structure, encodings, attribution and markup as the real program writes them. What is quoted is what came.
// The answer goes to the Reply-To, which names nobody. Each answer of one program under one Message-ID is the same to the octet.
// Limits: typed lines are short enough for every program to leave them whole; only quotes are wrapped anew.

import { simpleParser } from 'mailparser';

/** A notification as its reader's program shows it. */
export interface ReadNotification {
  readonly from: { readonly name: string; readonly address: string };
  /** The reply address. */
  readonly replyTo: string;
  readonly subject: string;
  readonly date: Date;
  /** In its angle brackets. */
  readonly messageId: string;
  /** The ids of References, in their angle brackets. */
  readonly references: readonly string[];
  readonly text: string;
  readonly html: string | undefined;
}

/** Who answers, and what; `messageId` without angle brackets. */
export interface Typed {
  readonly name: string;
  readonly address: string;
  readonly messageId: string;
  /** Lines end in LF. */
  readonly text: string;
}

/** A mail program. */
export interface MailProgram {
  readonly name: string;
  /** Says who wrote what is quoted, where what was typed stands between the marked paragraphs of the original. */
  readonly inline?: (notification: ReadNotification) => string;
  readonly answer: (notification: ReadNotification, typed: Typed) => Buffer;
}

/** Reads a notification as a mail program does. */
export async function readNotification(raw: Buffer): Promise<ReadNotification> {
  const mail = await simpleParser(raw, { skipHtmlToText: true, skipTextToHtml: true, skipTextLinks: true });
  const [from] = mail.from?.value ?? [];
  const [replyTo] = mail.replyTo?.value ?? [];
  const address = from?.address ?? '';
  return {
    from: { name: from?.name ?? '', address },
    replyTo: replyTo?.address ?? address,
    subject: mail.subject ?? '',
    date: mail.date ?? new Date(0),
    messageId: mail.messageId ?? '',
    references: [mail.references ?? []].flat(),
    text: (mail.text ?? '').trimEnd(),
    html: mail.html === false ? undefined : mail.html,
  };
}

/** A body part before it is encoded. */
interface Part {
  readonly type: 'text/plain' | 'text/html';
  readonly text: string;
  readonly encoding: 'quoted-printable' | 'base64' | '8bit';
  readonly charset?: 'utf-8' | 'iso-8859-1';
  /** Parameters of the type beside its charset. */
  readonly parameters?: string;
}

/** Writes an answer; two parts are alternatives. */
function compose(
  notification: ReadNotification,
  typed: Typed,
  fields: readonly string[],
  parts: readonly Part[],
): Buffer {
  const { messageId, references, replyTo, subject } = notification;
  const boundary = `=_${typed.messageId.replaceAll(/\W/g, '')}`;
  const again = /^(?:re|aw|回复):/i.test(subject) ? subject : `Re: ${subject}`;
  const head = [
    `From: ${mailbox(typed.name, typed.address)}`,
    `To: ${replyTo}`,
    `Subject: ${encoded(again)}`,
    `Message-ID: <${typed.messageId}>`,
    `Date: ${new Date(notification.date.getTime() + 3_600_000).toUTCString().replace('GMT', '+0000')}`,
    `In-Reply-To: ${messageId}`,
    `References: ${[...references, messageId].join('\n ')}`,
    ...fields,
    'MIME-Version: 1.0',
  ].join('\n');
  const [only] = parts;
  if (only === undefined) throw new Error('an answer without a part');
  const bodies = parts.map(written);
  const chunks =
    bodies.length === 1
      ? [`${head}\n`, ...bodies]
      : [
          `${head}\nContent-Type: multipart/alternative; boundary="${boundary}"\n\n`,
          ...bodies.flatMap((body) => [`--${boundary}\n`, body, '\n']),
          `--${boundary}--\n`,
        ];
  const bytes = Buffer.concat(chunks.map((chunk) => Buffer.from(chunk)));
  return Buffer.from(bytes.toString('latin1').replaceAll('\n', '\r\n'), 'latin1');
}

/** Writes a part with its header. */
function written({ type, text, encoding, charset = 'utf-8', parameters = '' }: Part): Buffer {
  const bytes = Buffer.from(text, charset === 'utf-8' ? 'utf8' : 'latin1');
  const head = `Content-Type: ${type}; charset=${charset}${parameters}\nContent-Transfer-Encoding: ${encoding}\n\n`;
  if (encoding === '8bit') return Buffer.concat([Buffer.from(head), bytes]);
  if (encoding === 'quoted-printable') return Buffer.from(head + quotedPrintable(bytes));
  // RFC 2045 §6.8: line ends within are CR LF.
  const whole = Buffer.from(bytes.toString('latin1').replaceAll('\n', '\r\n'), 'latin1');
  return Buffer.from(head + whole.toString('base64').replaceAll(/.{76}/g, '$&\n'));
}

/** Encodes as RFC 2045 §6.7 says, with soft breaks. */
function quotedPrintable(bytes: Buffer): string {
  const escape = (byte: number): string => `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  const literal = (byte: number): boolean => byte === 9 || (byte >= 32 && byte <= 126 && byte !== 61);
  return bytes
    .toString('latin1')
    .split('\n')
    .map((line) =>
      Array.from(Buffer.from(line, 'latin1'), (byte) =>
        literal(byte) ? String.fromCharCode(byte) : escape(byte),
      )
        .join('')
        .replace(/[ \t]$/, (last) => escape(last.charCodeAt(0)))
        .replaceAll(/(?:=[0-9A-F]{2}|[^=]){70}(?=.)/g, '$&=\n'),
    )
    .join('\n');
}

/** Writes words of a field (RFC 2047), a dozen characters each, so that none is cut within. */
function encoded(text: string): string {
  if (/^[ -~]*$/.test(text)) return text;
  const words =
    Array.from(text)
      .join('')
      .match(/.{1,12}/gsu) ?? [];
  return words.map((word) => `=?utf-8?B?${Buffer.from(word).toString('base64')}?=`).join('\n ');
}

function mailbox(name: string, address: string): string {
  if (name === '') return address;
  const shown = /^[ -~]*$/.test(name) ? `"${name}"` : encoded(name);
  return `${shown} <${address}>`;
}

const marked = (text: string): string =>
  text
    .split('\n')
    .map((line) => (line.trim() === '' ? '>' : `> ${line}`))
    .join('\n');

const paragraphsOf = (text: string): string[] => text.split(/\n\s*\n/);

/** Wraps each paragraph at a width. */
function rewrapped(text: string, width: number): string {
  const wrap = (paragraph: string): string => {
    const rows = [''];
    for (const word of paragraph.split(/\s+/)) {
      const row = rows.at(-1) ?? '';
      if (row !== '' && row.length + word.length + 1 > width) rows.push(word);
      else rows[rows.length - 1] = row === '' ? word : `${row} ${word}`;
    }
    return rows.join('\n');
  };
  return paragraphsOf(text).map(wrap).join('\n\n');
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const elements = (text: string, open: string, close: string): string =>
  text
    .split('\n')
    .map((line) => `${open}${line === '' ? '<br>' : escaped(line)}${close}`)
    .join('\n');

const divs = (text: string): string => elements(text, '<div>', '</div>');

/** The original as a program puts it into its own HTML: as it came, or its plain text. */
const originalHtml = ({ html, text }: ReadNotification): string => html ?? divs(text);

/** The original in Outlook's own paragraphs. */
const msoOriginal = (notification: ReadNotification): string =>
  originalHtml(notification)
    .replaceAll(/<(?:p|div)\b[^>]*>/g, '<p class="MsoNormal"><span>')
    .replaceAll(/<\/(?:p|div)>/g, '<o:p></o:p></span></p>');

/** A date in the words of a language. */
const when = (date: Date, locale: string, dateStyle: 'long' | 'medium' | 'full' = 'medium'): string =>
  new Intl.DateTimeFormat(locale, { dateStyle, timeStyle: 'short', timeZone: 'UTC' }).format(date);

const shownName = ({ from }: ReadNotification): string => (from.name === '' ? from.address : from.name);

const gmail: MailProgram = {
  name: 'Gmail',
  answer: (notification, typed) => {
    const { from, date, text } = notification;
    const intro = `On ${when(date, 'en-US')} ${shownName(notification)}`;
    // Gmail breaks the line of the attribution where the address stands.
    const plain = `${typed.text}\n\n${intro} <\n${from.address}> wrote:\n\n${marked(rewrapped(text, 72))}\n`;
    const html =
      `<div dir="ltr">${divs(typed.text)}</div><br><div class="gmail_quote gmail_quote_container">` +
      `<div dir="ltr" class="gmail_attr">${escaped(intro)} &lt;<a href="mailto:${from.address}">${from.address}</a>&gt; wrote:<br></div>` +
      '<blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);padding-left:1ex">' +
      `${originalHtml(notification)}</blockquote></div>\n`;
    return compose(
      notification,
      typed,
      ['X-Gm-Message-State: AOJu0YxExampleExample'],
      [
        { type: 'text/plain', text: plain, encoding: 'base64' },
        { type: 'text/html', text: html, encoding: 'quoted-printable' },
      ],
    );
  },
};

/** Outlook's words for the fields of its header block; the date stands as the language has it. */
type Labels = readonly [locale: string, from: string, sent: string, to: string, subject: string];
const OUTLOOK_LABELS: readonly [Labels, ...Labels[]] = [
  ['en-US', 'From', 'Sent', 'To', 'Subject'],
  ['de-DE', 'Von', 'Gesendet', 'An', 'Betreff'],
  ['fr-FR', 'De', 'Envoyé', 'À', 'Objet'],
  ['ja-JP', '差出人', '送信日時', '宛先', '件名'],
];

/** Chooses by the time of the notification, so that one mail is always answered in the same way. */
const chosen = <T>({ date }: ReadNotification, all: readonly [T, ...T[]]): T =>
  all[(date.getTime() / 1000) % all.length] ?? all[0];

/** The header block of Outlook, field by field. */
function outlookFields(notification: ReadNotification, typed: Typed): [string, string][] {
  const [locale, from, sent, to, subject] = chosen(notification, OUTLOOK_LABELS);
  return [
    [from, `${shownName(notification)} <${notification.from.address}>`],
    [sent, when(notification.date, locale, 'full').replace(' at ', ' ')],
    [to, `${typed.name} <${typed.address}>`],
    [subject, notification.subject],
  ];
}

const outlook: MailProgram = {
  name: 'Outlook',
  answer: (notification, typed) => {
    const fields = outlookFields(notification, typed);
    const plain = `${typed.text}\n\n${fields.map(([label, value]) => `${label}: ${value}`).join('\n')}\n\n${notification.text}\n`;
    const bold = fields.map(([label, value]) => `<b>${label}:</b> ${escaped(value)}`).join('<br>\n');
    const html =
      '<html xmlns:o="urn:schemas-microsoft-com:office:office" xmlns="http://www.w3.org/TR/REC-html40">\n' +
      '<head><style><!--\np.MsoNormal {margin:0in; font-size:11.0pt;}\n--></style></head>\n' +
      '<body lang="EN-US"><div class="WordSection1">\n' +
      `${elements(typed.text, '<p class="MsoNormal">', '<o:p></o:p></p>').replaceAll('<br>', '&nbsp;')}\n` +
      '<p class="MsoNormal"><o:p>&nbsp;</o:p></p>\n' +
      '<div><div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0in 0in 0in">\n' +
      `<p class="MsoNormal">${bold}<o:p></o:p></p></div></div>\n<p class="MsoNormal"><o:p>&nbsp;</o:p></p>\n` +
      `${msoOriginal(notification)}</div></body></html>\n`;
    return compose(
      notification,
      typed,
      ['Thread-Index: AQHaExampleExample==', 'Accept-Language: en-US'],
      [
        { type: 'text/plain', text: plain, encoding: 'quoted-printable' },
        { type: 'text/html', text: html, encoding: 'quoted-printable' },
      ],
    );
  },
};

/** Sends HTML alone, as Exchange hands it on for its telephones. */
const outlookMobile: MailProgram = {
  name: 'Outlook for Android',
  answer: (notification, typed) => {
    const fields = outlookFields(notification, typed);
    const bold = fields.map(([label, value]) => `<b>${label}:</b> ${escaped(value)}`).join('<br>');
    const html =
      '<html><head><meta http-equiv="Content-Type" content="text/html; charset=utf-8"></head><body>\n' +
      `${elements(typed.text, '<div dir="auto" style="font-size: 12pt;">', '</div>')}\n` +
      '<div id="ms-outlook-mobile-body-separator-line" dir="auto"><br></div>\n' +
      '<div id="ms-outlook-mobile-signature" dir="auto">Get <a href="https://aka.ms/AAb9ysg">Outlook for Android</a></div>\n' +
      '<hr style="display:inline-block;width:98%" tabindex="-1">\n' +
      `<div id="divRplyFwdMsg" dir="ltr"><font face="Calibri, sans-serif" style="font-size:11pt" color="#000000">${bold}</font><div>&nbsp;</div></div>\n` +
      `${originalHtml(notification)}</body></html>\n`;
    return compose(
      notification,
      typed,
      ['Accept-Language: en-US', 'X-MS-Has-Attach:'],
      [{ type: 'text/html', text: html, encoding: 'base64' }],
    );
  },
};

/** The line above the quote, as the programs of Apple write it. */
const appleIntro = (notification: ReadNotification): string => {
  const { from, date } = notification;
  const at = when(date, 'en-US').replace(/, (?=\d+:)/, ', at ');
  return `On ${at}, ${shownName(notification)} <${from.address}> wrote:`;
};

const appleMail: MailProgram = {
  name: 'Apple Mail',
  answer: (notification, typed) => {
    const intro = appleIntro(notification);
    const { text } = notification;
    const plain = `${typed.text}\n\n> ${intro}\n> \n${marked(text)}\n\n`;
    const html =
      '<html><head><meta http-equiv="content-type" content="text/html; charset=utf-8"></head>' +
      `<body style="overflow-wrap: break-word; line-break: after-white-space;">${divs(typed.text)}` +
      `<div><br><blockquote type="cite"><div>${escaped(intro)}</div><br class="Apple-interchange-newline">` +
      `<div>${originalHtml(notification)}</div></blockquote></div><br></body></html>`;
    return compose(
      notification,
      typed,
      ['X-Mailer: Apple Mail (2.3826.300.87.4.3)'],
      [
        { type: 'text/plain', text: plain, encoding: 'quoted-printable' },
        { type: 'text/html', text: html, encoding: 'quoted-printable' },
      ],
    );
  },
};

const iosMail: MailProgram = {
  name: 'iOS Mail',
  answer: (notification, typed) => {
    const intro = appleIntro(notification);
    const { text } = notification;
    const plain = `${typed.text}\n\nSent from my iPhone\n\n> ${intro}\n> \n> \ufeff${marked(text).slice(2)}\n`;
    const html =
      '<html><head><meta http-equiv="content-type" content="text/html; charset=utf-8"></head><body dir="auto">' +
      `${divs(typed.text)}<div><br></div><div dir="ltr">Sent from my iPhone</div>` +
      `<div dir="ltr"><br><blockquote type="cite">${escaped(intro)}<br><br></blockquote></div>` +
      `<blockquote type="cite"><div dir="ltr">\ufeff${originalHtml(notification)}</div></blockquote></body></html>`;
    return compose(
      notification,
      typed,
      ['X-Mailer: iPhone Mail (22B91)'],
      [
        { type: 'text/plain', text: plain, encoding: 'quoted-printable' },
        { type: 'text/html', text: html, encoding: 'base64' },
      ],
    );
  },
};

/** Its user answers paragraph by paragraph: what was typed stands between the lines that it answers. */
const thunderbird: MailProgram = {
  name: 'Thunderbird',
  inline: (notification) => `Am ${when(notification.date, 'de-DE')} schrieb ${shownName(notification)}:`,
  answer: (notification, typed) => {
    const answers = paragraphsOf(typed.text);
    const asked = paragraphsOf(notification.text);
    // Paragraph by paragraph; further answers stand below the last question, further questions below the last answer.
    const rows = asked.map((paragraph, at) => {
      const own = at === asked.length - 1 ? answers.slice(at) : answers.slice(at, at + 1);
      return [marked(paragraph), ...own].join('\n\n');
    });
    const joined = rows.map((row, at) => (at < answers.length ? `${row}\n\n` : `${row}\n>\n`)).join('');
    const plain = `${thunderbird.inline?.(notification) ?? ''}\n${joined}`;
    return compose(
      notification,
      typed,
      ['User-Agent: Mozilla Thunderbird', 'Content-Language: de-DE'],
      [{ type: 'text/plain', text: plain, encoding: '8bit', parameters: '; format=flowed' }],
    );
  },
};

const yahoo: MailProgram = {
  name: 'Yahoo',
  answer: (notification, typed) => {
    const { from, date, text } = notification;
    const intro = `On ${when(date, 'en-US', 'full').replace(' at ', ', ')}, ${shownName(notification)} <${from.address}> wrote:`;
    const plain = `${typed.text}\n\n    ${intro}  \n \n ${text.replaceAll('\n', '\n ')}\n  `;
    const html =
      '<html><head></head><body><div class="ydp1a2byahoo-style-wrap" style="font-size:13px;">' +
      `${elements(typed.text, '<div dir="ltr" data-setdir="false">', '</div>')}<div><br></div></div>` +
      '<div id="ydp3c4dyahoo_quoted_1234567890" class="ydp3c4dyahoo_quoted">\n' +
      `<div style="font-size:13px;color:#26282a;">\n<div>${escaped(intro)}</div>\n<div><br></div>\n<div><br></div>\n` +
      `<div><div id="ydp3c4dyiv1">${originalHtml(notification)}</div></div>\n</div>\n</div></body></html>`;
    return compose(
      notification,
      typed,
      ['X-Mailer: WebService/1.1.22941 YMailNorrin'],
      [
        { type: 'text/plain', text: plain, encoding: 'quoted-printable' },
        { type: 'text/html', text: html, encoding: 'quoted-printable' },
      ],
    );
  },
};

/** Attributions that people of many languages set; the name and the date of the notification stand in each. */
type Introduce = (name: string, date: Date) => string;
const MUTT_INTROS: readonly [Introduce, ...Introduce[]] = [
  (name, date) => `Am ${when(date, 'de-DE', 'full')} schrieb ${name}:`,
  (name, date) => `${when(date, 'ja-JP', 'long')}、${name} のメール:`,
  (name, date) => `Le ${when(date, 'fr-FR', 'full')}, ${name} a écrit :`,
  (name, date) => `W dniu ${when(date, 'pl-PL')} ${name} napisał(a):`,
];

const mutt: MailProgram = {
  name: 'mutt',
  answer: (notification, typed) => {
    const intro = chosen(notification, MUTT_INTROS)(shownName(notification), notification.date);
    const text = `${typed.text}\n\n${intro}\n${marked(notification.text)}\n`;
    // Its send_charset: the first that has every character of the mail.
    const isLatin = Array.from(text).every((character) => character <= '\u00ff');
    const charset = isLatin ? 'iso-8859-1' : 'utf-8';
    return compose(
      notification,
      typed,
      ['User-Agent: Mutt/2.2.13 (2024-03-09)', 'Content-Disposition: inline'],
      [{ type: 'text/plain', text, encoding: '8bit', charset }],
    );
  },
};

/** Wraps the original anew and marks nothing. */
const k9: MailProgram = {
  name: 'K-9 Mail',
  answer: (notification, typed) => {
    const intro = `On ${when(notification.date, 'en-GB')}, ${shownName(notification)} <${notification.from.address}> wrote:`;
    const text = `${typed.text}\n\n${intro}\n\n${rewrapped(notification.text, 60)}\n`;
    return compose(
      notification,
      typed,
      ['User-Agent: K-9 Mail for Android'],
      [{ type: 'text/plain', text, encoding: 'quoted-printable' }],
    );
  },
};

/** Marks nothing, and says in a language that no list of words has who wrote what follows. */
const esperanto: MailProgram = {
  name: 'a program in Esperanto',
  answer: (notification, typed) => {
    const date = when(notification.date, 'eo');
    const text = `${typed.text}\n\nJe ${date} ${shownName(notification)} skribis:\n\n${notification.text}\n`;
    return compose(notification, typed, [], [{ type: 'text/plain', text, encoding: 'base64' }]);
  },
};

/** Every program. */
export const MAIL_PROGRAMS: readonly MailProgram[] = [
  gmail,
  outlook,
  outlookMobile,
  appleMail,
  iosMail,
  thunderbird,
  yahoo,
  mutt,
  k9,
  esperanto,
];
