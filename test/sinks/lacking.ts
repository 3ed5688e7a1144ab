// What a platform has not, and why: the cells of the contract that cannot be tested for it, each declared where its contract is
// called, and told on docs/platforms.md.
//
// Contract: the page's table "What a platform has not" has a row for each part, and in it the name of each platform that
// lacks it with the reason as it is declared, and no other platform. Whatever is not declared is tested.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../support/process.ts';

/** The parts that a platform may lack, by the first words of their rows. */
export const PARTS = {
  bounced: 'being told of bounces',
  created: 'threads that a mail starts',
  recognise: 'notifications that can be recognised',
  findUser: 'the user of an address, and the list of users',
  closed: 'threads that take no replies',
  unknownUser: 'users who must exist',
  mostChars: 'a limit on the text',
  files: 'files',
} as const;

/** A part that a platform may lack. */
export type Part = keyof typeof PARTS;

/** The parts that a platform lacks, each with the reason. */
export type Lacking = Partial<Readonly<Record<Part, string>>>;

/** The names of the platforms on the page, by the types of their sinks. */
export const NAMES: Readonly<Record<string, string>> = {
  redmine: 'Redmine',
  rt: 'Request Tracker',
  wordpress: 'WordPress',
  gitea: 'Gitea',
  gitlab: 'GitLab',
  github: 'GitHub',
  discourse: 'Discourse',
  zulip: 'Zulip',
  zammad: 'Zammad',
  mattermost: 'Mattermost',
  rocketchat: 'Rocket.Chat',
  matrix: 'Matrix',
};

/** Asserts that the page says of a platform what it lacks, and nothing else of the kind. */
export function assertPageSays(type: string, lacking: Lacking): void {
  const page = readFileSync(join(repositoryRoot, 'docs/platforms.md'), 'utf8');
  const [, section = ''] = /^## What a platform has not\n(.*?)^## /ms.exec(page) ?? [];
  const name = NAMES[type];
  assert.ok(name !== undefined, type);
  for (const [part, title] of Object.entries(PARTS)) {
    const row = section.split('\n').find((line) => line.startsWith(`| ${title} |`));
    assert.ok(row !== undefined, `a row "${title}"`);
    // A row says of one platform or of several, or of all of them, why.
    const told: string | undefined = row
      .split('|')[2]
      ?.split(';')
      .map((each) => each.trim())
      .find((each) => each.startsWith('all: ') || each.split(': ')[0]?.split(', ').includes(name));
    assert.equal(told?.replace(/^.*?: /, ''), lacking[part as Part], `${name}: ${title}`);
  }
}
