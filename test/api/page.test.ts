// docs/api.md as a newcomer follows it: every line of its walk typed in order, at a daemon as the page sets it up.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { API_PAGE, apiPage } from '../docs/api-page.ts';
import { readPage, takeApart } from '../docs/pages.ts';
import { repositoryRoot, run } from '../support/process.ts';
import { startApi } from './api.ts';

describe('docs/api.md', () => {
  it('has the routes that there are', () => {
    const page = readFileSync(API_PAGE, 'utf8');
    assert.equal(page, apiPage(page), 'npm run docs');
  });

  it('walks a newcomer through the interface with curl alone', async (t) => {
    const { daemon, port, scratch } = await startApi(t);
    const { blocks } = takeApart(readPage('docs/api.md'));
    const script = blocks
      .filter(({ language }) => language === 'sh')
      .flatMap(({ lines }) => lines)
      .join('\n')
      .replaceAll('127.0.0.1:8025', `127.0.0.1:${port}`)
      .replaceAll('mailgw-ctl ', `mailgw-ctl --config ${daemon.config} `);
    writeFileSync(scratch.path('walk.sh'), `set -eu\n${script}\n`);
    const path = `${join(repositoryRoot, 'bin')}:${dirname(process.execPath)}:${process.env.PATH ?? ''}`;
    const { code, stdout, stderr } = await run('env', [`PATH=${path}`, 'bash', scratch.path('walk.sh')]);
    assert.equal(code, 0, `${stdout}${stderr}`);
    assert.match(
      stdout,
      /"user":"alice","number":1[^]*"reply_to":"reply\+[^]*"status":422[^]*"paused":true[^]*"paused":false[^]*"openapi":"3\.1\.0"/,
    );
  });
});
