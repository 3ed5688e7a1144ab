// The Redmine sink against the real Redmine of Debian's package: the contract, and what is Redmine's own.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { readSecretFile, readSecretText } from '../../src/config/secret-file.ts';
import type { Post } from '../../src/reply/post.ts';
import { loadSink } from '../../src/sinks/catalogue.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import { type Fits, type Front, startFront } from '../support/front.ts';
import { samplePost } from '../support/loopback.ts';
import { type Redmine, redmineUnavailable, startRedmine } from '../support/redmine.ts';
import { readNotes } from '../support/redmine-page.ts';
import { roundsOf } from '../support/rounds.ts';
import { type Scratch, suiteScratch } from '../support/scratch.ts';
import { type Comment, platformContract, type RunningPlatform, sampleFile } from './platform-contract.ts';

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
    unfit: [() => redmine.aliceKey],
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
  lacking: {
    bounced: 'its interface has no use for one',
    mostChars: 'its interface tells none',
  },
  mostDoubles: 0,
  posts: (method, path) => method === 'PUT' && path.startsWith('/issues/'),
  uploads: (_method, path) => path.startsWith('/uploads.json'),
  alsoPreviewed: [{ format: 'markdown' }, { format: 'markdown', references: 'live' }],
});

/** A way to a Redmine on which a test may cut, and a sink on it. */
interface Ground {
  readonly redmine: Redmine;
  readonly front: Front;
  readonly sink: (change?: object, token?: string) => Promise<Sink>;
}

const signal = (): AbortSignal => new AbortController().signal;

function noteBy(user: string, issue: number, text: string, change: Partial<Post> = {}): Post {
  return samplePost({
    id: `${issue}-${text}-${user}`,
    user,
    thread: `issue/${issue}`,
    receivedAt: Date.now(),
    repliedToAt: Date.now() - 3_600_000,
    body: { markdown: text, text, quoted: '', signature: '', cuts: [] },
    ...change,
  });
}

