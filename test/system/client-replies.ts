// One reply as five mail clients write it, byte by byte as they do: structure, encodings, attributions, markup.
//
// Contract: `typed` is what the person typed, `rich` the same as Markdown where the HTML carries emphasis. The
// original that they quote shows the reply address, as an original does.

import { newMessageId } from '../support/message.ts';

/** Where a reply goes. */
export interface Destination {
  readonly replyTo: string;
  readonly inReplyTo: string;
}

/** A reply of one client; the parts as they are before they are encoded. */
export interface ClientReply {
  readonly client: string;
  readonly typed: string;
  readonly rich: string;
  readonly headers: readonly string[];
  readonly plain: (to: Destination) => string;
  readonly html: (to: Destination) => string;
  readonly encoding: 'quoted-printable' | 'base64';
  /** Parameters of text/plain beside its charset. */
  readonly plainParams?: string;
}

const ORIGINAL = ['The build on main is red again.', 'Can somebody confirm?'] as const;
const TYPED = [
  'Yes, I can: it fails since Tuesday – the cache is stale.',
  'I will clear it tonight.',
] as const;
const QUOTED = ORIGINAL.map((line) => `> ${line}`).join('\n>\n');

const gmail: ClientReply = {
  client: 'Gmail',
  typed: TYPED.join('\n\n'),
  rich: `Yes, I can: it fails since **Tuesday** – the cache is stale.\n\n${TYPED[1]}`,
  headers: ['X-Gm-Message-State: AOJu0YxExampleExampleExample'],
  plain: ({ replyTo }) =>
    `${TYPED[0]}\n\n${TYPED[1]}\n\nOn Thu, Nov 19, 2026 at 5:02 PM Tracker <\n${replyTo}> wrote:\n\n${QUOTED}\n>\n`,
  html: ({ replyTo }) =>
    '<div dir="ltr"><div>Yes, I can: it fails since <b>Tuesday</b> – the cache is stale.</div><div><br></div>' +
    `<div>${TYPED[1]}</div></div><br><div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">` +
    `On Thu, Nov 19, 2026 at 5:02 PM Tracker &lt;<a href="mailto:${encodeURIComponent(replyTo)}">${replyTo}</a>&gt; wrote:<br></div>` +
    '<blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);padding-left:1ex">' +
    `<p>${ORIGINAL[0]}</p><p>${ORIGINAL[1]}</p>\n</blockquote></div>\n`,
  encoding: 'quoted-printable',
};

const outlook: ClientReply = {
  client: 'Outlook',
  typed: TYPED.join('\n\n'),
  rich: TYPED.join('\n\n'),
  headers: [
    'Thread-Topic: [tracker] Red build',
    'Thread-Index: AQHaExampleExampleExample==',
    'Accept-Language: en-US',
  ],
  plain: ({ replyTo }) =>
    `${TYPED[0]}\n\n${TYPED[1]}\n\n\nFrom: Tracker <${replyTo}>\nSent: Thursday, November 19, 2026 5:02 PM\n` +
    `To: Alice Example <alice@example.com>\nSubject: [tracker] Red build\n\n${ORIGINAL[0]}\n\n${ORIGINAL[1]}\n`,
  html: ({
    replyTo,
  }) => `<html xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office" xmlns="http://www.w3.org/TR/REC-html40">
<head><meta http-equiv="Content-Type" content="text/html; charset=utf-8"><style><!--
p.MsoNormal {margin:0in; font-size:11.0pt; font-family:"Aptos",sans-serif;} div.WordSection1 {page:WordSection1;}
--></style></head>
<body lang="EN-US" link="#467886" vlink="#96607D" style="word-wrap:break-word"><div class="WordSection1">
<p class="MsoNormal">${TYPED[0]}<o:p></o:p></p>
<p class="MsoNormal"><o:p>&nbsp;</o:p></p>
<p class="MsoNormal">${TYPED[1]}<o:p></o:p></p>
<p class="MsoNormal"><o:p>&nbsp;</o:p></p>
<div><div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0in 0in 0in">
<p class="MsoNormal"><b>From:</b> Tracker &lt;${replyTo}&gt; <br><b>Sent:</b> Thursday, November 19, 2026 5:02 PM<br>
<b>To:</b> Alice Example &lt;alice@example.com&gt;<br><b>Subject:</b> [tracker] Red build<o:p></o:p></p></div></div>
<p class="MsoNormal"><o:p>&nbsp;</o:p></p>
<p>${ORIGINAL[0]}<o:p></o:p></p><p>${ORIGINAL[1]}<o:p></o:p></p></div></body></html>
`,
  encoding: 'quoted-printable',
};

const appleMail: ClientReply = {
  client: 'Apple Mail',
  typed: TYPED.join('\n\n'),
  rich: TYPED.join('\n\n'),
  headers: ['X-Mailer: Apple Mail (2.3826.300.87.4.3)'],
  plain: ({ replyTo }) =>
    `${TYPED[0]}\n\n${TYPED[1]}\n\n> On Nov 19, 2026, at 5:02\u202fPM, Tracker <${replyTo}> wrote:\n> \n${QUOTED}\n\n`,
  html: ({ replyTo }) =>
    '<html><head><meta http-equiv="content-type" content="text/html; charset=utf-8"></head>' +
    '<body style="overflow-wrap: break-word; -webkit-nbsp-mode: space; line-break: after-white-space;">' +
    `${TYPED[0]}<div><br></div><div>${TYPED[1]}<br id="lineBreakAtBeginningOfMessage"><div><br><blockquote type="cite">` +
    `<div>On Nov 19, 2026, at 5:02\u202fPM, Tracker &lt;${replyTo}&gt; wrote:</div><br class="Apple-interchange-newline">` +
    `<div><p>${ORIGINAL[0]}</p><p>${ORIGINAL[1]}</p></div></blockquote></div><br></div></body></html>`,
  encoding: 'quoted-printable',
};

