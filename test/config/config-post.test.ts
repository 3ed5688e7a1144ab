import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ATTACHMENT_LIMITS } from '../../src/mail/attachment-limits.ts';
import type { Config } from '../../src/site/config.ts';
import { configOf, LEAST, problemsOf } from './least.ts';

const config = (more = ''): Config => configOf(LEAST + more);
const problems = (more: string): readonly string[] => problemsOf(LEAST + more);

describe('[attachments]', () => {
  it('has the limits of the parser for its defaults', () => {
    assert.deepEqual(config().attachments, ATTACHMENT_LIMITS);
  });

  it('takes sizes, a number and patterns', () => {
    const { attachments } = config(`[attachments]
max_file = "1MiB"
max_files = 3
max_total = "2MiB"
allow = ["image/*", "application/vnd.oasis.opendocument.text", ".PDF"]
deny = []
`);
    assert.deepEqual(attachments, {
      maxFileBytes: 1024 ** 2,
      maxFiles: 3,
      maxTotalBytes: 2 * 1024 ** 2,
      allow: ['image/*', 'application/vnd.oasis.opendocument.text', '.PDF'],
      deny: [],
    });
  });

  it('names what is no pattern, no size, no number', () => {
    const found = problems(
      '[attachments]\nmax_file = 5\nmax_files = -1\nallow = "image/*"\ndeny = ["exe"]\n',
    );
    assert.deepEqual(
      found.map((problem) => problem.split(' is not ')[0]),
      [
        'attachments.max_file: 5',
        'attachments.max_files: -1',
        'attachments.allow: "image/*"',
        'attachments.deny: ["exe"]',
      ],
    );
  });
});

describe('[post]', () => {
  it('leaves everything as it was typed unless it is told otherwise', () => {
    assert.deepEqual(config().post, {
      mentions: 'live',
      references: 'live',
      commands: 'live',
      closing: 'live',
    });
    assert.equal(config('[post]\nmentions = "inert"\n').post.mentions, 'inert');
    assert.match(
      problems('[post]\nmentions = true\n')[0] ?? '',
      /^post\.mentions: true is not one of "inert"/,
    );
  });
});
