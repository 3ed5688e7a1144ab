/**
 * The files of a post on their way to Rocket.Chat: uploaded into the room, and then confirmed, which makes a message of each.
 *
 * Contract: what is not confirmed is forgotten by the server after a day. A message of a file has no id of ours; it is known
 * by its room and thread, its author, its name and its size, after our text.
 */
import type { Post, PostAttachment } from '../../reply/post.ts';
import { NoPost } from '../no-post.ts';
import { member, members, outcomeOf, type PlatformClient, pathOf, unexpected } from '../platform/client.ts';
import { handOver, multipart, type Taken } from '../platform/files.ts';
import type { Place } from './locator.ts';

/** A file that the server has, and will forget. */
export interface Uploaded {
  readonly id: string;
  readonly file: PostAttachment;
}

/** Uploads files; what is refused for itself is left out. */
export function upload(
  client: PlatformClient,
  files: readonly PostAttachment[],
  { room }: Place,
  signal: AbortSignal,
): Promise<Taken<Uploaded>> {
  return handOver(files, async (file) => {
    const content = multipart({}, [{ field: 'file', file }]);
    const answer = await client.demand({ path: pathOf('api', 'v1', 'rooms.media', room), content }, signal);
    const id = member(answer.json, 'file', '_id');
    if (typeof id !== 'string') throw unexpected(answer, 'no file in the answer');
    return { id, file };
  });
}

/** Makes the message of an uploaded file. */
export async function confirm(
  client: PlatformClient,
  { id }: Uploaded,
  fields: object,
  { room }: Place,
  signal: AbortSignal,
): Promise<void> {
  const path = pathOf('api', 'v1', 'rooms.mediaConfirm', room, id);
  const answer = await client.demand({ path, json: fields }, signal);
  if (answer.isWhole === true && member(answer.json, 'message') === undefined)
    throw unexpected(answer, 'no message was made of a file');
}

/** Confirms files one by one, and gives those that were refused. */
export async function confirmEach(
  files: readonly Uploaded[],
  give: (file: Uploaded) => Promise<void>,
): Promise<PostAttachment[]> {
  const lost: PostAttachment[] = [];
  for (const each of files) {
    try {
      await give(each);
    } catch (error) {
      if (outcomeOf(error).kind !== 'failed') throw error;
      lost.push(each.file);
    }
  }
  return lost;
}

/** Gives the files of a post that have no message after its text, in its own thread, nor are named in it as left out. */
export async function missingFiles(
  client: PlatformClient,
  post: Post,
  text: unknown,
  signal: AbortSignal,
): Promise<PostAttachment[]> {
  const told = member(text, 'msg');
  const missing = post.attachments.filter(
    ({ filename }) => typeof told !== 'string' || !told.includes(filename),
  );
  if (missing.length === 0) return [];
  const lastUpdate = new Date(Date.parse(String(member(text, 'ts'))) - 1).toISOString();
  const answer = await client.demand(
    { path: '/api/v1/chat.syncMessages', query: { roomId: String(member(text, 'rid')), lastUpdate } },
    signal,
  );
  const updated = member(answer.json, 'result', 'updated');
  if (!Array.isArray(updated)) {
    const diagnostic = 'too much was said in the room since the text was sent to look for its files';
    throw new NoPost({ kind: 'deferred', diagnostic });
  }
  for (const message of members(updated)) {
    const isOurs =
      member(message, 'u', '_id') === member(text, 'u', '_id') &&
      member(message, 'tmid') === member(text, 'tmid');
    const file = member(message, 'file');
    const at = missing.findIndex(
      ({ filename, bytes }) => member(file, 'name') === filename && member(file, 'size') === bytes,
    );
    if (isOurs && at >= 0) missing.splice(at, 1);
  }
  return missing;
}
