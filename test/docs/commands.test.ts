// Every command that a page shows: those of ours are read by the program's own tables and run at a real site; of the
// others each stands in a list with the test that runs it.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runCommandLine } from '../../src/ctl/program.ts';
import { DAEMON_OPTIONS } from '../../src/daemon/options.ts';
import { runCommand, runProcess } from '../support/command.ts';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { replyMessage } from '../support/message.ts';
import { handOver } from '../support/notifying.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { repositoryRoot } from '../support/process.ts';
import { suiteScratch } from '../support/scratch.ts';
import { commandIn, commandsOf, OWN_TEST, readLine, type Shown, whereIs } from './commands.ts';
import { codeSpans, PAGE_NAMES, readPage, takeApart } from './pages.ts';
import { canRun, GROUPS } from './tool-tables.ts';

/** Programs that are not ours, as the pages call them, and the test that runs them so. */
const ELSEWHERE: readonly (readonly [command: RegExp, test: string])[] = [
  [/^npm ci$/, '.ci/run'],
  [/^npm install --global /, 'test/system/npm-package.slow.test.ts'],
  [/^(?:cp|systemd-sysusers|systemd-tmpfiles|systemctl|postconf|sh) /, 'test/system/ten-lines.slow.test.ts'],
  [
    /^(?:install -o mailgw|echo 'gateway:|postconf -P pickup|postfix reload)/,
    'test/system/wordpress-page.slow.test.ts',
  ],
  [/^postfix (?:check|reload)$/, 'test/system/page-commands.test.ts'],
  [/^(?:swaks|echo|sed|printf|nc) /, 'test/system/page-commands.test.ts'],
  [
    /^(?:printf|cd docs\/examples|cat - reply\.created\.json|openssl dgst|base64)/,
    'test/docs/http-interface.test.ts',
  ],
  [/^(?:pg_dump|pg_restore) /, 'test/ctl/db-restored.test.ts'],
  [/^node --test /, '.ci/run'],
  [
    /^(?:apt-get install --yes redmine|install |printf|cd \/usr\/share\/redmine|runuser|useradd|redmine|\{|grep|sleep|tee \/root|\})/,
    'test/system/redmine-recipe.slow.test.ts',
  ],
];

const pages = PAGE_NAMES.map(readPage);
const scripts = (
  JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  }
).scripts;

/** The commands in the blocks of all pages. */
const inBlocks: readonly Shown[] = pages.flatMap((page) =>
  takeApart(page)
    .blocks.filter(({ language }) => language === 'sh')
    .flatMap(commandsOf),
);

/** The commands of mailgw-ctl, mailgwd and npm within lines; `queue list` alone is one of mailgw-ctl. */
const inLines: readonly Shown[] = pages.flatMap((page) =>
  codeSpans(page).flatMap((span) => {
    if (/^(?:mailgw-ctl|mailgwd|npm run|npm test)(?: |$)/.test(span.text)) return [commandIn(span)];
    const isCommand = new RegExp(`^(?:${GROUPS.join('|')}) [a-z]`).test(span.text);
    return isCommand ? [commandIn({ ...span, text: `mailgw-ctl ${span.text}` })] : [];
  }),
);

const ofTool = ({ words }: Shown): boolean => words[0] === 'mailgw-ctl';

const canBeRun = (shown: Shown): boolean => canRun(shown.words.slice(1), whereIs(shown));

