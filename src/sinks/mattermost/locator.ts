/**
 * The places of Mattermost that posts go to, as threads name them.
 *
 * `channel/CHANNEL_ID/post/ROOT_ID` is the thread of a root post, `channel/CHANNEL_ID` the channel itself, and
 * `post/POST_ID` the thread that a post is in, whose channel the platform is asked for: a notification names no more.
 */
import { refuse } from '../platform/client.ts';

/** A place: a channel and perhaps a root post, or a post somewhere in a thread. */
export type Place =
  | { readonly channel: string; readonly root: string | undefined }
  | { readonly channel: undefined; readonly post: string };

/** An id of Mattermost: 26 characters of its own base 32. */
export const ID = /^[ybndrfg8ejkmcpqxot1uwisza345h769]{26}$/;

const EXPECTED =
  'channel/CHANNEL_ID/post/ROOT_ID, channel/CHANNEL_ID or post/POST_ID, whose ids have 26 characters';

/** Reads a thread's locator; throws the outcome where it is none. */
export function readThread(thread: string | undefined): Place {
  const [kind, id = '', inside, root, ...more] = (thread ?? '').split('/');
  const isId = ID.test(id) && more.length === 0;
  if (isId && kind === 'post' && inside === undefined) return { channel: undefined, post: id };
  if (isId && kind === 'channel') {
    if (inside === undefined) return { channel: id, root: undefined };
    if (inside === 'post' && root !== undefined && ID.test(root)) return { channel: id, root };
  }
  throw refuse(`thread ${JSON.stringify(thread ?? '')}: expected ${EXPECTED}`);
}

/** Reads the locator of a place where threads begin; throws the outcome where it is none. */
export function readContainer(container: string): string {
  const [kind, id = '', ...more] = container.split('/');
  if (kind === 'channel' && ID.test(id) && more.length === 0) return id;
  throw refuse(`container ${JSON.stringify(container)}: expected channel/CHANNEL_ID`);
}
