/**
 * WordPress's own notifications of comments: to the author of a post, and to who moderates.
 *
 * Contract: the header says no more than that the mail was made by PHPMailer; which comment it is about stand links at its end
 * say. What strangers wrote stands above them, so that the last line with a link decides, and the lines that WordPress
 * writes there must all name the same comment. The words of the lines are the site's language; the links are not.
 * Limits: the mail of a plugin that lets a stranger write its last lines, as some forms do, can look like one.
 */

import { type Header, headerValue } from '../../mail/header.ts';
import { decodedText, mediaType } from '../../mail/parts.ts';
import type { Recognise } from '../../mail/recognise.ts';

/** The end of a body that is looked at: WordPress's own lines, in any encoding. */
const END_BYTES = 8192;

/** A line of WordPress that ends in a link to one comment, by what it links to. */
const LINKS: Readonly<Record<string, RegExp>> = {
  permalink: /\shttps?:\/\/\S+#comment-([1-9]\d{0,14})$/,
  remove: /\shttps?:\/\/\S+\/comment\.php\?action=(?:trash|delete)&c=([1-9]\d{0,14})#wpbody-content$/,
  spam: /\shttps?:\/\/\S+\/comment\.php\?action=spam&c=([1-9]\d{0,14})#wpbody-content$/,
  approve: /\shttps?:\/\/\S+\/comment\.php\?action=approve&c=([1-9]\d{0,14})#wpbody-content$/,
};

/** The ends of its mails: what the last lines are, from the last one upwards. */
const ENDS: readonly (readonly string[])[] = [
  // To an author who may moderate, and to one who may not.
  ['spam', 'remove', 'permalink', 'empty', 'comments'],
  ['permalink', 'empty', 'comments'],
  // To a moderator: above the link to the panel and its line.
  ['panel', 'waiting', 'spam', 'remove', 'approve', 'empty'],
];

const OTHERS: Readonly<Record<string, RegExp>> = {
  empty: /^$/,
  comments: /^https?:\/\/\S+#comments$/,
  panel: /^https?:\/\/\S+\/edit-comments\.php\?comment_status=moderated#wpbody-content$/,
  waiting: /\S/,
};

/** Recognises a notification by its last lines. */
export const recognise: Recognise = ({ header, body }) => {
  if (!isByPhpMailer(header) || body === undefined) return undefined;
  const bytes = body();
  if (bytes === undefined) return undefined;
  const text = decodedText(header, bytes.subarray(-END_BYTES)).trimEnd();
  const lines = text.split('\n').map((line) => line.trimEnd());
  const comments = ENDS.map((end) => commentAt(lines.slice(-end.length).reverse(), end));
  const comment = comments.find((number) => number !== undefined);
  return comment === undefined ? undefined : { thread: `comment/${comment}`, repliedTo: undefined };
};

/** Tells a plain text by the program that WordPress sends with; what the header has beside differs from site to site. */
function isByPhpMailer(header: Header): boolean {
  const type = mediaType(headerValue(header, 'content-type') ?? 'text/plain');
  const encoding = (headerValue(header, 'content-transfer-encoding') ?? '').trim().toLowerCase();
  const mailer = headerValue(header, 'x-mailer') ?? '';
  // An end of base64 cannot be read alone, and PHPMailer writes none for texts.
  return type === 'text/plain' && encoding !== 'base64' && /^\s*PHPMailer\b/.test(mailer);
}

/** Gives the comment that all lines of an end name, where each is as it should be. */
function commentAt(lines: readonly string[], end: readonly string[]): string | undefined {
  const named = end.flatMap((kind, at) => {
    const line = lines[at];
    if (line === undefined) return [undefined];
    const link = LINKS[kind];
    if (link === undefined) return OTHERS[kind]?.test(line) === true ? [] : [undefined];
    return [link.exec(line)?.[1]];
  });
  return named.every((number) => number === named[0]) ? named[0] : undefined;
}
