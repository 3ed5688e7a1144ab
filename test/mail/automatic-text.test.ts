// What a machine says in words, and what a person writes under the same title.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Automatic, classifyAutomatic } from '../../src/mail/automatic.ts';

const PERSON = 'alice@example.com';
const ANSWER = 'In-Reply-To: <issue-7@reply.example.org>';

function judge(subject: string, text: string, ...fields: string[]): Automatic | null {
  const header = ['From: Alice <alice@example.com>', `Subject: ${subject}`, ...fields];
  return classifyAutomatic(Buffer.from([...header, '', text].join('\r\n')), PERSON);
}

const AUTOMATIC: Readonly<Record<string, string>> = {
  ar: 'رد تلقائي',
  bg: 'Автоматичен отговор',
  ca: 'Resposta automàtica',
  cs: 'Automatická odpověď',
  da: 'Automatisk svar',
  de: 'Automatische Antwort',
  el: 'Αυτόματη απάντηση',
  en: 'Automatic reply',
  es: 'Respuesta automática',
  et: 'Automaatvastus',
  eu: 'Erantzun automatikoa',
  fa: 'پاسخ خودکار',
  fi: 'Automaattinen vastaus',
  fr: 'Réponse automatique',
  gl: 'Resposta automática',
  he: 'תשובה אוטומטית',
  hi: 'स्वचालित उत्तर',
  hr: 'Automatski odgovor',
  hu: 'Automatikus válasz',
  id: 'Balasan otomatis',
  is: 'Sjálfvirkt svar',
  it: 'Risposta automatica',
  ja: '自動応答',
  ko: '자동 회신',
  lt: 'Automatinis atsakymas',
  lv: 'Automātiskā atbilde',
  ms: 'Balasan automatik',
  nl: 'Automatisch antwoord',
  pl: 'Odpowiedź automatyczna',
  pt: 'Resposta automática',
  ro: 'Răspuns automat',
  ru: 'Автоматический ответ',
  sk: 'Automatická odpoveď',
  sl: 'Samodejni odgovor',
  sr: 'Аутоматски одговор',
  sv: 'Autosvar',
  th: 'ตอบกลับอัตโนมัติ',
  tr: 'Otomatik yanıt',
  uk: 'Автоматична відповідь',
  vi: 'Trả lời tự động',
  'zh-Hans': '自动答复',
  'zh-Hant': '自動回覆',
};

describe('an automatic reply', () => {
  it(`is known by its Subject in ${Object.keys(AUTOMATIC).length} languages, where the answered one follows`, () => {
    for (const [language, words] of Object.entries(AUTOMATIC)) {
      for (const subject of [`${words}: Logo blurred (#7)`, `${words} : x`, words, words.normalize('NFD')])
        assert.equal(judge(subject, 'Back on Monday.', ANSWER)?.kind, 'auto-reply', `${language} ${subject}`);
    }
  });

  it('with words of absence needs a second sign', () => {
    const absences = { 'Abwesend: x': 'Ich bin bis 7.12. im Urlaub.', 'Afwezig: x': 'Ik ben afwezig.' };
    for (const [subject, text] of Object.entries(absences)) {
      assert.equal(judge(subject, text, ANSWER)?.kind, 'auto-reply', subject);
      assert.equal(judge(subject, 'Ja.', 'X-Auto-Response-Suppress: All')?.kind, 'auto-reply', subject);
      assert.equal(judge(subject, 'Ja, gern.', ANSWER), null, subject);
    }
  });
});

describe('a person who answers under a title like a machine’s', () => {
  const quote = '\r\n\r\nOn Sat, Nov 28, 2026 at 5:00 AM Bob wrote:\r\n> Any idea?\r\n';
  const titles = ['Delivery failed for order 12 - who can look?', 'Automatic reply is broken']
    .concat('Undeliverable: the template is wrong', 'Abwesend: wer vertritt mich im Modul?')
    .concat('Automatic reply: make it shorter', 'Complaint about message from Bob');

  it('is a person above a quote', () => {
    for (const title of titles) assert.equal(judge(title, `I looked at it.${quote}`, ANSWER), null, title);
  });

  it('is a person without a quote, unless the title has the form of a program', () => {
    for (const title of titles.filter((each) => !each.startsWith('Automatic reply:')))
      assert.equal(judge(title, 'I looked at it: the wrong street.', ANSWER), null, title);
  });

  it('is none with a null reverse-path, a mail system’s From, or a machine’s text', () => {
    const [title = ''] = titles;
    const raw = (from: string): Buffer =>
      Buffer.from(`From: ${from}\r\nSubject: ${title}\r\n${ANSWER}\r\n\r\nI looked at it.${quote}`);
    assert.equal(classifyAutomatic(raw('alice@example.com'), '')?.kind, 'bounce');
    assert.equal(classifyAutomatic(raw('postmaster@example.com'), PERSON)?.kind, 'bounce');
    assert.equal(judge(title, '<bob@b.example>: 550 5.1.1 User unknown', ANSWER)?.kind, 'bounce');
  });
});

const CALENDAR = (method: string): string =>
  `BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:${method}\r\nEND:VCALENDAR\r\n`;

function calendarPart(method: string, ...fields: string[]): string {
  return [`Content-Type: text/calendar; method=${method}`, ...fields, '', CALENDAR(method)].join('\r\n');
}

function multipart(type: string, ...parts: string[]): string {
  const body = parts.map((part) => `--b-${type}\r\n${part}\r\n`).join('');
  return `Content-Type: multipart/${type}; boundary=b-${type}\r\n\r\n${body}--b-${type}--\r\n`;
}

