// A client that a tool of the registry makes of the document that the daemon serves: it compiles strictly, and mints.
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { ApiClient } from '../support/api.ts';
import { repositoryRoot, runOk } from '../support/process.ts';
import { startApi } from './api.ts';

describe('a client generated from GET /v1/openapi.json', () => {
  it('compiles, mints, and tells one problem from another', {
    timeout: 120_000,
  }, async (t) => {
    const { all, scratch, daemon, port } = await startApi(t);
    await daemon.addUser('alice');
    const [row] = await daemon.ctl('token', 'create', 'generated', '--scope', 'mint');
    const printed = await generated(all, scratch.path('client'), CLIENT, {
      origin: `http://127.0.0.1:${port}`,
      token: String(row?.token),
    });
    assert.match(printed, /^reply\+[a-z2-7]{48}@reply\.example\.org <acme\/7\//);
    assert.match(printed, /\nurn:mailgw:problem:invalid \/user\nurn:mailgw:problem:forbidden send\n$/);
  });
});

// Each problem is compared with a type that its operation has: another one would not compile.
const CLIENT = `
  import process from 'node:process';
  import createClient from 'openapi-fetch';
  import type { components, paths } from './schema.ts';
  const [origin = '', token = ''] = process.argv.slice(2);
  const client = createClient<paths>({ baseUrl: origin, headers: { authorization: \`Bearer \${token}\` } });
  const minted = await client.POST('/v1/addresses', { body: { user: 'alice', thread: 'acme/7' } });
  if (minted.data === undefined || 'addresses' in minted.data) throw new Error('nothing was minted');
  const address: components['schemas']['Address'] = minted.data;
  console.log(address.reply_to, address.headers['Message-ID']);
  const refused = await client.POST('/v1/addresses', { body: { user: 'nobody', thread: 'acme/7' } });
  if (refused.error?.status !== 422) throw new Error('nobody has an address');
  const invalid: 'urn:mailgw:problem:invalid' = refused.error.type;
  console.log(invalid, refused.error.errors[0]?.pointer);
  const sent = await client.GET('/v1/notifications/{id}', { params: { path: { id: 'x' } } });
  switch (sent.error?.type) {
    case 'urn:mailgw:problem:forbidden':
      console.log(sent.error.type, sent.response.headers.get('www-authenticate')?.match(/scope="(\\w+)"/)?.[1]);
      break;
    // @ts-expect-error An operation that asks for nothing twice has no conflict.
    case 'urn:mailgw:problem:conflict':
      throw new Error('a conflict');
  }
`;

/** Generates a client from the document that the daemon serves, compiles it strictly, and runs it; what it prints. */
async function generated(
  all: ApiClient,
  directory: string,
  program: string,
  { origin, token }: { readonly origin: string; readonly token: string },
): Promise<string> {
  const modules = join(repositoryRoot, 'node_modules');
  const bin = (name: string): string => join(modules, '.bin', name);
  const write = (name: string, text: string): void => {
    writeFileSync(`${directory}/${name}`, text);
  };
  mkdirSync(directory);
  symlinkSync(modules, `${directory}/node_modules`);
  write('openapi.json', JSON.stringify(await all.learn()));
  await runOk(bin('openapi-typescript'), [`${directory}/openapi.json`, '-o', `${directory}/schema.ts`]);
  write('client.ts', program);
  write('package.json', '{"type":"module"}');
  const compilerOptions = {
    ...{ strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true, types: ['node'] },
    ...{ target: 'es2022', module: 'nodenext', rewriteRelativeImportExtensions: true },
  };
  write('tsconfig.json', JSON.stringify({ compilerOptions, files: ['client.ts'] }));
  await runOk(bin('tsc'), ['-p', `${directory}/tsconfig.json`]);
  return await runOk(process.execPath, [`${directory}/client.js`, origin, token]);
}
