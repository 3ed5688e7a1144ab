/**
 * The words by which machines introduce themselves: subjects, senders' names, opening lines of a bounce.
 *
 * Contract: every pattern is anchored or starts with a literal and has bounded repeats only, so that matching
 * is linear. Subjects are matched from their first character: a person's "Re: Undeliverable: …" or
 * "Fwd: Returned mail" is the person's.
 * Limits: word lists are never complete; the fields that standards define (automatic.ts) carry most of the weight.
 */

const AUTO_REPLY_WORDS = [
  'auto(?:matic|mated)?[ -]?(?:reply|replied|response|answer)\\b',
  'auto:',
  'autoreply\\b',
  'out[ -]of[ -](?:the[ -])?office(?:$|:| ?auto| ?re(?:ply|sponse))',
  'vacation (?:auto|reply|response|message)',
  'automatische? (?:antwort|antwoord|beantwoording)',
  'abwesenheits(?:notiz|nachricht|meldung|assistent)',
  'abwesend:',
  'afwezig(?:heid)?(?:$|:|sbericht|sassistent)',
  'r[ée]ponse automatique',
  "absence? du bureau|message d'absence",
  'respuesta autom[áa]tica',
  'resposta autom[áa]tica',
  'risposta automatica|fuori sede',
  'auto(?:matisk(?:t)? )?svar\\b',
  'fr[åa]nvaro',
  'automaattinen vastaus|poissa',
  'odpowied[źz] automatyczna|autoodpowied',
  'automatick[áa] odpov[ěe]',
  'automatikus v[áa]lasz',
  'r[ăa]spuns automat',
  'otomatik yan[ıi]t',
  'автоматичес|автоответ|автоматична',
  '自動(?:応答|返信|回覆|回复)|自动(?:答复|回复)|不在(?:通知|連絡)',
  '자동 ?(?:회신|응답)|부재 ?중',
].join('|');

/** Subjects of vacation answers and auto-responders, as the larger clients and providers write them. */
export const AUTO_REPLY_SUBJECT = new RegExp(`^(?:${AUTO_REPLY_WORDS})`, 'iu');

/**
 * Those of {@link AUTO_REPLY_SUBJECT} in the form that programs give them: nothing else, or the answered Subject behind
 * a colon. What goes on otherwise ("Automatic reply is broken") is as well a person's title.
 */
export const AUTO_REPLY_SUBJECT_FORM = new RegExp(
  `^(?:${AUTO_REPLY_WORDS})(?:(?<=:)|\\p{L}{0,20}(?:[ -](?:reply|response|answer|ответ|уведомление|відповідь))? ?(?:$|[:：]))`,
  'iu',
);

/** Words of absence anywhere in a Subject, which people use as well: they only confirm another sign. */
export const ABSENCE_SUBJECT = new RegExp(
  `(?<![\\p{L}\\p{N}])(?:${[
    'away|absent|vacation|holidays?|out[ -]of[ -](?:the[ -])?office|on leave|not in the office',
    'abwesen(?:d|heit)|urlaub|nicht im b[üu]ro|absence?|vacances|cong[ée]s?|ausente|vacaciones|f[ée]rias|ferie|assente',
    'afwezig(?:heid)?|vakantie|fr[åa]nvarande|semester|frav[æa]r|ferien|poissa|urlop|nieobecno[śs][ćc]',
    'отпуске?|отсутств(?:ую|ие)',
  ].join('|')})(?![\\p{L}\\p{N}])|不在|休[假暇]|부재|휴가`,
  'iu',
);

/** Subjects of answers and forwards, in any language: a short word and a colon. */
export const ANSWER_SUBJECT = /^\p{L}{1,5}(?:\[\d\])? ?[:：]/u;

/** Subjects of feedback reports that carry no report type. */
export const COMPLAINT_SUBJECT = /^(?:complaint about message from |email feedback report|abuse report\b)/i;

