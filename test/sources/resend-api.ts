// A server of ours that speaks as Resend's API and its downloads do, over TLS.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { TestContext } from 'node:test';
import { message } from '../gate/gate.ts';
import { serveHttps } from '../support/loopback.ts';
import type { Scratch } from '../support/scratch.ts';
import { secretFile } from './webhook-bench.ts';

/** The id of the one mail that it has. */
export const EMAIL = '56761188-7520-42d8-8898-ff6fc54ce618';

/** Its key. */
export const API_KEY = 're_0123456789abcdef0123456789';

/** The server. */
export interface ResendApi {
  readonly origin: string;
  /** The certificate that it shows. */
  readonly caFile: string;
  /** The message that a download gives. */
  raw: Buffer;
  /** The URL that the API names; undefined for its own. */
  downloadUrl?: string | null;
  /** Answers in the place of the server, where it gives true. */
  instead?: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** Paths that were asked for, with the authorization that came. */
  readonly asked: (readonly [path: string, authorization: string | undefined])[];
}

function makeCertificate(scratch: Scratch): {
  readonly key: string;
  readonly cert: string;
  readonly file: string;
} {
  const [keyFile, certFile] = [scratch.path('key.pem'), scratch.path('cert.pem')];
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const subject = ['-subj', '/CN=mailgw test', '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync('openssl', ['req', ...kind, ...subject, '-keyout', keyFile, '-out', certFile], {
    stdio: 'ignore',
  });
  return { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8'), file: certFile };
}

/** Serves it; it ends with the test. */
export async function serveResend(t: TestContext, scratch: Scratch): Promise<ResendApi> {
  const { file, ...tls } = makeCertificate(scratch);
  const api: { -readonly [K in keyof ResendApi]: ResendApi[K] } = {
    origin: '',
    caFile: file,
    raw: message(),
    asked: [],
  };
  const listener: RequestListener = (request, response) => {
    api.asked.push([request.url ?? '', request.headers.authorization]);
    if (api.instead?.(request, response) === true) return;
    if (request.url === `/emails/receiving/${EMAIL}?html_format=cid`) {
      const url = api.downloadUrl === undefined ? `${api.origin}/raw/${EMAIL}?Signature=s` : api.downloadUrl;
      const raw = { download_url: url, expires_at: '2026-11-20T10:15:00.000Z' };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ object: 'email', id: EMAIL, html: null, text: 'It works now.', raw }));
    } else if (request.url === `/raw/${EMAIL}?Signature=s`) {
      response.end(api.raw);
    } else {
      response.writeHead(404).end();
    }
  };
  api.origin = await serveHttps(t, tls, listener);
  return api;
}

/** Writes the table of a source that asks it. */
export function resendTable(scratch: Scratch, api: ResendApi, secret: string, mayDownload = true): string {
  return [
    '[[webhook]]\nname = "resend"\nkind = "resend"',
    `secret_file = "${secretFile(scratch, 'resend.secret', secret)}"`,
    `api_key_file = "${secretFile(scratch, 'resend.key', API_KEY)}"`,
    `api_url = "${api.origin}"`,
    `ca_file = "${api.caFile}"`,
    mayDownload ? `download_hosts = ["${new URL(api.origin).host}"]\n` : '',
  ].join('\n');
}
