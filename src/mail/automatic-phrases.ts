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
  'afwezigheids(?:bericht|assistent)',
  'r[ée]ponse automatique',
  "message d'absence",
  'respuesta autom[áa]tica',
  'resposta autom[áa]tica',
  'risposta automatica',
  'auto(?:matisk(?:t)? )?svar\\b',
  'automaattinen (?:poissaolo)?vastaus',
  'odpowied[źz] automatyczna|automatyczna odpowied|autoodpowied',
  'automatick[áa] odpov[ěe]',
  'automatikus v[áa]lasz',
  'r[ăa]spuns automat',
  'otomatik (?:yan[ıi]t|cevap)',
  'автоматичес|автоответ|автоматична|автов[іи]дпов[іи]д|автомат[иі]чен отговор|(?:аутоматски|автоматски) одговор|аўтаматычны адказ|автоматты жауап',
  '自動(?:応答|返信|回覆|回复)|自动(?:答复|回复)|不在(?:通知|連絡|のお知らせ)',
  '자동 ?(?:회신|응답|답장)|부재 ?중 ?(?:자동|알림|응답)',
  'αυτ[όο]ματη απ[άα]ντηση',
  '(?:תשובה|תגובה) אוטומטית|מענה אוטומטי',
  '(?:ال)?رد (?:ال)?(?:تلقائي|آلي)|پاسخ خودکار|خودکار جواب',
  '(?:การ|ข้อความ)?ตอบกลับอัตโนมัติ|การตอบอัตโนมัติ',
  '(?:thư )?trả lời tự động|phản hồi tự động',
  '(?:balasan|jawaban|respons) (?:otomatis|automatik)|jawapan automatik',
  'automatski odgovor|samodejni? odgovor|avtomatski odgovor',
  'automatinis atsakymas|autom[āa]tisk[āa] atbilde|automaat(?:ne )?vastus',
  'resposta autom[àa]tica|erantzun automatikoa|sj[áa]lfvirkt svar|p[ëe]rgjigje automatike',
  'स्वचालित (?:उत्तर|जवाब|प्रत्युत्तर)|স্বয়ংক্রিয় (?:উত্তর|জবাব)|தானியங்கு பதில்',
  'outomatiese antwoord|freagra uathoibr[íi]och|ateb awtomatig|awtomatikong tugon|avtomatik cavab',
  'ավտոմատ պատասխան|ავტომატური პასუხი|自动应答|自動應答',
].join('|');

/** Subjects of vacation answers and auto-responders, as the larger clients and providers write them. */
export const AUTO_REPLY_SUBJECT = new RegExp(`^(?:${AUTO_REPLY_WORDS})`, 'iu');

/** The one of them that people write as well. */
export const OUT_OF_OFFICE = /^out[ -]of[ -](?:the[ -])?office ?(?:$|:)/i;

/** The end of a word that may go on, where a script has ends of words. */
const ENDING = '(?:(?![\\p{sc=Han}\\p{sc=Hiragana}\\p{sc=Katakana}\\p{sc=Hangul}])\\p{L})';

/**
 * Those of {@link AUTO_REPLY_SUBJECT} in the form that programs give them: nothing else, or the answered Subject behind
 * a colon. What goes on otherwise ("Automatic reply is broken") is as well a person's title.
 */
export const AUTO_REPLY_SUBJECT_FORM = new RegExp(
  `^(?:${AUTO_REPLY_WORDS})(?:(?<=:)|${ENDING}{0,20}(?:[ -](?:reply|response|answer|ответ|уведомление|відповідь))? ?(?:$|[:：]))`,
  'iu',
);

