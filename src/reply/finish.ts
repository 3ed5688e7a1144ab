/**
 * The last step of a reply before it is a post: what was left out is said, tokens are masked, and the Markdown is
 * made inert for the platform.
 *
 * Contract: `markdown` is for the platform: the reply, then the note on what was left out, neutralised by the sink's
 * policy. `text` is what was typed, but for tokens. No text that is posted holds a token of ours: not the body in
 * any of its parts, nor the subject, a name or a file's name. Pure; the time is linear.
 * Limits: the bytes of attachments stay as they are; a mail that somebody attaches may hold the address it came to.
 */
import { createTokenMask, type ReplyAddressForm } from '../mail/address.ts';
import type { AttachmentLimits } from './attachments.ts';
import { describeDropped } from './dropped.ts';
import { neutralise, type SinkPolicy } from './escape.ts';
import type { ParsedReply } from './post.ts';

/** What the site and its sink decide about every post. */
export interface PostRules {
  /** How our reply addresses look. */
  readonly form: ReplyAddressForm;
  readonly policy: SinkPolicy;
}

/** Gives the function that finishes replies. */
export function createFinish(
  rules: PostRules,
  limits: AttachmentLimits,
): (reply: ParsedReply) => ParsedReply {
  const mask = createTokenMask(rules.form);
  return (reply) => {
    const { markdown, text, quoted, signature } = reply.body;
    const note = describeDropped(reply.dropped, limits);
    const whole = [markdown, note].filter((part) => part !== '').join('\n\n');
    return {
      ...reply,
      subject: mask(reply.subject),
      from: { address: reply.from.address, name: mask(reply.from.name) },
      body: {
        markdown: neutralise(mask(whole), rules.policy),
        text: mask(text),
        quoted: mask(quoted),
        signature: mask(signature),
      },
      attachments: reply.attachments.map((file) => ({ ...file, filename: mask(file.filename) })),
      dropped: reply.dropped.map((part) => ({ ...part, filename: mask(part.filename) })),
    };
  };
}
