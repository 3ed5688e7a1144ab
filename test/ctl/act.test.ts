// The way of a command to what it has done: by the daemon where one of this version answers, else by itself.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import { adminSocketPath } from '../../src/api/admin.ts';
import { exchange, Unanswered } from '../../src/ctl/daemon.ts';
import { version } from '../../src/system/version.ts';
import { startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { NO_SINK } from '../support/intake.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';
import { initialise, parseRows, runTool, type Tool } from './tool.ts';

/** Listens where the daemon of a store would; the requests that came, as `METHOD PATH`. */
async function standIn(scratch: Scratch, answer: RequestListener): Promise<readonly string[]> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method ?? ''} ${request.url ?? ''}`);
    answer(request, response);
  });
  server.listen(adminSocketPath(scratch.path('mailgw.db')));
  await once(server, 'listening');
  scratch.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  return requests;
}

/** A tool whose store has a stand-in for a daemon beside it. */
async function beside(
  t: TestContext,
  answer: RequestListener,
): Promise<{ tool: Tool; requests: readonly string[] }> {
  const tool = await initialise(testScratch(t));
  return { tool, requests: await standIn(tool.scratch, answer) };
}

const ADD = ['user', 'add', 'alice', '--address', 'alice@example.com'];
const ADDED = 'user alice added, writing from alice@example.com\n';

describe('A command beside a daemon', () => {
  it('has it do what it does, and says what came of it', async (t) => {
    const answer =
      (body: object, status = 200): RequestListener =>
      (request, response) => {
        request.resume();
        response
          .writeHead(status)
          .end(JSON.stringify(request.method === 'GET' ? { version: version() } : body));
      };
    const user = { number: 7, name: 'alice', enabled: true, createdAt: 0, addresses: ['a@example.com'] };
    const { tool, requests } = await beside(t, answer({ result: { user } }));
    assert.equal((await tool.row('user', 'add', 'alice')).number, 7, 'it is told what the daemon says');
    assert.deepEqual(requests, ['GET /actions', 'POST /actions/addUser']);
    assert.deepEqual(await tool.rows('user', 'list'), [], 'nobody else did it');
  });

  it('ends as the daemon says that it ends', async (t) => {
    const failed = { status: 65, problems: ['one', 'two'] };
    const { tool } = await beside(t, (request, response) => {
      request.resume();
      const isGreeting = request.method === 'GET';
      response
        .writeHead(isGreeting ? 200 : 422)
        .end(JSON.stringify(isGreeting ? { version: version() } : { failed }));
    });
    await tool.fails(65, 'one\nmailgw-ctl: two', ...ADD);
  });

  it('does it itself beside a daemon of another version, and beside one that knows no actions', async (t) => {
    for (const [status, body] of [
      [200, { version: '0.0.1' }],
      [404, { problems: ['there are only POST /reload and /v1'] }],
    ] as const) {
      const { tool, requests } = await beside(t, (_request, response) => {
        response.writeHead(status).end(JSON.stringify(body));
      });
      assert.equal(await tool.text(...ADD), ADDED);
      assert.deepEqual(requests, ['GET /actions']);
    }
  });

  it('does it itself where a dead daemon has left its socket', async (t) => {
    const tool = await initialise(testScratch(t));
    const server = createServer();
    const path = adminSocketPath(tool.scratch.path('mailgw.db'));
    server.listen(path);
    await once(server, 'listening');
    renameSync(path, `${path}.kept`); // a socket that is closed is removed
    server.close();
    await once(server, 'close');
    renameSync(`${path}.kept`, path);
    assert.equal(await tool.text(...ADD), ADDED);
  });

  it('does not do again what a daemon that died may have done', async (t) => {
    const { tool } = await beside(t, (request, response) => {
      if (request.method === 'POST') request.socket.destroy();
      else response.end(JSON.stringify({ version: version() }));
    });
    await tool.fails(
      69,
      /^mailgw-ctl: store\.path: .*: mailgwd ended before it answered: socket hang up; whether it was done is not known: look, and try again\n$/,
      ...ADD,
    );
    assert.deepEqual(await tool.rows('user', 'list'), []);
  });

  it('waits for no answer longer than it is told to', async (t) => {
    const { tool } = await beside(t, () => undefined);
    const asked = exchange(tool.scratch.path('mailgw.db'), { method: 'GET', path: '/actions' }, 50);
    await assert.rejects(asked, (error) => {
      assert.ok(error instanceof Unanswered);
      assert.match(error.message, /^mailgwd has not answered at .*mailgw\.db\.sock for 0\.05 s$/);
      return true;
    });
  });
});

describe('A command beside mailgwd', () => {
  it('has it do what it does, with the settings in force, where no interface is configured either', async (t) => {
    const scratch = testScratch(t);
    const daemon = await startDaemon(scratch, { sink: NO_SINK });
    await daemon.ready();
    await daemon.addUser('alice');
    const config = scratch.path('other.toml');
    const text = readFileSync(daemon.config, 'utf8');
    writeFileSync(config, text.replace('domain = "reply.example.org"', 'domain = "other.example.org"'));
    const mint = ['--config', config, '--json', 'address', 'mint', '--user', 'alice', '--thread', 'acme/7'];
    const address = async (): Promise<string> => String(parseRows((await runTool(mint)).stdout)[0]?.reply_to);
    assert.match(await address(), /@reply\.example\.org$/);
    const set = ['--config', config, 'user', 'set', 'alice', '--address', 'alice@reply.example.org'];
    assert.match((await runTool(set)).stderr, /--address "alice@reply\.example\.org": is in reply\.domain/);
    await daemon.stop();
    assert.match(await address(), /@other\.example\.org$/);
  });

  it('has it do what it does as soon as what was wrong is mended', async (t) => {
    const scratch = testScratch(t);
    const daemon = await startDaemon(scratch, { sink: NO_SINK });
    await daemon.ready();
    await daemon.addUser('alice');
    writeFileSync(scratch.path('pepper'), randomBytes(32).toString('base64'));
    await daemon.ctl('reload', '--yes');
    await eventually(
      () => (daemon.log().includes('"event":"pepper_unknown"') ? true : undefined),
      () => daemon.log(),
    );
    await daemon.ctl('pepper', 'accept', '--yes');
    await daemon.mint({ user: 'alice', thread: 'acme/7' });
    assert.match(daemon.log(), /"event":"pepper_accepted"/);
  });
});
