// What is done inside the machine that ten-lines.slow.test.ts boots: the lines of README's "Run it", word for word, in a checkout.
//
// Contract: the first line, which asks a registry, was done by the test that boots the machine; the others are typed one by
// one, and none may fail. Postfix is as Debian's installer leaves it, and rspamd as its package does, but that it is told to
// ask no DNS: there is no network. Before mail is sent the admin waits until rspamd listens, which takes it some seconds.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../support/eventually.ts';
import { listens } from '../support/listens.ts';
import { run, runOk } from '../support/process.ts';
import { checkout, takeSteps } from './steps.ts';
import { installPostfix, Terminal } from './terminal.ts';

const MILTER = { host: '127.0.0.1', port: 11332 };
const MESSAGE = '/root/reply.eml';

const [, block = ''] =
  /^```sh\n(npm ci && npm install --global .*?)^```$/ms.exec(
    readFileSync(join(checkout, 'README.md'), 'utf8'),
  ) ?? [];
const [install, ...lines] = block.trimEnd().split('\n');
const terminal = new Terminal(checkout);
let printed = '';

/** Waits until rspamd takes connections. */
async function filterListens(): Promise<void> {
  const look = async (): Promise<true | undefined> => ((await listens(MILTER)) ? true : undefined);
  await eventually(look, () => 'rspamd does not listen', 120_000);
}

async function prepare(): Promise<void> {
  assert.match(String(install), /^npm ci && npm install --global /);
  assert.ok(lines.length > 5 && lines.length <= 10, block);
  assert.doesNotMatch(block, /\b(sed|tee|ed|vi)\b|mailgw\.toml/, 'no line edits the configuration');
  await installPostfix();
  await runOk('postconf', ['-e', 'myhostname = mx.example.org']);
  const dns = 'dns { nameserver = ["127.0.0.1:9"]; timeout = 100ms; retransmits = 1; }';
  writeFileSync('/etc/rspamd/local.d/options.inc', `disable_hyperscan = true;\n${dns}\n`);
}

const ctl = async (...args: string[]): Promise<string> => await runOk('mailgw-ctl', args);

await takeSteps({
  'has a Postfix and an rspamd': prepare,
  ...Object.fromEntries(
    lines.map((line) => [
      line,
      async () => {
        if (line.startsWith('swaks ')) await filterListens();
        printed = await terminal.run(`${line}\n`);
        process.stdout.write(`$ ${line}\n${printed}`);
      },
    ]),
  ),
  'ends with the reply in the queue': async () => {
    assert.match(printed, /<- +250 2\.0\.0 Ok: queued as /);
    await eventually(
      async () => {
        const [item] = (await ctl('--json', 'queue', 'list')).split('\n');
        return item?.includes('"user":"alice"') === true ? true : undefined;
      },
      () => printed,
    );
    const [item = ''] = (await ctl('--json', 'queue', 'list')).split('\n');
    writeFileSync(MESSAGE, await ctl('queue', 'cat', (JSON.parse(item) as { id: string }).id));
  },
  "is served by the daemon's own user, on sockets for Postfix's group": async () => {
    const pid = (await runOk('systemctl', ['show', '-P', 'MainPID', 'mailgw.service'])).trim();
    assert.equal((await runOk('ps', ['-o', 'user=', '-p', pid])).trim(), 'mailgw');
    for (const name of ['lmtp', 'policy']) {
      const socket = `/var/spool/postfix/mailgw/${name}.sock`;
      assert.equal((await runOk('stat', ['-c', '%G %a', socket])).trim(), 'postfix 660');
    }
  },
  'goes by the results that rspamd writes': async () => {
    const found = (await run('mailgw-ctl', ['--json', 'doctor', '--message', MESSAGE])).stdout;
    const text = readFileSync(MESSAGE, 'utf8').slice(0, 2000);
    assert.match(found, /"check":"filter\.authserv_id","status":"ok"/, `${text}\n${found}`);
  },
  'refuses a bad address while the sender is connected': async () => {
    const to = ['--to', 'reply+forged@reply.example.org', '--quit-after', 'RCPT'];
    const { stdout } = await run('swaks', ['--server', '127.0.0.1', '--from', 'm@example.com', ...to]);
    assert.match(stdout, /<\*\* 550 5\.1\.1 .*no such reply address/);
  },
});
