/**
 * What a mail sends on stays with all below it, whoever's program sent it: by its words, by the order of its fields, by the Subject, by its
 * markup. What looks alike and answers goes. ⏎ is a line end.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ATTACHMENT_LIMITS } from '../../src/mail/attachment-limits.ts';
import { htmlToMarkdown } from '../../src/reply/html/html.ts';
import { parseMessage } from '../../src/reply/parse.ts';
import { extractReply } from '../../src/reply/text/extract.ts';
import type { Known } from '../../src/reply/text/known.ts';
import { entity } from './support/mail.ts';

const ANN: Known = { names: ['Ann Ex'], addresses: ['ann@ex.example'], subjects: ['Re: Shed'] };
const fold = (text: string): string => text.replace(/\s+/gu, ' ').trim();
const lines = (text: string): string => text.replaceAll('⏎', '\n');
const quote = (text: string): string =>
  text.replaceAll(/^|⏎/g, (end) => `${end}> `).replaceAll(/> (?=⏎|$)/g, '>');

const FROM = 'Ann <ann@ex.example>';
const BODY = 'The hinges are sold out.⏎Shall I send the large ones?⏎⏎-- ⏎Ann';
const TYPED = 'What do you say?';

/** The heading of Apple Mail and the labels From, Subject, Date, To. */
const APPLE: readonly (readonly [string, string, string, string, string])[] = [
  ['Začátek přeposílané zprávy', 'Od', 'Předmět', 'Datum', 'Komu'],
  ['Początek przekazywanej wiadomości', 'Od', 'Temat', 'Data', 'Do'],
  ['Начало переадресованного сообщения', 'Отправитель', 'Тема', 'Дата', 'Кому'],
  ['Початок листа, що пересилається', 'Від кого', 'Тема', 'Дата', 'Кому'],
  ['İleti başlangıcı', 'Kimden', 'Konu', 'Tarih', 'Kime'],
  ['เริ่มข้อความที่ส่งต่อ', 'จาก', 'หัวเรื่อง', 'วันที่', 'ถึง'],
  ['Mulakan mesej yang dimajukan', 'Daripada', 'Subjek', 'Tarikh', 'Kepada'],
  ['Anfang der weitergeleiteten E-Mail', 'Von', 'Betreff', 'Datum', 'An'],
];

/** Frames of Thunderbird, Yahoo, Geary and their like. */
const FRAMES = [
  'Message transmis',
  'رسالة ممرّرة',
  'Pesan terusan',
  'Накіраваны ліст',
  'Փոխանցվող նամակը',
  'გადაგზავნილი შეტყობინება',
  'Mesazhi i Përcjellë',
  'Қайта бағдарланған хат',
  'Mesaj înaintat',
];

/** Whole forwards; of each all stays. */
const PROGRAMS: Readonly<Record<string, string>> = {
  'the order of Apple Mail under a heading in no list': quote(
    `Abracadabra hocus:⏎⏎Qui: ${FROM}⏎Quid: Hinges⏎Quando: 5 March 2024 at 14:07:31 CET⏎Cui: ben@ex.example⏎⏎${BODY}`,
  ),
  'the order of Thunderbird in a frame in no list': `-------- Abracadabra hocus --------⏎Quid: Hinges⏎Quando: Tue, 5 Mar 2024 14:07:31 +0100⏎Qui: ${FROM}⏎Cui: ben@ex.example⏎⏎${BODY}`,
  'a long frame of Notes': `---------------------- Forwarded by Carla Ex/Shop on 05.03.2024 14:07 ---------------------------⏎⏎Ann <ann@ex.example> on 05.03.2024 14:07⏎⏎To:⏎cc:⏎Subject: Hinges⏎⏎${BODY}`,
  'a sentence without a colon, right above the fields': `This is a forwarded message⏎From: ${FROM}⏎To: Ben <ben@ex.example>⏎Date: Tuesday, March 5, 2024, 2:07:31 PM⏎Subject: Hinges⏎⏎===8<===Original message text===⏎${BODY}`,
};

/** Prefixes of a forward's Subject. */
const FORWARDED = [
  'Fwd',
  'FW',
  'WG',
  'TR',
  'RV',
  'ENC',
  'I',
  'VB',
  'VS',
  'VL',
  'PD',
  'İLT',
  'ILT',
  'Videresend',
  'Redir.',
  'Trs',
  'YML',
];

const headed = (heading: string, [, from, subject, date, to]: (typeof APPLE)[number]): string =>
  `${heading}⏎⏎${from}: ${FROM}⏎${subject}: Hinges⏎${date}: 5.3.2024, 14:07:31⏎${to}: ben@ex.example⏎⏎${BODY}`;

function stays(text: string, known?: Known): void {
  for (const whole of [lines(text), lines(`${TYPED}⏎⏎${text}`)]) {
    assert.equal(fold(extractReply(whole, known).reply), fold(whole));
  }
}