const ABSENCE_WORDS = [
  'out[ -]of[ -](?:the[ -])?office|ooo|away(?: from (?:my )?(?:mail|office|desk))?|on (?:vacation|leave|holidays?)|vacation|not in the office',
  'abwesen(?:d|heit)|nicht im (?:b[üu]ro|haus)|(?:im )?urlaub|absente?|absence(?: du bureau)?|en (?:cong[ée]s?|vacances)|hors (?:du|de mon) bureau',
  'ausente|ausencia|fuera de (?:la |mi )?oficina|de vacaciones|fora do escrit[óo]rio|aus[êe]ncia|de f[ée]rias|fora d[ea] (?:l.)?oficina|abs[èe]ncia|bulegotik kanpo',
  'fuori (?:sede|ufficio)|assente|assenza|in ferie|afwezig(?:heid)?|niet (?:op|aanwezig)|(?:met )?vakantie',
  'fr[åa]nvaro|fr[åa]nvarande|ej p[åa] kontoret|frav[æa]r(?:ende)?|ikke (?:til ?stede|p[åa] kontoret)|p[åa] ferie|fj[aá]rverandi|poissa(?:olo)?|lomalla',
  'poza biurem|nieobecno[śs][ćc]|nieobecn[ya]|urlop|nep[řr][íi]tomn(?:ost|os[ťt]|[ýy])|mimo kancel[áa][řr]|mimo kancel[áa]rie|dovolen[áa]',
  'h[áa]zon k[íi]v[üu]l|t[áa]voll[ée]t|irod[áa]n k[íi]v[üu]l|szabads[áa]g|[îi]n afara biroului|absen[țţt][ăa]|(?:ofis|i[şs]yeri) d[ıi][şs][ıi]nda|izindeyim',
  'вне офиса|отсутствие|отсутствую|в отпуске|поза офісом|відсутн(?:ість|ій|я)|у відпустці|извън офиса|отсъств(?:ие|ам)|ван канцеларије|одсут(?:ан|на|ност)',
  'izvan ureda|odsut(?:an|na|nost)|van kancelarije|odsot(?:en|na|nost)|ne esu biure|i[šs]vyk[ęe]s|prom?b[ūu]tn[ēe]|[āa]rpus biroja|kontorist v[äa]ljas|puhkusel',
  'εκτ[όο]ς γραφε[ίι]ου|απουσ[ίι]α|λε[ίι]πω|מחוץ למשרד|בחופשה|خارج المكتب|در (?:مرخصی|دفتر نیستم)|ไม่อยู่ที่(?:สำนักงาน|ทำงาน)|นอกสำนักงาน',
  'vắng mặt|không có (?:ở|tại) văn phòng|di luar (?:kantor|pejabat)|sedang cuti|bercuti|कार्यालय से बाहर|छुट्टी पर',
  '不在|休[假暇]|外出|부재 ?중|휴가',
].join('|');

/** A Subject of absence and nothing else, or with the answered Subject behind a colon: people's titles look like it. */
export const ABSENCE_FORM = new RegExp(`^(?:${ABSENCE_WORDS})${ENDING}{0,12} ?(?:$|[:：])`, 'iu');

/** Words of absence in the text, which confirm such a Subject. */
export const ABSENCE_TEXT = new RegExp(
  `(?<![\\p{L}\\p{N}])(?:${ABSENCE_WORDS})(?![\\p{L}\\p{N}])|不在|休[假暇]|부재|휴가`,
  'iu',
);

