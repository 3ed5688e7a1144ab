// Request Tracker's notifications as version 5.0.3 writes them, and the options of its sink; the rest is in rt.slow.test.ts.

import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { readSecretFile, readSecretText } from '../../src/config/secret-file.ts';
import { scanHeader } from '../../src/mail/header.ts';
import { loadSink, previewPost } from '../../src/sinks/catalogue.ts';
import { recogniseTickets } from '../../src/sinks/rt/recognise.ts';
import { samplePost, testDirectory } from '../support/loopback.ts';
import { RT, RT_MESSAGE_ID } from '../support/notifications.ts';

function recognised(fields: readonly string[], rtname?: string) {
  const scan = scanHeader(Buffer.from(`${fields.join('\r\n')}\r\n\r\nText\r\n`));
  assert.ok(scan.ok);
  return recogniseTickets(rtname)({ header: scan.header, reversePath: 'www-data@rt.example.org' });
}

const without = (name: string): string[] => RT.filter((field) => !field.startsWith(`${name}:`));

describe('a notification of Request Tracker', () => {
  it('is about its ticket, and as old as its Message-ID says', () => {
    const about = { thread: 'ticket/7', repliedTo: 1_795_944_676_000 };
    assert.deepEqual(recognised(RT), about);
    assert.deepEqual(recognised(RT, 'rt.example.org'), about);
    const older = RT.map((field) => field.replace(/^X-RT-/, 'RT-'));
    assert.deepEqual(recognised(older), about);
    const named = RT.map((field) => field.replace(/rt\.example\.org( #|$)/, 'Help Desk$1'));
    assert.deepEqual(recognised(named), about);
  });

  it('is of no known age where another wrote its Message-ID', () => {
    for (const id of ['<x@rt.example.org>', RT_MESSAGE_ID.slice(12).replace('.7-', '.8-')])
      assert.deepEqual(recognised([...without('Message-ID'), `Message-ID: ${id}`]), {
        thread: 'ticket/7',
        repliedTo: undefined,
      });
  });

  it('is none of another installation, of none, or in doubt', () => {
    assert.equal(recognised(RT, 'other.example.org'), undefined);
    assert.equal(recognised(without('X-RT-Ticket')), undefined);
    assert.equal(recognised(without('X-RT-Loop-Prevention')), undefined);
    assert.equal(recognised([...RT, 'X-RT-Ticket: rt.example.org #8']), undefined);
    assert.equal(recognised([...without('X-RT-Loop-Prevention'), 'X-RT-Loop-Prevention: a']), undefined);
    for (const ticket of [
      'rt.example.org #0',
      'rt.example.org #x',
      '#7',
      'rt.example.org',
      'rt.example.org #7 #8x',
    ])
      assert.equal(recognised([...without('X-RT-Ticket'), `X-RT-Ticket: ${ticket}`]), undefined, ticket);
  });
});

describe('the options of Request Tracker', () => {
  it('name each key that is wrong', async (t) => {
    const directory = testDirectory(t);
    const token = `${directory}/token`;
    writeFileSync(token, `1-27-${'0'.repeat(32)}\n`, { mode: 0o600 });
    const environment = { now: Date.now, readSecretFile, readSecretText };
    const table = { type: 'rt', url: 'https://rt.example.org', token_file: token };
    const problemsOf = async (change: object): Promise<string> => {
      const loaded = await loadSink({ ...table, ...change }, environment);
      if (loaded.ok) await loaded.sink.close();
      return loaded.ok ? '' : loaded.problems.join('; ');
    };
    assert.equal(await problemsOf({}), '');
    assert.equal(
      await problemsOf({ post_as: 'note', closed: 'deleted', rtname: ' ', user_tokens: 'tokens' }),
      'sink.user_tokens: "tokens" is not an absolute path; ' +
        'sink.post_as: "note" is not one of "correspond", "comment"; ' +
        'sink.closed: "deleted" is not a list of statuses; sink.rtname: " " is not a text of one line',
    );
    assert.match(
      await problemsOf({ user_tokens: `${directory}/none` }),
      /^sink\.user_tokens: .*none: cannot be read: .*ENOENT/,
    );
    assert.match(await problemsOf({ user_tokens: token }), /^sink\.user_tokens: .*token: is no directory/);
    chmodSync(directory, 0o750);
    assert.match(
      await problemsOf({ user_tokens: directory }),
      /mode 0750 lets group or world in; expected 0700/,
    );
  });

  it('let a post be seen before it is sent', async () => {
    const { body } = await previewPost({ type: 'rt' }, samplePost());
    assert.deepEqual(body, {
      Content: '<p>alice wrote by mail:</p>\n<p>Fine by me 👍</p>',
      ContentType: 'text/html; mailgw-post="01J9Z8XK3M-0001"',
    });
  });
});
