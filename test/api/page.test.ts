// docs/api.md as a newcomer follows it: every line of its walk typed in order, at a daemon as the page sets it up.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { API_PAGE, apiPage } from '../docs/api-page.ts';
import { walk } from '../docs/walk.ts';
import { startApi } from './api.ts';

describe('docs/api.md', () => {
  it('has the routes that there are', () => {
    const page = readFileSync(API_PAGE, 'utf8');
    assert.equal(page, apiPage(page), 'npm run docs');
  });

  it('walks a newcomer through the interface with curl alone', async (t) => {
    const stdout = await walk('docs/api.md', await startApi(t));
    assert.match(
      stdout,
      /"user":"alice","number":1[^]*"reply_to":"reply\+[^]*"status":422[^]*"paused":true[^]*"paused":false[^]*"openapi":"3\.1\.0"/,
    );
  });
});
