/**
 * A bounce by its form, whoever sends it and under whatever Subject: it says what failed, and returns the message.
 *
 * Contract: `isReturnedMail` asks for three signs: the returned message, a machine that introduces itself or lists
 * addresses, and a failure in a reply code or in words. `isMachineText` asks that a text opens as a bounce does, and goes
 * on like one. Both are for mail that bears no other sign of a person or a machine. Pure.
 * Standards: RFC 3463 (status), RFC 5321 §4.2 (reply codes), RFC 3464 §2 (fields that some write into the text).
 * Limits: 16 KiB of text; the time is linear in that.
 */
import { readText } from './automatic-text.ts';
import { type Header, headerValue } from './header.ts';
import { bodyWindow, directParts, RETURNED_TYPE } from './parts.ts';

const OPENING_LENGTH = 700;
const FIELD_NAMES = 4;

/** A field of a returned message that stands in the text. */
const FIELD =
  /^[ \t]{0,4}(return-path|received|message-id|mime-version|x-[\w-]{1,40}|from|to|subject|date|content-type)[ \t]{0,4}:/gim;

/** Fields that no mail program repeats when somebody forwards or quotes a message. */
const TRACE = /^(?:return-path|received|message-id|mime-version|x-)/i;

const REPLY_CODE =
  /(?<![\d.])[45]\.\d{1,3}\.\d{1,3}(?![\d.]*\d)|(?<![\d.:/-])(?:4[2-5]\d|5[0-57]\d)(?=[ -][^\d\s])/;

/** A failed address that a line of its own begins with, and what is said of it. */
const ADDRESS_LINE = /^[ \t]{0,8}<?[^\s<>@"]{1,64}@[^\s<>@"]{1,255}?>?[ \t]{0,4}[:.…][ \t]*(?:\S|$)/m;

const FAILURE = new RegExp(
  [
    "(?:could not|cannot|can't|couldn't|was not|wasn't|unable to|failed to|not able to) (?:be )?(?:deliver|sen[dt])",
    'deliver(?:y|ing|ed)?[^.\\n]{0,60}(?:fail|unsuccessful|problem|error|not possible|incomplete|delayed)',
    '(?:message|mail) not delivered|address(?:es)? not found|undeliver|permanent (?:fatal )?error|failed permanently',
    'return(?:ed|ing)[^.\\n]{0,30} to (?:the )?sender|rejected your message|(?:was|been) (?:automatically )?rejected',
    'mailbox[^.\\n]{0,30}(?:full|unavailable|exceed)|(?:no such|unknown) (?:user|recipient|mailbox|address|host|domain)',
    '(?:user|recipient|mailbox|address|host|domain)[^.\\n]{0,40}(?:unknown|not (?:found|exist)|unavailable|invalid)',
    'nicht (?:zugestellt|zustellbar)|unzustellbar|non (?:remis|distribu[ée]|livr[ée])|pas pu [êe]tre (?:remis|livr|distribu|envoy)',
    'no (?:se )?(?:pudo|ha podido|puede) (?:ser )?entrega|n[ãa]o p[ôo]de ser entregue|non (?:[èe] stato )?(?:possibile )?(?:recapita|consegna)',
    'kon niet worden (?:bezorgd|afgeleverd)|kunde inte levereras|kunne ikke leveres|nie (?:mo[żz]na|uda[łl]o si[ęe]) dostarczy',
    'не (?:может быть |было |удалось )?достав|недостав|配信できません|配送できません|届けることができません|送信できません',
    '无法(?:送达|投递|发送)|無法(?:送達|傳遞)|投递失败|退回|배달(?:되지|할 수)|전송(?:되지|할 수|하지)|teslim edile',
  ].join('|'),
  'iu',
);

/** How a mail system speaks of itself, or of the transcript that it adds. */
const MACHINE = new RegExp(
  [
    'automatically (?:generated|created)|(?:generated|created|sent) automatically|automat(?:ed|ic) (?:message|notice|response|mail|alert)',
    '(?:mail|postfix|sendmail|exim|qmail[\\w-]{0,10}|smtp) (?:system|server|delivery|router|gateway|program|software)\\b',
    '-send program at|mailer[- ]daemon|transcript of session|mail delivery|original message was received',
    'following (?:addresses|recipients?) had|(?:reporting-mta|final-recipient|diagnostic-code)[ \\t]{0,4}:',
    'automatisch (?:erstellt|erzeugt|generiert)|g[ée]n[ée]r[ée] automatiquement|generad[oa] autom[áa]tic|gerad[oa] automatic|generato automatic',
    'создано автоматически|自動(?:的に)?(?:生成|送信)|自动(?:生成|发送)|系统(?:自动|退信)|자동(?:으로)? ?(?:생성|발송)',
  ].join('|'),
  'iu',
);

/** Tells whether a message is returned with the reason why it was not delivered. */
export function isReturnedMail(raw: Uint8Array, header: Header): boolean {
  const text = readText(raw, header);
  if (!REPLY_CODE.test(text) && !FAILURE.test(text)) return false;
  if (!MACHINE.test(text) && !ADDRESS_LINE.test(text)) return false;
  return hasReturnedFields(text) || hasReturnedPart(raw, header);
}

function hasReturnedPart(raw: Uint8Array, header: Header): boolean {
  const parts = directParts(bodyWindow(raw, header), headerValue(header, 'content-type') ?? '');
  for (const { type } of parts) if (RETURNED_TYPE.test(type)) return true;
  return false;
}

/** Tells whether a text repeats the fields of a message, with some that only a mail system repeats. */
function hasReturnedFields(text: string): boolean {
  const names = new Set(Array.from(text.matchAll(FIELD), ([, name = '']) => name.toLowerCase()));
  return names.size >= FIELD_NAMES && [...names].some((name) => TRACE.test(name));
}

/**
 * Tells whether a mail system wrote a text: the part `above` the original opens as a bounce, and the rest goes on
 * like one.
 */
export function isMachineText(above: string, text: string): boolean {
  const opening = above.trimStart().slice(0, OPENING_LENGTH);
  if (ADDRESS_LINE.exec(opening)?.index === 0 && REPLY_CODE.test(opening)) return true;
  if (!FAILURE.test(opening) && !MACHINE.test(opening)) return false;
  const isListed = ADDRESS_LINE.test(above) && REPLY_CODE.test(above);
  return [isListed, MACHINE.test(above), hasReturnedFields(text)].filter(Boolean).length >= 2;
}
