/**
 * The JSON body of a post (docs/http-interface.md), as a whole or piece by piece.
 *
 * Contract: the pieces joined are the whole, the same to the byte on every attempt. Every key is always there, null for
 * what is not known; times are ISO 8601 in UTC. A piece holds at most {@link PIECE_BYTES} of an attachment, so that a
 * large post costs no memory beyond its attachments' own.
 */
import type { Post, PostAttachment } from '../reply/post.ts';
import type { BounceEvent } from './bounce-event.ts';
import type { Preview } from './sink-kind.ts';

/** Attachments of this size in total are sent piece by piece. */
export const LARGE_BODY_BYTES = 512 * 1024;

/** Bytes of an attachment in one piece: whole groups of base64, and small enough for V8 to collect it young. */
const PIECE_BYTES = 3 * 16 * 1024;

/** Writes the body of a post in UTF-8. */
export function formatPost(post: Post): Buffer {
  return Buffer.from([...bodyPieces(post)].join(''));
}

/** Shows the body of a post. */
export function preview(post: Post): Preview {
  const fields = Object.entries(withoutAttachments(post).data);
  return {
    body: JSON.parse(formatPost(post).toString('utf8')),
    fields: Object.fromEntries(fields.filter(([key]) => key !== 'body' && key !== 'attachments')),
  };
}

/** Writes the body of a bounce in UTF-8. */
export function formatBounce(bounce: BounceEvent): Buffer {
  const { id, user, thread, kind, recipient, registered, action, status, diagnostic } = bounce;
  return Buffer.from(
    JSON.stringify({
      type: 'bounce.received',
      timestamp: formatTime(bounce.receivedAt),
      data: {
        id,
        user,
        thread: thread ?? null,
        received_at: formatTime(bounce.receivedAt),
        kind,
        recipient: recipient ?? null,
        registered,
        action: action ?? null,
        status: status ?? null,
        diagnostic: diagnostic ?? null,
        reporting_mta: bounce.reportingMta ?? null,
      },
    }),
  );
}

/** Counts the bytes of all attachments, decoded. */
export function sizeOfAttachments(post: Post): number {
  return post.attachments.reduce((sum, attachment) => sum + attachment.content.byteLength, 0);
}

/** Writes the body of a post piece by piece. */
export function* bodyPieces(post: Post): Generator<string> {
  const end = ']}}';
  yield JSON.stringify(withoutAttachments(post)).slice(0, -end.length);
  for (const [index, attachment] of post.attachments.entries()) {
    const opening = JSON.stringify(describeAttachment(attachment)).slice(0, -1);
    yield `${index === 0 ? '' : ','}${opening},"content":"`;
    yield* base64Pieces(attachment.content);
    yield '"}';
  }
  yield end;
}

function* base64Pieces(content: Uint8Array): Generator<string> {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  for (let offset = 0; offset < bytes.length; offset += PIECE_BYTES) {
    yield bytes.toString('base64', offset, Math.min(offset + PIECE_BYTES, bytes.length));
  }
}

/** Makes the body with `attachments` last and empty. */
function withoutAttachments(post: Post) {
  return {
    type: post.newThread === undefined ? 'reply.created' : 'thread.created',
    timestamp: formatTime(post.receivedAt),
    data: {
      id: post.id,
      user: post.user,
      ...placeOf(post),
      context: post.context ?? null,
      message_id: bracketed(post.messageId),
      in_reply_to: bracketed(post.inReplyTo),
      subject: post.subject,
      date: post.date ?? null,
      received_at: formatTime(post.receivedAt),
      from: { address: post.from.address, name: post.from.name },
      authentication: { policy: post.authentication.policy, result: post.authentication.result },
      smime_signature: post.smimeSignature ?? null,
      spam: post.spam === undefined ? null : { score: post.spam.score ?? null, flagged: post.spam.flagged },
      body: {
        markdown: post.body.markdown,
        text: post.body.text,
        quoted: post.body.quoted,
        signature: post.body.signature,
        cuts: post.body.cuts.map(({ what, signs }) => ({ what, signs })),
      },
      attachments: [],
    },
  };
}

/** Says what a post answers, or where the thread begins that it starts. */
function placeOf({ thread, repliedToAt, newThread }: Post) {
  if (newThread === undefined) return { thread: thread ?? null, replied_to: formatTime(repliedToAt) };
  return { thread: null, container: newThread.container, title: newThread.title };
}

function describeAttachment(attachment: PostAttachment): Record<string, unknown> {
  return {
    filename: attachment.filename,
    content_type: attachment.contentType,
    bytes: attachment.bytes,
    sha256: attachment.sha256,
    inline: attachment.inline,
  };
}

function formatTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** Spells a Message-ID as header fields do, whichever way it was stored. */
function bracketed(id: string | undefined): string | null {
  if (id === undefined) return null;
  return id.includes('<') ? id : `<${id}>`;
}
