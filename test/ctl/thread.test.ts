// `mailgw-ctl thread rename`: what it prints. What becomes of replies is told in test/site/renamed-threads.test.ts.

import { deepEqual, equal, match } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { testScratch } from '../support/scratch.ts';
import { initialise } from './tool.ts';

describe('mailgw-ctl thread rename', () => {
  it('says where replies go, and keeps every address', async (t) => {
    const tool = await initialise(testScratch(t));
    await tool.text('user', 'add', 'alice', '--address', 'alice@example.com');
    const { reply_to: address } = await tool.row('address', 'mint', '--user', 'alice', '--thread', 'acme/7');
    equal(
      await tool.text('thread', 'rename', 'acme/7', 'acme/web/7'),
      'thread acme/7 is acme/web/7 now; its reply addresses stay good, and 0 replies go there\n',
    );
    deepEqual(await tool.row('thread', 'rename', 'acme/web/7', 'acme/8'), {
      thread: 'acme/8',
      thread_number: 1,
      formerly: 'acme/web/7',
      open_items: 0,
    });
    const explained = await tool.row('address', 'explain', String(address));
    deepEqual([explained.verdict, explained.thread], ['valid', 'acme/8']);
  });

  it('says so where no address was made for the thread, and refuses the name of another', async (t) => {
    const tool = await initialise(testScratch(t));
    await tool.text('user', 'add', 'alice', '--address', 'alice@example.com');
    for (const thread of ['acme/7', 'acme/8'])
      await tool.text('address', 'mint', '--user', 'alice', '--thread', thread);
    const { code, stderr } = await tool.run('thread', 'rename', 'acme/9', 'acme/10');
    equal(code, 0);
    match(stderr, /^mailgw-ctl: note: no address that is known here was made for acme\/9; /);
    const taken =
      'thread "acme/8": is another thread, number 2; two cannot become one, expected a name that is free';
    await tool.fails(65, taken, 'thread', 'rename', 'acme/7', 'acme/8');
  });
});
