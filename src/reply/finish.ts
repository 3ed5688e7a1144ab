/**
 * The last step of a reply before it is a post: what was left out is said, every text is cleaned, tokens are masked, and
 * the Markdown is made inert for the platform.
 *
 * Contract: `markdown` is for the platform: the reply, then the note on what was left out, neutralised by the sink's
 * policy. `text` is what was typed, but for tokens. Every text of the post is clean (mail/clean-text.ts), whatever was
 * decoded and however; a field is one line. No text holds a token of ours, wherever in the post it stands. Pure; the
 * time is linear.
 * Limits: the bytes of attachments stay as they are; a mail that somebody attaches may hold the address it came to.
 */
import type { ReplyAddressForm } from '../mail/address.ts';
import type { AttachmentLimits } from '../mail/attachment-limits.ts';
import { cleanLine, cleanText } from '../mail/clean-text.ts';
import { createTokenMask } from '../mail/token-mask.ts';
import { describeDropped } from './dropped.ts';
import { neutralise, type SinkPolicy } from './escape.ts';
import { cutText } from './field-text.ts';
import type { ParsedReply } from './post.ts';

const MAX_SUBJECT_CHARS = 1000;

/** The rules of the site and its sink for every post. */
export interface PostRules {
  /** How our reply addresses look. */
  readonly forms: readonly ReplyAddressForm[];
  readonly policy: SinkPolicy;
}

/** Gives the function that finishes replies. */
export function createFinish(
  rules: PostRules,
  limits: AttachmentLimits,
): (reply: ParsedReply) => ParsedReply {
  const mask = createTokenMask(rules.forms);
  const body = (text: string): string => mask(cleanText(text));
  const line = (text: string): string => mask(cleanLine(text));
  const optional = (text: string | undefined): string | undefined =>
    text === undefined ? undefined : line(text);
  return (reply) => {
    const { markdown, text, quoted, signature, cuts } = reply.body;
    const dropped = reply.dropped.map((part) => ({
      ...part,
      filename: line(part.filename),
      contentType: line(part.contentType),
    }));
    const note = describeDropped(dropped, limits);
    const plain = body(text);
    // Of a plain-text mail both are one text: the search for tokens is not made twice.
    const marked = markdown === text ? plain : body(markdown);
    const finished = {
      inReplyTo: optional(reply.inReplyTo),
      subject: cutText(line(reply.subject), MAX_SUBJECT_CHARS),
      date: reply.date,
      from: { address: line(reply.from.address), name: line(reply.from.name) },
      body: {
        markdown: neutralise([marked, note].filter((part) => part !== '').join('\n\n'), rules.policy),
        text: plain,
        quoted: body(quoted),
        signature: body(signature),
        cuts,
      },
      attachments: reply.attachments.map((file) => ({
        ...file,
        filename: line(file.filename),
        contentType: line(file.contentType),
        declaredType: line(file.declaredType),
        contentId: optional(file.contentId),
      })),
      dropped,
    };
    const { smimeSignature } = reply;
    return smimeSignature === undefined ? finished : { ...finished, smimeSignature };
  };
}
