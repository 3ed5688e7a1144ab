// `mailgw-ctl postfix-config` on a Postfix that is in use: its commands are run as they are printed, nothing that was live is
// lost, and replies become posts.

import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { runTool } from '../ctl/tool.ts';
import { replyMessage } from '../support/message.ts';
import { postfixUnavailable } from '../support/postfix.ts';
import { run, runOk } from '../support/process.ts';
import { ALICE, freshAddress, suiteSite } from '../support/site.ts';

const skip = postfixUnavailable();

/** What this Postfix did before mailgw came. */
const LIVE = {
  mydestination: '$myhostname, example.org',
  own_domains: 'shop.example.net',
  relay_domains: '$own_domains,\n    backup.example.net',
  transport_maps: 'inline:{ { backup.example.net = discard:backup } }',
  relay_recipient_maps: 'inline:{ { info@backup.example.net = x } }',
  smtpd_restriction_classes: 'greylist',
  greylist: 'check_policy_service inet:127.0.0.1:1',
  smtpd_relay_restrictions: 'permit_mynetworks, reject_unauth_destination',
  smtpd_recipient_restrictions: [
    '',
    'check_sender_access inline:{ { spam@example.net = REJECT not you } },',
    'permit_mynetworks',
    'reject_unauth_destination',
    'reject_rbl_client zen.example.net=127.0.0.[2..11],',
    'check_policy_service unix:private/policyd-spf',
  ].join('\n    '),
  smtpd_milters: '',
  header_checks: 'regexp:$config_directory/own_checks',
  message_size_limit: '20480000',
};

/** The entries of each list that must be there afterwards, in this order. */
const KEPT: Readonly<Record<string, readonly string[]>> = {
  relay_domains: ['$own_domains', 'backup.example.net', 'reply.example.org'],
  transport_maps: ['inline:{ { backup.example.net = discard:backup } }'],
  relay_recipient_maps: ['inline:{ { info@backup.example.net = x } }'],
  smtpd_restriction_classes: ['greylist', 'mailgw_policy'],
  smtpd_recipient_restrictions: [
    '= mailgw_policy }',
    'check_sender_access inline:{ { spam@example.net = REJECT not you } }',
    'permit_mynetworks',
    'reject_unauth_destination',
    'reject_rbl_client zen.example.net=127.0.0.[2..11]',
    'check_policy_service unix:private/policyd-spf',
  ],
  header_checks: ['regexp:$config_directory/own_checks', 'mailgw_header_checks'],
  message_size_limit: ['20480000'],
};

