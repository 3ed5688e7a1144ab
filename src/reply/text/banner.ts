/**
 * The banner that a mail filter puts above a mail from outside.
 *
 * Contract: `bannerEnd` finds it in the first paragraph alone, where something else follows; it is no part of the reply.
 */
import type { Line } from './lines.ts';
import { nextContent } from './view.ts';

const MAX_LINES = 6;
const MAX_CHARS = 400;
const OPENS =
  /^[\s*_[(!⚠️]*(?:caution|warning|attention|external|notice|achtung|vorsicht|warnung|extern|avertissement|prudence|externe|atención|precaución|externo|atenção|attenzione|esterno|let op|varning|advarsel|varoitus|uwaga|pozor|внимание|увага|this (?:e-?mail|message) (?:was sent|came|originated|is) from outside)/iu;
/** It says where the mail comes from; people write of external links and parts, too. */
const ORIGIN =
  /(?:external|outside|extern(?:e[rnms]?)?|außerhalb|esterno|extérieur|externa|externo|zewn[ęą]trz\p{L}*|внешн\p{L}*|зовнішн\p{L}*)[\])]?[\s:,.]+(?:[\p{L}']+\s){0,2}(?:[dl][’'])?(?:e-?mails?|mail|messages?|senders?|source|organi[sz]ation|company|absender|nachricht|unternehmen|firma|courriel|expéditeur|correo|remitente|organización|mensagem|remetente|messaggio|mittente|bericht|afzender|avsändare|wiadomo|nadawc|письм|отправител|лист)|(?:e-?mail|mail|message|nachricht|courriel|correo|remitente|mensagem|remetente|messaggio|mittente|expéditeur|wiadomość)\s(?:extern[aeo]?|esterno|zewnętrzn\p{L}*)(?!\p{L})|(?:provient|vient|viene|proviene|kommt|komt|originated|sent|came)\s(?:\p{L}+\s){0,2}(?:[dl][’'])?\p{L}{0,3}[’']?(?:außerhalb|extérieur|outside|esterno|fuera|buiten)/iu;
const MAIL =
  /(?:^|[^\p{L}])(?:e-?mails?|messages?|sender|links?|attachments?|organi[sz]ation|absender|nachricht|anhänge|organisation|courriel|expéditeur|correo|remitente|mensagem|messaggio|mittente|bericht|afzender|wiadomo|письм)/iu;

/** Finds the line after the banner that opens the mail, or 0. */
export function bannerEnd(lines: readonly Line[]): number {
  const first = nextContent(lines, 0);
  if (first === undefined) return 0;
  if (!OPENS.test(lines[first]?.text ?? '')) return 0;
  let end = first;
  while (end < first + MAX_LINES && lines[end]?.kind === 'text') end += 1;
  const text = lines
    .slice(first, end)
    .map((line) => line.text)
    .join(' ');
  if (lines[end]?.kind !== 'blank' || text.length > MAX_CHARS || nextContent(lines, end) === undefined)
    return 0;
  return ORIGIN.test(text) && MAIL.test(text) && text.split(/\s+/).length >= 4 ? end : 0;
}
