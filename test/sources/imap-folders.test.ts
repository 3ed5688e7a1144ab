// Names of folders on a real Dovecot: what people call them, and what goes over the wire.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { message } from '../gate/gate.ts';
import { type Dovecot, dovecotUnavailable, startDovecot } from '../support/dovecot.ts';
import { suiteScratch } from '../support/scratch.ts';
import { imapBench, mailboxOf, settled, standing, taken } from './imap.ts';

describe('a folder', { skip: dovecotUnavailable() }, () => {
  const scratch = suiteScratch();
  let dovecot: Dovecot;

  before(async () => {
    dovecot = await startDovecot(scratch);
    writeFileSync(scratch.path('password'), `${dovecot.password}\n`, { mode: 0o600 });
  });
  after(() => scratch.close());

  it('has a name of any letters, and so has the folder that messages are moved to', async (t) => {
    const client = await dovecot.connect();
    // RFC 3501 §5.1.3: modified UTF-7.
    const [here, there] = ['Gr&APwA3w-e &- mehr', 'Erledigt &ZeVnLIqe-'];
    for (const name of [here, there]) await client.ask(`CREATE "${name}"`);
    const folder = { folder: 'Grüße & mehr', after: 'move:Erledigt 日本語' };
    const bench = await imapBench(t, [mailboxOf(dovecot, scratch.path('password'), folder)]);
    const raw = message([`To: ${await bench.test.sealed()}`]);
    await client.append(raw, `"${here}"`);
    await standing(bench.open(), 'serving');
    await taken(bench, 1);
    await settled(bench);
    assert.equal((await client.list(`"${here}"`)).length, 0);
    assert.equal((await client.list(`"${there}"`)).length, 1);
    client.end();
  });
});
