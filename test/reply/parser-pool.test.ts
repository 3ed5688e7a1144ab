import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { after, describe, it } from 'node:test';
import { createParserPool, type ParserPoolOptions } from '../../src/reply/parser-pool.ts';
import type { ParseOutcome, ReplyParser } from '../../src/reply/post.ts';
import { entity, file, multipart, plain } from './support/mail.ts';

const POOL_MODULE = new URL('../../src/reply/parser-pool.js', import.meta.url).href;
const HOSTILE = new URL('./support/hostile-worker.js', import.meta.url);
const BROKEN = new URL('./support/broken-worker.js', import.meta.url);

const pools: ReplyParser[] = [];
function pool(options: ParserPoolOptions = {}): ReplyParser {
  const created = createParserPool(options);
  pools.push(created);
  return created;
}
after(() => Promise.all(pools.map((each) => each.close())));

const REPLY = Buffer.concat([Buffer.from('From: a@example.com\r\nSubject: Re\r\n'), plain('It works.')]);

function diagnostic(outcome: ParseOutcome): string {
  return 'diagnostic' in outcome ? outcome.diagnostic : outcome.kind;
}

function markdown(outcome: ParseOutcome): string {
  return outcome.kind === 'parsed' ? outcome.reply.body.markdown : outcome.kind;
}

/** 20 MiB of lines that might each be a delimiter of 20 open multiparts. */
function dashes(): Buffer {
  let head = 'From: a@example.com\r\nContent-Type: multipart/mixed; boundary=b0\r\n\r\n';
  for (let level = 0; level < 30; level++) {
    head += `--b${level}\nContent-Type: multipart/mixed; boundary=b${level + 1}\n\n`;
  }
  return Buffer.concat([Buffer.from(head), Buffer.alloc(20 * 1024 * 1024, '--b\n')]);
}

describe('the pool', () => {
  it('parses a message and hands over its attachments', async () => {
    const root = multipart('mixed', [
      plain('See the log.'),
      file('text/csv; name=a.csv', 'a,b\n'.repeat(20_000)),
    ]);
    const outcome = await pool().parse(Buffer.concat([Buffer.from('From: a@example.com\r\n'), root]));
    assert.equal(markdown(outcome), 'See the log.');
    assert.equal(outcome.kind === 'parsed' && outcome.reply.attachments[0]?.content.length, 80_000);
  });

  it('takes memory over that the message fills, and copies what is a view into more', async () => {
    const whole = new Uint8Array(Buffer.concat([REPLY, Buffer.alloc(100_000, '\r\n')]));
    assert.equal(markdown(await pool().parse(whole)).trimEnd(), 'It works.');
    assert.equal(whole.length, 0);
    const slab = Buffer.concat([Buffer.from('secret '), REPLY, Buffer.from(' secret')]);
    const raw = slab.subarray(7, 7 + REPLY.length);
    const parsing = pool().parse(raw);
    slab.fill('x');
    assert.equal(markdown(await parsing), 'It works.');
    assert.equal(raw.length, REPLY.length);
  });

  it('parses more messages than it has workers', async () => {
    const small = pool({ size: 2 });
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => small.parse(REPLY)));
    assert.deepEqual(new Set(outcomes.map(markdown)), new Set(['It works.']));
  });

  it('applies its limits on attachments', async () => {
    const root = multipart('mixed', [plain('text'), file('text/csv; name=a.csv', 'abcdef')]);
    const outcome = await pool({ attachments: { maxFileBytes: 3 } }).parse(root);
    assert.equal(outcome.kind === 'parsed' && outcome.reply.dropped[0]?.reason, 'too-big');
  });
});

