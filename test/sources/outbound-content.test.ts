// Mail on its way out that nobody stamps: every byte comes out as it came, on the wire of a scripted relay.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { DotStuffer } from '../../src/sources/outbound/dot-stuffer.ts';
import { CORPORA } from '../corpus/messages.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { repositoryRoot } from '../support/process.ts';
import { digest, openBench, relayed, relayOne } from './outbound.ts';

const HEADER = 'From: Tracker <tracker@example.org>\r\nTo: alice@example.com\r\nSubject: A post\r\n\r\n';

/** Every file below a directory. */
function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** The corpora, or what the tests have of their own. */
function everyFile(): string[] {
  return filesBelow(existsSync(CORPORA) ? CORPORA : join(repositoryRoot, 'test'));
}

/** What a strict reader gets of a dot alone behind a bare LF, which no Postfix hands over: one more (see below). */
const harmless = (raw: Buffer): Buffer =>
  Buffer.from(raw.toString('latin1').replaceAll(/(?<!\r)\n\.(?=[\r\n])/g, '\n..'), 'latin1');

const withLineEnd = (raw: Buffer): Buffer =>
  raw.length === 0 || raw.subarray(-2).equals(Buffer.from('\r\n'))
    ? raw
    : Buffer.concat([raw, Buffer.from('\r\n')]);

describe('what nobody stamps comes out as it came', () => {
  it('over all files of the corpora, as they are and with the line ends of mail', async (t) => {
    const bench = await openBench(t);
    const client = await LmtpClient.open(t, bench.socket);
    const files = everyFile();
    assert.ok(files.length > 50, `${files.length} files`);
    for (const file of files) {
      const bytes = readFileSync(file);
      const asMail = Buffer.from(bytes.toString('latin1').replaceAll(/\r?\n/g, '\r\n'), 'latin1');
      for (const raw of [bytes, asMail]) {
        assert.deepEqual(await relayed(client, raw), ['250 2.0.0 Ok: queued as 4F2A1'], file);
        const mail = bench.relay.mails.pop();
        assert.equal(digest(mail?.raw ?? Buffer.alloc(0)), digest(withLineEnd(harmless(raw))), file);
      }
    }
    assert.equal(bench.relay.connections, 1);
  });

  const bodies: readonly (readonly [string, Buffer])[] = [
    ['NULs', Buffer.from('a\0b\r\n\0\r\n')],
    ['octets of every value', Buffer.from(Array.from({ length: 256 }, (_, value) => value))],
    ['bare CR and bare LF', Buffer.from('one\rtwo\nthree\r\r\n\n.x\n\r\n')],
    ['dots at the beginning of lines', Buffer.from('.\r\n..\r\n...x\r\n. \r\n.a\r\n')],
    ['a line of 3 MB', Buffer.alloc(3_000_000, 'x')],
    ['2 MB of random octets', randomBytes(2_000_000)],
    ['nothing behind the header', Buffer.alloc(0)],
  ];
  for (const [what, body] of bodies) {
    it(`with ${what}`, async (t) => {
      const bench = await openBench(t);
      const raw = withLineEnd(Buffer.concat([Buffer.from(HEADER), body]));
      assert.match((await relayOne(t, bench, raw)).join(), /^250/);
      assert.equal(digest((await bench.relay.nthMail(1)).raw), digest(harmless(raw)));
    });
  }

  it('without a header, without anything, and with a header that is larger than is read', async (t) => {
    const bench = await openBench(t);
    const large = `X-Large: ${'x'.repeat(400_000)}\r\n\r\nbody\r\n`;
    for (const raw of ['\r\nbody\r\n', '', 'no header at all\r\n', large]) {
      assert.match((await relayOne(t, bench, raw)).join(), /^250/);
      assert.equal(bench.relay.mails.pop()?.raw.toString('latin1'), raw);
    }
  });

  it('however it is cut into chunks', async (t) => {
    const bench = await openBench(t);
    const client = await LmtpClient.open(t, bench.socket);
    const raw = `${HEADER}.one\r\n.\n.two\r\rx\r\n.\r\n`;
    await client.sayAll('MAIL FROM:<tracker@example.org>', 'RCPT TO:<alice@example.com>', 'DATA');
    await client.trickle(`${raw.replaceAll('\r\n.', '\r\n..')}.\r\n`);
    assert.match(await client.reply(), /^250/);
    assert.equal(bench.relay.mails[0]?.raw.toString('latin1'), raw);
  });

  it('of 25 MB, of which only a little is in memory at a time', async (t) => {
    const bench = await openBench(t, { more: '[lmtp]\nmax_message = "1MiB"\nmax_buffered = "1MiB"' });
    const body = randomBytes(18_000_000).toString('base64').replaceAll(/.{76}/g, '$&\r\n');
    const raw = Buffer.from(`${HEADER}${body}\r\n`);
    const before = process.memoryUsage().arrayBuffers;
    const kept: number[] = [];
    const timer = setInterval(() => kept.push(process.memoryUsage().arrayBuffers - before), 5);
    t.after(() => {
      clearInterval(timer);
    });
    assert.match((await relayOne(t, bench, raw)).join(), /^250/);
    assert.equal(digest((await bench.relay.nthMail(1)).raw), digest(raw));
    t.diagnostic(`most in buffers, the test's own client and relay included: ${Math.max(0, ...kept)} bytes`);
  });
});