describe('a calendar (RFC 6047 §2.4)', () => {
  const text = 'Content-Type: text/plain\r\n\r\nI accept.';
  const judgeCalendar = (entity: string): string | undefined =>
    classifyAutomatic(Buffer.from(`From: ${PERSON}\r\nSubject: Accepted: Logo\r\n${entity}`), PERSON)?.kind;

  it('that answers is a program’s, alone or as another form of the text', () => {
    for (const method of ['REPLY', 'COUNTER', 'DECLINECOUNTER', 'reply']) {
      const part = calendarPart(method);
      const all = [part, multipart('alternative', text, part)].concat(
        multipart('mixed', multipart('alternative', text, part), 'Content-Type: application/ics\r\n\r\nx'),
        multipart('mixed', part),
      );
      for (const entity of all) assert.equal(judgeCalendar(entity), 'auto-reply', entity);
    }
    assert.equal(judgeCalendar(`Content-Type: text/calendar\r\n\r\n${CALENDAR('REPLY')}`), 'auto-reply');
  });

  it('beside a person’s text is the person’s, and so is an invitation', () => {
    const attached = calendarPart('REPLY', 'Content-Disposition: attachment; filename=x.ics');
    for (const entity of [
      multipart('mixed', text, attached),
      multipart('mixed', text, calendarPart('REPLY')),
      multipart('mixed', text, calendarPart('REQUEST')),
      multipart('alternative', text, calendarPart('REQUEST')),
    ])
      assert.equal(judgeCalendar(entity), undefined, entity);
  });
});

const RECEIPTS: readonly (readonly [string, string, string])[] = [
  ['Read: ', 'Your message', 'was read on Saturday, November 28, 2026 5:12 AM.'],
  ['Not read: ', 'Your message', 'was deleted without being read on Saturday, November 28, 2026 5:12 AM.'],
  ['Gelesen: ', 'Ihre Nachricht', 'wurde am Samstag, 28. November 2026 05:12:00 gelesen.'],
  ['Lu : ', 'Votre message', 'a été lu le samedi 28 novembre 2026 05:12.'],
  ['Leído: ', 'El mensaje', 'fue leído el sábado, 28 de noviembre de 2026 5:12.'],
  ['Lida: ', 'A sua mensagem', 'foi lida em sábado, 28 de novembro de 2026 05:12.'],
  ['Letto: ', 'Il messaggio', 'è stato letto sabato 28 novembre 2026 05:12.'],
  ['Gelezen: ', 'Uw bericht', 'is gelezen op zaterdag 28 november 2026 5:12.'],
  ['Läst: ', 'Ditt meddelande', 'lästes den 28 november 2026 05:12.'],
  ['Læst: ', 'Din meddelelse', 'blev læst den 28. november 2026 05:12.'],
  ['Lest: ', 'Meldingen', 'ble lest 28. november 2026 05:12.'],
  ['Luettu: ', 'Viestisi', 'on luettu 28. marraskuuta 2026 5:12.'],
  ['Przeczytano: ', 'Wiadomość', 'została przeczytana 28 listopada 2026 05:12.'],
  ['Přečteno: ', 'Vaše zpráva', 'byla přečtena 28. listopadu 2026 5:12.'],
  ['Прочтено: ', 'Сообщение', 'прочитано 28 ноября 2026 г. 5:12.'],
  ['Okundu: ', 'İletiniz', '28 Kasım 2026 05:12 tarihinde okundu.'],
  ['Αναγνώστηκε: ', 'Το μήνυμά σας', 'αναγνώστηκε στις 28 Νοεμβρίου 2026 5:12.'],
  ['נקרא: ', 'ההודעה שלך', 'נקראה ב-28 בנובמבר 2026 5:12.'],
  ['已读: ', '您的邮件', '阅读时间为 2026年11月28日 5:12。'],
  ['開封済み: ', 'メッセージ', 'は 2026年11月28日 5:12 に開封されました。'],
  ['읽음: ', '메시지를', '2026년 11월 28일 오전 5:12에 읽었습니다.'],
];

describe('a read receipt in words', () => {
  const labels = '   To: Alice\r\n   Subject: Logo blurred (#7)\r\n   Sent: November 28, 2026 5:00 AM';

  it(`is known by Subject and form together, in ${RECEIPTS.length} wordings`, () => {
    for (const [prefix, opening, end] of RECEIPTS) {
      const text = `${opening}\r\n\r\n${labels}\r\n\r\n${end}\r\n`;
      assert.equal(judge(`${prefix}Logo blurred (#7)`, text, ANSWER)?.kind, 'report', prefix);
      assert.equal(judge('Re: Logo blurred (#7)', text, ANSWER), null, prefix);
      assert.equal(judge(`${prefix}Logo blurred (#7)`, 'I read it at 5:12.', ANSWER), null, prefix);
    }
  });

  it('is none with a person’s lines in it', () => {
    const text = `Your message\r\n\r\n${labels}\r\n\r\nwas read at 5:12.\r\n\r\nI agree.\r\nShip it.\r\nOn Friday.\r\n`;
    assert.equal(judge('Read: Logo blurred (#7)', text, ANSWER), null);
  });
});

describe('a bounce that was handed on without its null reverse-path', () => {
  it('is known by its Subject or its sender', () => {
    const bounces = ['Returned Mail - Error During Delivery', 'Mail Delivery Warning'].concat(
      'RE: Your message to builders : non remis (delivery failed)',
      'Message delivery error: order',
      'Your message to bob : not delivered',
    );
    for (const subject of bounces)
      assert.equal(judge(subject, 'It could not be delivered.')?.kind, 'bounce', subject);
    const from = 'From: <Postmaster\\@ex.example@relay.example>\r\nSubject: Notice\r\n\r\nx';
    assert.equal(classifyAutomatic(Buffer.from(from), PERSON)?.kind, 'bounce');
  });
});
