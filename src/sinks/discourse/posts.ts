/**
 * Posts of Discourse: where they go, and finding one again.
 *
 * Contract: a locator is `topic/N`, `topic/N/post/M` with the post's number in its topic, or `topic/N/post-id/P` with its
 * number in all of Discourse. A post is found by its mark in its Markdown, which Discourse keeps and never shows, and a
 * topic by the `external_id` that it was made with. What waits for a moderator's approval counts as there.
 */
import type { Post } from '../../reply/post.ts';
import { NoPost } from '../no-post.ts';
import {
  listIn,
  member,
  type PlatformAnswer,
  type PlatformClient,
  type PlatformRequest,
  pathOf,
  refuse,
  unexpected,
  wholeOf,
} from '../platform/client.ts';
import { isMarked } from '../platform/marker.ts';

/** The place of a post in a topic, with the member of Discourse's own interface. */
export interface Place {
  readonly topic_id: number;
  readonly reply_to_post_number?: number;
}

/** Posts of the user in the topic that are looked through, the last ones. */
const LOOKED_THROUGH = 50;

const LOCATOR = /^topic\/(\d{1,10})(?:\/(post|post-id)\/(\d{1,10}))?$/;

/** Asks in the name of the account that may see everything. */
export type AskAsAdmin = (request: PlatformRequest) => Promise<PlatformAnswer>;

/** Reads a locator, and asks for the post where it names one by its number in all of Discourse. */
export async function placeOf(locator: string, client: PlatformClient, ask: AskAsAdmin): Promise<Place> {
  const [, topic, kind, post] = LOCATOR.exec(locator) ?? [];
  if (topic === undefined)
    throw refuse(`${JSON.stringify(locator)} is no place in Discourse; expected topic/N or topic/N/post/M`);
  if (kind !== 'post-id')
    return { topic_id: Number(topic), ...(post === undefined ? {} : { reply_to_post_number: Number(post) }) };
  const answer = await ask({ path: pathOf('posts', `${post}.json`) });
  if (answer.status === 404 && answer.json !== undefined) throw refuse(`Discourse has no post ${post}`);
  const { json } = sure(answer, client);
  // Posts are moved to other topics, and the answer goes after them.
  const [topicId, number] = [member(json, 'topic_id'), member(json, 'post_number')];
  if (typeof topicId !== 'number' || typeof number !== 'number')
    throw unexpected(answer, `Discourse does not say where its post ${post} stands`);
  return { topic_id: topicId, reply_to_post_number: number };
}

/** Reads the category in which a topic begins. */
export function categoryOf(container: string): number {
  const [, category] = /^(?:category\/)?(\d{1,10})$/.exec(container) ?? [];
  if (category === undefined)
    throw refuse(`${JSON.stringify(container)} is no category of Discourse; expected category/N`);
  return Number(category);
}

/**
 * Makes the `external_id` of a topic: letters, digits, `_` and `-`, at most fifty (discourse/discourse, app/models/topic.rb,
 * EXTERNAL_ID_MAX_LENGTH).
 */
export function externalId(post: Post): string {
  return post.id.replace(/[^\w-]/g, '_').slice(-50);
}

/** Tells whether a post, or the topic that it starts, is there. */
export async function isThere(
  post: Post,
  login: string,
  client: PlatformClient,
  ask: AskAsAdmin,
): Promise<boolean> {
  if (post.newThread === undefined) {
    const place = await placeOf(post.thread ?? '', client, ask);
    for (const each of await lastPosts(place.topic_id, login, client, ask))
      if (isMarked(member(each, 'raw'), post)) return true;
  } else {
    const answer = await ask({ path: pathOf('t', 'external_id', `${externalId(post)}.json`) });
    // It answers with the way to the topic.
    if (answer.status >= 300 && answer.status < 400 && answer.location?.includes('/t/') === true) return true;
    if (answer.status !== 404) sure(answer, client);
  }
  const pending = await ask({ path: pathOf('posts', login, 'pending.json') });
  if (pending.status === 404) return false; // a user who is not there, or a Discourse of before 2021
  return listIn(sure(pending, client), 'pending_posts').some((each) =>
    isMarked(member(each, 'raw_text'), post),
  );
}

/** Gives the last posts of a user in a topic with their Markdown; none where there is no such topic. */
async function lastPosts(
  topic: number,
  login: string,
  client: PlatformClient,
  ask: AskAsAdmin,
): Promise<readonly unknown[]> {
  const view = await ask({ path: pathOf('t', `${topic}.json`), query: { username_filters: login } });
  if (view.status === 404 || view.status === 410) return [];
  const ids = listIn(sure(view, client), 'post_stream', 'stream').slice(-LOOKED_THROUGH);
  if (ids.length === 0) return [];
  const query = new URLSearchParams([
    ...ids.map((id): [string, string] => ['post_ids[]', String(id)]),
    ['include_raw', 'true'],
  ]);
  const posts = await ask({ path: `${pathOf('t', topic, 'posts.json')}?${query.toString()}` });
  return listIn(sure(posts, client), 'post_stream', 'posts');
}

/** Gives an answer that says what was asked for; any other one ends the attempt. */
function sure(answer: PlatformAnswer, client: PlatformClient): PlatformAnswer {
  const outcome = client.judge(answer);
  if (outcome.kind === 'posted' && wholeOf(answer).json !== undefined) return answer;
  // A refusal to look is no refusal of the post.
  if (outcome.kind === 'deferred') throw new NoPost(outcome);
  throw new NoPost({ ...outcome, kind: 'deferred', broken: true });
}