describe('the commands on the pages', () => {
  it('are read as a shell reads them', () => {
    assert.deepEqual(readLine(`a 'b c' "d"e >> f && g $(h i) | j; k & # l`), [
      ['h', 'i'],
      ['a', 'b c', 'de'],
      ['g', '$(h i)'],
      ['j'],
      ['k'],
    ]);
    assert.throws(() => readLine(`a 'b`), /cannot read/);
  });

  it('stand in blocks that say what language they are', () => {
    const unnamed = pages.flatMap((page) => takeApart(page).blocks.filter(({ language }) => language === ''));
    assert.deepEqual(
      unnamed.map(({ page, line }) => `${page}:${line}`),
      [],
    );
    assert.ok(inBlocks.length > 30 && inLines.length > 50, `${inBlocks.length}, ${inLines.length}`);
  });

  it('exist, with their options and arguments, if they are of mailgw-ctl', async () => {
    for (const shown of [...inBlocks, ...inLines].filter(ofTool)) canBeRun(shown);
    for (const shown of inBlocks.filter(ofTool)) {
      const status = await runCommandLine(shown.words.slice(1), () => undefined);
      assert.equal(status, 0, whereIs(shown));
    }
  });

  it('exist, with their options, if they are of mailgwd', () => {
    const known = Object.entries(DAEMON_OPTIONS).flatMap(([name, { short }]) => [`--${name}`, `-${short}`]);
    for (const shown of [...inBlocks, ...inLines].filter(({ words }) => words[0] === 'mailgwd')) {
      for (const word of shown.words.slice(1).filter((each) => each.startsWith('-')))
        assert.ok(known.includes(word), whereIs(shown));
    }
  });

  it('exist, if they are scripts of npm', () => {
    for (const shown of [...inBlocks, ...inLines].filter(({ words }) => words[0] === 'npm')) {
      const script =
        shown.words[1] === 'run' ? shown.words[2] : shown.words[1] === 'test' ? 'test' : undefined;
      if (script !== undefined) assert.ok(script in scripts, whereIs(shown));
    }
  });

  it('are run by a test that is named here, if they are none of ours', () => {
    const isOurs = ({ words }: Shown): boolean =>
      ['mailgw-ctl', 'mailgwd'].includes(words[0] ?? '') || /^npm (?:run|test)(?: |$)/.test(words.join(' '));
    const others = inBlocks.filter((shown) => !isOurs(shown) && OWN_TEST[shown.page] === undefined);
    const unknown = others.filter(
      ({ words }) => !ELSEWHERE.some(([pattern]) => pattern.test(words.join(' '))),
    );
    assert.deepEqual(unknown.map(whereIs), []);
    for (const [page, test] of Object.entries(OWN_TEST)) {
      if (PAGE_NAMES.includes(page)) assert.ok(existsSync(join(repositoryRoot, test)), test);
    }
    for (const [pattern, test] of ELSEWHERE) {
      assert.ok(existsSync(join(repositoryRoot, test)), test);
      assert.ok(
        others.some(({ words }) => pattern.test(words.join(' '))),
        `${String(pattern)} is on no page`,
      );
    }
  });
});

// ---- What they do ---------------------------------------------------------------------------------------------------

/** Exit statuses of commands that cannot end with 0 at the site of this test, and why. */
const ENDINGS: readonly (readonly [command: RegExp, statuses: readonly number[]])[] = [
  // No terminal to ask on, and no --yes; nothing was posted here.
  [/^queue retry --state posted/, [0, 64]],
  [/^salt rotate --all$/, [64]],
  [/^user remove (?!.*--yes)/, [64]],
  // Nobody has a token of that name.
  [/^token revoke/, [65]],
  // So nobody was removed.
  [/^user restore/, [65]],
  [/^queue (?:retry|hold|release|drop) --(?!yes)(?!.*--yes)/, [64]],
  // What Postfix and spamd are on this machine is not this test's business.
  [/^doctor|^postfix-config --check/, [0, 69, 73, 74, 78]],
  [/^spam check/, [78]],
  // The webhook of this site lists nobody, and no other sink is there.
  [/^user import/, [64, 65, 78]],
  // A page speaks of it without saying for whom.
  [/^address mint(?: --bound| --compose(?: CONTAINER)?)?$/, [64]],
  // This site has one sink, and another name for it.
  [/^queue list --sink forum/, [65]],
  // This site does not let mail start threads.
  [/^address mint .*--user.*--compose/, [65]],
  // This site has no webhook.
  [/^source confirm/, [65]],
  // A store in SQLite has no hosts.
  [/^host forget/, [65]],
  // A page speaks of a version of the schema without saying which.
  [/^db sql --least --from VERSION/, [65]],
  // This site has no mailbox of that name.
  [/^check .*--source/, [65]],
  // Nothing stands on standard input.
  [/^notify$|^user put$|^address mint -$/, [65]],
  // This site has no mailbox.
  [/^source (?:test|sync|claim) \w/, [65]],
  // A daemon runs.
  [/^db restore(?!d)/, [69]],
  [/^db copy/, [64, 69]],
  // This site's store is a file.
  [/^db restored/, [64, 65]],
  [/^spam /, [69]],
];

