// The commands on the pages that need a real Postfix: swaks, nc, and the lines that wire it, run as they stand but for
// paths and ports.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { commandsOf, OWN_TEST, type Shown, whereIs } from '../docs/commands.ts';
import { PAGE_NAMES, readPage, takeApart } from '../docs/pages.ts';
import { TOOL } from '../support/command.ts';
import { policySocketIn, postfixUnavailable } from '../support/postfix.ts';
import { type RunResult, repositoryRoot, run, runOk } from '../support/process.ts';
import { freshAddress, suiteSite } from '../support/site.ts';

const unavailable = postfixUnavailable();
const missing = ['swaks', 'nc'].filter((name) => !existsSync(`/usr/bin/${name}`)).join(' and ');
const skip = unavailable === false && missing !== '' ? `unavailable: no ${missing}` : unavailable;

/** The lines of all pages on which a command begins with these words, once each. */
function linesWith(begin: string): Shown[] {
  const shown = PAGE_NAMES.filter((name) => OWN_TEST[name] === undefined)
    .flatMap((name) => takeApart(readPage(name)).blocks)
    .filter(({ language }) => language === 'sh')
    .flatMap(commandsOf)
    // What a line before it has made is typed by a test of the page, one after the other: README's ten lines, and recipes.
    .filter(
      ({ words, text }) => words.join(' ').startsWith(begin) && !/\/tmp\/minted|\/var\/mail\//.test(text),
    );
  assert.notEqual(shown.length, 0, begin);
  return [...new Map(shown.map((each) => [each.text, each])).values()];
}

describe('the commands on the pages, with a real Postfix', () => {
  const site = suiteSite({ postfix: () => ({ variants: ['main-policy.cf'] }) });

  /** Runs a line as it stands, with this site's address, ports and paths. */
  async function runLine(text: string, address: string): Promise<RunResult> {
    const { postfix, daemon, scratch } = site();
    const line = text
      .replace(/127\.0\.0\.1(?::25)?\b/, `127.0.0.1:${postfix.port}`)
      .replace(/'reply\+…@[^']*'/, address)
      .replace('/var/spool/postfix/mailgw/policy.sock', policySocketIn(scratch))
      .replace(/\bpostfix (?=check|reload)/g, `postfix -c ${postfix.configDirectory} `)
      .replace('mailgw-ctl ', `${process.execPath} ${TOOL} --config ${daemon.config} `);
    return await run('env', ['-C', repositoryRoot, 'bash', '-c', `reply_to=${address}; ${line}`]);
  }

  /** An address whose last letter is another one than the line puts there. */
  async function addressFor(text: string): Promise<{ reply_to: string; thread: string }> {
    for (;;) {
      const minted = await freshAddress(site().daemon);
      if (!text.includes('s/.@/a@/') || !minted.reply_to.includes('a@')) return minted;
    }
  }

  it('swaks: a reply is posted, and a changed address is refused', { skip }, async () => {
    const lines = linesWith('swaks ');
    for (const shown of lines) {
      const { reply_to, thread } = await addressFor(shown.text);
      const { code, stdout, stderr } = await runLine(shown.text, reply_to);
      const told = `${whereIs(shown)}\n${stdout}${stderr}`;
      if (shown.text.includes('sed')) assert.match(stdout, /<\*\* 550 5\.1\.1 .*no such reply address/, told);
      else {
        assert.equal(code, 0, told);
        await site().platform.post(({ data }) => data.thread === thread);
      }
    }
    assert.ok(lines.some(({ text }) => text.includes('sed')));
  });

  it('nc: the policy service answers', { skip }, async () => {
    for (const shown of linesWith('nc ')) {
      const { reply_to } = await freshAddress(site().daemon);
      const { code, stdout, stderr } = await runLine(shown.text, reply_to);
      assert.deepEqual([code, stdout, stderr], [0, 'action=DUNNO\n\n', ''], whereIs(shown));
    }
  });

  it('postfix: a running one checks and reads its configuration', { skip }, async () => {
    for (const shown of linesWith('postfix ')) {
      const { code, stdout, stderr } = await runLine(shown.text, '');
      assert.equal(code, 0, `${whereIs(shown)}\n${stdout}${stderr}`);
    }
  });

  it("cat: the examples, added to Debian's own files, make a configuration", { skip }, async () => {
    const directory = site().scratch.path('debian');
    mkdirSync(directory);
    writeFileSync(`${directory}/main.cf`, 'compatibility_level = 3.6\n');
    await runOk('cp', ['/usr/share/postfix/master.cf.dist', `${directory}/master.cf`]);
    for (const name of ['main.cf', 'master.cf']) {
      const line = `cat postfix-examples/${name} >> ${directory}/${name}`;
      await runOk('env', ['-C', repositoryRoot, 'bash', '-c', line]);
    }
    const found = await run('postconf', ['-c', directory, '-h', 'relay_domains', 'relay_transport']);
    assert.deepEqual([found.stdout, found.stderr], ['reply.example.org\nmailgw:unix:mailgw/lmtp.sock\n', '']);
    assert.match(await runOk('postconf', ['-c', directory, '-M', 'mailgw/unix']), /^mailgw +unix .* lmtp/);
  });
});
