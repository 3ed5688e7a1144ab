/**
 * The examples of docs/http-interface.md, as the webhook sink itself sends them: `npm run docs` writes them into the
 * page and docs/examples/, a test holds both to the sink.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { formatItemId } from '../../src/mail/item-id.ts';
import type { Post, PostAttachment } from '../../src/reply/post.ts';
import type { BounceEvent } from '../../src/sinks/bounce-event.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import { createWebhookSink } from '../../src/sinks/webhook/webhook.ts';
import { repositoryRoot } from '../support/process.ts';
import { fenced, replaceSection } from './sections.ts';

/** Where the page is. */
export const HTTP_PAGE = join(repositoryRoot, 'docs', 'http-interface.md');

/** Where the bytes of the examples are. */
export const EXAMPLE_FILES = {
  reply: join(repositoryRoot, 'docs', 'examples', 'reply.created.json'),
  thread: join(repositoryRoot, 'docs', 'examples', 'thread.created.json'),
  bounce: join(repositoryRoot, 'docs', 'examples', 'bounce.received.json'),
} as const;

/** The secret of the examples, of the bytes 0, 1, 2 … */
const KEY = Buffer.from(Array.from({ length: 24 }, (_, index) => index));

/** The same as the file has it. */
export const EXAMPLE_SECRET = `whsec_${KEY.toString('base64')}`;

/** When the examples are sent. */
export const EXAMPLE_TIME = Date.UTC(2026, 10, 20, 9, 14, 3, 250);

const RECEIVED = Date.UTC(2026, 10, 20, 9, 14, 3, 120);
const ID = formatItemId(RECEIVED, Buffer.from('example01'));
const NOTE = Buffer.from('Width and height of the logo: 96 x 48\n');

const ATTACHMENT: PostAttachment = {
  filename: 'sizes.txt',
  contentType: 'text/plain',
  declaredType: 'text/plain',
  bytes: NOTE.length,
  sha256: createHash('sha256').update(NOTE).digest('hex'),
  inline: false,
  contentId: undefined,
  content: NOTE,
};

/** A reply in which everything is known. */
export const EXAMPLE_POST: Post = {
  id: ID,
  user: 'alice',
  thread: 'acme/website/issue/7',
  repliedToAt: Date.UTC(2026, 10, 19, 17, 2, 11),
  context: 'comment 1138',
  messageId: '<58a24bdd-901f-49a9-b8c4-7e6a486278be@client.example.com>',
  inReplyTo: '<acme/website/issue/7/1795107731.k4xqz7ma@reply.example.org>',
  subject: 'Re: [acme/website] The logo is blurred on my phone (#7)',
  date: '2026-11-20T09:13:58.000Z',
  receivedAt: RECEIVED,
  from: { address: 'alice@example.com', name: 'Alice Example' },
  authentication: { policy: 'strict', result: 'pass' },
  spam: { score: 0.3, flagged: false },
  body: {
    markdown: 'Found it: the header gives no width.',
    text: 'Found it: the header gives no width.',
    quoted: 'On Thu, Nov 19, 2026 at 5:02 PM, Bob wrote:\n> The logo is blurred.',
    signature: '-- \nAlice',
    cuts: [
      { what: 'signature', signs: ['delimiter', 'lines-below'] },
      { what: 'quote', signs: ['quote-marks', 'date'] },
    ],
  },
  attachments: [ATTACHMENT],
  dropped: [],
};

/** A mail that starts a thread, in which everything is known. */
export const EXAMPLE_THREAD: Post = {
  ...EXAMPLE_POST,
  id: formatItemId(RECEIVED, Buffer.from('example03')),
  thread: undefined,
  newThread: { container: 'acme/website', title: 'The search finds nothing' },
  repliedToAt: Date.UTC(2026, 10, 1, 8, 0, 0),
  inReplyTo: undefined,
  subject: 'The search finds nothing',
  body: {
    markdown: 'I looked for "logo", which is on the front page.',
    text: 'I looked for "logo", which is on the front page.',
    quoted: '',
    signature: '-- \nAlice',
    cuts: [{ what: 'signature', signs: ['delimiter', 'lines-below'] }],
  },
};

