/** The Subject of a mail as a title: without what mail programs put before it. */

/** `Re:`, `Fwd:` and what they are in the languages of mail programs; a single letter may as well be typed. */
const PREFIX =
  /^\s*(?:re|aw|antw|antwort|sv|vs|odp|odg|ynt|cevap|res|ref|rif|ris|atb|vá|fwd?|wg|tr|rv|enc|doorst|pd|vb|vl|yml|回复|回覆|答复|答覆|返信|转发|轉寄|轉發|転送|답장|전달|отв|на|ответ|пересл|απ|σχετ|رد|تعليق)\s?(?:\[\d{1,3}\]|\(\d{1,3}\)|\^\d{1,3})?\s?[:：]\s*/iu;

/** More of them than people's answers to answers pile up. */
const MAX_PREFIXES = 10;

/** Takes the prefixes of replies and of what is sent on off a Subject. */
export function titleOf(subject: string): string {
  let title = subject.trim();
  for (let count = 0; count < MAX_PREFIXES; count += 1) {
    const prefix = PREFIX.exec(title)?.[0] ?? '';
    if (prefix === '') break;
    title = title.slice(prefix.length).trim();
  }
  return title;
}
