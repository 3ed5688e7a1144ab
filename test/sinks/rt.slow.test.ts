// Request Tracker 5 as a sink, against the real one.

import { mkdirSync, writeFileSync } from 'node:fs';
import type { Fits } from '../support/front.ts';
import { BOB, type Rt, rtUnavailable, startRt } from '../support/rt.ts';
import type { Scratch } from '../support/scratch.ts';
import { ALICE } from '../support/site.ts';
import { platformContract, type RunningPlatform } from './platform-contract.ts';

const posts: Fits = (method, path) => method === 'POST' && path.endsWith('/correspond');

const running = (rt: Rt, table: RunningPlatform['table']): RunningPlatform => ({
  origin: rt.origin,
  table: { type: 'rt', ...table },
  token: rt.tokens.mailgw,
  user: ALICE.user,
  address: ALICE.address,
  keyed: BOB.user,
  thread: () => rt.ticket(),
  missing: 'ticket/999999',
  closed: async () => {
    const thread = await rt.ticket();
    await rt.ask('DELETE', `/${thread}`);
    return thread;
  },
  comments: (thread) => rt.comments(thread),
  started: {
    container: 'General',
    titles: async () =>
      (await rt.list('/tickets', { query: "Queue = 'General'", fields: 'Subject' })).map(({ Subject }) =>
        String(Subject),
      ),
  },
});

const contract = {
  type: 'rt',
  skip: rtUnavailable(),
  mostDoubles: 0,
  posts,
  takesFiles: true,
} as const;

/** Puts a user's token where the sink looks for it; the directory. */
function tokenDirectory(scratch: Scratch, tokens: Readonly<Record<string, string>>, mode = 0o600): string {
  const directory = scratch.path('user-tokens');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const [user, token] of Object.entries(tokens))
    writeFileSync(`${directory}/${user}.token`, `${token}\n`, { mode });
  return directory;
}

platformContract({
  ...contract,
  postsAs: 'bot',
  start: async (scratch) => running(await startRt(scratch), {}),
});

platformContract({
  ...contract,
  postsAs: 'user',
  start: async (scratch) => {
    const rt = await startRt(scratch);
    return running(rt, { user_tokens: tokenDirectory(scratch, { [ALICE.user]: rt.tokens.alice }) });
  },
});
