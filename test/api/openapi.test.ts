// The OpenAPI document: accepted by an independent validator, and complete.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { createRoutes } from '../../src/api/routes.ts';
import { Tickets } from '../../src/api/tickets.ts';
import { repositoryRoot } from '../support/process.ts';
import { startApi } from './api.ts';

describe('GET /v1/openapi.json', () => {
  it('is an OpenAPI 3.1 document in the eyes of a validator, and needs no token', async (t) => {
    const { all } = await startApi(t);
    const document = await all.learn();
    const validator = new Validator();
    const result = await validator.validate(
      structuredClone(document) as unknown as Parameters<Validator['validate']>[0],
    );
    assert.deepEqual(
      [result.valid, validator.version, document.openapi],
      [true, '3.1', '3.1.0'],
      JSON.stringify(result.errors),
    );
  });

  it('has every route with every member of its body, its query and its answers', async (t) => {
    const { all } = await startApi(t);
    const document = await all.learn();
    const text = JSON.stringify(document);
    for (const route of createRoutes(new Tickets())) {
      const operation = document.paths[route.path]?.[route.method.toLowerCase()];
      assert.equal(operation?.operationId, route.operation);
      assert.deepEqual(Object.keys(operation.responses), [...Object.keys(route.answers), 'default']);
      const names = JSON.stringify([route.body, route.query, route.params, route.answers]).matchAll(
        /"properties":\{"(\w+)"/g,
      );
      for (const [, name] of names)
        assert.ok(text.includes(`"${String(name)}"`), `${route.operation}: ${String(name)}`);
    }
  });

  it('makes a client that compiles and mints', { timeout: 120_000 }, async (t) => {
    const { all, scratch, daemon, port } = await startApi(t);
    await daemon.addUser('alice');
    writeFileSync(scratch.path('openapi.json'), JSON.stringify(await all.learn()));
    const bin = (name: string): string => join(repositoryRoot, 'node_modules', '.bin', name);
    execFileSync(bin('openapi-typescript'), [scratch.path('openapi.json'), '-o', scratch.path('schema.ts')]);
    const [row] = await daemon.ctl('token', 'create', 'generated', '--scope', 'mint');
    writeFileSync(
      scratch.path('client.ts'),
      `import type { paths } from './schema.ts';
       type Mint = paths['/v1/addresses']['post'];
       type Order = Extract<Mint['requestBody']['content']['application/json'], { user: string }>;
       type Address = Mint['responses'][201]['content']['application/json'];
       const order: Order = { user: 'alice', thread: 'acme/7' };
       const answer = await fetch('http://127.0.0.1:${port}/v1/addresses', {
         method: 'POST',
         headers: { authorization: 'Bearer ${String(row?.token)}', 'content-type': 'application/json' },
         body: JSON.stringify(order),
       });
       const address = (await answer.json()) as Address;
       console.log(address.reply_to, address.headers['Message-ID']);
      `,
    );
    writeFileSync(
      scratch.path('tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          ...{ strict: true, target: 'es2022', module: 'nodenext', rewriteRelativeImportExtensions: true },
          ...{ lib: ['es2022', 'dom'], types: [], skipLibCheck: true },
        },
        files: ['client.ts'],
      }),
    );
    writeFileSync(scratch.path('package.json'), '{"type":"module"}');
    execFileSync(bin('tsc'), ['-p', scratch.path('tsconfig.json')], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    assert.match(readFileSync(scratch.path('client.js'), 'utf8'), /fetch/);
    // Asynchronously: the daemon's answers are awaited in this process as well.
    const { runOk } = await import('../support/process.ts');
    const printed = await runOk(process.execPath, [scratch.path('client.js')]);
    assert.match(printed, /^reply\+[a-z2-7]{48}@reply\.example\.org <acme\/7\//);
  });
});
