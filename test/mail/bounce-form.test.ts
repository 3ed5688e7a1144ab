// Bounces that some gateway handed on: without the null reverse-path and the fields that automatic mail has.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { classifyAutomatic } from '../../src/mail/automatic.ts';
import { shortestMs } from '../support/elapsed.ts';

const PATH = 'relay@gateway.example';
const ROBOT = 'From: Robot <service@gateway.example>';

function kindOf(text: string, ...fields: string[]): string | undefined {
  const lines = [...fields, 'Content-Type: text/plain; charset=utf-8', '', text];
  return classifyAutomatic(Buffer.from(lines.join('\n').replaceAll('\n', '\r\n')), PATH)?.kind;
}

const SUBJECTS: Readonly<Record<string, readonly string[]>> = {
  ar: ['تعذر تسليم: x', 'غير قابل للتسليم: x'],
  bg: ['Недоставено: x', 'Не може да се достави: x'],
  cs: ['Nedoručitelné: x', 'Nelze doručit: x'],
  da: ['Kan ikke leveres: x'],
  de: [
    'Unzustellbar: x',
    'Nachricht nicht zustellbar',
    'Ihre Nachricht an bob@b.example konnte nicht zugestellt werden',
  ],
  el: ['Δεν παραδόθηκε: x', 'Αδυναμία παράδοσης: x'],
  en: [
    'Mail not delivered',
    'Unable to deliver message',
    'Bounced mail: x',
    'Delivery delayed: x',
    'Delivery error: x',
  ],
  es: ['No se puede entregar: x', 'Notificación de estado de entrega (fallo)', 'Correo devuelto'],
  et: ['Kohaletoimetamatu: x'],
  fi: ['Toimitus epäonnistui', 'Ei voi toimittaa: x'],
  fr: ['Non remis : x', 'Courrier non distribué', 'Notification d’état de remise (échec)'.replace('’', "'")],
  he: ['לא ניתן למסירה: x'],
  hr: ['Nije isporučeno: x'],
  hu: ['Kézbesíthetetlen: x', 'A kézbesítés sikertelen'],
  id: ['Tidak terkirim: x'],
  it: ['Non recapitabile: x', 'Messaggio non recapitato', 'Recapito non riuscito'],
  ja: ['配信不能: x', 'メール配信エラー', '送信できませんでした'],
  ko: ['배달되지 않음: x', '메일 발송 실패', '반송 메일'],
  lt: ['Nepristatoma: x'],
  lv: ['Nav piegādājams: x'],
  nb: ['Ikke levert: x'],
  nl: ['Niet bestelbaar: x', 'Onbestelbaar: x'],
  pl: ['Nie można dostarczyć: x', 'Niedostarczone: x'],
  pt: ['Não é possível entregar: x', 'Falha na entrega'],
  ro: ['Nelivrabil: x'],
  ru: ['Не доставлено: x', 'Ваше сообщение не доставлено. Mail failure.', 'Ошибка доставки'],
  sk: ['Nedoručiteľné: x'],
  sl: ['Nedostavljivo: x'],
  sr: ['Неиспоручено: x'],
  sv: ['Det går inte att leverera: x'],
  th: ['ไม่สามารถส่ง: x'],
  tr: ['Teslim edilemedi: x'],
  uk: ['Недоставлене повідомлення', 'Неможливо доставити: x'],
  vi: ['Không thể gửi: x'],
  zh: ['无法投递: x', '退信', '郵件退回'],
};

describe('the Subject of a bounce', () => {
  it(`is known in ${Object.keys(SUBJECTS).length} languages`, () => {
    for (const [language, subjects] of Object.entries(SUBJECTS)) {
      for (const subject of subjects) {
        for (const form of [subject, subject.normalize('NFD')])
          assert.equal(kindOf('x', ROBOT, `Subject: ${form}`), 'bounce', `${language}: ${form}`);
      }
    }
  });
});

describe('the sender of a bounce', () => {
  it('is a mail system by its address or name, encoded or not', () => {
    const senders = [
      'MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@example.com',
      'Mailer-Daemon%mx@relay.example',
      'Mail Delivery Software <x@relay.example>',
      '"Mail Delivery Notification" <notify@relay.example>',
      'Internet Mail Delivery <x@relay.example>',
      'Postmaster <noc@relay.example>',
      '=?utf-8?b?44Oh44O844Or6YWN5L+h44K344K544OG44Og?= <x@relay.example>',
      '=?iso-8859-1?q?Mail_Delivery_System?= <x@relay.example>',
      '=?utf-8?b?6YKu5Lu257O757uf?= <x@relay.example>',
    ];
    for (const from of senders) assert.equal(kindOf('x', `From: ${from}`, 'Subject: Notice'), 'bounce', from);
  });

  it('is a machine where the text speaks of a failure, in whatever encoding', () => {
    const said = 'Your message could not be delivered.';
    for (const from of [
      'System Administrator <admin@x.example>',
      'ndr@x.example',
      '"Mail Server" <a@x.example>',
    ]) {
      assert.equal(kindOf(said, `From: ${from}`, 'Subject: Notice'), 'bounce', from);
      const encoded = Buffer.from(said).toString('base64');
      assert.equal(kindOf(encoded, 'Content-Transfer-Encoding: base64', `From: ${from}`), 'bounce', from);
      assert.equal(kindOf('The server is back.', `From: ${from}`, 'Subject: Notice'), undefined, from);
    }
  });
});

