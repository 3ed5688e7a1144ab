/**
 * A parsed reply to a digest: which posts it answers, or the text of one of them.
 *
 * Contract: files, and the note on those that were left out, go with the first part of the mail alone. The same mail and
 * labels give the same parts every time. What is empty or refused stays so.
 */
import type { DigestWish, ParsedReply, ParseOutcome } from './post.ts';
import { type DigestPart, type JudgedLine, partDigest } from './text/digest.ts';

type Outcome = Exclude<ParseOutcome, { kind: 'worker-died' }>;

/** Parts what was parsed. */
export function partOutcome(outcome: Outcome, lines: readonly JudgedLine[], wish: DigestWish): Outcome {
  if (outcome.kind !== 'parsed') return outcome;
  const { reply } = outcome;
  const parted = partDigest(lines, wish.labels);
  if (parted.kind === 'unclear') return { kind: 'unclear', reason: parted.why, reply };
  const { parts } = parted;
  const [first] = parts;
  if (parts.every(({ text }) => text === '') && reply.attachments.length === 0)
    return { kind: 'empty', reason: 'no-text', reply };
  if (wish.post === undefined) return { ...outcome, answered: parts.map(({ post }) => post) };
  const part = parts.find(({ post }) => post === wish.post);
  if (part === undefined)
    return { kind: 'unclear', reason: `post ${wish.post} is not answered any more`, reply };
  return { ...outcome, reply: replyOf(reply, part, part === first) };
}

function replyOf(reply: ParsedReply, { text, quoted }: DigestPart, isFirst: boolean): ParsedReply {
  const body = { ...reply.body, markdown: text, text, quoted: quoted === '' ? reply.body.quoted : quoted };
  return isFirst ? { ...reply, body } : { ...reply, body, attachments: [], dropped: [] };
}
