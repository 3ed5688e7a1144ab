// A certificate that its own file vouches for, for servers of the tests on 127.0.0.1.

import { readFileSync } from 'node:fs';
import { runOk } from './process.ts';
import type { Scratch } from './scratch.ts';

/** A key and its certificate, and the file that makes it believed. */
export interface TestTls {
  readonly key: string;
  readonly cert: string;
  readonly certFile: string;
}

/** Makes one. */
export async function selfSigned(scratch: Scratch): Promise<TestTls> {
  const [keyFile, certFile] = [scratch.path('tls-key.pem'), scratch.path('tls-cert.pem')];
  const subject = ['-subj', '/CN=mailgw test', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyFile];
  await runOk('openssl', ['req', '-x509', ...key, '-days', '2', ...subject, '-out', certFile]);
  return { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8'), certFile };
}
