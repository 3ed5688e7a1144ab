// People's replies that speak of bounces, absences and receipts: none of them is a machine's.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { classifyAutomatic } from '../../src/mail/automatic.ts';

const PERSON = 'alice@example.com';

const TITLES: Readonly<Record<string, readonly string[]>> = {
  bounces: [
    'Undelivered mail returned — can you look?',
    'Undeliverable',
    'Undeliverable: what does that mean?',
    'Mail delivery failed again',
    'Delivery Status Notification question',
    'Delivery failed for order 4711',
    'Returned mail: who handles it?',
    'Returned mail',
    'failure notice in German?',
    'Message could not be sent - error 12',
    'Your message to Bob could not be delivered',
    'Complaint about message from Bob',
    'Abuse report of last week',
    'Loop alert: duplicate ids',
    'Warning: could not send message',
    'Delayed mail',
    'Mail system error in the form',
    'Unzustellbare Mails an Kunden',
    'Zustellung fehlgeschlagen – was tun?',
    'Non remis : que faire ?',
    'Échec de la remise du colis',
    'No entregado: pedido 12',
    'Mancato recapito: pacco 12',
    'Nedoručitelný balík',
    'Недоставленное сообщение от клиента',
    '配信不能の件',
    '退信问题',
  ],
  absences: [
    'Out of office plans',
    'Vacation plans',
    'Automatic reply is broken',
    'Automatic reply text for the summer',
    'Auto-reply loop',
    'Abwesenheitsnotiz einstellen',
    'Réponse automatique à corriger',
    'Respuesta automática en la web',
    'Odpowiedź automatyczna nie działa',
    'Автоответчик не работает',
    '不在の件',
    '自動返信が壊れています',
    '自动回复的内容',
    '휴가와 근무표',
  ],
  receipts: ['Read receipts', 'Read: chapter two', 'Gelesen: Kapitel 2', 'Lu : le rapport', '已读: 第二章'],
};

const TEXTS: readonly string[] = [
  'I looked at it: the address was misspelt. I will correct it tomorrow.',
  'Could you look at this? The server said "550 5.1.1 User unknown", and the customer is angry.',
  'The mail could not be delivered because the mailbox is full. Shall we call them?',
  'I am on vacation until Monday, so please ask Bob about the cover.',
  'I will be out of the office on Friday; let us meet on Thursday.',
  'Ich habe es angesehen: die Adresse war falsch. Ich bin ab Montag im Urlaub.',
  'Je suis en congé la semaine prochaine, demandez à Paul.',
  'Я в отпуске до понедельника, спросите Ивана.',
  '来週は休暇です。よろしくお願いします。',
  '我下周休假，请问老王。',
];

const FROM = 'Bob via Tracker <reply+abc@reply.example.org>';
const ORIGINALS: readonly string[] = [
  '',
  `\n\nOn Sat, Nov 28, 2026 at 5:00 AM ${FROM} wrote:\n> Any idea?\n`,
  `\n\n-----Original Message-----\nFrom: ${FROM}\nSent: Saturday, November 28, 2026 5:00 AM\nTo: Alice\nSubject: x (#7)\n\nAny idea?\n`,
  `\n\n________________________________\nVon: ${FROM}\nGesendet: Samstag, 28. November 2026 05:00\nAn: Alice\nBetreff: x (#7)\n\nIdee?\n`,
];

function reply(subject: string, body: string): Buffer {
  const header = [
    `From: Alice <${PERSON}>`,
    `Subject: ${subject}`,
    'In-Reply-To: <issue-7@reply.example.org>',
  ];
  const type = 'Content-Type: text/plain; charset=utf-8';
  return Buffer.from([...header, type, '', body].join('\n').replaceAll('\n', '\r\n'));
}

describe('a person who answers us', () => {
  for (const [topic, titles] of Object.entries(TITLES)) {
    const mails = titles.flatMap((title) =>
      TEXTS.flatMap((text) => ORIGINALS.map((original) => [title, text + original] as const)),
    );
    it(`under titles of ${topic}, is no machine: ${mails.length} replies`, () => {
      for (const [title, body] of mails) {
        for (const subject of [title, `Re: ${title}`]) {
          const verdict = classifyAutomatic(reply(subject, body), PERSON);
          assert.equal(verdict, null, `${subject}\n${body}`);
        }
      }
    });
  }

  it('under a title that absence programs write, is none above an original', () => {
    for (const title of [
      'Out of office',
      'Abwesend: wer vertritt mich?',
      'Vacation: cover for August',
      '休暇: 来週',
    ]) {
      for (const text of TEXTS) {
        for (const original of ORIGINALS.slice(1))
          assert.equal(
            classifyAutomatic(reply(title, text + original), PERSON),
            null,
            title + text + original,
          );
      }
      assert.equal(classifyAutomatic(reply(title, 'Bob does. I asked him.'), PERSON), null, title);
    }
  });
});
