/**
 * Whole messages of the corpora: mime/, whose parts other parsers agree on, automatic/, bounce/ and ordinary/.
 *
 * Contract: of mime/ the letters and digits of the text that a person would read are compared, which no difference of
 * conventions touches; of the others whether they are taken for automatic mail. Exceptions have their reasons.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { ATTACHMENT_LIMITS } from '../../src/mail/attachment-limits.ts';
import { classifyAutomatic } from '../../src/mail/automatic.ts';
import { parseMessage } from '../../src/reply/parse.ts';
import type { ParsedReply } from '../../src/reply/post.ts';

/** Where the corpora are looked for. */
export const CORPORA =
  process.env['MAILGW_CORPORA'] ?? join(import.meta.dirname, '../../../../shared/corpora');

/** Messages whose expected structure is not what a person reads, each with the reason. */
export const MIME_EXCEPTIONS: ReadonlyMap<string, string> = new Map([
  ['stalwart-legacy-033', 'the expected text has replacement characters; ours has the umlauts'],
  ['stalwart-legacy-052', 'the expected text has replacement characters; ours has the umlauts'],
  ['stalwart-rfc-000', 'text/enriched is expected to be a file; it is text to us'],
]);

/** Messages that are refused, each with the reason of the refusal. */
export const MIME_REFUSED: ReadonlyMap<string, string> = new Map([['stalwart-rfc-001', 'external']]);

/** Ordinary messages that their header calls automatic, each with what it says. */
export const FLAGGED: ReadonlyMap<string, string> = new Map([
  // A sendmail delay warning, kept by its authors for a part without Content-Type.
  ['mikel-mime_emails-raw_email_with_mimepart_without_content_type', 'multipart/report of delivery-status'],
]);

interface Expected {
  readonly text_body: readonly number[];
  readonly parts: readonly { readonly body: { readonly Text?: string; readonly Html?: string } }[];
}

/** The reply of a message, or why it is refused. */
export async function read(path: string): Promise<ParsedReply | string> {
  const outcome = await parseMessage(readFileSync(path), ATTACHMENT_LIMITS);
  return outcome.kind === 'refused' ? outcome.reason : outcome.reply;
}

/** The names of a folder's messages. */
export function messages(folder: string): string[] {
  return readdirSync(join(CORPORA, folder))
    .filter((name) => name.endsWith('.eml'))
    .map((name) => name.slice(0, -4));
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  quot: '"',
  lt: '<',
  gt: '>',
  nbsp: ' ',
  szlig: 'ß',
};

/** The letters and digits of a text: what no difference of conventions touches. */
function letters(text: string): string {
  return text
    .replace(/!\[[^\]]*\]\([^)]*\)/g, '')
    .normalize('NFC')
    .replace(/[^\p{L}\p{N}]/gu, '');
}

function lettersOfHtml(html: string): string {
  const text = html
    .replace(/<head[^]*?<\/head>|<[^>]*>/gi, ' ')
    .replace(/&([aou])uml;/gi, '$1\u0308')
    .replace(/&([a-z]+);/g, (entity, name: string) => ENTITIES[name] ?? entity);
  return letters(text);
}

/** The letters of a message's text, as others read it. */
export function expectedLetters(path: string): string {
  const expected = JSON.parse(readFileSync(path, 'utf8')) as Expected;
  return expected.text_body
    .map((index) => expected.parts[index]?.body)
    .map((body) => (body?.Text === undefined ? lettersOfHtml(body?.Html ?? '') : letters(body.Text)))
    .join('');
}

/** The letters of a message's text, as we read it. */
export function ourLetters(reply: ParsedReply): string {
  const { markdown, quoted, signature } = reply.body;
  return [markdown, quoted, signature].map(letters).join('');
}

/** One folder's figures. */
export interface FolderScore {
  readonly name: string;
  readonly count: number;
  readonly right: number;
  readonly slowestMs: number;
  readonly failing: readonly string[];
  readonly excepted: number;
}

async function scoreMessages(
  folder: string,
  excepted: ReadonlyMap<string, string>,
  scored: () => void,
  isRight: (path: string, name: string) => Promise<boolean> | boolean,
): Promise<FolderScore[]> {
  if (!existsSync(join(CORPORA, folder))) return [];
  const names = messages(folder).filter((name) => !excepted.has(name));
  const failing: string[] = [];
  let slowestMs = 0;
  for (const name of names) {
    const start = performance.now();
    if (!(await isRight(join(CORPORA, folder, `${name}.eml`), name))) failing.push(name);
    slowestMs = Math.max(slowestMs, performance.now() - start);
    scored();
  }
  const count = names.length;
  return [
    { name: folder, count, right: count - failing.length, slowestMs, failing, excepted: excepted.size },
  ];
}

const classify = (path: string): string | undefined =>
  classifyAutomatic(readFileSync(path), 'someone@example.com')?.reason;

const FOLDERS = ['mime', 'automatic', 'bounce', 'ordinary'];

/** How many whole messages there are to score. */
export function countWholeMessages(): number {
  const there = FOLDERS.filter((folder) => existsSync(join(CORPORA, folder)));
  const excepted = there.includes('mime') ? MIME_EXCEPTIONS.size : 0;
  return there.reduce((sum, folder) => sum + messages(folder).length, -excepted);
}

/** Scores the folders of whole messages that are there; `scored` is told of each one. */
export async function scoreWholeMessages(scored: () => void): Promise<readonly FolderScore[]> {
  return [
    ...(await scoreMessages('mime', MIME_EXCEPTIONS, scored, async (path, name) => {
      const reply = await read(path);
      if (typeof reply === 'string') return reply === MIME_REFUSED.get(name);
      return ourLetters(reply) === expectedLetters(path.replace(/eml$/, 'json'));
    })),
    ...(await scoreMessages('automatic', new Map(), scored, (path) => classify(path) !== undefined)),
    ...(await scoreMessages('bounce', new Map(), scored, (path) => classify(path) !== undefined)),
    ...(await scoreMessages(
      'ordinary',
      new Map(),
      scored,
      (path, name) => classify(path) === FLAGGED.get(name),
    )),
  ];
}