const thunderbird: ClientReply = {
  client: 'Thunderbird',
  typed: TYPED.join('\n\n'),
  rich: TYPED.join('\n\n'),
  headers: ['User-Agent: Mozilla Thunderbird', 'Content-Language: en-US'],
  plain: () =>
    `${TYPED[0].replace('– ', '– \n')}\n\n${TYPED[1]}\n\nOn 11/19/26 17:02, Tracker wrote:\n${QUOTED}\n\n-- \nAlice Example\nOperations\n`,
  html: ({ inReplyTo }) => `<!DOCTYPE html>
<html>
  <head>
    <meta http-equiv="Content-Type" content="text/html; charset=UTF-8">
  </head>
  <body>
    <p>${TYPED[0]}</p>
    <p>${TYPED[1]}<br>
    </p>
    <div class="moz-cite-prefix">On 11/19/26 17:02, Tracker wrote:<br>
    </div>
    <blockquote type="cite" cite="mid:${inReplyTo}">
      <p>${ORIGINAL[0]}</p>
      <p>${ORIGINAL[1]}</p>
    </blockquote>
    <pre class="moz-signature" cols="72">-- 
Alice Example
Operations</pre>
  </body>
</html>
`,
  encoding: 'quoted-printable',
  plainParams: '; format=flowed',
};

const proton: ClientReply = {
  client: 'Proton Mail',
  typed: TYPED.join('\n\n'),
  rich: TYPED.join('\n\n'),
  headers: ['Feedback-ID: 12345678:user:proton', 'X-Pm-Message-ID: 0123456789abcdef'],
  plain: ({ replyTo }) =>
    `${TYPED[0]}\n\n${TYPED[1]}\n\nSent with [Proton Mail](https://proton.me/mail/home) secure email.\n\n` +
    `On Thursday, November 19th, 2026 at 5:02 PM, Tracker <${replyTo}> wrote:\n\n${QUOTED}\n`,
  html: ({ replyTo }) => {
    const block = 'style="font-family: Arial, sans-serif; font-size: 14px;"';
    return (
      `<div ${block}>${TYPED[0]}</div><div ${block}><br></div><div ${block}>${TYPED[1]}</div><div ${block}><br></div>\n` +
      `<div class="protonmail_signature_block" ${block}>\n    <div class="protonmail_signature_block-user protonmail_signature_block-empty"></div>\n` +
      '    <div class="protonmail_signature_block-proton">\n        Sent with <a target="_blank" href="https://proton.me/mail/home" rel="noopener noreferrer">Proton Mail</a> secure email.\n    </div>\n</div>\n' +
      `<div ${block}><br></div><div class="protonmail_quote">\n        On Thursday, November 19th, 2026 at 5:02 PM, Tracker &lt;${replyTo}&gt; wrote:<br>\n` +
      `        <blockquote class="protonmail_quote" type="cite">\n            <p>${ORIGINAL[0]}</p><p>${ORIGINAL[1]}</p>\n        </blockquote><br>\n    </div>`
    );
  },
  encoding: 'base64',
};

/** Every client's reply. */
export const CLIENT_REPLIES: readonly ClientReply[] = [gmail, outlook, appleMail, thunderbird, proton];

/** The whole message: both forms as alternatives, or the HTML alone. */
export function writeReply(reply: ClientReply, to: Destination, forms: 'both' | 'html'): string {
  const boundary = '0000000000001f3c5a0612345678';
  const plain = bodyPart(`text/plain; charset="UTF-8"${reply.plainParams ?? ''}`, reply, reply.plain(to));
  const html = bodyPart('text/html; charset="UTF-8"', reply, reply.html(to));
  const body =
    forms === 'html'
      ? html
      : [
          `Content-Type: multipart/alternative; boundary="${boundary}"`,
          '',
          `--${boundary}\n${plain}`,
          `--${boundary}\n${html}`,
          `--${boundary}--`,
          '',
        ].join('\n');
  const head = [
    'From: Alice Example <alice@example.com>',
    `To: Tracker <${to.replyTo}>`,
    'Subject: Re: [tracker] Red build',
    `Message-ID: <${newMessageId()}>`,
    'Date: Fri, 20 Nov 2026 09:14:03 +0000',
    `In-Reply-To: ${to.inReplyTo}`,
    `References: ${to.inReplyTo}`,
    ...reply.headers,
    'MIME-Version: 1.0',
  ];
  return `${head.join('\n')}\n${body}`.replaceAll('\n', '\r\n');
}

function bodyPart(type: string, { encoding }: ClientReply, text: string): string {
  const encoded =
    encoding === 'base64'
      ? Buffer.from(text.replaceAll('\n', '\r\n')).toString('base64').replaceAll(/.{76}/g, '$&\n')
      : quotedPrintable(text);
  return `Content-Type: ${type}\nContent-Transfer-Encoding: ${encoding}\n\n${encoded}`;
}

/** Quoted-printable with soft breaks (RFC 2045 §6.7). */
function quotedPrintable(text: string): string {
  const escape = (byte: number): string => `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  return text
    .split('\n')
    .map((line) =>
      Array.from(Buffer.from(line), (byte) =>
        byte > 126 || byte < 32 || byte === 61 ? escape(byte) : String.fromCharCode(byte),
      )
        .join('')
        .replace(/ $/, '=20')
        .replaceAll(/(?:=[0-9A-F]{2}|[^=]){70}(?=.)/g, '$&=\n'),
    )
    .join('\n');
}