/** A bounce in which everything is known. */
export const EXAMPLE_BOUNCE: BounceEvent = {
  id: formatItemId(RECEIVED, Buffer.from('example02')),
  user: 'alice',
  thread: 'acme/website/issue/7',
  receivedAt: RECEIVED,
  kind: 'hard',
  recipient: 'alice@example.com',
  registered: true,
  action: 'failed',
  status: '5.1.1',
  diagnostic: '550 5.1.1 no such user',
  reportingMta: 'mx.example.com',
};

/** A request as a platform received it. */
export interface Captured {
  readonly line: string;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Has a webhook sink make a request of a platform on the loopback, and gives what arrived. */
export async function capture(
  send: (sink: Sink, signal: AbortSignal) => Promise<unknown>,
  secrets: readonly Buffer[] = [KEY],
): Promise<Captured> {
  const captured: Captured[] = [];
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      const { rawHeaders, headers, method, url, httpVersion } = request;
      captured.push({ line: `${method ?? ''} ${url ?? ''} HTTP/${httpVersion}`, rawHeaders, headers, body });
      response.writeHead(204).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const target = { origin: `http://127.0.0.1:${port}`, socketPath: undefined, path: '/hooks/mail' };
  const sink = createWebhookSink({ target, secrets, ca: undefined }, { now: () => EXAMPLE_TIME });
  try {
    await send(sink, new AbortController().signal);
  } finally {
    await sink.close();
    server.close();
  }
  const [request] = captured;
  if (request === undefined) throw new Error('no request arrived');
  return request;
}

function headerLines({ rawHeaders }: Captured): string[] {
  const lines: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    const value = name === 'host' ? 'tracker.example.org' : rawHeaders[index + 1];
    lines.push(`${name}: ${value ?? ''}`);
  }
  return lines;
}

const spreadOut = (body: Buffer): string =>
  fenced('json', JSON.stringify(JSON.parse(body.toString()), undefined, 2));

/** What the sink sends of the examples. */
export async function captureExamples(): Promise<Readonly<Record<keyof typeof EXAMPLE_FILES, Captured>>> {
  return {
    reply: await capture((sink, signal) => sink.deliver(EXAMPLE_POST, signal)),
    thread: await capture((sink, signal) => sink.deliver(EXAMPLE_THREAD, signal)),
    bounce: await capture(async (sink, signal) => sink.bounced?.(EXAMPLE_BOUNCE, signal)),
  };
}

/** The parts of the page that are made, by their names. */
export async function httpSections(): Promise<Readonly<Record<string, string>>> {
  const { reply, thread, bounce } = await captureExamples();
  const seconds = String(reply.headers['webhook-timestamp']);
  const signature = `secret (whsec_…)  ${EXAMPLE_SECRET}
its key           ${KEY.toString('hex')}
signed            ${ID}.${seconds}.{"type":"reply.created",…
signature         ${String(reply.headers['webhook-signature'])}`;
  const check = `cd docs/examples
printf '%s.%s.' ${ID} ${seconds} | cat - reply.created.json |
  openssl dgst -sha256 -mac HMAC -macopt hexkey:${KEY.toString('hex')} -binary | base64`;
  return {
    request: fenced('text', [reply.line, ...headerLines(reply), '', '{"type":"reply.created",…'].join('\n')),
    reply: spreadOut(reply.body),
    thread: spreadOut(thread.body),
    bounce: spreadOut(bounce.body),
    signature: fenced('text', signature) + fenced('sh', check).trimStart(),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const examples = await captureExamples();
  for (const [name, file] of Object.entries(EXAMPLE_FILES))
    writeFileSync(file, examples[name as keyof typeof EXAMPLE_FILES].body);
  let page = readFileSync(HTTP_PAGE, 'utf8');
  for (const [name, content] of Object.entries(await httpSections()))
    page = replaceSection(page, name, content);
  writeFileSync(HTTP_PAGE, page);
}
