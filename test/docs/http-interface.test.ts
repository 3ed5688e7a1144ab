// docs/http-interface.md against the webhook sink: examples, fields, signatures and outcomes.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { Post } from '../../src/reply/post.ts';
import { judgeAnswer, judgeError } from '../../src/sinks/answer.ts';
import type { BounceEvent } from '../../src/sinks/bounce-event.ts';
import { repositoryRoot, run } from '../support/process.ts';
import { testScratch } from '../support/scratch.ts';
import {
  type Captured,
  capture,
  captureExamples,
  EXAMPLE_BOUNCE,
  EXAMPLE_FILES,
  EXAMPLE_POST,
  EXAMPLE_SECRET,
  EXAMPLE_TIME,
  HTTP_PAGE,
  httpSections,
} from './http-examples.ts';
import { readPage, takeApart } from './pages.ts';
import { readSection } from './sections.ts';

const page = readFileSync(HTTP_PAGE, 'utf8');

/** The rows of the tables below a heading, each as its first cells. */
function rowsBelow(heading: string, cells: number): string[][] {
  const [, below = ''] = new RegExp(`\\n## ${heading}\\n([^]*?)(?=\\n## |$)`).exec(page) ?? [];
  const rows = below.split('\n').filter((line) => line.startsWith('| ') && !/^\| (field|answer) /.test(line));
  return rows.map((row) =>
    row
      .split(/(?<!\\)\|/)
      .slice(1, cells + 1)
      .map((cell) => cell.trim()),
  );
}

/** The types of all fields of some JSON, by their paths in the order of appearance. */
function typesOf(value: unknown, path: string, found: Map<string, Set<string>>): void {
  const isOfStrings =
    Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'string');
  const type =
    value === null
      ? 'null'
      : isOfStrings
        ? 'array of strings'
        : Array.isArray(value)
          ? 'array'
          : typeof value;
  if (path !== '') found.set(path, (found.get(path) ?? new Set()).add(type));
  if (isOfStrings) return;
  if (Array.isArray(value)) {
    for (const each of value) {
      for (const [key, inner] of Object.entries(each as object)) typesOf(inner, `${path}[].${key}`, found);
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      typesOf(inner, path === '' ? key : `${path}.${key}`, found);
    }
  }
}

/** The fields that the page lists, and those that some requests had, both as `path: type`. */
async function compareFields(heading: string, requests: readonly Promise<Captured>[]): Promise<void> {
  const found = new Map<string, Set<string>>();
  for (const { body } of await Promise.all(requests)) typesOf(JSON.parse(body.toString()), '', found);
  const sent = [...found].map(([path, types]) => `${path}: ${[...types].join(' or ')}`);
  const listed = rowsBelow(heading, 2).map(
    ([path = '', type = '']) => `${path.replaceAll('`', '')}: ${type}`,
  );
  assert.deepEqual(listed, sent);
}

const sendPost = (change: Partial<Post> = {}): Promise<Captured> =>
  capture((sink, signal) => sink.deliver({ ...EXAMPLE_POST, ...change }, signal));
const sendBounce = (change: Partial<BounceEvent> = {}): Promise<Captured> =>
  capture(async (sink, signal) => sink.bounced?.({ ...EXAMPLE_BOUNCE, ...change }, signal));

describe('docs/http-interface.md', () => {
  it('shows what the sink sends (npm run docs writes it)', async () => {
    for (const [name, content] of Object.entries(await httpSections())) {
      assert.equal(readSection(page, name), content, name);
    }
    const examples = await captureExamples();
    for (const [name, file] of Object.entries(EXAMPLE_FILES))
      assert.ok(readFileSync(file).equals(examples[name as keyof typeof EXAMPLE_FILES].body), file);
  });

  it('lists every field of a reply with its type, and no other', async () => {
    const unknown = {
      context: undefined,
      messageId: undefined,
      inReplyTo: undefined,
      date: undefined,
      spam: undefined,
    };
    const noScore = { context: {}, spam: { score: undefined, flagged: true }, attachments: [] };
    const signed = { smimeSignature: 'unverified' } as const;
    const posts = [sendPost(signed), sendPost(unknown), sendPost(noScore)];
    await compareFields('reply.created', posts);
  });

  it('lists what a thread has that a reply has not, or otherwise', async () => {
    const found = new Map<string, Set<string>>();
    typesOf(JSON.parse((await captureExamples()).thread.body.toString()), '', found);
    const ofReply = new Set(rowsBelow('reply\\.created', 1).flat());
    const own = ['type', 'data.thread', 'data.container', 'data.title'];
    assert.deepEqual(
      rowsBelow('thread\\.created', 2).map(([path = '', type = '']) => [path.replaceAll('`', ''), type]),
      own.map((path) => [path, [...(found.get(path) ?? [])].join(' or ')]),
    );
    const others = [...found.keys()].filter((path) => !own.includes(path));
    assert.deepEqual(
      others.filter((path) => !ofReply.has(`\`${path}\``)),
      [],
    );
    assert.ok(!found.has('data.replied_to'));
  });

  it('lists every field of a bounce with its type, and no other', async () => {
    const unknown = {
      thread: undefined,
      recipient: undefined,
      action: undefined,
      status: undefined,
      diagnostic: undefined,
      reportingMta: undefined,
    };
    await compareFields('bounce.received', [sendBounce(), sendBounce(unknown)]);
  });

  it('gives each answer the outcome that it has', () => {
    const rows = rowsBelow('Answers', 3).map(([answers = '', outcome, then = '']) => ({
      answers,
      outcome,
      alarms: then.includes('`sink_broken`'),
    }));
    /** The row that names a status, or its class, or else everything that is not named. */
    const rowFor = (status: number): (typeof rows)[number] | undefined =>
      [String(status), `${Math.floor(status / 100)}xx`, 'anything else']
        .map((name) => rows.find(({ answers }) => answers.includes(name)))
        .find((row) => row !== undefined);
    for (let status = 200; status < 1000; status += 1) {
      const answer = { status, retryAfter: undefined, location: undefined, text: '' };
      const given = judgeAnswer(answer, EXAMPLE_TIME);
      const alarms = given.kind === 'deferred' && given.broken === true;
      const row = rowFor(status);
      assert.deepEqual([row?.outcome, row?.alarms], [given.kind, alarms], String(status));
    }
    const rest = rows.find(({ answers }) => answers === 'anything else, or none: network, TLS, timeout');
    assert.equal(rest?.outcome, judgeError(new Error('no route')).kind);
  });
});