/** Subjects of receipts before the answered Subject, as Exchange, Outlook and phones write them. */
export const RECEIPT_SUBJECT = new RegExp(
  `^(?:${[
    'read(?: receipt)?|not read|message read|displayed|return receipt(?: \\(displayed\\))?|disposition notification|read receipt',
    'gelesen|ungelesen|nicht gelesen|lesebest[äa]tigung|empfangsbest[äa]tigung|lue?s?|non lue?s?|confirmation de lecture|accus[ée] de lecture',
    'le[íi]do|no le[íi]do|confirmaci[óo]n de lectura|lid[ao]s?|n[ãa]o lid[ao]s?|llegit|no llegit|letto|non letto|da leggere|conferma di lettura|ricevuta di lettura',
    'gelezen|(?:ongelezen|niet gelezen)|leesbevestiging|l[æe]st|ikke l[æe]st|l[äa]st|ol[äa]st|l[äa]skvitto|l[æe]sekvittering|luettu|ei luettu|lukukuittaus|lesi[ðd]|[óo]lesi[ðd]',
    'przeczytano|przeczytane|nie przeczytano|nieprzeczytane|potwierdzenie przeczytania|p[řr]e[čc]teno|nep[řr]e[čc]teno|pre[čc][íi]tan[ée]|nepre[čc][íi]tan[ée]',
    'olvasott|elolvasva|olvasatlan|olvasta|citit|necitit|okundu|okunmad[ıi]|pro[čc]itano|nepro[čc]itano|prebrano|neprebrano',
    'perskaityta|neperskaityta|izlas[īi]ts|nelas[īi]ts|loetud|lugemata|irakurrita',
    'прочитано|прочтено|не прочитано|не прочтено|непрочитано|прочетено|непрочетено|уведомление о прочтении|прочитане',
    'αναγν[ώω]στηκε|διαβ[άα]στηκε|δεν διαβ[άα]στηκε|נקרא|לא נקרא|مقروءة?|تمت القراءة|لم تتم القراءة|خوانده شد',
    'อ่านแล้ว|อ่าน|ยังไม่ได้อ่าน|đã đọc|chưa đọc|dibaca|telah dibaca|tidak dibaca|पढ़ा गया|पढ़ा',
    '已读|未读|已讀(?:取)?|未讀(?:取)?|已读回执|開封(?:済み?|確認)|未開封|読み取り済み|읽음|읽지 않음',
  ].join('|')}) ?[:：]\\s*(.*)$`,
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
    '(?:re ?: ?)?(?:your|votre|ihre|su|il (?:tuo|suo)) (?:e-?mail|mail|message|messaggio|mensaje|nachricht)(?: (?:to|for|à|an|a|per|para) [^:]{1,80})? ?: ?' +
      '(?:non remis|undeliver|not delivered|delivery fail|unzustellbar|non (?:consegnat|recapitat)|no entregado|returned)',
    'undeliver(?:able|ed)(?:$|:| (?:e-?)?mail| message)',
    'non-?deliver(?:able (?:e-?)?mail|y (?:report|notification|notice))',
    'returned? (?:(?:e-?)?mail|message)(?:$|:| ?[-–] ?error)|(?:e-?mail|mail|message) delivery (?:warning|error|problem)(?:$|:)|error during delivery|(?:e-?mail|mail|message) returned to sender',
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
    '(?:mail|message|e-?mail|delivery) (?:delayed|not delivered|undelivered|bounced)(?:$|:)|unable to deliver (?:your )?(?:mail|message|e-?mail)',
    'bounced? ?(?:mail|message|e-?mail|notification)?(?:$|:)|unknown address error|delivery (?:error|problem|report)(?:$|:| \\()',
    'delivery (?:to [^ ]{1,80} )?(?:has been )?delayed(?:$|:| \\()|undeliverable(?: e-?mail)?(?: returned|: )|status of (?:your )?delivery(?:$|:)',
    'unzustellbar|zustellung fehlgeschlagen|(?:nachricht|mail|e-mail) (?:nicht zustellbar|unzustellbar|nicht zugestellt)(?:$|:)|zustellungs?fehler(?:$|:)',
    '(?:ihre|deine) (?:nachricht|e-?mail|mail)(?: an [^:]{1,80})? konnte nicht|(?:[üu]bermittlungs|zustell)status|benachrichtigung (?:zum|[üu]ber den) (?:[üu]bermittlungs|zustell)',
    '(?:non recapitabile|non remis|mancato recapito|message non remis|non distribuable)(?: ?:|$)',
    '[ée]chec de (?:la )?(?:remise|distribution|livraison)|notification d.[ée]tat de (?:la )?(?:remise|distribution|livraison)|(?:courrier|message) non (?:distribu[ée]|livr[ée]|remis)(?:$| ?:)',
    '(?:no se puede entregar|no entregado|correo no entregado|mensaje no entregado|correo devuelto|n[ãa]o entregue|n[ãa]o [ée] poss[íi]vel entregar|mensagem n[ãa]o entregue)(?:$|:)',
    'notificaci[óo]n (?:de|sobre el) estado de (?:la )?entrega|notifica[çc][ãa]o (?:de|do) (?:status|estado) (?:de|da) entrega|(?:fallo en la entrega|falha na entrega|entrega fallida|error de entrega)(?:$|:)',
    'recapito non riuscito|messaggio non recapitato|notifica (?:di|sullo) stato (?:di|del|della) (?:recapito|consegna)|avviso di mancata consegna',
    '(?:niet bestelbaar|onbestelbaar|olevererbart|oleverbart|ej levererbart|kan (?:ikke|inte) levere?ras?|kan ikke leveres|ikke leveret|ikke levert|det g[åa]r inte att leverera)(?:$|:)',
    '(?:niet[ -]bezorgd|kan niet worden bezorgd|toimitus ep[äa]onnistui|ei voi(?:da)? toimittaa|perille toimittamaton|viesti[äa] ei voitu toimittaa)(?:$|:)|status voor bezorging',
    'nie mo[żz]na dostarczy[ćc](?:$|:)|niedostarczon[ey]?(?:$|:)|niedostarczaln|powiadomienie o stanie dostarcz|k[ée]zbes[íi]thetetlen(?:$|:)|a k[ée]zbes[íi]t[ée]s sikertelen',
    'nedoru[čc]ite[lľ]n|nelze doru[čc]it(?:$|:)|nedoru[čc]en[éeaá] (?:zpr[áa]v|po[šs]t)|ned[oô]ru[čc]iten|nelivra(?:bil|t)(?:$|:)|imposibil de livrat(?:$|:)',
    'nije isporu[čc]en|neisporu[čc]iv|nedostavljiv|ni mogo[čc]e dostaviti|kohaletoimetamatu|nav pieg[āa]d[āa]jams|nepristatom|teslim edilem|iletilemedi(?:$|:)',
    'недостав(?:ленное|лене|ена) (?:сообщение|письмо|повідомлення|поща)|(?:не|нэ) доставлен[оа](?:$|:)|недоставено(?:$|:)|(?:ваше )?(?:сообщение|письмо) не (?:было )?доставлено',
    'не удалось доставить|неможливо доставити(?:$|:)|не може да (?:се|бъде) достави|ошибка доставки(?:$|:)|уведомление о (?:состоянии|статусе) доставки|неиспоруч',
    'δεν (?:παραδ[όο]θηκε|[έε]γινε παρ[άα]δοση)|αδυναμ[ίι]α παρ[άα]δοσης|לא ניתן (?:למסירה|למסור)|דואר שלא נמסר|تعذر (?:ال)?تسليم|غير قابل للتسليم|فشل (?:ال)?تسليم',
    'ไม่สามารถ(?:จัด)?ส่ง|không (?:thể )?gửi được|không thể gửi(?:$|:)|không chuyển được|tidak (?:dapat )?terkirim|tidak dapat dikirim|gagal terkirim',
    'メールエラー通知|(?:メール|メッセージ)?(?:配信|配送|送信|配達)(?:不能|エラー|失敗)(?:通知|のお知らせ|:|$)|(?:メールを?)?(?:配信|送信)できません(?:でした)?(?:$|:)',
    '无法(?:送达|传递|投递)(?:$|:|的)|未(?:传递|送达|送達)(?:的|:|$)|系统退信|退信通知|退信(?:$|:)|邮件(?:退回|投递失败|发送失败)|投递失败(?:$|:)|無法(?:傳遞|傳送|送達)(?:$|:)|郵件(?:退回|傳送失敗)',
    '배달되지 않음(?:$|:)|배달할 수 없음|(?:메일|메시지)? ?(?:전송|발송|배달) ?(?:실패|오류)(?:$|:| 알림)|반송(?:된)? ?(?:메일|메시지)(?:$|:)',
  ].join('|')})`,
  'iu',
);

/** A mail system's own address: a local part before `@`, or a bare name where an address belongs. */
export const DAEMON_ADDRESS =
  /(?:^|[<\s,:"])(?:mailer[-_.]?daemon|mail[-_.]?daemon|mail[-_.]?(?:delivery|er)[-_.]?(?:sub)?system|post[-_.]?master|double-bounce|microsoftexchange[0-9a-f]{32})(?=\\?@|%|>|"?\s{0,4}(?:<>)?$|\s{1,4}\()/i;

/** A mail system's display name. */
export const DAEMON_NAME = new RegExp(
  `^["' ]{0,3}(?:(?:${[
    '(?:internet )?mail(?:er)? deliver[y]? ?(?:sub)?-?(?:system|service|agent|software|program|notification|status|failure|report)',
    'internet mail delivery|postmaster|mail delivery',
    'メール配信(?:システム|エラー)|メールシステム|邮件系统|邮件投递系统|郵件系統|메일 ?(?:배달|전송|발송) ?(?:시스템|실패)|почтовая система|система доставки почты',
  ].join('|')})["' ]{0,3}(?:$|<)|mailer[- ]daemon\\b)`,
  'iu',
);

/** Addresses and names that machines use for bounces and news alike: alone they say nothing. */
export const MACHINE_ADDRESS =
  /(?:^|[<\s])(?:(?:[\w.-]{0,40}[-_.])?(?:no|do-?not|dont)[-_.]?reply[-_.]?|bounces?|daemon|root|system|mail-?system|mail-?admin|mdaemon|ndr|dsn|mail-?(?:scanner|marshal|gateway|filter|router|server)|content-?filter|delivery-?(?:report|failure|notification)s?)(?=@|>|$)|^["' ]{0,3}(?:system administrator|mail administrator|microsoft outlook|mail (?:system|server|router|gateway|filter)|content-filter at [^<>"]{1,80})["' ]{0,3}</i;

/** What a bounce says near its beginning, in the mail systems that send no delivery status. */
export const BOUNCE_TEXT =
  /"notificationType": ?"(?:Bounce|Complaint)"|(?:could not|cannot|couldn't|was not|unable to) (?:be )?deliver|delivery (?:to the following|failed|has failed)|mailbox (?:is )?full|(?:user|recipient|mailbox) (?:unknown|not found|unavailable)|no such user|permanent (?:fatal )?error|\b5\d\d[ -]5\.\d{1,3}\.\d{1,3}\b/i;
