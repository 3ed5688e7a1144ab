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
  /^[\s*_[(!⚠️]*(?:caution|warning|attention|external|notice|achtung|vorsicht|warnung|extern|avertissement|prudence|externe|atención|precaución|externo|atenção|attenzione|esterno|let op|varning|advarsel|varoitus|uwaga|pozor|внимание|увага)/iu;
const OUTSIDE =
  /(?:^|[^\p{L}])(?:external|outside|extern|externe[rnms]?|außerhalb|externo|esterno|extérieur|externa|zewn[ęą]trz|внешн|зовнішн)/iu;
const MAIL =
  /(?:^|[^\p{L}])(?:e-?mails?|messages?|sender|links?|attachments?|organi[sz]ation|absender|nachricht|anhänge|organisation|courriel|expéditeur|correo|remitente|mensagem|messaggio|mittente|bericht|afzender|wiadomo|письм)/iu;

/** The line after the banner that opens the mail, or 0. */
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
  return OUTSIDE.test(text) && MAIL.test(text) && text.split(/\s+/).length >= 4 ? end : 0;
}
