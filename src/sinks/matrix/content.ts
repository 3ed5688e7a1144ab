/**
 * The contents of the events that a post becomes: a text, and an event for each file.
 *
 * Contract: every event holds our mark, by which it is found again, and tells nobody. HTML has the elements and attributes
 * that Matrix suggests to clients (client-server API, m.room.message msgtypes). A text that fits without its HTML alone goes
 * without.
 */
import type { PostAttachment } from '../../reply/post.ts';
import { refuse } from '../platform/client.ts';
import { html } from '../platform/html.ts';

/** The member of a content that holds our id. */
export const MARK = 'dev.mailgw.post';

/** Bytes of a content: an event may have 65,536 with all that the server adds to it. */
export const MOST_BYTES = 60_000;

/** The relation of an event to another one, as a content has it; empty where there is none. */
export type Relation = Readonly<Record<string, unknown>>;

/** Makes the content of a text; throws the outcome where it is too long. */
export function textContent(markdown: string, mark: string, relation: Relation): object {
  const body = markdown.replace(/\\([!-/:-@[-`{-~])/g, '$1');
  const plain = { msgtype: 'm.text', body, ...marked(mark, relation) };
  const formatted = { ...plain, format: 'org.matrix.custom.html', formatted_body: matrixHtml(markdown) };
  if (bytesOf(formatted) <= MOST_BYTES) return formatted;
  const bytes = bytesOf(plain);
  if (bytes <= MOST_BYTES) return plain;
  throw refuse(`the text has ${bytes} bytes; the platform takes ${MOST_BYTES}`);
}

/** Makes the content of a file that was uploaded. */
export function fileEvent(
  { filename, contentType, bytes }: PostAttachment,
  url: string,
  mark: string,
  relation: Relation,
): object {
  const [, kind] = /^(image|audio|video)\//.exec(contentType) ?? [];
  const info = { mimetype: contentType, size: bytes };
  const msgtype = `m.${kind ?? 'file'}`;
  return { msgtype, body: filename, filename, info, url, ...marked(mark, relation) };
}

/** Names nobody: an empty `m.mentions` also keeps servers from looking for names in the text. */
function marked(mark: string, relation: Relation): object {
  return { 'm.mentions': {}, [MARK]: mark, ...relation };
}

const bytesOf = (content: object): number => Buffer.byteLength(JSON.stringify(content));

const LINK = /<a href="([^"]*)">([^]*?)<\/a>/g;

/** Writes Markdown as the HTML that Matrix takes. */
export function matrixHtml(markdown: string): string {
  return html(markdown)
    .replace(LINK, (link, href: string, label: string) =>
      /^(?:https?|ftp|mailto|magnet):/i.test(href) ? link : label,
    )
    .replace(/<(t[hd]) style="[^"]*">/g, '<$1>');
}