describe('a dot alone behind a bare LF', () => {
  /** What Postfix makes of it: lines end at LF, and lose their first dot. */
  const asPostfixReads = (sent: string): string => {
    const lines = sent.split('\n');
    const end = lines.findIndex((line) => /^\.\r?$/.test(line));
    return (end === -1 ? lines : lines.slice(0, end)).map((line) => line.replace(/^\./, '')).join('\n');
  };

  for (const smuggled of ['\n.\r\n', '\n.\n', '\n.\r\nMAIL FROM:<x@example.com>\r\n']) {
    it(`ends no content that Postfix reads: ${JSON.stringify(smuggled)}`, async (t) => {
      const bench = await openBench(t);
      const raw = `${HEADER}before${smuggled}after\r\n`;
      assert.match((await relayOne(t, bench, raw)).join(), /^250/);
      const [mail] = bench.relay.mails;
      assert.equal(asPostfixReads(mail?.raw.toString('latin1') ?? ''), raw);
    });
  }

  it('is found wherever pieces are cut', () => {
    const text = 'a\n.\r\nb\r\n.c\n.d\n.\n.\r\n.\r\n';
    const whole = new DotStuffer().stuff(Buffer.from(text)).toString();
    assert.equal(whole, 'a\n..\r\nb\r\n..c\n.d\n..\n..\r\n..\r\n');
    for (let cut = 0; cut <= text.length; cut++) {
      for (let second = cut; second <= text.length; second++) {
        const stuffer = new DotStuffer();
        const pieces = [text.slice(0, cut), text.slice(cut, second), text.slice(second)];
        assert.equal(pieces.map((piece) => stuffer.stuff(Buffer.from(piece)).toString()).join(''), whole);
      }
    }
  });
});

describe('what is planned by its body', () => {
  it('is planned twice, and comes out with what the second plan says', async (t) => {
    const bench = await openBench(t);
    const bodies: (string | undefined)[] = [];
    bench.plan = async ({ beginning, body, recipients }) => {
      bodies.push(body?.toString());
      const none = { copies: [], otherwise: 'no-notification', remember: undefined } as const;
      if (body === undefined) return Promise.resolve({ ...none, wantsBody: true });
      const stamped = Buffer.concat([Buffer.from('X-Stamped: yes\r\n'), beginning]);
      const copy = { user: 'alice', thread: 'comment/7', reversePath: undefined, beginning: stamped };
      return Promise.resolve({ ...none, copies: [{ ...copy, recipients: recipients.map((_, at) => at) }] });
    };
    const client = await LmtpClient.open(t, bench.socket);
    const body = `${'x'.repeat(70)}\r\n`.repeat(1000);
    assert.deepEqual(await relayed(client, `${HEADER}${body}`), ['250 2.0.0 Ok: queued as 4F2A1']);
    assert.deepEqual(bodies, [undefined, body]);
    assert.equal(bench.relay.mails[0]?.raw.toString(), `X-Stamped: yes\r\n${HEADER}${body}`);
    assert.match((await relayed(client, HEADER)).join(), /^250/);
    assert.deepEqual(bodies.slice(2), [undefined, '']);
  });

  it('goes out as it came, and is not held up, where that is too large', async (t) => {
    const bench = await openBench(t);
    let asked = 0;
    bench.plan = async () => {
      asked += 1;
      return Promise.resolve({
        copies: [],
        otherwise: 'no-notification',
        remember: undefined,
        wantsBody: true,
      });
    };
    const raw = Buffer.from(HEADER + `${'x'.repeat(70)}\r\n`.repeat(5000));
    assert.match((await relayOne(t, bench, raw)).join(), /^250/);
    assert.equal(digest((await bench.relay.nthMail(1)).raw), digest(raw));
    assert.equal(asked, 1);
  });
});
