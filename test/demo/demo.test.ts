// The demonstration itself, run as a reader runs it, in a home and a temporary directory of its own.

import assert from 'node:assert/strict';
import { mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { DaemonProcess, repositoryRoot, run } from '../support/process.ts';
import { testScratch } from '../support/scratch.ts';

const WITHIN_MS = 60_000;
const program = (name: string): string => join(repositoryRoot, 'dist', 'test', 'demo', name);

/** The demonstration, started; `directories` are its home and the one for temporary files, empty before. */
function startDemo(t: TestContext, ...args: string[]): { demo: DaemonProcess; directories: string[] } {
  const scratch = testScratch(t);
  const home = scratch.path('home');
  const temporary = scratch.path('tmp');
  for (const directory of [home, temporary]) mkdirSync(directory);
  const environment = { HOME: home, TMPDIR: temporary, COLUMNS: '120' };
  const demo = new DaemonProcess(
    process.execPath,
    [program('demo.js'), ...args],
    scratch.path('output'),
    environment,
  );
  scratch.defer(async () => {
    await demo.end('SIGTERM');
  });
  return { demo, directories: [home, temporary] };
}

/** How the demonstration ended, once it has. */
async function ended(demo: DaemonProcess): Promise<string> {
  return await eventually(
    () => demo.ended,
    () => demo.output(),
    WITHIN_MS,
  );
}

let told: Promise<string> | undefined;

/** What a demonstration told that went well; one for all tests that only read it. */
function toldBy(t: TestContext): Promise<string> {
  const tell = async (): Promise<string> => {
    const { demo } = startDemo(t);
    assert.equal(await ended(demo), 'exit 0', demo.output());
    return demo.output();
  };
  return (told ??= tell());
}

/** What is quoted below a sentence, line by line. */
function quotedBelow(text: string, sentence: string): string[] {
  const lines = text.slice(text.indexOf(sentence)).split('\n').slice(1);
  const end = lines.findIndex((line) => !line.startsWith('   |'));
  return lines.slice(0, end).map((line) => line.replace(/^ {3}\| ?/, ''));
}

/** The process id of the daemon, as soon as the demonstration names it. */
async function daemonOf(demo: DaemonProcess): Promise<number> {
  const look = (): string | undefined => /mailgwd +process (\d+)/.exec(demo.output())?.[1];
  return Number(await eventually(look, () => demo.output(), WITHIN_MS));
}

/** Fails unless the daemon that the demonstration named is gone and every directory is empty again. */
async function assertNothingLeft(demo: DaemonProcess, directories: readonly string[]): Promise<void> {
  const pid = await daemonOf(demo);
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  for (const directory of directories) assert.deepEqual(readdirSync(directory), []);
}

describe('npm run demo', () => {
  it('shows a reply, a forged one and a repeated one, and leaves nothing behind', async (t) => {
    const { demo, directories } = startDemo(t);
    assert.equal(await ended(demo), 'exit 0', demo.output());
    const told = demo.output();
    assert.match(told, /250 2\.0\.0 queued as (\w+)\n[^]*idempotency-key +\1\n/);
    assert.match(told, /attachments\[0\] +\S+, image\/png, \d+ bytes\n +sha256 [0-9a-f]{64}\n/);
    assert.match(told, /550 5\.1\.1 .*\n[^]*verdict=rejected reason=no-such-address detail=forged/);
    assert.match(told, /250 2\.0\.0 duplicate of \w+\n[^]*verdict=accepted reason=duplicate/);
    assert.match(told, /\nAll as expected, in \d+\.\d s\.\n$/);
    assert.ok(!told.includes('\u001b'), 'no colour without a terminal');
    await assertNothingLeft(demo, directories);
  });

  it('has the notification sent by the API, shows it, replies to it, and has the post', async (t) => {
    const told = await toldBy(t);
    assert.match(told, /\n {3}POST http:\S+\/v1\/notifications\n/);
    const [, replyTo = ''] =
      /202: it is on disk[^]*?\n {3}\| Reply-To:\s+\|? *(reply\+[a-z2-7]{48}@\S+)\n/.exec(told) ?? [];
    assert.notEqual(replyTo, '', told);
    const [, id = ''] =
      told.slice(told.indexOf(`RCPT TO:<${replyTo}>`)).match(/250 2\.0\.0 queued as (\w+)\n/) ?? [];
    assert.match(told, new RegExp(`idempotency-key +${id}\n +user +alice\n +thread +acme/website/issue/7\n`));
  });

  it('stamps the plain notification of a second platform, and changes nothing else of it', async (t) => {
    const told = await toldBy(t);
    const before = quotedBelow(told, 'Postfix hands it to mailgw');
    const after = quotedBelow(told, 'and what comes out differs');
    assert.ok(
      before.includes('X-Helpdesk-Ticket: 2351') && !before.some((line) => /mailgw|reply/i.test(line)),
    );
    const added = after.filter((line) => !before.includes(line));
    assert.equal(added.length, 1);
    assert.match(added[0] ?? '', /^Reply-To: <reply\+[a-z2-7]{48}@reply\.example\.org>$/);
    assert.deepEqual(
      after.filter((line) => !added.includes(line)),
      before.slice(0, before.indexOf('')),
    );
    assert.match(
      told,
      /\n {3}thread +helpdesk\/ticket\/2351\n {3}body\.markdown +Thank you, it prints again\.\n/,
    );
  });

  it('leaves nothing behind when it is interrupted under way', async (t) => {
    const { demo, directories } = startDemo(t);
    await daemonOf(demo);
    assert.equal(await demo.end('SIGINT', WITHIN_MS), 'exit 130', demo.output());
    await assertNothingLeft(demo, directories);
  });

  it('names the step that failed, exits with 1, and keeps the directory to look into', async (t) => {
    const { demo, directories } = startDemo(t);
    process.kill(await daemonOf(demo), 'SIGKILL');
    assert.equal(await ended(demo), 'exit 1', demo.output());
    assert.match(demo.output(), /^demo: failed in step \d: /m);
    const kept = /^scratch directory kept: (.*)$/m.exec(demo.output())?.[1] ?? '';
    assert.equal(dirname(kept), directories[1]);
    assert.ok(readdirSync(kept).includes('mailgwd.log'));
  });

  it('says why it cannot begin, and exits with 1', async () => {
    const result = await run('env', ['TMPDIR=/nonexistent', process.execPath, program('demo.js')]);
    assert.equal(result.code, 1);
    assert.match(result.stderr, /^demo: .*\/nonexistent.*\n$/);
  });

  it('refuses an option that it does not know, and says how to use it', async () => {
    const result = await run(process.execPath, [program('demo.js'), '--kepe']);
    assert.equal(result.code, 64);
    assert.match(result.stderr, /^demo: Unknown option '--kepe'.*\nusage: npm run demo/);
  });
});

describe('npm run demo -- --keep', () => {
  it('serves the page, takes more replies, and ends cleanly on Ctrl-C', async (t) => {
    const { demo, directories } = startDemo(t, '--keep');
    const invited =
      /^ {2}(http:.*\/)\n[^]*\n {2}node (\S+send\.js) --socket (\S+) --to (\S+) .*\n[^]*\n {2}tail /m;
    const look = (): RegExpExecArray | undefined => {
      if (demo.ended !== undefined) throw new Error(`${demo.ended}\n${demo.output()}`);
      return invited.exec(demo.output()) ?? undefined;
    };
    const [, page = '', send = '', socket = '', to = ''] = await eventually(
      look,
      () => demo.output(),
      WITHIN_MS,
    );
    assert.match(await text(page), /&#60;img&#62; in the header[^]*logo@2x\.png/);

    const sent = await run(process.execPath, [send, '--socket', socket, '--to', to, 'It works <b>now</b>.']);
    assert.equal(sent.code, 0, sent.stdout + sent.stderr);
    assert.match(sent.stdout, /\nS: 250 2\.0\.0 queued as \w+\n$/);
    const isPosted = async (): Promise<true | undefined> =>
      (await text(page)).includes('It works &#60;b&#62;now&#60;/b&#62;.') ? true : undefined;
    await eventually(isPosted, () => demo.output(), WITHIN_MS);

    assert.equal(await demo.end('SIGINT', WITHIN_MS), 'exit 0', demo.output());
    await assertNothingLeft(demo, directories);
  });
});

async function text(url: string): Promise<string> {
  return await (await fetch(url)).text();
}