const RETURNED = [
  'Return-Path: <relay@gateway.example>',
  'Received: from a.example by b.example; Sat, 28 Nov 2026 05:00:00 +0000',
  'From: Tracker <reply+abc@reply.example.org>',
  'To: bob@b.example',
  'Subject: Logo blurred (#7)',
  'Message-ID: <issue-7@reply.example.org>',
].join('\n');

/** What mail systems write, in our words; the last lines are the message that they return. */
const FORMS: readonly string[] = [
  'This message was generated automatically by the mail server.\n\nThese addresses failed:\n\n  bob@b.example\n    550 No such user here',
  'I am the mail program at relay.example.\n\n<bob@b.example>:\nb.example said: 552 over the quota',
  'The mail system gave up.\n\nbob@b.example: host mx.b.example[192.0.2.1] said: 550 5.1.1 unknown (in reply to RCPT TO)',
  'Diese Nachricht wurde automatisch erstellt.\n\nSie konnte nicht zugestellt werden an: bob@b.example',
  'Ce message a été généré automatiquement.\n\nLe courrier n’a pas pu être distribué à bob@b.example',
  'Este mensaje fue generado automáticamente.\n\nNo se pudo entregar a bob@b.example',
  'Это письмо создано автоматически.\n\nСообщение не было доставлено: bob@b.example',
  'このメールは自動的に生成されました。\n\n次の宛先に配信できませんでした: bob@b.example',
  '本邮件由系统自动发送。\n\n无法送达: bob@b.example',
  '이 메일은 자동 발송되었습니다.\n\n배달되지 않았습니다: bob@b.example',
];

describe('the form of a bounce', () => {
  it('is a reason and the returned message, whoever sends it and in many languages', () => {
    for (const form of FORMS) {
      const text = `${form}\n\n--- the message ---\n${RETURNED}\n\nAny idea?\n`;
      assert.equal(kindOf(text, ROBOT, 'Subject: About your mail'), 'bounce', form);
      const parts = `--b\n\n${form}\n--b\nContent-Type: message/rfc822\n\n${RETURNED}\n\nAny idea?\n--b--\n`;
      const mixed = [
        ROBOT,
        'Subject: About your mail',
        'Content-Type: multipart/mixed; boundary=b',
        '',
        parts,
      ];
      const raw = Buffer.from(mixed.join('\n').replaceAll('\n', '\r\n'));
      assert.equal(classifyAutomatic(raw, PATH)?.kind, 'bounce', form);
    }
  });

  it('is not that of a person who sends a failed mail on, or speaks of one', () => {
    const alice = 'From: Alice <alice@example.com>';
    const texts = [
      'Look at this mail, it could not be delivered.',
      'Bob’s address is unknown. What now?',
      'Please send it again.',
    ];
    for (const text of texts) {
      const parts = `--b\n\n${text}\n--b\nContent-Type: message/rfc822\n\n${RETURNED}\n\nAny idea?\n--b--\n`;
      const mixed = [alice, 'Subject: Logo', 'Content-Type: multipart/mixed; boundary=b', '', parts];
      assert.equal(classifyAutomatic(Buffer.from(mixed.join('\r\n')), PATH), null, text);
      const forwarded = `${text}\n\nFrom: Tracker <t@example.org>\nSent: Saturday\nTo: Bob\nSubject: Logo\n\nAny idea?`;
      assert.equal(kindOf(forwarded, alice, 'Subject: Logo'), undefined, text);
    }
    const [form = ''] = FORMS;
    const all = `${form}\n\n${RETURNED}\n\nAny idea?\n`;
    assert.equal(kindOf(all, alice, 'Subject: Fwd: About your mail'), undefined);
    assert.equal(
      kindOf(`What now?\n\n${all}`, alice, 'Subject: Logo', 'In-Reply-To: <a@b.example>'),
      undefined,
    );
  });

  it('tells a machine from a person under a Subject that both write', () => {
    const fields = [ROBOT, 'Subject: Undeliverable: x', 'In-Reply-To: <issue-7@reply.example.org>'];
    for (const form of FORMS) assert.equal(kindOf(`${form}\n\n${RETURNED}\n`, ...fields), 'bounce', form);
    assert.equal(kindOf('It says 550 5.1.1 user unknown. Who can look?', ...fields), undefined);
  });

  it('is looked for in linear time', () => {
    const hostile = [
      'a@b',
      'delivery ',
      'user ',
      'mailbox ',
      'return ',
      'x: ',
      'Received:\n',
      '550 ',
      '<<<<@@@@',
      '5.1.1.',
    ];
    for (const piece of hostile) {
      const text = `could not deliver\n${piece.repeat((1 << 20) / piece.length)}`;
      const tookMs = shortestMs(500, () => kindOf(text, ROBOT, 'Subject: x'));
      assert.ok(tookMs < 500, `${piece}: ${tookMs} ms`);
    }
  });
});