describe('a message that hurts its worker', () => {
  const ways: [string, string, RegExp][] = [
    ['spin', 'timeout', /after 300 ms/],
    ['hoard', 'out-of-memory', /memory/],
    ['throw', 'crash', /TypeError: thrown on command/],
    ['exit', 'crash', /code 3/],
  ];
  for (const [command, reason, detail] of ways) {
    it(`by ${command} learns of it as ${reason}, and the next one is parsed`, async () => {
      const single = pool({
        size: 1,
        deadlineMs: command === 'spin' ? 300 : 20_000,
        heapMb: 32,
        entry: HOSTILE,
      });
      const outcomes = await Promise.all([
        single.parse(Buffer.from(command)),
        single.parse(Buffer.from('fine')),
      ]);
      assert.equal(outcomes[0].kind === 'worker-died' && outcomes[0].reason, reason);
      assert.match(diagnostic(outcomes[0]), detail);
      assert.match(diagnostic(outcomes[1]), /^fine/);
    });
  }

  it('takes no other message down, running or waiting', async () => {
    const busy = pool({ size: 2, deadlineMs: 400, heapMb: 32, entry: HOSTILE });
    const commands = ['spin', 'a', 'throw', 'b', 'hoard', 'c', 'exit', 'd', 'spin', 'e'];
    const outcomes = await Promise.all(commands.map((command) => busy.parse(Buffer.from(command))));
    for (const [index, command] of commands.entries()) {
      const died = outcomes[index]?.kind === 'worker-died';
      assert.equal(died, command.length > 1, `${command}: ${diagnostic(outcomes[index] as ParseOutcome)}`);
    }
  });

  it('is stopped when it is real: dashes below 20 multiparts against a short deadline', async () => {
    const short = pool({ size: 1, deadlineMs: 50 });
    await short.parse(REPLY).catch(() => undefined);
    const outcome = await short.parse(dashes());
    assert.equal(outcome.kind === 'worker-died' && outcome.reason, 'timeout');
    const roomy = pool({ size: 1 });
    assert.equal(markdown(await roomy.parse(REPLY)), 'It works.');
  });

  it('is stopped when it is real: a megabyte of paragraphs against a small heap', async () => {
    const lean = pool({ size: 1, deadlineMs: 20_000, heapMb: 10 });
    const paragraphs = entity(['Content-Type: text/html'], `<p>${'word '.repeat(10)}</p>`.repeat(18_000));
    const outcome = await lean.parse(paragraphs);
    assert.equal(outcome.kind === 'worker-died' && outcome.reason, 'out-of-memory', diagnostic(outcome));
    assert.equal(markdown(await lean.parse(REPLY)), 'It works.');
  });

  it('never blocks the main loop', async () => {
    const busy = pool({ size: 2, deadlineMs: 1000, heapMb: 64 });
    await busy.parse(REPLY);
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    const big = Buffer.concat([
      Buffer.from('From: a@example.com\r\n'),
      file('text/csv; name=a.csv', 'x'.repeat(9_000_000)),
    ]);
    const outcomes = await Promise.all([
      busy.parse(dashes()),
      busy.parse(big),
      busy.parse(REPLY),
      busy.parse(REPLY),
    ]);
    delay.disable();
    assert.equal(markdown(outcomes[3]), 'It works.');
    // The promise is 100 ms; the machine of a test may be busy with others.
    assert.ok(delay.max < 250e6, `${delay.max / 1e6} ms`);
  });
});

describe('the life of a pool', () => {
  it('throws when no worker can be started, for that is no fault of the message', async () => {
    const broken = pool({ entry: BROKEN });
    await assert.rejects(broken.parse(REPLY), /no parser worker can be started: Error: no parser here/);
    await assert.rejects(broken.parse(REPLY), /no parser worker can be started/);
  });

  it('throws for what is under way when it closes, and for what comes later', async () => {
    const closing = pool({ size: 1, entry: HOSTILE });
    const running = assert.rejects(closing.parse(Buffer.from('spin')), /closed/);
    const waiting = assert.rejects(closing.parse(Buffer.from('a')), /closed/);
    await closing.close();
    await Promise.all([running, waiting]);
    await assert.rejects(closing.parse(REPLY), /closed/);
  });

  it('keeps no process alive while it is idle, and starts nothing before it must', () => {
    const script = `
      const { createParserPool } = await import(${JSON.stringify(POOL_MODULE)});
      const start = performance.now();
      const pool = createParserPool({ size: 2 });
      console.log(performance.now() - start < 50);
      console.log((await pool.parse(Buffer.from('From: a@b.c\\r\\n\\r\\nhello'))).kind);`;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 20_000 });
    assert.equal(output.toString(), 'true\nparsed\n');
  });
});
