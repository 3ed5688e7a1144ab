/**
 * Word evidence: stems that lend weight to a line whose form already says what it may be.
 *
 * Contract: a stem alone decides nothing. Every caller first asks for a form (a frame of dashes, a header
 * block, a line of its own at the end of the text) and uses a stem only where two meanings share that form,
 * such as an original and a forwarded message, both framed by dashes.
 * Limits: a language that is missing here falls back to the form, which is the safe side: text is kept.
 */

/** A question to a text. */
interface Words {
  test(text: string): boolean;
}

/** Stems that begin a word; most texts hold them nowhere, which is seen sooner. */
function word(stems: string): Words {
  const anywhere = new RegExp(stems, 'iu');
  const first = new RegExp(`(?<![\\p{L}\\p{M}])(?:${stems})`, 'iu');
  return { test: (text) => anywhere.test(text) && first.test(text) };
}

const anyOf = (stems: readonly string[]): RegExp => new RegExp(byFirstLetter(stems.join('|')), 'i');

/** Puts stems with one first letter behind it: a place in a text is refused once for all of them. */
function byFirstLetter(stems: string): string {
  const groups = new Map<string, string[]>();
  for (const stem of stems.split(/\|(?![^(]*\))/)) {
    const first = /^(?:\\b)?[a-z](?![?*+{])/.exec(stem)?.[0] ?? '';
    const rests = groups.get(first) ?? [];
    groups.set(first, [...rests, stem.slice(first.length)]);
  }
  return [...groups].map(([first, rests]) => `${first}(?:${rests.join('|')})`).join('|');
}

/** Names of "message", "mail" and "original", as they stand inside `-----Original Message-----`. */
export const MESSAGE_NOUN = anyOf([
  'mess?age|mail\\b|courriel|original|nachricht|meddel|melding|besked|viesti|bericht|mensa[jg]|messaggi|missat',
  'wiadomo|zpr[áa]v|spr[áa]v|[üu]zenet|mesa[jĵ]|mesaĝ|порук|poruk|sporo[čc]|ileti|kiri\\b|s[õo]num|v[ēe]stul|lai[šs]k|mezu',
  'skeyti|p[óo]stur|pesan|th[ưu]\\b|tin nhắn|сообщ|повідом|писм|ліст|лист|μήνυμα|mazmun|neges|teachtaireacht|kemennadenn',
  'メッセージ|メール|邮件|郵件|信件|메시지|메일|원본|הודעה|מקורית|رسالة|الرسالة|پیام|ข้อความ|संदेश|বার্তা|செய்தி|സന്ദേശം|հաղորդագր|წერილ|შეტყობინ',
]);

/** Names of "original", as they stand beside "message" in a frame. */
export const ORIGINAL_WORD = anyOf([
  'origin|oorspronk|repl[yi]|antwort|ursprüng|oprindel|opprinnel|oprava|alkuper|pierwotn|původn|p[oô]vodn|eredeti|orijinal|izvorn|izvirn|algne|oriģin|pradin|asli|gốc|исходн|оригин|первонач|арыгін|пачатков|початков|зыходн|orixin|orinel|upprun|sākotn|ini[tț]ial|orjin|wreiddiol',
  '元の|原始|原文|オリジナル|원본|המקור|מקור|الأصلي|اصلي|اصلی|ต้นฉบับ|मूल|মূল|அசல்|യഥാർത്ഥ|սկզբնական|ორიგინალ|αρχικ|πρωτότυπ|jatorrizk|upphafle|ต้นทาง|шығыс',
]);

/** Forms of "forwarded". */
export const FORWARDED = anyOf([
  'forward|\\bfwd?\\b|weitergeleit|transf[eé]r|transmis|r[eé]exp[eé]di|faire suivre|re[eu]nvi|encaminhad|inoltrat|doorgestuurd|trochstj|vidarebefordra',
  'videresend|vidaresend|v[äa]litet|edelleen|edasta|edasisuuna|p[āa]rs[ūu]t|persi[ųu]st|przekaz(?:a|yw)|p[řr]eposl|p[řr]epos[íi]l|tov[áa]bb[ií]t',
  'redirec[țt]ion|retrimis|înaint|prosl?j?ije|prosle[đd]|prosljeđ|posredovan|pósrědn|sposrědk|пересыл|пересил|пересл|переадрес|перенаправ|перенак|накірава',
  'препрат|прослеђ|перасл|προωθ|[iİ]letil|[iİ]leti başlang|бағдарлан|përcjell|ar aghaidh|shìneadh|renvià|indenant|փոխանց|გადაგზავნ|បញ្ជូន',
  'y[öo]nlendir|áframsen|framsend|berbidal|birbidal|reendre|plusendit|diteruskan|terusan|dimajukan|chuyển tiếp|転送|转发|轉寄|轉發|转寄|전달',
  'הועבר|מועבר|מוע?בר|محول|معاد|محوّل|ممر|هدایت|ارسال شده|بازفرست|ส่งต่อ|अग्रेषित',
]);

/** Verbs of saying and writing, as they close an attribution. */
export const WROTE = anyOf([
  'wrote|writes|\\bsent\\b|schr[ie]+b|schreef|geschreven|skrev|skreiv|écrit|ecrit|escri[bvt]|escreve|ha scritto|scrisse|scris\\b',
  'napisa|pisze|пис[аеш]|напис|пише|napsal|kirjoit|kirjuta|[íi]rta|yazd|rakst|ra[šs][ėe]|idatzi|skrifa|skribis|menulis|viết|έγραψε',
  '写道|寫道|写到|書きました|メッセージ|작성|썼|님이|כתב|كتب|نوشت|เขียน|लिखा|geantwoord|odpovedal|svarade',
  'skriva[ðd]|geschriw|піша|nap[ií]sal|напі[сш]|напиш|scrive\\b|scriveva|escriu|idatz|quoting|zitat von|cita de|citerar|cytat|citace',
  'ysgrifen|scr[ií]obh|sgr[iì]obh|shkroi|shkruajti|schreift|skreau|isinulat|sumulat|niv[iî]sand|yaz[ıi]b|yazm[ıi][sş]|yozdi|yozgan',
  'andika|geskry|scribite|scrittu|escrich|kirjoitt|skrivet|scria\\b|жазды|жазган|бичсэн|пишува|escribiu',
  'ຂຽນ|សរសេរ|ရေးသား|発言|書い|述べ|쓴|작성|썼|تحریر|لکھا|نووسی|لیکل|लिहिल|लेख्नु|लेखे|লিখ|লেখ|લખ્ય|ਲਿਖਿ|எழுத|రాశా|వ్రాసి|ಬರೆದ',
  'എഴുതി|ලිය|ලිව්|წერ|დაწერა|գրել|գրեց|ጻፈ|ጽፏል|寫到|寫道|写了|寫了|發表|发表|מאת',
  'sporoč[ai]|\\bp[ií]še|membalas|жазған|\\bscrit\\b|\\bxutz.?ib|\\byura\\b|より\\s?[:：]|씀|보낸 메시지|写于|寫於|寫下|寫入|撰寫|提到',
  '\\bskryf|shkruar|escrigu|scrivè|ubhale|\\bditulis|\\btulis\\s?:|иаҩҩо|लिही|يازد|يازغ|લખાય',
  '\\bcitiram|\\bcitando|\\bcitant|\\bcituji|\\bcitát\\b|\\bcitat af|\\bcitēju|\\bciteren|\\bsiterer|\\blainaus|\\bidézet|\\bcytowanie|\\bvísa til',
  'цитиру|цитую|περιορίζοντας|παραθέτ|نقل قول|សម្រង់|引用|引述|인용|\\bal[ıi]nt[ıi]',
]);

/** Participles of "sent", as they stand in the line a telephone adds. */
export const SENT = anyOf([
  '\\bsent\\b|gesendet|gesandt|versendet|geschickt|envoy[ée]|enviad|enviat|inviat|spedito|verzonden|verstuurd|gestuurd|skickat|sendt\\b|sendur?\\b',
  'l[äa]hetetty|saadetud|nos[ūu]t|i[šs]si[ųu]st|wys[łl]an|odesl[áa]n|odoslan|poslan|k[üu]ldve|k[üu]ldtem|trimis|g[öo]nderil|dikirim|dihantar',
  'отправлен|надіслан|відправлен|изпратен|послат|адпраўлен|στάλθηκε|εστάλη|αποστολή|bidali|gửi từ|được gửi|送信|发送|發送|传送|傳送|发自|發自|寄自|보냄|보낸|에서 보|נשלח|أرسل|مرسل|ارسال|ส่งจาก|भेजा|পাঠানো',
]);

/** Invitations to get the application that sent the mail. */
export const GET_APP =
  /^(?:get|obten|obtén|télécharge|holen|hole\b|laden|scarica|ottieni|download|hämta|hent|pobierz|скачать|baixar|obter|haal|获取|取得|入手|다운로드)/iu;

/** Names of devices and mail applications, the same in every language. */
export const DEVICE = anyOf([
  'iphon|ipad|ipod|android|blackberry|samsung|galaxy|huawei|xiaomi|oneplus|nokia|motorola|\\bhtc\\b|\\blg\\b|\\bsony|xperia|\\bpixel\\b|lumia|windows',
  'outlook|yahoo|gmail|thunderbird|\\bk-?9\\b|protonmail|proton mail|airmail|mailbox|sparrow|fairemail|bluemail|typeapp|\\bspark\\b|samsung mail|apple watch|superhuman|mailspring|missive|shortwave|mimestream|tutanota|\\bgmx\\b|mail app\\b|canary mail|newton mail',
  'mobile?\\b|mobil(?:e|n|t|g)|handy|smartphone|\\bphone\\b|t[eé]l[eé]phone|telefon|telefoon|tel[eé]fono|\\bcell\\b|tablet|телефон|携帯|手机|手機|휴대|핸드폰',
]);

/** Labels that open a header block: "From". */
export const FROM_LABEL = new RegExp(
  `^(?:${[
    'from|von|de|da|van|fr[åa]n|fra|fr[åá]|od|lähettäjä|saatja|no|nuo|feladó|de la|от|ад|від|од|από|kimden|gönderen|dari|từ|av|nork|fan|kas|kellelt|nga|šalje|шаље|кімнен|daripada|expeditorul',
    'a-berzh|dende|oddi wrth|ó|mit[ăâ]|tõ|z|odesílatel|odosielateľ|nadawca|pošiljatelj|pošiljalac|absender|afzender|avsändare|afsender|avsender',
    'expéditeur|expeditor|remitente|remetente|mittente|отправитель|відправник|подател|αποστολέας|pengirim|người gửi|igorlea|remitent|sendanto|küldő',
    '发件人|發件人|寄件者|寄件人|差出人|送信者|送信元|보낸 ?사람|보낸이|발신인|מאת|השולח|من|مِن|المرسل|از|فرستنده|จาก|ผู้ส่ง|से|प्रेषक|প্রেরক|ഇൽ നിന്ന്',
    'ումից|ում կողմից|ვისგან|გამომგზავნი|அனுப்புநர்|പ്രേഷിതാവ്|పంపినవారు|ಇಂದ|મોકલનાર|ਵੱਲੋਂ|කෙනා|kimdən|kimnən',
    'eus|vun|seolaí|siuntėjas|daripada|gönderici|göndərən|kimdan|keneltä|šalje|шаље|nondik|від кого|кімнен|gửi từ|発信者|발신|來自|ուղարկող|გამგზავნი',
    'អ្នកផ្ញើ|ຈາກ|പ്രേഷിതന്|എവിടെ നിന്ന്|প্ৰেৰক|તરફથી|यहाँ से|कडून|बाट|ಯಿಂದ|నుండి|அனுப்புனர்|ଠାରୁ|ପ୍ରେରକ|ਵਲੋਂ|වෙතින්|يوللىغۇچى',
  ].join('|')})$`,
  'iu',
);

/** Labels of the Subject in a header block. */
export const SUBJECT_LABEL = new RegExp(
  `^(?:${[
    'subject|betreff|objet|sujet|asunto|assunto|oggetto|onderwerp|ämne|emne|aihe|teema|temat|temats|tema|předmět|predmet|zadeva|naslov|tárgy|subiect(?:ul)?',
    'assumpte|gaia|konu|efni|ábhar|pwnc|subjek|perkara|chủ đề|тема|тақырыбы|θέμα|件名|主题|主題|主旨|제목|נושא|الموضوع|موضوع|เรื่อง|หัวเรื่อง|विषय|বিষয়|թեմա|თემა|subjekti',
  ].join('|')})$`,
  'iu',
);

/** Words of legal footers, "confidential" first; each begins a word. */
export const LEGAL: readonly Words[] = [
  word(
    'confidential|confidentie|confidenci|confidentialité|confidenz|vertraulich|riservat|vertrouwelijk|конфиденц|конфіденц|poufn|důvěrn|luottamuksell|fortrolig|konfidenti|bizalmas|gizli|機密|机密|保密|기밀|סודי|سري',
  ),
  word(
    'recipient|addressee|empfänger|adressat|destinat[aá]|destinée|destiné|geadresseerde|bestemd|ontvanger|адресат|получател|odbiorc|adresát|mottag|modtager|vastaanottaj|címzett|alıcı|受信者|收件人|수신',
  ),
  word(
    'privileged|legally privileged|unauthori[sz]ed|prohibited|verboten|unbefugt|interdit|proibit|prohibid|verboden|запрещ|zabron|zakázán|förbjud|disclosure|disclose|disclosing|disseminat|kopieren|weitergabe',
  ),
  word(
    'delete|deleted|destroy|löschen|vernichten|détruire|supprimer|supprimez|borrar|elimine|eliminar|cancellar|verwijder|удалит|usunięc|usunąć|smazat|smažte|radera|slett',
  ),
  word(
    'in error|by mistake|irrtüm|par erreur|por error|por engano|per errore|ten onrechte|per abuis|ошиб|omyłk|omyl|misstag|ved en fejl',
  ),
];

/** A footer speaks of the mail that it stands in. */
export const SPEAKS_OF_MAIL = word(
  'e-?mails?|(?:this|the|these) messages?|mails?|(?:this|the) (?:transmission|communication)|(?:this|the) information|information (?:contained|transmitted|in this)|attachments?|nachricht|mitteilung|courriel|mensaje|correo|mensagem|messaggio|comunicazione|bericht|сообщен|письм|повідом|лист|wiadomo|zpráv|viesti|meddeland|besked|melding|üzenet|ileti|mesaj|電子メール|メール|邮件|郵件|메일|הודעה|رسالة',
);

/** Words of the scanners that add a note to each mail. */
export const SCANNED = /virus|viren|vírus|wirus|malware|вирус|вірус|ウイルス|病毒|바이러스/i;
/** Where such a note leads. */
export const SCANNER_LINK =
  /(?:www\.|\/\/(?:www\.)?)(?:avast|avg|eset|kaspersky|bitdefender|norton)\.\w{2,4}(?![\w.])/i;

/** "Reply" and "above", together in a framed line, mark where our own notification starts. */
export const REPLY_WORD = anyOf([
  'repl[yi]|answer|respon|répon|antwort|antwoord|rispo|svar|vasta|odpowie|odpov|ответ|відпов|отговор|válasz|răspun|yanıt|cevap|απάντ|返信|回复|回覆|답장|השב|رد|ตอบ|trả lời|balas|write|type|schreib',
]);
/** The second half of the marker: a word for "above" or "line". */
export const ABOVE_WORD = anyOf([
  'above|ober|über|au-dessus|ci-dessus|encima|arriba|acima|sopra|boven|ovanf|ovenf|over\\b|yläpuol|wyżej|powyżej|nad\\b|выше|вище|над\\b|fölé|fölött|deasupra|üstüne|üzerine|πάνω|上|以上|위에|מעל|فوق|เหนือ|phía trên|di atas',
]);