/** A request and whether a receiver must believe it. */
interface Trial {
  readonly what: string;
  readonly request: Captured;
  readonly secret: string;
  readonly now: number;
  readonly good: boolean;
}

async function trials(): Promise<readonly Trial[]> {
  const now = Math.floor(EXAMPLE_TIME / 1000);
  const secret = EXAMPLE_SECRET;
  const other = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
  const keys = [other, secret].map((each) => Buffer.from(each.slice('whsec_'.length), 'base64'));
  const rotating = await capture((sink, signal) => sink.deliver(EXAMPLE_POST, signal), keys);
  const request = await sendPost();
  const text = await sendPost({ subject: 'Grüße 👍', attachments: [] });
  const body = Buffer.from(request.body);
  body[body.length - 3] = (body.at(-3) ?? 0) ^ 1;
  const withHeaders = (headers: IncomingHttpHeaders): Captured => ({
    ...request,
    headers: { ...request.headers, ...headers },
  });
  return [
    { what: 'a reply', request, secret, now, good: true },
    { what: 'text beyond ASCII', request: text, secret, now, good: true },
    { what: 'a bounce', request: await sendBounce(), secret, now, good: true },
    { what: 'the second of two secrets', request: rotating, secret, now, good: true },
    { what: 'the first of two secrets', request: rotating, secret: other, now, good: true },
    { what: 'four minutes late', request, secret, now: now + 240, good: true },
    { what: 'six minutes late', request, secret, now: now + 360, good: false },
    { what: 'six minutes early', request, secret, now: now - 360, good: false },
    { what: 'another secret', request, secret: other, now, good: false },
    { what: 'a changed body', request: { ...request, body }, secret, now, good: false },
    { what: 'another id', request: withHeaders({ 'webhook-id': 'x' }), secret, now, good: false },
    {
      what: 'another time',
      request: withHeaders({ 'webhook-timestamp': String(now + 1) }),
      secret,
      now,
      good: false,
    },
    {
      what: 'a time that is none',
      request: withHeaders({ 'webhook-timestamp': 'soon' }),
      secret,
      now,
      good: false,
    },
    {
      what: 'an empty signature',
      request: withHeaders({ 'webhook-signature': 'v1,' }),
      secret,
      now,
      good: false,
    },
    {
      what: 'a strange signature',
      request: withHeaders({ 'webhook-signature': 'v1,ü €' }),
      secret,
      now,
      good: false,
    },
    { what: 'no header', request: { ...request, headers: {} }, secret, now, good: false },
  ];
}

/** The page's block of a language that defines `verify`. */
function snippet(language: string): string {
  const { blocks } = takeApart(readPage('docs/http-interface.md'));
  const block = blocks.find(
    (each) => each.language === language && each.lines.some((line) => line.includes('verify(')),
  );
  return `${block?.lines.join('\n') ?? assert.fail(`no ${language}`)}\n`;
}

describe('the code of docs/http-interface.md that verifies', () => {
  it('believes what the sink sends and nothing else, in Node', async (t) => {
    const file = testScratch(t).path('verify.mjs');
    writeFileSync(file, snippet('js'));
    const { verify } = (await import(pathToFileURL(file).href)) as {
      verify: (headers: unknown, body: Buffer, secret: string, now: number) => unknown;
    };
    for (const { what, request, secret, now, good } of await trials()) {
      assert.equal(verify(request.headers, request.body, secret, now), good, what);
    }
  });

  it('believes what the sink sends and nothing else, in Python', async (t) => {
    if ((await run('which', ['python3'])).code !== 0) {
      t.skip('python3 is not installed');
      return;
    }
    const all = await trials();
    const input = all.map(({ request, secret, now }) => ({
      headers: request.headers,
      body: request.body.toString('base64'),
      secret,
      now,
    }));
    const harness = `${snippet('python')}
import json, sys
for each in json.load(sys.stdin):
    print(verify(each["headers"], base64.b64decode(each["body"]), each["secret"], each["now"]))
`;
    const result = await run('python3', ['-c', harness], JSON.stringify(input));
    assert.equal(result.stderr, '');
    assert.deepEqual(
      result.stdout
        .trim()
        .split('\n')
        .map((line, index) => [all[index]?.what, line]),
      all.map(({ what, good }) => [what, good ? 'True' : 'False']),
    );
  });

  it('gives the same with openssl', async () => {
    const { blocks } = takeApart(readPage('docs/http-interface.md'));
    const command = blocks.find(({ language, lines }) => language === 'sh' && /openssl/.test(lines.join()));
    const result = await run('env', [
      '-C',
      repositoryRoot,
      'bash',
      '-c',
      command?.lines.join('\n') ?? 'false',
    ]);
    assert.equal(result.stderr, '');
    const { reply } = await captureExamples();
    assert.equal(`v1,${result.stdout.trim()}`, reply.headers['webhook-signature']);
  });
});
