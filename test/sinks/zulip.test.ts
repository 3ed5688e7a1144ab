import { runZulip } from '../support/zulip.ts';
import { platformContract } from './platform-contract.ts';

platformContract({
  type: 'zulip',
  start: runZulip,
  postsAs: 'bot',
  mostDoubles: 0,
  posts: (method, path) => method === 'POST' && path === '/api/v1/messages',
  uploads: (method, path) => method === 'POST' && path === '/api/v1/user_uploads',
  takesFiles: true,
  mostChars: 10_000,
});
