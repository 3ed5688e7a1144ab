import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { assertDeferred, deliver, openSink, serveAnswer, serveHttps } from '../support/loopback.ts';

describe('a platform behind TLS', () => {
  const directory = mkdtempSync(join(tmpdir(), 'mailgw-tls-'));
  const keyFile = join(directory, 'key.pem');
  const certFile = join(directory, 'cert.pem');
  const subject = ['-subj', '/CN=mailgw test', '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
      ...subject,
      '-keyout',
      keyFile,
      '-out',
      certFile,
    ],
    { stdio: 'ignore' },
  );
  after(() => {
    rmSync(directory, { recursive: true });
  });
  const tls = { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8') };

  it('is deferred with a certificate that nobody vouches for, and never gets the post', async (t) => {
    let requests = 0;
    const origin = await serveHttps(t, tls, (_, response) => {
      requests++;
      response.end();
    });
    assertDeferred(await deliver(openSink(t, origin)), /^no answer: DEPTH_ZERO_SELF_SIGNED_CERT/);
    assert.equal(requests, 0);
  });

  it('is deferred with a trusted certificate of another name', async (t) => {
    const origin = await serveHttps(t, tls, (_, response) => response.end());
    const sink = openSink(t, origin.replace('127.0.0.1', 'localhost'), { caFile: certFile });
    assertDeferred(await deliver(sink), /^no answer: ERR_TLS_CERT_ALTNAME_INVALID/);
  });

  it('posts where ca_file vouches for the certificate', async (t) => {
    const origin = await serveHttps(t, tls, (request, response) => {
      request.resume();
      response.writeHead(201).end();
    });
    assert.equal((await deliver(openSink(t, origin, { caFile: certFile }))).kind, 'posted');
  });

  it('is deferred when the other side speaks no TLS', async (t) => {
    const origin = await serveAnswer(t, 'HTTP/1.1 400 Bad Request\r\n\r\n', (socket) => socket.end());
    assertDeferred(await deliver(openSink(t, origin.replace('http', 'https'))), /^no answer: /);
  });
});