/** Commands that read standard input where they stand alone; within this process they would read the test's own. */
const READS_INPUT = /^(?:notify|user put)\b|^address mint -$/;

/** Commands after which the others would find another site. */
const LAST = /^(?:salt rotate|user disable|user remove)/;

describe('the commands of mailgw-ctl on the pages, run at a site', () => {
  const scratch = suiteScratch();
  let daemon: Daemon;
  let platform: Platform;
  let address = '';
  let count = 0;

  before(async () => {
    platform = await startPlatform(scratch);
    platform.answerAlways(422);
    const metrics = { listen: `unix:${scratch.path('metrics.sock')}` };
    daemon = await startDaemon(scratch, { sink: platform.sink, settings: { metrics } });
    await daemon.addUser('alice');
    address = (await daemon.mint({ user: 'alice', thread: 'acme/site/issue/7' })).reply_to;
    writeFileSync(scratch.path('reply.eml'), replyMessage({ to: address }));
  });
  after(() => scratch.close());

  /** A dead letter of its own for each command, or a held item. */
  async function item(client: LmtpClient, isHeld: boolean): Promise<string> {
    const [reply = ''] = await client.deliver(replyMessage({ to: address }), address);
    const id = /queued as (\w+)/.exec(reply)?.[1] ?? assert.fail(reply);
    const attempt = new RegExp(`"id":"${id}".*"outcome":"failed"`);
    const hasFailed = (): true | undefined => (attempt.test(daemon.log()) ? true : undefined);
    await eventually(hasFailed, () => `${id} does not fail\n${daemon.log()}`);
    if (isHeld) await daemon.ctl('queue', 'hold', id);
    return id;
  }

  /** The words with something that exists in place of what stands for it. */
  async function fill(words: readonly string[], client: LmtpClient): Promise<string[]> {
    const filled: string[] = [];
    for (const word of words) {
      count += 1;
      if (word === 'ID' && words[0] === 'notification')
        filled.push(String((await handOver(daemon, [`test/${count}`]))[0]?.id));
      else if (word === 'ID' || word === 'QUEUE_ID')
        filled.push(await item(client, /release/.test(words.join(' '))));
      else if (/^(?:ADDRESS|\$reply_to|reply\+…@.*)$/.test(word)) filled.push(address);
      else if (/^(?:USER|alice)$/.test(word) && words[1] === 'add') filled.push(`user${count}`);
      else if (word === 'USER') filled.push('alice');
      else if (word === 'FILE' && words[0] !== 'db') filled.push(scratch.path('reply.eml'));
      else if (word === 'FILE' || word.endsWith('.db')) filled.push(scratch.path(`new${count}`));
      else filled.push(word);
    }
    if (words[0] === 'init') filled.push('--directory', scratch.path(`site${count}`));
    if (words[0] === 'top' && !words.includes('--once')) filled.push('--once');
    return filled;
  }

  it('end as the page says', async (t) => {
    process.chdir(scratch.directory); // whatever a command makes beside itself
    const client = await LmtpClient.open(t, daemon.socket);
    const ours = [...inBlocks, ...inLines].filter(
      (each) => ofTool(each) && OWN_TEST[each.page] === undefined,
    );
    const shown = ours.filter(canBeRun);
    const byText = new Map(shown.map((each) => [each.words.slice(1).join(' '), each]));
    assert.ok(byText.size > 25, String(byText.size));
    const wrong: string[] = [];
    const isLast = ([text]: readonly [string, Shown]): boolean => LAST.test(text);
    const inOrder = [...byText].sort((left, right) => Number(isLast(left)) - Number(isLast(right)));
    for (const [text, each] of inOrder) {
      const words = await fill(each.words.slice(1), client);
      const line = ['--config', daemon.config, ...words];
      const result = await (READS_INPUT.test(text) ? runProcess(line) : runCommand(daemon.config, line));
      const expected = ENDINGS.find(([pattern]) => pattern.test(text))?.[1] ?? [0];
      const told = `${whereIs(each)}\nexit ${String(result.code)}\n${result.stdout}${result.stderr}`;
      if (result.code === null || !expected.includes(result.code)) wrong.push(told);
    }
    assert.deepEqual(wrong, []);
  });
});
