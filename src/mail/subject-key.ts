/**
 * The Subject of a mail as a key: what stays the same of it when people answer it, send it on, and lists pass it along.
 *
 * Contract: prefixes of replies and of what is sent on go, repeated and counted (`Re[2]:`, `AW (3):`); so do case, width and
 * white space. The tags in brackets that stand before the words are another matter: a list adds one (`[foo]`), and a
 * platform tells its threads apart by one (`[shop #12]`). So a reply has a key for each beginning that may be left out, the
 * most complete first, and a tag with a digit in it is never left out. A subject without words has no key.
 * Standards: RFC 5322 §3.6.5 (`Re: `), RFC 2047 (decoded before, by fieldText). Limits: {@link MOST_TAGS} tags,
 * {@link MAX_CHARS} characters; the time is linear.
 */
import { createHash } from 'node:crypto';

/**
 * The prefixes that mail programs write, by language. Everybody reads `re` and `fwd` besides, which most programs write in
 * every language. Read in the languages of Thunderbird (thunderbird-l10n, messenger-region/region.properties,
 * mailnews.localizedRe), in the table of wikimili.com/en/List_of_email_subject_abbreviations, and in what three programs
 * take off (DOC_STRING_FOR_REDUCE of bgERP among them).
 */
export const SUBJECT_PREFIXES: Readonly<Record<string, readonly string[]>> = {
  ar: ['رد', 'تعليق', 'إعادة توجيه'],
  bg: ['за', 'отн', 'относно'],
  bs: ['odg'],
  cs: ['odp'],
  cy: ['atb', 'yml'],
  da: ['sv', 'svar', 'vs', 'videresendt'],
  de: ['aw', 'antwort', 'wg', 'weitergeleitet'],
  el: ['απ', 'απάντηση', 'σχετ', 'σχετικό', 'πρθ', 'προωθημένο'],
  en: ['re', 'fw', 'fwd', 'frw'],
  es: ['re', 'rv'],
  et: ['vs'],
  fi: ['vs', 'vastaus', 'vl', 'välitetty'],
  fr: ['re', 'ref', 'réf', 'référence', 'réponse', 'tr', 'transfert'],
  he: ['השב', 'תשובה', 'תגובה', 'הועבר'],
  hr: ['odg'],
  hu: ['vá', 'válasz', 'továbbítás'],
  id: ['bls', 'trs'],
  is: ['sv', 'fs'],
  it: ['r', 'rif', 'ris', 'i'],
  ja: ['返信', '転送'],
  ko: ['답장', '전달'],
  lt: ['ats'],
  lv: ['atb'],
  nb: ['sv', 'vs'],
  nl: ['antw', 'antwoord', 'doorst', 'doorsturen'],
  nn: ['sv', 'vs'],
  pl: ['odp', 'pd'],
  pt: ['res', 'enc'],
  ru: ['отв', 'ответ', 'на', 'пересл'],
  sk: ['odp'],
  sl: ['odg'],
  sr: ['odg'],
  sv: ['sv', 'svar', 'vb'],
  tr: ['ynt', 'yan', 'cevap', 'ilt'],
  'zh-hans': ['回复', '答复', '转发', '主题'],
  'zh-hant': ['回覆', '答覆', '轉寄', '轉發'],
};

/** Tags that are looked at before the words. */
const MOST_TAGS = 6;

/** A header line holds fewer characters (RFC 5322 §2.1.1); what comes behind them tells nothing apart. */
const MAX_CHARS = 1000;

/** Octets of a key: enough that nobody finds a second subject for one. */
const KEY_BYTES = 16;

const WORDS = [...new Set(Object.values(SUBJECT_PREFIXES).flat())]
  // The longer one first, where one begins as another does.
  .sort((one, other) => other.length - one.length)
  .join('|');
const PREFIX = new RegExp(
  `^(?:${WORDS})\\.? ?(?:\\[ ?\\d{1,3} ?\\]|\\( ?\\d{1,3} ?\\)|[\\^*]\\d{1,3})? ?: ?`,
  'u',
);
/** What old programs put around the subject of a mail that is sent on. */
const WRAPPED = /^\[ ?(?:fwd?|re) ?:(.*)\]$/u;
const TAG = /^\[([^[\]]{1,80})\] ?/u;

/** Gives the forms of a Subject by which it is compared, the most complete first; none where it has no words. */
export function subjectForms(subject: string): readonly string[] {
  let rest = folded(subject);
  const tags: string[] = [];
  for (;;) {
    rest = withoutPrefixes(rest);
    const [whole, tag] = tags.length < MOST_TAGS ? (TAG.exec(rest) ?? []) : [];
    if (whole === undefined || tag === undefined || whole.length === rest.length) break;
    tags.push(tag.trim());
    rest = rest.slice(whole.length);
  }
  if (!/[\p{L}\p{N}]/u.test(rest)) return [];
  const forms: string[] = [];
  for (let from = 0; from <= tags.length; from++) {
    forms.push([...tags.slice(from).map((tag) => `[${tag}]`), rest].join(' '));
    const next = tags[from];
    // A number tells one thread from another.
    if (next === undefined || /\p{N}/u.test(next)) break;
  }
  return forms;
}

/** Gives the keys of the forms of a Subject, in their order. */
export function subjectKeys(subject: string): readonly Uint8Array[] {
  return subjectForms(subject).map((form) =>
    createHash('sha256').update(form).digest().subarray(0, KEY_BYTES),
  );
}

/** Folds case, width and white space; the dot that a Turkish capital I leaves behind goes as well. */
function folded(subject: string): string {
  const text = subject.slice(0, MAX_CHARS).normalize('NFKC').toLowerCase().replaceAll('i\u0307', 'i');
  // Spaces that nobody sees, and marks of direction.
  return text
    .replaceAll(/\p{Cf}/gu, '')
    .replaceAll(/[\s\p{Zs}]+/gu, ' ')
    .trim();
}

function withoutPrefixes(text: string): string {
  let rest = text;
  for (;;) {
    const inner = WRAPPED.exec(rest)?.[1];
    const prefix = inner === undefined ? (PREFIX.exec(rest)?.[0] ?? '') : '';
    if (inner === undefined && prefix === '') return rest;
    rest = (inner ?? rest.slice(prefix.length)).trim();
  }
}
