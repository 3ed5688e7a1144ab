import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { ReadSecretFile } from '../../src/sinks/sink-kind.ts';
import { readWebhookOptions } from '../../src/sinks/webhook/options.ts';
import { testDirectory } from '../support/loopback.ts';

const SECRET = Buffer.alloc(32, 7);
const readSecretFile: ReadSecretFile = (key, file, minBytes) =>
  SECRET.length >= minBytes && file !== '/missing'
    ? { ok: true, bytes: SECRET }
    : { ok: false, problem: `${key}: ${file}: cannot be read` };

function problemsOf(table: Record<string, unknown>): readonly string[] {
  const read = readWebhookOptions({ url: 'http://h/', secret_file: '/s', ...table }, readSecretFile);
  return read.ok ? [] : read.problems;
}

describe('the options of the webhook sink', () => {
  it('take http, https and Unix socket URLs apart', () => {
    const rows: [string, string, string | undefined, string][] = [
      [
        'https://tracker.example.org/hooks/mail?a=1',
        'https://tracker.example.org',
        undefined,
        '/hooks/mail?a=1',
      ],
      ['http://127.0.0.1:8080', 'http://127.0.0.1:8080', undefined, '/'],
      ['http://[::1]:8080/x', 'http://[::1]:8080', undefined, '/x'],
      [
        'unix:/run/platform/hook.sock:/hooks/mail',
        'http://localhost',
        '/run/platform/hook.sock',
        '/hooks/mail',
      ],
      ['unix:/run/p.sock:/a:b?c=/d', 'http://localhost', '/run/p.sock', '/a:b?c=/d'],
    ];
    for (const [url, origin, socketPath, path] of rows) {
      const read = readWebhookOptions({ url, secret_file: '/s' }, readSecretFile);
      assert.ok(read.ok, url);
      assert.deepEqual(read.options.target, { origin, socketPath, path });
    }
  });

  it('name the key, the value and what was expected of a URL that does not fit', () => {
    for (const url of [
      'tracker.example.org',
      'ftp://tracker.example.org/',
      'http://',
      '',
      'unix:',
      'unix:/run/p.sock',
      'unix:relative.sock:/x',
      'unix:/run/p.sock:x',
      `unix:/${'x'.repeat(120)}:/x`,
      'http://h/#part',
      17,
      ['http://h/'],
    ]) {
      const [problem = '', ...more] = problemsOf({ url });
      assert.deepEqual(more, []);
      assert.ok(problem.startsWith('sink.url: '), problem);
      assert.ok(problem.includes(JSON.stringify(url)), problem);
      assert.match(problem, /; expected /);
    }
    assert.match(problemsOf({ url: undefined })[0] ?? '', /^sink\.url: is missing; expected https:/);
  });

  it('refuse a URL with a password and do not repeat it', () => {
    for (const url of ['https://alice:hunter2@h/', 'ftp://alice:hunter2@h/', 'http://alice:hunter2@:x/']) {
      const problems = problemsOf({ url });
      assert.equal(problems.length, 1);
      assert.ok(!problems.join().includes('hunter2'), problems.join());
    }
  });

  it('read one secret file or several, each by the reader given', () => {
    const read = readWebhookOptions({ url: 'http://h/', secret_file: ['/new', '/old'] }, readSecretFile);
    assert.ok(read.ok);
    assert.deepEqual(read.options.secrets, [SECRET, SECRET]);
  });

  it('want at least one secret, of at least 24 bytes', () => {
    assert.match(problemsOf({ secret_file: undefined })[0] ?? '', /^sink\.secret_file: is missing; expected/);
    assert.match(problemsOf({ secret_file: [] })[0] ?? '', /^sink\.secret_file: is missing; expected/);
    assert.match(
      problemsOf({ secret_file: 'rel' })[0] ?? '',
      /^sink\.secret_file: "rel" is not an absolute path/,
    );
    assert.deepEqual(problemsOf({ secret_file: ['/s', '/missing'] }), [
      'sink.secret_file: /missing: cannot be read',
    ]);
    let asked = 0;
    readWebhookOptions({ url: 'http://h/', secret_file: '/s' }, (_key, _file, minBytes) => {
      asked = minBytes;
      return { ok: true, bytes: SECRET };
    });
    assert.equal(asked, 24);
  });

  it('want certificates in ca_file, and https for it', (t) => {
    const garbage = `${testDirectory(t)}/ca.pem`;
    writeFileSync(garbage, 'not a certificate');
    for (const file of [garbage, '/nonexistent/ca.pem', 'relative.pem', 1]) {
      const [problem = ''] = problemsOf({ url: 'https://h/', ca_file: file });
      assert.ok(problem.startsWith(`sink.ca_file: ${JSON.stringify(file)} `), problem);
      assert.match(problem, /; expected the absolute path of a file of PEM certificates$/);
    }
    assert.match(
      problemsOf({ ca_file: garbage })[0] ?? '',
      /has no use here; expected only where sink\.url is https$/,
    );
  });

  it('are reported with all their problems at once, unknown keys among them', () => {
    const keys = problemsOf({ url: 'x', secret_file: 'y', ca_file: 'z', urll: 1 }).map(
      (problem) => problem.split(':')[0],
    );
    assert.deepEqual(keys, ['sink.urll', 'sink.url', 'sink.secret_file', 'sink.ca_file']);
  });
});
