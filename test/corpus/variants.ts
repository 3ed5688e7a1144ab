/**
 * Replies made from a text that was typed and an original of the corpora, after the manner of programs that leave no marks, wrap
 * anew, speak any language, or build the HTML of the original again.
 */
import { LOCALES } from '../reply/fixtures/locales.ts';

/** A reply that was made; `inner` says that its answers stand within the original, some of which may stay. */
export interface Variant {
  readonly name: string;
  readonly form: 'text' | 'html';
  readonly input: string;
  readonly inner: boolean;
  /** What was typed. */
  readonly typed: string;
}

/** Of whom the original is, as the attributions of all variants say. */
export const AUTHOR = { names: ['Ann Ex'], addresses: ['ann@ex.example'], subjects: ['Shed'] };

const WHO = ['Ann Ex <ann@ex.example>', 'Ann Ex', '"Ex, Ann" <ann@ex.example>'];
const WHEN = new Date('2024-03-05T14:07:31Z');
/** Attributions in no language. */
const INVENTED = [
  'Zu {when} qworp {who} blaf:',
  '{who} yura:',
  '{who} blafte {when}',
  'qworp {who} ({when})',
];

const when = (locale: string): string =>
  new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' }).format(WHEN);

/** The attribution of the nth reply: all locales in turn, and every fifth in no language. */
export function attribution(n: number): string {
  const [locale, form] = LOCALES[n % LOCALES.length] ?? ['en-GB', ''];
  const chosen = n % 5 === 4 ? (INVENTED[n % INVENTED.length] ?? '') : form;
  return chosen.replace('{when}', when(locale)).replace('{who}', WHO[n % WHO.length] ?? '');
}

/** The header block of the nth reply, without its frame in every third. */
function block(n: number): string {
  const [locale, , labels] = LOCALES[n % LOCALES.length] ?? LOCALES[0] ?? ['', '', []];
  const [word = '', from = '', sent = '', to = '', subject = ''] = labels;
  const fields = [`${from}: ${WHO[n % 2]}`, `${sent}: ${when(locale)}`, `${to}: Ben`, `${subject}: Re: Shed`];
  const invented = [`Vromo: ${WHO[n % 2]}`, `Zento: ${when(locale)}`, 'Toro: Ben', 'Subo: Re: Shed'];
  const own = n % 7 === 6 ? invented : fields;
  return (n % 3 === 2 ? own : [`-----${word.trim()}-----`, ...own]).join('\n');
}

const marked = (lines: readonly string[]): string =>
  lines.map((line) => (line.trim() === '' ? '>' : `> ${line}`)).join('\n');

/** Wraps lines at a width, paragraph by paragraph. */
function rewrapped(lines: readonly string[], width: number): string[] {
  const paragraphs = lines.join('\n').split(/\n\s*\n/);
  return paragraphs.flatMap((paragraph) => {
    const rows: string[] = [''];
    for (const word of paragraph.split(/\s+/).filter(Boolean)) {
      const row = rows[rows.length - 1] ?? '';
      if (row !== '' && row.length + word.length + 1 > width) rows.push(word);
      else rows[rows.length - 1] = row === '' ? word : `${row} ${word}`;
    }
    return [...rows, ''];
  });
}

/** Wraps marked lines as some programs do: the rest of each stands below without a mark. */
const broken = (lines: readonly string[]): string =>
  lines
    .map((line) => {
      const cut = line.lastIndexOf(' ', 60);
      return line.length <= 60 || cut < 30 ? `> ${line}` : `> ${line.slice(0, cut)}\n${line.slice(cut + 1)}`;
    })
    .join('\n');

/** Changes one word of the original, the nth. */
function edited(lines: readonly string[], n: number): string[] {
  const words = lines.join('\n').split(/(\s+)/);
  const places = words.flatMap((word, at) => (/\p{L}{2}/u.test(word) ? [at] : []));
  const at = places[(n * 7) % Math.max(1, places.length)];
  return (at === undefined ? words : words.with(at, 'changed')).join('').split('\n');
}

const escaped = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replace(/^\s+/, (s) => '\u00a0'.repeat(s.length));

const elements = (lines: readonly string[], open: string, close: string): string =>
  lines.map((line) => `${open}${line.trim() === '' ? '<br>' : escaped(line)}${close}`).join('');

const divs = (lines: readonly string[]): string => elements(lines, '<div>', '</div>');
const mso = (lines: readonly string[]): string =>
  elements(lines, '<p class=MsoNormal><span>', '<o:p></o:p></span></p>');

