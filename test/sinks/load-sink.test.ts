import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { scanHeader } from '../../src/mail/header.ts';
import { loadSink, SINK_FORM } from '../../src/sinks/catalogue.ts';
import type { Outcome, Sink } from '../../src/sinks/sink.ts';
import type { LoadedSink, SinkEnvironment } from '../../src/sinks/sink-kind.ts';
import { deliver, NOW, samplePost, serveHttp, testDirectory } from '../support/loopback.ts';
import { sinkContract } from './contract.ts';

const EXAMPLE = fileURLToPath(new URL('../../../docs/examples/my-sink.js', import.meta.url));

const ENVIRONMENT: SinkEnvironment = {
  now: () => NOW,
  readSecretFile: () => ({ ok: true, bytes: Buffer.alloc(32) }),
  readSecretText: () => ({ ok: true, text: 'a-key' }),
};

function load(table: Record<string, unknown>): Promise<LoadedSink> {
  return loadSink(table, ENVIRONMENT);
}

/** Loads a module with this source from a directory outside any package, as /etc/mailgw is. */
function loadSource(t: TestContext, source: string, name = 'my-sink.mjs', options = {}): Promise<LoadedSink> {
  const file = join(testDirectory(t), name);
  writeFileSync(file, source);
  return load({ type: file, ...options });
}

async function open(t: TestContext, loading: Promise<LoadedSink>): Promise<Sink> {
  const loaded = await loading;
  if (!loaded.ok) throw new Error(loaded.problems.join('; '));
  t.after(() => loaded.sink.close());
  return loaded.sink;
}

async function problemOf(loading: Promise<LoadedSink>): Promise<string> {
  const loaded = await loading;
  assert.ok(!loaded.ok);
  assert.equal(loaded.problems.length, 1);
  return loaded.problems[0] ?? '';
}

describe('the sink that the configuration names', () => {
  it('is the webhook', async (t) => {
    const origin = await serveHttp(t, (request, response) => {
      request.resume();
      response.writeHead(202).end();
    });
    const sink = await open(t, load({ type: 'webhook', url: origin, secret_file: '/s' }));
    assert.deepEqual(await deliver(sink), { kind: 'posted', diagnostic: '202 Accepted', status: 202 });
  });

  it('is the webhook with every problem of its options', async () => {
    const loaded = await load({ type: 'webhook', url: 'x' });
    assert.ok(!loaded.ok);
    assert.deepEqual(
      loaded.problems.map((problem) => problem.split(':')[0]),
      ['sink.url', 'sink.secret_file'],
    );
  });

  it('has a type that is known', async () => {
    const expected = `expected ${SINK_FORM.type.expects}`;
    assert.equal(await problemOf(load({})), `sink.type: is missing; ${expected}`);
    assert.equal(await problemOf(load({ type: 'trac' })), `sink.type: "trac" is no sink; ${expected}`);
    assert.equal(await problemOf(load({ type: './x.js' })), `sink.type: "./x.js" is no sink; ${expected}`);
    assert.equal(await problemOf(load({ type: 7 })), `sink.type: 7 is no sink; ${expected}`);
  });
});

