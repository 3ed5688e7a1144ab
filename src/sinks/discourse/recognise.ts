/**
 * Discourse's own notifications, told by their header.
 *
 * Contract: a mail about one post, as Discourse sends it to its users: `List-ID`, and the topic in `X-Discourse-Topic-Id` or,
 * where an older Discourse removes that, in the address of `List-Archive`. Private messages are among them: a reply is
 * the user's own post there as well. Left alone are digests (`X-Discourse-Topic-Ids`), accounts, invitations, and mail of
 * a group's own mailbox, which has no List-ID and goes to people without an account.
 * Limits: the Date field says when the post was made; Discourse mails within minutes.
 */
import { headerValue } from '../../mail/header.ts';
import type { Recognise } from '../../mail/recognise.ts';

const NUMBER = /^\d{1,10}$/;

/** Recognises a notification of Discourse. */
export const recogniseDiscourse: Recognise = ({ header }) => {
  const field = (name: string): string => headerValue(header, name)?.trim() ?? '';
  if (field('list-id') === '' || field('x-discourse-topic-ids') !== '') return undefined;
  const topic = field('x-discourse-topic-id') || topicOfArchive(field('list-archive'));
  if (!NUMBER.test(topic)) return undefined;
  const post = field('x-discourse-post-id') || postOfMessageId(field('message-id'));
  // The post matters: a reply to a whisper must stay one.
  return NUMBER.test(post) ? { thread: `topic/${topic}/post-id/${post}`, repliedTo: undefined } : undefined;
};

/** Gives the topic of an address like `https://forum.example.org/t/its-name/7`. */
function topicOfArchive(archive: string): string {
  return /\/t\/(?:[^/>\s]+\/)?(\d{1,10})(?:[/?#]\S*)?>?$/.exec(archive)?.[1] ?? '';
}

/** Gives the post of `<discourse/post/9@…>` and, of an older Discourse, `<topic/7/9.random@…>`. */
function postOfMessageId(id: string): string {
  return /^<(?:discourse\/post|topic\/\d{1,10})\/(\d{1,10})(?:\.\w{1,64})?@[^<>@\s]+>$/.exec(id)?.[1] ?? '';
}
