import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { SETTINGS_PAGE, settingsPage } from './settings-page.ts';

describe('docs/settings.md', () => {
  it('says what the table of settings says (npm run docs writes it)', () => {
    assert.equal(readFileSync(SETTINGS_PAGE, 'utf8'), settingsPage());
  });
});