describe('postfix-config on a Postfix in use', { concurrency: false }, () => {
  const site = suiteSite({
    settings: { spam: { source: 'header' } },
    postfix: (_daemon, scratch) => {
      mkdirSync(scratch.path('postfix'), { recursive: true });
      writeFileSync(scratch.path('postfix', 'own_checks'), '/^X-Secret:/ REJECT no secrets\n');
      return { bare: true, settings: LIVE };
    },
  });

  const postfixConfig = async (...words: string[]) => {
    const { daemon } = site();
    return await runTool(['--config', daemon.config, 'postfix-config', ...words]);
  };

  const value = async (name: string): Promise<string> =>
    (await runOk('postconf', ['-c', site().postfix.configDirectory, '-h', name])).trim();

  it('adds what is missing and keeps what is there, by commands that a shell takes', { skip }, async () => {
    const { configDirectory } = site().postfix;
    const { stdout, code } = await postfixConfig('--postfix-config', configDirectory);
    assert.equal(code, 0);
    assert.doesNotMatch(stdout, /LEFT TO YOU/);
    await runOk('bash', ['-ec', stdout]);
    for (const [name, entries] of Object.entries(KEPT)) {
      const live = await value(name);
      const places = entries.map((entry) => live.indexOf(entry));
      assert.deepEqual(
        places,
        places.toSorted((a, b) => a - b),
        `${name} = ${live}`,
      );
      assert.ok(!places.includes(-1), `${name} = ${live}`);
    }
    const checked = await postfixConfig('--check', configDirectory);
    assert.equal(checked.code, 0, checked.stdout);
    assert.doesNotMatch(checked.stdout, /WARNING|PROBLEM/);
  });

  it('has nothing to say the second time', { skip }, async () => {
    const { configDirectory } = site().postfix;
    const { stdout } = await postfixConfig('--postfix-config', configDirectory);
    assert.equal(stdout, `# Postfix in ${configDirectory} has what it needs.\n`);
  });

  it('has replies posted, forged ones refused, and all other mail as it was', { skip }, async () => {
    const { postfix, daemon, platform } = site();
    const { reply_to, thread } = await freshAddress(daemon);
    const data = replyMessage({ to: reply_to });
    await postfix.accept({ from: ALICE.address, to: [reply_to], data: `X-Spam-Flag: YES\r\n${data}` });
    await platform.post((post) => post.data.thread === thread);

    const send = (from: string, to: string, more = '') =>
      postfix.send({ from, to: [to], data: `${more}${replyMessage({ to })}` });
    const forged = await send(ALICE.address, 'reply+forged@reply.example.org');
    assert.match(forged.recipients[0]?.text ?? '', /^550 5\.1\.1 .*no such reply address/);
    const backup = await postfix.accept({ from: ALICE.address, to: ['info@backup.example.net'], data });
    assert.match((await postfix.done(backup)).join('\n'), /relay=none, .*status=sent \(backup\)/);
    const spammer = await send('spam@example.net', 'info@backup.example.net');
    assert.match(spammer.recipients[0]?.text ?? '', /not you/);
    const secret = await send(ALICE.address, 'info@backup.example.net', 'X-Secret: 1\r\n');
    assert.match(secret.data?.text ?? '', /no secrets/);
  });

  it('carries the addresses of an old domain over by a regexp table', { skip }, async () => {
    const { postfix, daemon, platform } = site();
    const { configDirectory } = postfix;
    const line = '/^(reply\\+.*)@old\\.example\\.org$/ $1@reply.example.org\n';
    writeFileSync(`${configDirectory}/old-domain`, line);
    const relayed = `${await value('relay_domains')}, old.example.org`;
    const aliases = `virtual_alias_maps = regexp:${configDirectory}/old-domain`;
    await runOk('postconf', ['-c', configDirectory, '-e', aliases, `relay_domains = ${relayed}`]);
    await runOk('postconf', ['-c', configDirectory, '-e', 'relay_recipient_maps =']);
    await runOk('postfix', ['-c', configDirectory, 'reload']);
    const { reply_to, thread } = await freshAddress(daemon);
    const old = reply_to.replace('@reply.', '@old.');
    await postfix.accept({ from: ALICE.address, to: [old], data: replyMessage({ to: old }) });
    await platform.post((post) => post.data.thread === thread);
  });

  it('makes room for a second mailgw, with a class of its own', { skip }, async () => {
    const { scratch, daemon, postfix } = site();
    const text = readFileSync(daemon.config, 'utf8')
      .replaceAll('reply.example.org', 're.forum.example')
      .replace(/lmtp\.sock/, 'forum/lmtp.sock')
      .replace(/policy\.sock/, 'forum/policy.sock');
    writeFileSync(scratch.path('forum.toml'), text, { mode: 0o644 });
    const forum = (...words: string[]) =>
      runTool(['--config', scratch.path('forum.toml'), 'postfix-config', ...words]);
    const { stdout } = await forum('--postfix-config', postfix.configDirectory);
    await runOk('bash', ['-ec', stdout]);
    assert.match(await value('mailgw_policy'), /unix:mailgw\/policy\.sock/);
    assert.match(await value('mailgw_policy_re_forum_example'), /unix:mailgw\/forum\/policy\.sock/);
    for (const check of [postfixConfig, forum]) {
      const { stdout: checked, code } = await check('--check', postfix.configDirectory);
      assert.equal(code, 0, checked);
    }
  });

  it('names every line of main.cf that an appended snippet overrides, and brings them back', {
    skip,
  }, async () => {
    const { scratch, postfix } = site();
    const directory = scratch.path('appended');
    mkdirSync(directory);
    copyFileSync(`${postfix.configDirectory}/master.cf`, `${directory}/master.cf`);
    writeFileSync(`${directory}/own_checks`, '');
    const before = Object.entries(LIVE).map(([name, each]) => `${name} = ${each}\n`);
    const queue = ['--queue-directory', scratch.path('queue')];
    const { stdout: snippet } = await postfixConfig('--file', 'main.cf', ...queue);
    const base = `compatibility_level = 3.6\nqueue_directory = ${scratch.path('queue')}\n`;
    writeFileSync(`${directory}/main.cf`, `${base}${before.join('')}${snippet}`);

    const checked = await postfixConfig('--check', directory);
    const lost = [...checked.stdout.matchAll(/^WARNING postfix\.overridden: main\.cf line \d+ sets (\w+)/gm)];
    const set = new Set([...snippet.matchAll(/^(\w+) =/gm)].map(([, name]) => name));
    const expected = Object.keys(LIVE).filter((name) => set.has(name));
    assert.ok(expected.length >= 5, expected.join());
    assert.deepEqual(lost.map(([, name]) => name).sort(), expected.sort());
    assert.match(checked.stdout, /of line \d+ is lost: .*reject_rbl_client zen\.example\.net/);
    assert.match(checked.stdout, /of line \d+ is lost: \$own_domains, backup\.example\.net/);

    for (const [, fix = ''] of checked.stdout.matchAll(/fix: (postconf .*) && postfix .* reload$/gm))
      await runOk('bash', ['-ec', fix]);
    const { stdout: live } = await run('postconf', ['-c', directory, '-n']);
    for (const entry of [
      'backup.example.net',
      'reject_rbl_client zen.example.net',
      'policyd-spf',
      'own_checks',
    ])
      assert.ok(live.includes(entry), `${entry}\n${live}`);
    const again = await postfixConfig('--check', directory);
    assert.doesNotMatch(
      again.stdout,
      /WARNING postfix\.overridden: .*(?:relay_domains|_restrictions|header_checks)/,
    );
  });
});
