// The Redmine sink against the real Redmine of Debian's package.

import { type Redmine, redmineUnavailable, startRedmine } from '../support/redmine.ts';
import { readNotes } from '../support/redmine-page.ts';
import type { Scratch } from '../support/scratch.ts';
import { type Comment, platformContract, type RunningPlatform } from './platform-contract.ts';

const skip = redmineUnavailable();

const numberOf = (thread: string): number => Number(thread.replace('issue/', ''));

/** Describes a Redmine for the contract. */
async function running(scratch: Scratch): Promise<RunningPlatform> {
  const redmine = await startRedmine(scratch);
  const closed = await redmine.issue({ project_id: 'closed' });
  await redmine.ruby("Project.find('closed').close");
  return {
    origin: redmine.origin,
    table: { type: 'redmine' },
    token: redmine.adminKey,
    user: 'alice',
    address: 'alice@example.com',
    thread: async () => `issue/${await redmine.issue()}`,
    missing: 'issue/999999',
    closed: () => Promise.resolve(`issue/${closed}`),
    comments: (thread) => comments(redmine, numberOf(thread)),
    started: { container: 'site', titles: () => titles(redmine) },
  };
}

async function comments(redmine: Redmine, issue: number): Promise<Comment[]> {
  const notes = readNotes(await redmine.page(issue));
  return Promise.all(
    (await redmine.journals(issue)).map(async ({ id, user, files }) => ({
      author: user.name.replace(' Example', '').toLowerCase(),
      text: notes.get(id)?.text ?? '',
      files: await Promise.all(
        files.map(async ({ filename, content_url }) => ({
          name: filename,
          bytes: await redmine.file(content_url),
        })),
      ),
    })),
  );
}

async function titles(redmine: Redmine): Promise<string[]> {
  const { json } = await redmine.ask('GET', '/issues.json?project_id=site&status_id=*&limit=100');
  return (json as { issues: { subject: string }[] }).issues.map(({ subject }) => subject);
}

platformContract({
  type: 'redmine',
  skip,
  start: running,
  postsAs: 'user',
  mostDoubles: 0,
  posts: (method, path) => method === 'PUT' && path.startsWith('/issues/'),
  uploads: (_method, path) => path.startsWith('/uploads.json'),
  takesFiles: true,
  unknownUser: 'failed',
});
