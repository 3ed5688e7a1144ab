// Certificates for servers of the tests: one that its own file vouches for, and those of an authority.

import { readFileSync, writeFileSync } from 'node:fs';
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

/** The files of a certificate and of its key. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** An authority that makes certificates. */
export class Authority {
  readonly certFile: string;
  readonly #keyFile: string;
  readonly #scratch: Scratch;
  readonly #name: string;
  #issued = 0;

  constructor(scratch: Scratch, name: string) {
    this.#scratch = scratch;
    this.#name = name;
    this.certFile = scratch.path(`${name}.pem`);
    this.#keyFile = scratch.path(`${name}-key.pem`);
  }

  /** Makes an authority. */
  static async open(scratch: Scratch, name: string): Promise<Authority> {
    const made = new Authority(scratch, name);
    const files = ['-keyout', made.#keyFile, '-out', made.certFile];
    await runOk('openssl', ['req', '-x509', ...NEW_KEY, '-days', '2', '-subj', `/CN=${name}`, ...files]);
    return made;
  }

  /** Makes a certificate of a name, for some hosts; one of -1 days is out of date. */
  async issue(name: string, hosts: readonly string[] = [], days = 2): Promise<CertificateFiles> {
    this.#issued += 1;
    const file = (kind: string): string => this.#scratch.path(`${this.#name}-${this.#issued}.${kind}`);
    const [certFile, keyFile, request, extensions] = [file('pem'), file('key'), file('csr'), file('ext')];
    await runOk('openssl', [
      'req',
      '-new',
      ...NEW_KEY,
      '-keyout',
      keyFile,
      '-subj',
      `/CN=${name}`,
      '-out',
      request,
    ]);
    writeFileSync(extensions, hosts.length === 0 ? '' : `subjectAltName=${hosts.join(',')}\n`);
    const by = ['-CA', this.certFile, '-CAkey', this.#keyFile, '-CAcreateserial', '-extfile', extensions];
    await runOk('openssl', ['x509', '-req', '-in', request, ...by, '-days', String(days), '-out', certFile]);
    return { certFile, keyFile };
  }
}