/** Subjects of delivery failures and delays: only formulas that a person would hardly open a subject with. */
export const BOUNCE_SUBJECT = new RegExp(
  `^(?:\\[(?:postmaster|ndr)\\] ?|(?:re: ?)?\\[bounce\\] ?|\\*{2,3} ?)?(?:${[
    'undeliver(?:able|ed)(?:$|:| (?:e-?)?mail| message)',
    'non-?deliver(?:able (?:e-?)?mail|y (?:report|notification|notice))',
    'returned? (?:e-?mail|message)(?:$|:)|(?:e-?mail|mail|message) returned to sender',
    '(?:mail|message) (?:rejected|undeliverable)(?:$|:)|rejected mail',
    '(?:(?:permanent|temporary|failed|e-?mail|mail|message|internet) )*' +
      'delivery (?:status notif|status(?:$|:)|has failed|failed|failure|notification(?:$|:)|report$)',
    'failure (?:notice|delivery)|failed mail(?:$|:)|mail (?:failed, returning|failure|system error)',
    '(?:sorry, )?(?:(?:your|the) )?(?:e-?mail|mail|message)(?: to [^ ]{1,80})? ' +
      '(?:could not|cannot|was not|has not|can.t)(?: be| been)? (?:delivered|sent)',
    'warning: ?(?:could not send|message [^ ]{1,80} delayed|delayed mail)|warning--could not send',
    'delayed mail ?(?:$|:|\\()|notice: mail delivery status',
    'there was an error sending your mail|postmaster notify: |postfix smtp server: errors',
    'considered unsolicited bulk e-?mail|message you sent blocked|loop alert: |nd[nr]: ',
    'unzustellbar|zustellung fehlgeschlagen',
    '(?:non recapitabile|non remis|mancato recapito|message non remis|non distribuable)(?: ?:|$)',
    '[ée]chec de (?:la )?(?:remise|distribution)',
    '(?:no se puede entregar|no entregado|correo no entregado|n[ãa]o entregue)(?:$|:)',
    '(?:niet bestelbaar|onbestelbaar|olevererbart|oleverbart|ej levererbart|kan ikke leveres)(?:$|:)',
    'nie mo[żz]na dostarczy[ćc]:|k[ée]zbes[íi]thetetlen:|nedoru[čc]iteln',
    'недоставленное сообщение|не доставлено:|не удалось доставить',
    'メールエラー通知|(?:メール)?(?:配信|配送|送信)(?:不能|エラー)(?:通知|のお知らせ|$)|配信不能:',
    '无法(?:送达|传递|投递):|未(?:传递|送达|送達)的|系统退信|退信通知|無法(?:傳遞|傳送):',
  ].join('|')})`,
  'iu',
);

/** A mail system's own address: a local part before `@`, or a bare name where an address belongs. */
export const DAEMON_ADDRESS =
  /(?:^|[<\s,:"])(?:mailer[-_.]?daemon|mail[-_.]?daemon|mail\.delivery\.(?:sub)?system|post[-_.]?master|double-bounce)(?=@|>|"?\s{0,4}(?:<>)?$|\s{1,4}\()/i;

/** A mail system's display name. */
export const DAEMON_NAME =
  /^["' ]{0,3}(?:internet )?(?:mail(?:er)? deliver[y]? ?(?:sub)?-?(?:system|service|agent)?["' ]{0,3}(?:$|<)|mailer[- ]daemon\b)/i;

/** Local parts that machines use for bounces and news alike: alone they say nothing. */
export const MACHINE_ADDRESS =
  /(?:^|[<\s])(?:(?:[\w.-]{0,40}[-_.])?(?:no|do-?not|dont)[-_.]?reply[-_.]?|bounces?|daemon|root|system|mail-?system|mail-?admin)(?=@|>|$)/i;

/** What a bounce says near its beginning, in the mail systems that send no delivery status. */
export const BOUNCE_TEXT =
  /"notificationType": ?"(?:Bounce|Complaint)"|(?:could not|cannot|couldn't|was not|unable to) (?:be )?deliver|delivery (?:to the following|failed|has failed)|mailbox (?:is )?full|(?:user|recipient|mailbox) (?:unknown|not found|unavailable)|no such user|permanent (?:fatal )?error|\b5\d\d[ -]5\.\d{1,3}\.\d{1,3}\b/i;