describe('a forward in words of its language', () => {
  for (const form of APPLE) {
    it(`stays under "${form[0]}", quoted, plain and with quoted fields`, () => {
      for (const known of [undefined, ANN]) {
        stays(quote(headed(`${form[0]}:`, form)), known);
        stays(headed(`${form[0]}:`, form), known);
        const [heading = '', ...rest] = headed(`${form[0]}:`, form).split('⏎⏎');
        stays(`${heading}⏎⏎${quote(rest.join('⏎⏎'))}`, known);
      }
    });
  }
  for (const frame of FRAMES) {
    it(`stays in the frame "${frame}"`, () => {
      const fields = `From: ${FROM}⏎To: ben@ex.example⏎Date: 5.3.2024, 14:07⏎Subject: Hinges`;
      stays(`-------- ${frame} --------⏎${fields}⏎⏎${BODY}`);
      stays(`   ----- ${frame} ----- ${fields.replaceAll('⏎', '')}⏎${BODY}`);
    });
  }
});

describe('a forward by its form', () => {
  for (const [name, text] of Object.entries(PROGRAMS))
    it(`stays: ${name}`, () => {
      stays(text);
      stays(text, ANN);
    });

  it('is no answer whose frame says "original", whatever the order', () => {
    const text = `${TYPED}⏎⏎-------- Original Message --------⏎Subject: Hinges⏎Date: Tue, 5 Mar 2024 14:07 +0100⏎From: ${FROM}⏎To: ben@ex.example⏎⏎${BODY}`;
    assert.equal(extractReply(lines(text)).reply, TYPED);
  });

  it('is no lead of the writer above the fields of Outlook', () => {
    const text = `My answers are below:⏎⏎From: ${FROM}⏎Sent: Tuesday, March 5, 2024 2:07 PM⏎To: Ben⏎Subject: Hinges⏎⏎${BODY}`;
    assert.equal(extractReply(lines(text)).reply, 'My answers are below:');
  });
});

describe('above a forward', () => {
  const sent = `From: ${FROM}⏎Subject: Hinges⏎Date: 5 March 2024 at 14:07:31 CET⏎To: ben@ex.example⏎⏎${BODY}`;
  for (const [program, text] of Object.entries({
    'Apple Mail': `Begin forwarded message:⏎⏎${sent}`,
    'Apple Mail, quoted': quote(`Begin forwarded message:⏎⏎${sent}`),
    Gmail: `---------- Forwarded message ---------⏎${sent}`,
  })) {
    it(`the line of a telephone and a signature go: ${program}`, () => {
      for (const added of ['Sent from my iPhone', 'Get Outlook for iOS<https://aka.ms/x>', '-- ⏎Carla']) {
        const { reply, signature } = extractReply(lines(`${TYPED}⏎⏎${added}⏎⏎${text}`));
        assert.equal(fold(reply), fold(lines(`${TYPED}⏎⏎${text}`)));
        assert.equal(signature, lines(added));
      }
    });
  }
});

describe('a forward by its Subject', () => {
  const block = `From: ${FROM}⏎Sent: Tuesday, March 5, 2024 2:07 PM⏎To: Ben⏎Subject: Hinges⏎⏎${BODY}`;
  for (const prefix of FORWARDED) {
    it(`stays where it begins with ${prefix}:`, () => {
      stays(block, { subjects: [`${prefix}: Hinges`] });
      stays(block, { subjects: [`[Shop] ${prefix}: Hinges`] });
    });
  }

  it('stays where all of it stands in brackets', () => {
    stays(block, { subjects: ['[Fwd: Hinges]'] });
  });

  it('stays below an attribution, too', () => {
    const text = `On 05/03/2024 14:07, "Ann" <ann@ex.example> wrote:⏎⏎    The hinges are sold out.`;
    stays(text, { subjects: ['FW: Hinges'] });
    assert.equal(extractReply(lines(`${TYPED}⏎⏎${text}`), { subjects: ['Re: Hinges'] }).reply, TYPED);
  });

  it('stays in a whole mail, whose Subject is encoded', async () => {
    const html = `<p>${TYPED}</p><div id="divRplyFwdMsg"><b>Kimden:</b> Ann<br><b>Konu:</b> Hinges</div><p>Sold out.</p>`;
    const mail = (subject: string): Buffer =>
      entity(['From: Carla <carla@ex.example>', `Subject: ${subject}`, 'Content-Type: text/html'], html);
    const post = async (subject: string): Promise<string> => {
      const outcome = await parseMessage(mail(subject), ATTACHMENT_LIMITS);
      return outcome.kind === 'parsed' ? outcome.reply.body.markdown : outcome.kind;
    };
    assert.match(await post('=?utf-8?q?=C4=B0LT=3A_Hinges?='), /What do you say\?[^]*Ann[^]*Sold out\./);
    assert.equal(await post('=?utf-8?q?YNT=3A_=C4=B0LT=3A_Hinges?='), TYPED);
  });

  it('goes where it answers a forward', () => {
    for (const subject of ['Re: Fwd: Hinges', 'AW: WG: Hinges', 'Re: [Fwd: Hinges]']) {
      assert.equal(extractReply(lines(`${TYPED}⏎⏎${block}`), { subjects: [subject] }).reply, TYPED);
    }
  });

  it('goes where the prefix answers in the language of the fields', () => {
    const finnish = `Lähettäjä: ${FROM}⏎Lähetetty: tiistai 5. maaliskuuta 2024 14.07⏎Vastaanottaja: Ben⏎Aihe: Hinges⏎⏎${BODY}`;
    const danish = `Fra: ${FROM}⏎Sendt: 5. marts 2024 14:07⏎Til: Ben⏎Emne: Hinges⏎⏎${BODY}`;
    const known: Known = { subjects: ['VS: Hinges'] };
    for (const rule of ['', '________________________________⏎']) {
      assert.equal(extractReply(lines(`${TYPED}⏎⏎${rule}${finnish}`), known).reply, TYPED);
      stays(rule + danish, known);
    }
  });
});

