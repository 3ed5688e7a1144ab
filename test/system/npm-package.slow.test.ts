// The npm package, as `npm install -g` leaves it: made from this checkout, installed elsewhere, and delivering.

import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { LmtpClient } from '../support/lmtp.ts';
import { replyMessage } from '../support/message.ts';
import { startPlatform } from '../support/platform.ts';
import { DaemonProcess, runOk } from '../support/process.ts';
import { testScratch } from '../support/scratch.ts';
import { installPackage } from './npm-package.ts';
import { readLinks } from './package-links.ts';
import { socketServes } from './serving.ts';

describe('the npm package', () => {
  it('installs globally, sets itself up and posts a reply', async (t) => {
    const scratch = testScratch(t);
    const prefix = scratch.path('prefix');
    const missing = await installPackage(scratch, prefix);
    if (missing !== undefined) {
      t.skip(missing);
      return;
    }
    const root = join(prefix, 'lib/node_modules/mailgw');
    const { count, dead } = readLinks(root);
    assert.ok(count > 50, String(count));
    assert.deepEqual(dead, []);
    const ctl = (...args: string[]): Promise<string> => runOk(join(prefix, 'bin/mailgw-ctl'), args);

    const daemon = join(prefix, 'bin/mailgwd');
    assert.match(await runOk(daemon, ['--help']), /^usage: mailgwd/);
    assert.equal(await runOk(daemon, ['--version']), await ctl('--version'));

    for (const page of ['man8/mailgwd.8', 'man8/mailgw-ctl.8', 'man5/mailgw.toml.5'])
      assert.ok(existsSync(join(prefix, 'share/man', page)), page);

    const platform = await startPlatform(scratch);
    const site = scratch.path('site');
    const config = join(site, 'mailgw.toml');
    const { url, secret } = platform.sink;
    const where = ['--domain', 'reply.example.org', '--authserv-id', 'mx.example.org', '--url', url];
    await ctl('init', '--directory', site, ...where);
    writeFileSync(join(site, 'webhook.secret'), `${secret}\n`);
    await ctl('--config', config, 'user', 'add', 'alice', '--address', 'alice@example.com');
    const minted = await ctl(
      '--config',
      config,
      '--json',
      'address',
      'mint',
      '--user',
      'alice',
      '--thread',
      'acme/7',
    );
    const { reply_to: address } = JSON.parse(minted) as { reply_to: string };

    const mailgwd = new DaemonProcess(daemon, ['--config', config], scratch.path('log'));
    scratch.defer(() => mailgwd.end('SIGTERM').then(() => undefined));
    const client = await LmtpClient.open(t, await socketServes(join(site, 'lmtp.sock'), mailgwd));
    const vouched = `Authentication-Results: mx.example.org; dmarc=pass header.from=example.com\r\nReceived: from a by mx.example.org\r\n`;
    const [answer = ''] = await client.deliver(`${vouched}${replyMessage({ to: address })}\r\n`, address);
    assert.match(answer, /^250 2\.0\.0 queued/);
    assert.equal((await platform.nthPost(1)).data.user, 'alice');
    assert.equal(await mailgwd.end('SIGTERM'), 'exit 0');
  });
});