describe('a note for Redmine', { skip }, () => {
  const scratch = suiteScratch();
  const on = {} as Ground;
  before(async () => {
    const redmine = await startRedmine(scratch);
    const front = await startFront(scratch, redmine.origin);
    let keys = 0;
    const sink: Ground['sink'] = async (change = {}, token = redmine.adminKey) => {
      front.clear();
      keys += 1;
      const file = scratch.path(`key-${keys}`);
      writeFileSync(file, token, { mode: 0o600 });
      const table = { type: 'redmine', url: front.origin, token_file: file, ...change };
      const loaded = await loadSink(table, { now: Date.now, readSecretFile, readSecretText });
      assert.ok(loaded.ok, loaded.ok ? '' : loaded.problems.join());
      scratch.defer(() => loaded.sink.close());
      return loaded.sink;
    };
    Object.assign(on, { redmine, front, sink });
  });
  after(() => scratch.close());

  it('of a user who may add none is failed, though Redmine answers 204', async () => {
    const issue = await on.redmine.issue();
    const outcome = await (await on.sink()).deliver(noteBy('carol', issue, 'May I?'), signal());
    assert.equal(outcome.kind, 'failed');
    assert.match(outcome.diagnostic, /204 and kept no note: carol may add none .*"Add notes"/);
    assert.deepEqual(await on.redmine.journals(issue), []);
  });

  it('of a user who is locked is failed', async () => {
    const outcome = await (await on.sink()).deliver(noteBy('dave', await on.redmine.issue(), 'Hm'), signal());
    assert.deepEqual([outcome.kind, outcome.diagnostic], ['failed', '412: Redmine has no active user dave']);
  });

  it('is made by nobody else where the key is of somebody who may not switch, and examine says so', async () => {
    const issue = await on.redmine.issue();
    const sink = await on.sink({}, on.redmine.aliceKey);
    const outcome = await sink.deliver(noteBy('bob', issue, 'By whom?'), signal());
    assert.equal(outcome.kind, 'deferred');
    assert.ok('broken' in outcome && outcome.broken === true);
    assert.match(outcome.diagnostic, /takes us for alice, not for bob/);
    assert.deepEqual(await on.redmine.journals(issue), []);
    const examined = await sink.examine?.(signal());
    assert.match(examined?.lack?.what ?? '', /alice, who is no administrator/);
    await assert.rejects(async () => sink.findUser?.('bob@example.com', signal()), /403/);
  });

  it('is made by nobody else where the key is wrong, or REST is off, and anybody may add notes', async () => {
    const issue = await on.redmine.issue();
    await on.redmine.ruby('Role.anonymous.add_permission!(:add_issue_notes, :view_issues)');
    const wrong = await (await on.sink({}, 'f'.repeat(40))).deliver(
      noteBy('bob', issue, 'Wrong key'),
      signal(),
    );
    await on.redmine.ruby("Setting.rest_api_enabled = '0'");
    const sink = await on.sink();
    const off = await sink.deliver(noteBy('bob', issue, 'REST is off'), signal());
    const examined = await sink.examine?.(signal());
    await on.redmine.ruby("Setting.rest_api_enabled = '1'");
    for (const outcome of [wrong, off]) {
      assert.equal(outcome.kind, 'deferred', outcome.diagnostic);
      assert.ok('broken' in outcome && outcome.broken === true);
    }
    assert.match(off.diagnostic, /REST web service is off/);
    assert.match(examined?.lack?.what ?? '', /REST web service is off/);
    assert.deepEqual(await on.redmine.journals(issue), []);
  });

  it('is taken by an issue that is closed, as on its page', async () => {
    const issue = await on.redmine.issue();
    await on.redmine.ruby(`Issue.find(${issue}).update!(status: IssueStatus.where(is_closed: true).first)`);
    const outcome = await (await on.sink()).deliver(noteBy('alice', issue, 'And now?'), signal());
    assert.equal(outcome.kind, 'posted', outcome.diagnostic);
  });

  it('is tried again where a 422 names nothing wrong, and failed where it does', async () => {
    const issue = await on.redmine.issue();
    const sink = await on.sink();
    const puts: Fits = (method) => method === 'PUT';
    // app/controllers/issues_controller.rb (update): a change by somebody else meanwhile leaves no errors behind.
    on.front.wish({ status: 422, body: '{"errors":[]}' }, puts);
    on.front.wish({ status: 422, body: '{"errors":["Severity cannot be blank"]}' }, puts);
    assert.equal((await sink.deliver(noteBy('alice', issue, 'a'), signal())).kind, 'deferred');
    const failed = await sink.deliver(noteBy('alice', issue, 'b'), signal());
    assert.equal(failed.kind, 'failed');
    assert.match(failed.diagnostic, /Severity cannot be blank/);
  });

  it('stands once, whichever of its requests is cut, files and all', async () => {
    const sink = await on.sink();
    const issue = await on.redmine.issue();
    const rounds = roundsOf(40, 10);
    for (let round = 0; round < rounds; round++) {
      const post = noteBy('alice', issue, `Round ${round}`, { attachments: [sampleFile()] });
      on.front.clear();
      let seen = 0;
      on.front.wish(round % 2 === 0 ? { cut: 'request' } : { cut: 'answer', share: (round % 7) / 7 }, () => {
        seen += 1;
        return seen === 1 + (Math.floor(round / 2) % 5);
      });
      let outcome = await sink.deliver(post, signal());
      for (let attempt = 0; outcome.kind !== 'posted' && attempt < 5; attempt++) {
        assert.ok(outcome.kind === 'deferred' && outcome.broken !== true, outcome.diagnostic);
        if ((await sink.exists?.(post, signal())) === true) break;
        outcome = await sink.deliver(post, signal());
      }
    }
    const journals = await on.redmine.journals(issue);
    assert.deepEqual(
      journals.map(({ notes, files }) => [notes, files.length]),
      Array.from({ length: rounds }, (_, round) => [`Round ${round}`, 1]),
    );
  });

  it('with the words of another is another note', async () => {
    const sink = await on.sink();
    const issue = await on.redmine.issue();
    const [first, second] = [
      noteBy('alice', issue, '+1'),
      noteBy('alice', issue, '+1', { id: 'the-second' }),
    ];
    assert.equal((await sink.deliver(first, signal())).kind, 'posted');
    assert.equal(await sink.exists?.(first, signal()), true);
    assert.equal(await sink.exists?.(second, signal()), false);
    assert.equal((await sink.deliver(second, signal())).kind, 'posted');
    assert.equal(await sink.exists?.(second, signal()), true);
    assert.equal(await sink.exists?.(noteBy('bob', issue, '+1'), signal()), false);
    assert.equal((await on.redmine.journals(issue)).length, 2);
  });

  it('is of whom the map names, who are found by their own names here', async () => {
    const sink = await on.sink({ map: { 'a.example': 'alice' } });
    const issue = await on.redmine.issue();
    const outcome = await sink.deliver(noteBy('a.example', issue, 'Mapped'), signal());
    assert.equal(outcome.kind, 'posted', outcome.diagnostic);
    assert.equal((await on.redmine.journals(issue))[0]?.user.name, 'Alice Example');
    assert.equal(await sink.findUser?.('alice@example.com', signal()), 'a.example');
    assert.equal(await sink.findUser?.('dave@example.com', signal()), undefined, 'who is locked');
  });

  it('tells and links where the site has mentions and references live', async () => {
    const sink = await on.sink({ mentions: 'live', references: 'live' });
    const issue = await on.redmine.issue();
    await sink.deliver(noteBy('alice', issue, `@bob, see #${issue}`), signal());
    const [note] = readNotes(await on.redmine.page(issue)).values();
    assert.equal(note?.elements.filter((name) => name === 'a').length, 2);
    await (await on.sink()).deliver(noteBy('alice', issue, `@bob, see #${issue}!`), signal());
    assert.deepEqual([...readNotes(await on.redmine.page(issue)).values()][1]?.elements, ['p']);
  });

  it('that starts an issue is found again after a cut', async () => {
    const sink = await on.sink();
    const post = noteBy('alice', 0, 'It is broken', {
      thread: undefined,
      newThread: { container: 'site', title: 'Broken' },
    });
    assert.equal(await sink.exists?.(post, signal()), false);
    on.front.wish(
      { cut: 'answer', share: 0.5 },
      (method, path) => method === 'POST' && path === '/issues.json',
    );
    assert.equal((await sink.created?.(post, signal()))?.kind, 'deferred');
    assert.equal(await sink.exists?.(post, signal()), true);
    const nowhere = { ...post, newThread: { container: 'nowhere', title: 'Broken' } };
    assert.equal((await sink.created?.(nowhere, signal()))?.kind, 'failed');
    const carols = { ...post, user: 'carol' };
    assert.equal((await sink.created?.(carols, signal()))?.kind, 'failed');
  });
});