describe('a forward by its markup', () => {
  const table =
    '<table><tbody><tr><th>Quid: </th><td>Hinges</td></tr><tr><th>Quando: </th><td>Tue, 5 Mar 2024 14:07</td></tr><tr><th>Qui: </th><td>Ann &lt;ann@ex.example&gt;</td></tr></tbody></table>';
  const sent = `<div class="moz-forward-container"><br>-------- Abracadabra --------${table}<p>Sold out.</p></div>`;

  it('stays where Thunderbird wraps it, in any language', () => {
    const { reply, quoted } = htmlToMarkdown(`<p>See this.</p>${sent}`);
    assert.match(reply, /See this\.[^]*Abracadabra[^]*ann@ex\.example[^]*Sold out\./);
    assert.equal(quoted, '');
  });

  it('goes where the original that is answered had sent it on', () => {
    const html = `<p>Pity.</p><div class="moz-cite-prefix">On 05.03.24 14:07, Ann wrote:<br></div><blockquote type="cite"><p>See this.</p>${sent}</blockquote>`;
    assert.equal(htmlToMarkdown(html).reply, 'Pity.');
  });
});

describe('an original in the form of Outlook', () => {
  const older =
    'Ben <ben@ex.example> schrieb am Mo. 4. März 2024 um 09:00:⏎⏎> Which hinges?⏎> The large ones?';
  const CUT: Readonly<Record<string, string>> = {
    'above an older quote with marks': `From: ${FROM}⏎Sent: Tuesday, March 5, 2024 2:07 PM⏎To: Ben⏎Subject: Hinges⏎⏎Sold out.⏎⏎${older}`,
    'without a date that can be read': `From: ${FROM}⏎Sent: Monday⏎To: Ben⏎Subject: Hinges⏎⏎Sold out.`,
    'without a date, in another language': `Från: ${FROM}⏎Skickat: den 5 mars⏎Till: Ben⏎Ämne: Hinges⏎⏎Sold out.`,
    'with a name alone, in Croatian':
      'Šalje: Ann Ex⏎Poslano: 5. ožujka 2024. 14:07⏎Prima: Ben⏎Predmet: Hinges⏎⏎Sold out.',
    'with a name alone, in Kazakh':
      'Кімнен: Ann Ex⏎Жіберілген: 2024 ж. 5 наурыз 14:07⏎Кімге: Ben⏎Тақырыбы: Hinges⏎⏎Sold out.',
    'of an appointment': `-----Ursprünglicher Termin-----⏎Von: Ex, Ann <ann@ex.example>⏎Gesendet: Dienstag, 5. März 2024 14:07⏎An: Ben; Carla⏎Betreff: Treffen⏎Zeit: Mittwoch, 6. März 2024 13:00-17:00⏎Ort: Werkstatt⏎⏎Bis dann`,
  };
  for (const [name, text] of Object.entries(CUT)) {
    it(`goes ${name}`, () => {
      assert.equal(extractReply(lines(`${TYPED}⏎⏎${text}`)).reply, TYPED);
      assert.equal(extractReply(lines(`${TYPED}⏎⏎${text}`), { addresses: ['ann@ex.example'] }).reply, TYPED);
    });
  }

  it('is no pasted header without the time', () => {
    const text = `It had these:⏎⏎From: ${FROM}⏎To: ben@ex.example⏎Cc: carla@ex.example⏎Subject: Hinges⏎⏎Why did it come back?`;
    assert.equal(fold(extractReply(lines(text)).reply), fold(lines(text)));
  });

  it('is no form that begins with From and a mailbox', () => {
    const text = `An order:⏎⏎From: ${FROM}⏎Item: hinges⏎Number: four⏎Colour: black⏎⏎Please confirm.`;
    assert.equal(fold(extractReply(lines(text)).reply), fold(lines(text)));
  });
});
