// What a swarm says: posts of a platform in several languages, and what people type in answer.
//
// Contract: everything follows from its number. No two posts have the same text. A line that is typed is said by the
// post only where that is the point of it.

/** A post that users are notified of. */
export interface SwarmPost {
  readonly thread: string;
  readonly author: string;
  readonly subject: string;
  /** Several paragraphs; lines end in LF. */
  readonly text: string;
  readonly html: string | undefined;
}

const AUTHORS = ['Bob', 'Jürgen Weiß', 'Zoë O’Dea', '山田 太郎', 'Łukasz Żak', 'Ann Ex', 'Нина Орлова'];

const SUBJECTS = [
  'The roof leaks',
  'Das Dach leckt – schon wieder',
  '屋根が雨漏りしています',
  'Crash on start, stack trace inside',
  'Où sont les clés de la grande salle ?',
  'Nächste Woche: Umzug nach Köln 🚚',
];

const SENTENCES = [
  'The build on the main branch has been red since the merge of change {n}, and nobody has looked at it yet.',
  'Wir haben den Fehler {n} auf zwei Rechnern gesehen, aber nur nach einem Neustart über Nacht.',
  'Which of the two offers for item {n} shall we take, the dear one with the long warranty or the cheap one?',
  'Please look at page {n} of the draft: the third figure has no caption and the numbers do not add up.',
  'Quelqu’un a-t-il déjà essayé la procédure {n} avec la nouvelle version du logiciel ?',
  'The meeting about room {n} moves to Thursday; those who cannot come should tell Mary before noon.',
  '注文番号 {n} の商品がまだ届いていません。配送状況を確認していただけますか。',
  'After the update to release {n} the search finds nothing that was written before the first of March.',
  'Die Rechnung {n} ist doppelt gebucht worden, und der Kunde wartet seit drei Wochen auf sein Geld.',
  'I have put the log of run {n} at https://tracker.example.org/runs/{n} for everybody who wants to see it.',
  'Container {n} was stopped twice this morning because it took more memory than we had allowed it.',
  'Ĉu iu povas klarigi al mi, kial la testo {n} daŭras pli longe ol ĉiuj aliaj kune?',
];

const FOOTERS = [
  '',
  '\n\n-- \nReply to this mail to answer.',
  '\n\n---\nYou are notified because you watch this thread.',
];

/** Every such post has twenty paragraphs; every such begins with a quote of its own. */
const LONG = 16;
const QUOTING = 9;

/** Makes the nth post of a platform with so many threads; of every second one there is HTML. */
export function swarmPost(n: number, threads: number): SwarmPost {
  const at = n % threads;
  const sentence = (k: number): string =>
    (SENTENCES[(n * 5 + k * 7) % SENTENCES.length] ?? '').replaceAll('{n}', String(1000 + n));
  const paragraphs = Array.from({ length: n % LONG === 0 ? 20 : 2 + (n % 3) }, (_, k) =>
    (n + k) % 2 === 0 ? sentence(k) : `${sentence(k)}\n${sentence(k + 5)}`,
  );
  if (n % QUOTING === 0) paragraphs.unshift(`Ann wrote:\n> ${sentence(9)}`);
  const footer = FOOTERS[n % FOOTERS.length] ?? '';
  const html = paragraphs
    .map((text) => `<p>${text.replace('>', '&gt;').replaceAll('\n', '<br>')}</p>`)
    .join('\n');
  return {
    thread: `issue/${100 + at}`,
    author: `${AUTHORS[n % AUTHORS.length] ?? ''} via Tracker`,
    subject: `[site/${100 + at}] ${SUBJECTS[at % SUBJECTS.length] ?? ''}`,
    text: paragraphs.join('\n\n') + footer,
    html: n % 4 < 2 ? html : undefined,
  };
}

/** Answers; `{said}` and `{last}` are the first and the last line of the post, said again. */
const ANSWERS = [
  'Yes',
  'I have seen it too, and only on the second machine.\n\nIt goes away when the cache is emptied.\n\nI will mend it tonight.',
  'Three things:\n\n- the cable is loose\n- the lamp is broken\n- nobody has the key',
  '{said}\n\nThat is what I wonder about as well.',
  'Müßte größtenteils gehen – außer am Übergang.\n\nSchöne Grüße aus Köln',
  '👍🎉',
  '👩‍💻 is on it, give her an hour.\n\nThen we know more 🤞',
  'ok',
  '明日までに確認します。\n\nお待ちください。',
  '1. Stop the daemon.\n2. Move the file away.\n3. Start it again.\n\nDid that help?',
  'See https://docs.example.net/faq?page=7#top for how others did it.',
  'No.\n\nNot before Friday, for John has the only key and is away.',
  'I would take the dear one: "cheap" was what we bought last time.',
  'I told Bob so on 5 March 2024 at 14:07, and he wrote: never mind.\n\nSo I did not.',
  'The pipe is laid like this:\n\nFrom: the cellar\nTo: the attic\n\nIt is 12 m long.',
  'Both, please.\n\nRegards,\nAnn',
  'Fine with me.\n\n{last}\n\nI do not understand that part.',
];

/** What the nth answerer types. */
export function swarmAnswer(n: number, post: SwarmPost): string {
  const lines = post.text.split('\n').filter((line) => /\p{L}/u.test(line));
  const answer = ANSWERS[n % ANSWERS.length] ?? '';
  return answer.replace('{said}', lines[0] ?? '').replace('{last}', lines.at(-1) ?? '');
}