describe('a sink module', () => {
  const sink = `{ deliver: async () => ({ kind: 'posted', diagnostic: 'ok' }), close: async () => {} }`;

  it('may be an ES module or CommonJS, by its content, and create its sink now or later', async (t) => {
    const sources: [string, string][] = [
      ['a.mjs', `export const createSink = () => (${sink});`],
      ['b.js', `export async function createSink() { return ${sink}; }`],
      ['c.js', `exports.createSink = () => (${sink});`],
      ['d.cjs', `module.exports = Object.fromEntries([['createSink', () => (${sink})]]);`],
    ];
    for (const [name, source] of sources) {
      const outcome = await deliver(await open(t, loadSource(t, source, name)));
      assert.deepEqual(outcome, { kind: 'posted', diagnostic: 'ok' }, name);
    }
  });

  it('gets the [sink] table without type, and each post with its signal', async (t) => {
    const source = `export const createSink = (options) => ({
      deliver: async (post, signal) => ({ kind: 'failed', diagnostic: JSON.stringify(options) + post.id + signal.aborted }),
      close: async () => {} });`;
    const made = await open(t, loadSource(t, source, 'x.mjs', { room: '#a', secret_file: '/s' }));
    const outcome = await made.deliver(samplePost({ id: 'ID' }), AbortSignal.abort());
    assert.equal(outcome.diagnostic, '{"room":"#a","secret_file":"/s"}IDtrue');
  });

  it('keeps its own this', async (t) => {
    const source = `class S { #n = 0; async deliver() { this.#n++; return { kind: 'posted', diagnostic: String(this.#n) }; }
      async exists() { return this.#n > 0; } async close() { this.#n = 0; } }
      export const createSink = () => new S();`;
    const made = await open(t, loadSource(t, source));
    const signal = new AbortController().signal;
    assert.equal(await made.exists?.(samplePost(), signal), false);
    assert.equal((await deliver(made)).diagnostic, '1');
    assert.equal(await made.exists?.(samplePost(), signal), true);
  });

  it('keeps every member of the port, and each its this; what it did not have it does not get', async (t) => {
    const members = [
      'deliver',
      'created',
      'exists',
      'bounced',
      'warm',
      'examine',
      'findUser',
      'close',
    ] as const;
    // These two answer at once, or bit by bit: a test of their own.
    type Missing = Exclude<keyof Sink, (typeof members)[number] | 'recognise' | 'users'>;
    const complete: Missing extends never ? true : never = true;
    assert.ok(complete);
    const source = (names: readonly string[]): string => `
      const called = [];
      class S { ${names.map((name) => `async ${name}() { this.called.push('${name}'); }`).join(' ')}
        called = called; }
      export const createSink = (options) => { options.called.push(called); return new S(); };`;
    const called: string[][] = [];
    const whole = await open(t, loadSource(t, source(members), 'whole.mjs', { called }));
    const { signal } = new AbortController();
    await deliver(whole);
    await whole.created?.(samplePost(), signal);
    await whole.exists?.(samplePost(), signal);
    await whole.bounced?.({} as never, signal);
    whole.warm?.();
    await whole.examine?.(signal);
    await whole.findUser?.('alice@example.com', signal);
    await whole.close();
    assert.deepEqual(called[0], members);
    const least = await open(t, loadSource(t, source(['deliver', 'close']), 'least.mjs', { called }));
    assert.deepEqual(Object.keys(least).sort(), ['close', 'deliver']);
  });

  it('has notifications recognised and users listed by a module, and believes nothing else', async (t) => {
    const faults: string[] = [];
    const source = `export const createSink = () => ({ deliver() {}, close() {},
      recognise({ reversePath }) {
        if (reversePath === 'thrown') throw new Error('thrown');
        return { thread: reversePath, repliedTo: 'yesterday' };
      },
      async *users() { yield { name: 'alice', addresses: ['a@example.com', 7] }; yield 'bob'; yield { name: 'eve' }; },
    });`;
    const file = join(testDirectory(t), 'my-sink.mjs');
    writeFileSync(file, source);
    const made = await loadSink({ type: file }, { ...ENVIRONMENT, onFault: (reason) => faults.push(reason) });
    assert.ok(made.ok);
    const scanned = scanHeader(Buffer.from('X-Nothing: here\r\n\r\n'));
    assert.ok(scanned.ok);
    const { header } = scanned;
    const recognised = ['issue/7', '', 'thrown'].map((reversePath) =>
      made.sink.recognise?.({ header, reversePath }),
    );
    assert.deepEqual(recognised, [{ thread: 'issue/7', repliedTo: undefined }, undefined, undefined]);
    assert.deepEqual(faults, ['recognise: thrown']);
    const users = [];
    for await (const user of made.sink.users?.(new AbortController().signal) ?? []) users.push(user);
    assert.deepEqual(users, [{ name: 'alice', addresses: ['a@example.com'] }]);
  });

  it('hurts nobody by a warm or a close that throws, rejects or never ends', async (t) => {
    const faults: string[] = [];
    const bodies = [`throw new Error('thrown')`, `return Promise.reject(new Error('rejected'))`];
    for (const [n, body] of bodies.entries()) {
      const file = join(testDirectory(t), 'my-sink.mjs');
      writeFileSync(
        file,
        `export const createSink = () => ({ deliver() {}, warm() { ${body}; }, close() { ${body}; } });`,
      );
      const loaded = await loadSink(
        { type: file },
        { ...ENVIRONMENT, onFault: (reason) => faults.push(`${n} ${reason}`) },
      );
      assert.ok(loaded.ok);
      loaded.sink.warm?.();
      await loaded.sink.close();
    }
    assert.deepEqual(faults, ['0 warm: thrown', '0 close: thrown', '1 warm: rejected', '1 close: rejected']);
  });

  it('is refused with a reason that names sink.type and the file', async (t) => {
    const rows: [string, RegExp][] = [
      ['export const createsink = 1;', /does not export a function createSink; expected/],
      ['export const createSink = {};', /does not export a function createSink; expected/],
      ['syntax error here', /cannot be loaded: /],
      [`import './absent.js';`, /cannot be loaded: .*absent\.js/],
      [`throw new Error('at load');`, /cannot be loaded: at load$/],
      [
        `export const createSink = () => { throw new Error('sink.room: is missing'); };`,
        /^sink\.type: createSink of ".*" failed: sink\.room: is missing$/,
      ],
      [`export const createSink = () => Promise.reject('text');`, /failed: text$/],
      [
        'export const createSink = () => undefined;',
        /returned a value of type undefined; expected a sink with deliver and close$/,
      ],
      ['export const createSink = () => null;', /returned null; expected/],
      ['export const createSink = () => ({ close() {} });', /returned an object without a function deliver;/],
      ['export const createSink = () => ({ deliver() {}, close: true });', /without a function close;/],
      [
        'export const createSink = () => ({ deliver() {}, close() {}, exists: 1 });',
        /an exists that is no function;/,
      ],
      [
        'export const createSink = () => ({ deliver() {}, close() {}, warm: 1 });',
        /a warm that is no function;/,
      ],
    ];
    for (const [source, reason] of rows) {
      const problem = await problemOf(loadSource(t, source));
      assert.match(problem, /^sink\.type: .*my-sink\.mjs"/);
      assert.match(problem, reason);
    }
  });

  it('is refused when it is no file', async (t) => {
    const directory = testDirectory(t);
    for (const path of [`${directory}/absent.js`, directory, `${directory}/a\0b`]) {
      assert.match(await problemOf(load({ type: path })), /^sink\.type: "/);
    }
    assert.match(
      await problemOf(load({ type: '/absent.js' })),
      /"\/absent\.js" is not a file; expected a JavaScript module/,
    );
  });

  it('has every outcome checked: what is none is deferred with an alarm, never lost', async (t) => {
    const rows: [string, Outcome][] = [
      [
        `undefined`,
        { kind: 'deferred', broken: true, diagnostic: 'the sink gave an outcome without a kind' },
      ],
      [`true`, { kind: 'deferred', broken: true, diagnostic: 'the sink gave an outcome without a kind' }],
      [
        `{ kind: 'ok' }`,
        { kind: 'deferred', broken: true, diagnostic: 'the sink gave an outcome of kind "ok"' },
      ],
      [`{ kind: 'posted' }`, { kind: 'posted', diagnostic: '' }],
      [`{ kind: 'failed', diagnostic: 'a\\r\\nb\\0' }`, { kind: 'failed', diagnostic: 'a b' }],
      [
        `{ kind: 'deferred', diagnostic: 'd', retryAfterMs: 5, broken: true, x: 1 }`,
        { kind: 'deferred', diagnostic: 'd', retryAfterMs: 5, broken: true },
      ],
      [
        `{ kind: 'deferred', diagnostic: 'd', retryAfterMs: 'soon', broken: 0 }`,
        { kind: 'deferred', diagnostic: 'd' },
      ],
      [`{ kind: 'deferred', diagnostic: 'd', retryAfterMs: NaN }`, { kind: 'deferred', diagnostic: 'd' }],
    ];
    for (const [given, expected] of rows) {
      const source = `export const createSink = () => ({ deliver: () => (${given}), close() {} });`;
      assert.deepEqual(await deliver(await open(t, loadSource(t, source))), expected, given);
    }
  });
});

/** Opens the example; posts go to the file. */
function openExample(t: TestContext, file = join(testDirectory(t), 'posts.jsonl')): Promise<Sink> {
  const type = join(testDirectory(t), 'my-sink.js');
  cpSync(EXAMPLE, type);
  return open(t, load({ type, file }));
}

sinkContract('docs/examples/my-sink.js', { open: (t) => openExample(t) });

describe('docs/examples/my-sink.js', () => {
  it('appends each post as one JSON line, and knows the ones it has', async (t) => {
    const file = join(testDirectory(t), 'posts.jsonl');
    const sink = await openExample(t, file);
    const content = Buffer.from('hello');
    const attachment = {
      filename: 'a.txt',
      contentType: 'text/plain',
      declaredType: 'text/plain',
      bytes: 5,
      sha256: 'ab',
      inline: false,
      contentId: undefined,
      content,
    };
    const post = samplePost({ id: 'one', attachments: [attachment] });
    const { signal } = new AbortController();
    assert.equal(await sink.exists?.(post, signal), false);
    assert.deepEqual(await deliver(sink, post), { kind: 'posted', diagnostic: `appended to ${file}` });
    assert.equal(await sink.exists?.(post, signal), true);
    assert.equal(await sink.exists?.(samplePost({ id: 'on' }), signal), false);
    await deliver(sink, samplePost({ id: 'two', body: { ...post.body, markdown: 'line\nline' } }));
    const lines = readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    const { user, thread } = post;
    assert.deepEqual(lines, [
      {
        id: 'one',
        user,
        thread,
        text: post.body.markdown,
        files: [{ filename: 'a.txt', bytes: 5, sha256: 'ab' }],
      },
      { id: 'two', user, thread, text: 'line\nline', files: [] },
    ]);
  });

  it('says what it needs', async () => {
    assert.match(
      await problemOf(load({ type: EXAMPLE })),
      /createSink of ".*my-sink\.js" failed: sink\.file: expected an absolute path$/,
    );
  });
});
