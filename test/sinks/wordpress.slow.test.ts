// The wordpress sink against Debian's WordPress on MariaDB and PHP.

import type { Scratch } from '../support/scratch.ts';
import {
  ADMIN,
  AUTHOR,
  READER,
  startWordPress,
  type WordPress,
  wordpressUnavailable,
} from '../support/wordpress.ts';
import { type Comment, platformContract, type RunningPlatform } from './platform-contract.ts';

const skip = wordpressUnavailable();

/** A text as people read it on the page; WordPress sets quotation marks and entities of its own. */
function shown(rendered: string): string {
  return rendered
    .replace(/<br \/>\n?/g, '\n')
    .replace(/<\/p>\s*/g, '\n\n')
    .replace(/<[^>]*>/g, '')
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
    .replace(/[“”]/g, '"')
    .replace(/[‘’]/g, "'")
    .trim();
}

async function comments(site: WordPress, thread: string): Promise<readonly Comment[]> {
  const post = Number(/^post\/(\d+)/.exec(thread)?.[1]);
  return (await site.comments(post)).map(({ author, content }) => ({
    author: [ADMIN, AUTHOR, READER].find((user) => site.idOf(user) === author)?.login ?? String(author),
    text: shown(content.rendered),
    files: [],
  }));
}

async function start(scratch: Scratch): Promise<RunningPlatform> {
  const site = await startWordPress(scratch);
  return {
    origin: site.origin,
    table: { type: 'wordpress' },
    token: site.key,
    user: AUTHOR.login,
    address: AUTHOR.address,
    thread: async () => `post/${await site.post()}`,
    missing: 'post/987654',
    closed: async () => `post/${await site.post(ADMIN, { comment_status: 'closed' })}`,
    comments: (thread) => comments(site, thread),
  };
}

platformContract({
  type: 'wordpress',
  skip,
  start,
  postsAs: 'user',
  mostDoubles: 0,
  posts: (method, path) => method === 'POST' && path.includes('comments'),
  takesFiles: false,
  unknownUser: 'failed',
  mostChars: 65_525,
});
