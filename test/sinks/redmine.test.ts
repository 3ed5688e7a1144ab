// What of the Redmine sink needs no Redmine: its notifications, told from their header as it writes them, and its Textile.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { scanHeader } from '../../src/mail/header.ts';
import type { Recognised } from '../../src/mail/recognise.ts';
import { recogniseRedmine } from '../../src/sinks/redmine/recognise.ts';
import { preview } from '../../src/sinks/redmine/redmine.ts';
import { textile } from '../../src/sinks/redmine/textile.ts';
import { samplePost } from '../support/loopback.ts';
import { REDMINE } from '../support/notifications.ts';

function recognised(fields: readonly string[], host = ''): Recognised | undefined {
  const scan = scanHeader(Buffer.from(`${fields.join('\r\n')}\r\n\r\n`));
  assert.ok(scan.ok);
  return recogniseRedmine(host)({ header: scan.header, reversePath: 'redmine@example.org' });
}

const changed = (from: RegExp, to: string): string[] => REDMINE.map((field) => field.replace(from, to));

describe('a notification of Redmine', () => {
  it('names its issue, and the time of what it is about', () => {
    const repliedTo = Date.UTC(2026, 10, 29, 10, 11, 28);
    assert.deepEqual(recognised(REDMINE), { thread: 'issue/7', repliedTo });
    assert.deepEqual(recognised(changed(/journal-31/, 'issue-7')), { thread: 'issue/7', repliedTo });
    assert.deepEqual(recognised(REDMINE, 'Redmine.example.org'), { thread: 'issue/7', repliedTo });
  });

  it('is none where it is of something else, of another Redmine, or in doubt', () => {
    const others = [
      changed(/^X-Redmine-Issue-Id: 7/, 'X-Redmine-Topic-Id: 7'),
      changed(/journal-31/, 'news-31'),
      changed(/^X-Mailer: .*/, 'X-Mailer: swaks'),
      changed(/^X-Redmine-Host: .*/, 'X-Other: x'),
      changed(/Issue-Id: 7/, 'Issue-Id: 07'),
      changed(/Issue-Id: 7/, 'Issue-Id: ../7'),
      changed(/2026112910/, '2026139910'),
      [...REDMINE, 'X-Redmine-Issue-Id: 8'],
      [...REDMINE, 'Message-ID: <x@example.org>'],
    ];
    for (const fields of others) assert.equal(recognised(fields), undefined, fields.join('\n'));
    assert.equal(recognised(REDMINE, 'other.example.org'), undefined);
  });
});

describe('Textile', () => {
  it('leaves alone what begins nothing', () => {
    const plain =
      'I said: snake_case_name, 2 * 3 and "so" — 100 % of it, see http://example.com/a_b?x=1&y=2#z.';
    assert.equal(textile(plain), plain);
  });

  it('has what Markdown says', () => {
    const markdown =
      '# Title\n\n**bold** *em* `x = 1` [label](https://example.com/)\n\n- a\n  - b\n\n1. c\n\n> q\n\n```\ncode\n```';
    assert.equal(
      textile(markdown),
      'h1. Title\n\n*bold* _em_ @x &#61; 1@ "label":https://example.com/\n\n* a\n** b\n\n# c\n\n> q\n\n<pre>\ncode\n</pre>',
    );
  });

  it('is written in time that grows with the text', () => {
    const texts = [
      '*a'.repeat(50_000),
      '{{[[#1 @a |"x":'.repeat(10_000),
      '**a** `b` '.repeat(10_000),
      `${'> '.repeat(150)}x`,
    ];
    const started = performance.now();
    for (const text of texts) assert.ok(textile(text).length > 0);
    assert.ok(performance.now() - started < 10_000);
  });

  it('is what a preview shows, with the user', () => {
    const { body, fields } = preview(samplePost({ body: { ...samplePost().body, markdown: 'See #1' } }), {});
    assert.deepEqual(body, { issue: { notes: 'See &#35;1' } });
    assert.equal(fields['X-Redmine-Switch-User'], 'alice');
  });
});