function htmlVariants(typed: readonly string[], original: readonly string[], n: number): Variant[] {
  const intro = escaped(attribution(n));
  const fields = block(3 * n + 2).split('\n');
  const make = (name: string, input: string): Variant => ({
    name,
    form: 'html',
    input,
    inner: false,
    typed: typed.join('\n'),
  });
  const bold = fields.map((line) => `<b>${escaped(line).replace(':', ':</b>')}`).join('<br>');
  return [
    make(
      'Gmail',
      `<div dir="ltr">${divs(typed)}</div><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">${intro}<br></div><blockquote class="gmail_quote" style="margin:0 0 0 .8ex;border-left:1px #ccc solid;padding-left:1ex">${divs(original)}</blockquote></div>`,
    ),
    make(
      'Outlook',
      `<div class=WordSection1>${mso(typed)}<p class=MsoNormal><o:p>&nbsp;</o:p></p><div><div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0in 0in 0in'><p class=MsoNormal>${bold}</p></div></div>${mso(rewrapped(original, 1000))}</div>`,
    ),
    make(
      'Outlook, no rule',
      `<div class=WordSection1>${mso(typed)}<p class=MsoNormal><o:p>&nbsp;</o:p></p><p class=MsoNormal>${bold}</p>${mso(original)}</div>`,
    ),
    make(
      'Apple Mail',
      `<html><body>${divs(typed)}<div><br><blockquote type="cite"><div>${intro}</div><br><div>${divs(original)}</div></blockquote></div></body></html>`,
    ),
    make(
      'HTML without marks',
      `${divs(typed)}<div><br></div><div>${intro}</div><div><br></div>${divs(original)}`,
    ),
    make(
      'HTML, answer below',
      `<div>${intro}</div><div><br></div>${divs(original)}<div><br></div>${divs(typed)}`,
    ),
  ];
}

/** Replies whose writer says a line of the original again, as the last of what was typed. */
function repeats(text: string, original: readonly string[], intro: string): Variant[] {
  const line =
    original.filter((one) => !/^\s*>|@|:$/.test(one)).toSorted((a, b) => b.length - a.length)[0] ?? '';
  const typed = `${text}\n\n${line.trim()}`;
  const make = (name: string, below: string): Variant => {
    return { name, form: 'text', input: `${typed}\n\n${below}\n`, inner: false, typed };
  };
  if (words([line]) < 5) return [];
  return [
    make('repeats a line, marks', `${intro}\n${marked(original)}`),
    make('repeats a line, no marks', `${intro}\n\n${original.join('\n')}`),
  ];
}

/** An original of a word or two is not the same with one of them changed, and a half of it is anybody's words. */
const LEAST_WORDS = 8;
const words = (lines: readonly string[]): number => lines.join(' ').match(/[\p{L}\p{N}]+/gu)?.length ?? 0;

/** Makes every variant of a typed text and an original; `n` chooses language, width and place. */
export function variantsOf(typed: string, original: readonly string[], n: number): Variant[] {
  const intro = attribution(n);
  const width = 60 + ((n * 5) % 21);
  const plain = original.join('\n');
  const half = Math.ceil(original.length / 2);
  const [head, tail] = [original.slice(0, half), original.slice(half)];
  const make = (name: string, input: string): Variant => ({ name, form: 'text', input, inner: false, typed });
  const within = (name: string, input: string): Variant => ({
    name,
    form: 'text',
    input,
    inner: true,
    typed,
  });
  const all = [
    make('marks', `${typed}\n\n${intro}\n${marked(original)}\n`),
    make('no marks', `${typed}\n\n${intro}\n\n${plain}\n`),
    make('no marks, close', `${typed}\n\n${intro}\n${plain}\n`),
    make('nothing but the original', `${typed}\n\n${plain}\n`),
    make('wrapped, marks', `${typed}\n\n${intro}\n\n${marked(rewrapped(original, width))}\n`),
    make('wrapped, no marks', `${typed}\n\n${intro}\n\n${rewrapped(original, width).join('\n')}\n`),
    make('broken off', `${typed}\n\n${intro}\n${broken(original)}\n`),
    make('edited, marks', `${typed}\n\n${intro}\n${marked(edited(original, n))}\n`),
    make('edited, no marks', `${typed}\n\n${intro}\n\n${edited(original, n).join('\n')}\n`),
    make('header block', `${typed}\n\n${block(n)}\n\n${plain}\n`),
    make(
      'header block, wrapped',
      `${typed}\n\n${block(n + 1)}\n\n${rewrapped(original, width).join('\n')}\n`,
    ),
    make('below, marks', `${intro}\n${marked(original)}\n\n${typed}\n`),
    make('below, no marks', `${intro}\n\n${plain}\n\n${typed}\n`),
    make('below, wrapped', `${intro}\n\n${rewrapped(original, width).join('\n')}\n\n${typed}\n`),
    within('within, marks', `${intro}\n${marked(head)}\n\n${typed}\n\n${marked(tail)}\n`),
    within('within, no marks', `${intro}\n\n${head.join('\n')}\n\n${typed}\n\n${tail.join('\n')}\n`),
    within(
      'above and within',
      `Hello.\n\n${block(n)}\n\n${head.join('\n')}\n\n${typed}\n\n${tail.join('\n')}\n`,
    ),
    ...repeats(typed, original, intro),
    ...htmlVariants(typed.split('\n'), original, n),
  ];
  const least = Math.min(words(head), words(tail));
  return all.filter(({ name }) => {
    if (/^edited|^nothing|^repeats/.test(name)) return words(original) >= LEAST_WORDS;
    return !/within/.test(name) || least >= LEAST_WORDS;
  });
}
