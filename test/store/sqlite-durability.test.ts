// G1 as the kernel sees it: between a message's last octet and its 250 the write-ahead log is synced to the disk.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { freshReply, startIntake } from '../support/intake.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { DaemonProcess } from '../support/process.ts';
import { testScratch } from '../support/scratch.ts';

const STRACE = '/usr/bin/strace';
const skip = existsSync(STRACE) ? false : 'unavailable: strace is not installed';
const MESSAGES = 100;

/** What matters of a traced line: a sync of the log that succeeded, or a reply that was written. */
type Event = 'sync' | '354' | '250';

/** The events of a trace in the order in which the calls returned or, for replies, began. */
function eventsOf(trace: string): Event[] {
  const events: Event[] = [];
  /** Threads whose sync of the log has begun and not yet returned. */
  const syncing = new Set<string>();
  for (const line of trace.split('\n')) {
    const thread = line.split(' ', 1)[0] ?? '';
    if (/ f(?:data)?sync\(\d+<[^>]*-wal>/.test(line)) {
      if (line.includes('= 0')) events.push('sync');
      else syncing.add(thread);
    } else if (/ f(?:data)?sync resumed>.*= 0/.test(line) && syncing.delete(thread)) {
      events.push('sync');
    } else if (/"354 /.test(line)) events.push('354');
    else if (/"250 2\.0\.0 queued as /.test(line)) events.push('250');
  }
  return events;
}

describe('synchronous=FULL on the wire (G1)', () => {
  it(`before each of ${MESSAGES} times 250, on a second start, the log is synced`, { skip }, async (t) => {
    const scratch = testScratch(t);
    const { daemon, socket, alice } = await startIntake(scratch);
    // The first start makes the database, and with it SQLite's default would be FULL anyway.
    await daemon.restart();
    const trace = scratch.path('trace');
    const calls = 'trace=fsync,fdatasync,write,writev,sendto,sendmsg';
    const args = ['-f', '-y', '-s', '24', '-e', calls, '-o', trace, '-p', String(daemon.pid)];
    const strace = new DaemonProcess(STRACE, args, scratch.path('strace.log'));
    scratch.defer(async () => {
      await strace.end('SIGINT');
    });
    await eventually(
      () => (/attached/.test(strace.output()) ? true : undefined),
      () => strace.output(),
    );

    const client = await LmtpClient.open(t, socket);
    for (let count = 0; count < MESSAGES; count++) {
      const [reply] = await client.deliver(freshReply().text, alice);
      assert.match(reply ?? '', /^250 2\.0\.0 queued as /);
    }
    client.vanish();
    await strace.end('SIGINT');

    const events = eventsOf(readFileSync(trace, 'utf8'));
    assert.equal(events.filter((event) => event === '250').length, MESSAGES);
    let hasSynced = false;
    for (const event of events) {
      if (event === '250') assert.ok(hasSynced, 'a 250 without a sync of the log since its 354');
      hasSynced = event === 'sync' || (event !== '354' && hasSynced);
    }
  });
});
