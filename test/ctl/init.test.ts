import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { SINKS, settingsOf } from '../../src/sinks/catalogue.ts';
import type { Config } from '../../src/site/config.ts';
import { loadConfig, readConfig } from '../../src/site/config.ts';
import { SETTING_SECTIONS } from '../docs/setting-sections.ts';
import { type RunResult, repositoryRoot, run } from '../support/process.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';
import { initialise, parseRows, runTool, Tool } from './tool.ts';

function configOf(path: string): Config {
  const loaded = loadConfig(path);
  assert.ok(loaded.ok, JSON.stringify(loaded));
  return loaded.config;
}

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

const skip = existsSync('/usr/sbin/postconf') ? false : 'unavailable: Postfix is not installed';

/** Initialises beside a Postfix with this main.cf, or with none. */
async function initBeside(
  scratch: Scratch,
  mainCf: string | undefined,
  ...options: readonly string[]
): Promise<RunResult & { readonly config: Config }> {
  const directory = scratch.path('site');
  const postfix = scratch.path('postfix');
  mkdirSync(postfix);
  if (mainCf !== undefined) {
    writeFileSync(join(postfix, 'main.cf'), mainCf);
    writeFileSync(join(postfix, 'master.cf'), '');
  }
  const where = ['--directory', directory, '--postfix-config', postfix, ...options];
  const result = await runTool(['init', '--domain', 'r.example', ...where]);
  assert.equal(result.code, 0, result.stderr);
  return { ...result, config: configOf(join(directory, 'mailgw.toml')) };
}

/** The words that initialise for one type of sink. */
function wordsFor({ directory }: Scratch, sink: string): string[] {
  return ['init', '--domain', 'r.example', '--directory', directory, '--sink', sink];
}

describe('mailgw-ctl init', () => {
  it('makes a configuration that config check accepts, with secrets for the owner alone', async (t) => {
    const tool = await initialise(testScratch(t));
    const { scratch } = tool;
    assert.deepEqual(readdirSync(scratch.directory).sort(), ['mailgw.toml', 'pepper', 'webhook.secret']);
    assert.equal(modeOf(scratch.path('pepper')), '600');
    assert.equal(modeOf(scratch.path('webhook.secret')), '600');
    assert.equal(Buffer.from(readFileSync(scratch.path('pepper'), 'utf8'), 'base64').length, 32);
    assert.match(readFileSync(scratch.path('webhook.secret'), 'utf8'), /^whsec_[A-Za-z0-9+/]{43}=\n$/);
    assert.equal(await tool.text('config', 'check'), `${tool.config}: no problem found\n`);
  });

  it('writes every setting with its sentence, and defaults as comments that say what the default is', async (t) => {
    const tool = await initialise(testScratch(t));
    const text = readFileSync(tool.config, 'utf8');
    for (const { heading, keys } of SETTING_SECTIONS) {
      assert.ok(text.includes(`${heading}\n`), heading);
      for (const { name } of keys) assert.match(text, new RegExp(`^#?${name} = `, 'm'));
    }
    // The keys of a list stand for a table that nobody has yet.
    const sections = text.split('\n\n').filter((section) => !section.startsWith('#[['));
    const uncommented = readConfig(sections.join('\n\n').replaceAll(/^#(\w+ = )/gm, '$1'));
    assert.ok(uncommented.ok, JSON.stringify(uncommented));
    assert.deepEqual(uncommented.config, configOf(tool.config));
    const prose = text.split('\n').filter((line) => !/^#?\w+ = /.test(line));
    assert.ok(prose.every((line) => line.length <= 110));
  });

  it('says each thing it made and the next step', async (t) => {
    const scratch = testScratch(t);
    const directory = scratch.path('deep', 'er');
    const { stdout, code } = await runTool(['init', '--domain', 'r.example', '--directory', directory]);
    assert.equal(code, 0);
    assert.match(stdout, /^made +\S+\/deep\/er\/pepper +the installation's secret/m);
    assert.match(stdout, /mailgw-ctl --config \S+\/deep\/er\/mailgw\.toml config check/);
    const again = await runTool(['--json', 'init', '--directory', directory]);
    assert.deepEqual(
      parseRows(again.stdout).map(({ action }) => action),
      ['kept', 'kept', 'kept', 'kept'],
    );
    assert.match(again.stderr, /was there before/);
  });

  it('takes the options over', async (t) => {
    const scratch = testScratch(t);
    const { code } = await runTool(
      [
        'init',
        '--domain',
        'r.example',
        '--directory',
        scratch.directory,
        '--url',
        'https://t.example/"hook"',
      ].concat('--authserv-id', 'mx.example'),
    );
    assert.equal(code, 0);
    const config = configOf(scratch.path('mailgw.toml'));
    assert.equal(config.sinks[0]?.options.url, 'https://t.example/"hook"');
    assert.equal(config.sender.authservId, 'mx.example');
    assert.deepEqual(config.reply.domain, ['r.example']);
  });

  it('takes the name that Postfix gives its host, expanded, for the authserv-id', { skip }, async (t) => {
    const scratch = testScratch(t);
    const { stdout, stderr, config } = await initBeside(
      scratch,
      'mydomain = example.org\nmyhostname = mx.$mydomain\n',
    );
    assert.equal(config.sender.authservId, 'mx.example.org');
    assert.match(stdout, /sender\.authserv_id \("mx\.example\.org", myhostname of Postfix\) in /);
    assert.doesNotMatch(stderr, /authserv_id/);
  });

  it("takes the host's own name where Postfix has none or made one up, and says when that is no full one", {
    skip,
  }, async (t) => {
    const full = (await run('hostname', ['-f'])).stdout.trim();
    const wanted = full.includes('.') && !full.endsWith('.localdomain') ? full : hostname();
    for (const mainCf of [undefined, '', 'myhostname = mx\n', 'myhostname = mx.localdomain\n']) {
      const { stderr, config } = await initBeside(testScratch(t), mainCf);
      assert.equal(config.sender.authservId, wanted, mainCf);
      const note =
        /^mailgw-ctl: note: sender\.authserv_id = "[^".]+" is this host's short name, and no filter writes/m;
      if (wanted.includes('.')) assert.doesNotMatch(stderr, note);
      else assert.match(stderr, note);
    }
  });

  it('finds out how many Received fields stand above what the milters of Postfix write', {
    skip,
  }, async (t) => {
    const milter = 'smtpd_milters = inet:127.0.0.1:11332\n';
    const found = [
      ['', 0],
      [milter, 1],
      [`${milter}content_filter = scan:[127.0.0.1]:10025\n`, 1],
      ['content_filter = scan:[127.0.0.1]:10025\n', 0],
    ] as const;
    for (const [mainCf, wanted] of found) {
      const { stderr, config } = await initBeside(testScratch(t), mainCf);
      assert.equal(config.sender.ownReceived, wanted, mainCf);
      const note = /^mailgw-ctl: note: sender\.own_received = 1: Postfix asks inet:127\.0\.0\.1:11332, /m;
      if (wanted === 0) assert.doesNotMatch(stderr, /own_received/);
      else assert.match(stderr, note);
      assert.equal(stderr.includes('; content_filter adds others, '), mainCf.includes('scan') && wanted > 0);
    }
  });

  it('takes the number that is given in place of what Postfix says', { skip }, async (t) => {
    const milter = 'smtpd_milters = inet:127.0.0.1:11332\n';
    const { stderr, config } = await initBeside(testScratch(t), milter, '--own-received', '0');
    assert.equal(config.sender.ownReceived, 0);
    assert.doesNotMatch(stderr, /own_received/);
    const place = ['--directory', testScratch(t).path('new'), '--own-received', 'two'];
    const bad = await runTool(['init', '--domain', 'r.example', ...place]);
    assert.equal(bad.code, 65);
    assert.match(bad.stderr, /^mailgw-ctl: sender\.own_received: "two" /);
  });

  it('names both sockets, in one directory, and the sender policy that was asked for', async (t) => {
    const scratch = testScratch(t);
    const init = ['init', '--domain', 'r.example', '--directory', scratch.directory];
    const bad = await runTool([...init, '--sender-policy', 'lax']);
    assert.deepEqual([bad.code, existsSync(scratch.path('mailgw.toml'))], [65, false], bad.stderr);
    assert.equal((await runTool([...init, '--sender-policy', 'flag'])).code, 0);
    const { lmtp, policy, sender } = configOf(scratch.path('mailgw.toml'));
    assert.deepEqual(
      [lmtp.socket, policy.socket, sender.policy],
      [scratch.path('lmtp.sock'), scratch.path('policy.sock'), 'flag'],
    );
  });

  it('never changes a pepper, and makes a missing one where the configuration wants it', async (t) => {
    const tool = await initialise(testScratch(t));
    const { scratch } = tool;
    const pepper = readFileSync(scratch.path('pepper'), 'utf8');
    await tool.run('init', '--domain', 'other.example');
    assert.equal(readFileSync(scratch.path('pepper'), 'utf8'), pepper);
    assert.deepEqual(configOf(tool.config).reply.domain, ['reply.example.org']);

    const moved = readFileSync(tool.config, 'utf8').replace('/pepper"', '/keys/p"');
    writeFileSync(tool.config, moved);
    const missing = scratch.path('keys/p');
    const problem = `reply.pepper_file: ${missing}: cannot be read: ENOENT: no such file or directory, stat '${missing}'; restore it from a backup, or on a new site "mailgw-ctl init" makes one`;
    await tool.fails(78, problem, 'address', 'mint', '--user', 'alice', '--thread', 't');
    const daemon = await run(join(repositoryRoot, 'bin/mailgwd'), ['--config', tool.config]);
    assert.deepEqual([daemon.code, daemon.stderr], [78, `mailgwd: ${problem}\n`]);
    assert.equal((await tool.run('init')).code, 0);
    assert.equal(modeOf(scratch.path('keys/p')), '600');
    assert.equal(await tool.text('config', 'check'), `${tool.config}: no problem found\n`);
  });

  it('names a bad option before it makes anything', async (t) => {
    const scratch = testScratch(t);
    const directory = scratch.path('new');
    const bad = await runTool(['init', '--domain', 'a b', '--directory', directory]);
    assert.deepEqual([bad.code, bad.stderr], [65, 'mailgw-ctl: reply.domain: "a b" is not a domain\n']);
    const missing = await runTool(['init', '--directory', directory]);
    assert.equal(missing.code, 64);
    assert.match(missing.stderr, /^mailgw-ctl: init: --domain is missing; expected the domain/);
    const owner = await runTool([
      'init',
      '--domain',
      'r.example',
      '--directory',
      directory,
      '--owner',
      'no-such-user',
    ]);
    assert.match(owner.stderr, /^mailgw-ctl: --owner "no-such-user": /);
    assert.notEqual(owner.code, 0);
    assert.equal(existsSync(directory), false);
  });

  it('leaves a configuration alone that it cannot read, and says so', async (t) => {
    const tool = await initialise(testScratch(t));
    writeFileSync(tool.config, '[reply]\ndomian = "x"\n');
    const { code, stderr } = await tool.run('init', '--domain', 'r.example');
    assert.equal(code, 78);
    assert.match(stderr, /^mailgw-ctl: reply\.domian: unknown key; did you mean reply\.domain\?$/m);
    assert.match(stderr, /exists and is left as it is/);
    assert.equal(readFileSync(tool.config, 'utf8'), '[reply]\ndomian = "x"\n');
  });

  it('ends with 73 where it cannot make a file', async (t) => {
    const scratch = testScratch(t);
    writeFileSync(scratch.path('file'), '');
    const place = scratch.path('file', 'below');
    const { code, stderr } = await runTool(['init', '--domain', 'r.example', '--directory', place]);
    assert.equal(code, 73);
    assert.match(stderr, new RegExp(`^mailgw-ctl: ${place}: cannot be made: ENOTDIR`));
  });
});

describe('mailgw-ctl config', () => {
  it('check names every problem at once, with key, value and what was expected, and ends with 78', async (t) => {
    const tool = await initialise(testScratch(t));
    const text = readFileSync(tool.config, 'utf8').replace('domain = "reply.example.org"', 'domain = 7');
    writeFileSync(tool.config, `${text}\n[spma]\nx = 1\n`);
    const { code, stdout, stderr } = await tool.run('config', 'check');
    assert.deepEqual([code, stdout], [78, '']);
    assert.equal(
      stderr,
      'mailgw-ctl: reply.domain: 7 is not a domain\nmailgw-ctl: spma: unknown key; did you mean spam?\n',
    );
    const json = await tool.run('--json', 'config', 'check');
    assert.equal(json.code, 78);
    assert.deepEqual(parseRows(json.stdout), [
      {
        config: tool.config,
        ok: false,
        problems: ['reply.domain: 7 is not a domain', 'spma: unknown key; did you mean spam?'],
        notes: [],
      },
    ]);
  });

  it('check reads the secrets too', async (t) => {
    const tool = await initialise(testScratch(t));
    chmodSync(tool.scratch.path('pepper'), 0o644);
    rmSync(tool.scratch.path('webhook.secret'));
    const { code, stderr } = await tool.run('config', 'check');
    assert.equal(code, 78);
    assert.match(
      stderr,
      /^mailgw-ctl: reply\.pepper_file: \S+: mode 0644 lets group or world in; expected 0600/,
    );
    assert.match(stderr, /^mailgw-ctl: sink\.secret_file: \S+: cannot be read/m);
  });

  it('show prints a configuration that means the same, and marks the defaults', async (t) => {
    const tool = await initialise(testScratch(t));
    const shown = await tool.text('config', 'show');
    const read = readConfig(shown);
    assert.ok(read.ok, JSON.stringify(read));
    assert.deepEqual(read.config, configOf(tool.config));
    assert.match(shown, /^max_age = "90d" {2}# default$/m);
    assert.match(shown, /^domain = "reply\.example\.org"$/m);
  });

  it('show --json prints one object per setting', async (t) => {
    const tool = await initialise(testScratch(t));
    const rows = await tool.rows('config', 'show');
    assert.deepEqual(Object.keys(rows[0] ?? {}), ['key', 'value', 'default', 'doc']);
    assert.deepEqual(
      rows.filter(({ key }) => key === 'reply.max_age').map(({ value }) => value),
      ['90d'],
    );
  });

  it('show hides what a sink of the site calls a secret', async (t) => {
    const tool = await initialise(testScratch(t));
    const text = readFileSync(tool.config, 'utf8');
    writeFileSync(
      tool.config,
      `${text.replace(/\[sink\][^]*/, '')}[sink]\ntype = "/s.js"\napi_token = "hunter2"\n`,
    );
    assert.match(await tool.text('config', 'show'), /^api_token = "\(hidden\)"$/m);
    const json = await tool.run('--json', 'config', 'show');
    assert.doesNotMatch(json.stdout, /hunter2/);
  });

  it('show hides a secret wherever a sink of the site has it, and nothing else', async (t) => {
    const tool = await initialise(testScratch(t));
    const text = readFileSync(tool.config, 'utf8');
    const sink = [
      ...['[sink]', 'type = "/s.js"', 'url = "https://me:hunter2@tracker.example/api"', 'board = 7'],
      ...['key_file = "/etc/mailgw/token"', 'login = { user = "bot", password = "hunter2", realm = "all" }'],
    ];
    writeFileSync(tool.config, text.replace(/\[sink\][^]*/, `${sink.join('\n')}\n`));
    const shown = await tool.text('config', 'show');
    assert.doesNotMatch(shown, /hunter2/);
    assert.ok(shown.includes('url = "https://(hidden)@tracker.example/api"'), shown);
    assert.ok(shown.includes('login = { user = "bot", password = "(hidden)", realm = "all" }'), shown);
    assert.ok(shown.includes('key_file = "/etc/mailgw/token"\n') && shown.includes('board = 7\n'), shown);
    assert.doesNotMatch((await tool.run('--json', 'config', 'show')).stdout, /hunter2/);
  });

  it('says where it looked when there is no configuration', async (t) => {
    const missing = testScratch(t).path('none.toml');
    const { code, stderr } = await runTool(['--config', missing, 'user', 'list']);
    assert.equal(code, 78);
    assert.match(
      stderr,
      new RegExp(`^mailgw-ctl: ${missing}: cannot be read: ENOENT.*"mailgw-ctl init" writes one\n$`),
    );
  });

  it('takes --config and --json after the command as well', async (t) => {
    const { config } = await initialise(testScratch(t));
    const { code, stdout } = await runTool(['config', 'check', '--json', '--config', config]);
    assert.deepEqual([code, parseRows(stdout)], [0, [{ config, ok: true, problems: [], notes: [] }]]);
  });
});

/** Every secret file that the configuration of a new site names, and that is empty. */
const emptyFiles = (config: Config): string[] =>
  Object.values(config.sinks[0]!.options).filter(
    (value): value is string => typeof value === 'string' && existsSync(value) && statSync(value).size === 0,
  );

describe('mailgw-ctl init --sink', () => {
  for (const type of Object.keys(SINKS))
    it(`${type}: makes what config check accepts, once the platform's key is written in`, async (t) => {
      const scratch = testScratch(t);
      const tool = new Tool(scratch);
      const words = ['init', '--domain', 'reply.example.org', '--directory', scratch.directory];
      const { code, stdout, stderr } = await tool.run(...words, '--sink', type);
      assert.equal(code, 0, stderr);
      const config = configOf(tool.config);
      assert.equal(config.sinks[0]!.options.type, type);
      const settings = settingsOf({ type }) ?? {};
      for (const [key, value] of Object.entries(config.sinks[0]!.options)) {
        if (key === 'type') continue;
        const setting = settings[key] ?? assert.fail(`${key}: is no setting`);
        assert.ok(setting.read(value).ok, key);
        if (setting.names === 'secret') assert.equal(modeOf(String(value)), '600');
      }
      const empty = emptyFiles(config);
      assert.deepEqual(empty.length === 0, type === 'webhook', 'a platform gives its key itself');
      for (const file of empty) {
        assert.ok(stdout.includes(`into ${file}, which is empty`), stdout);
        await tool.fails(
          78,
          /^mailgw-ctl: sink\.\w+: \S+: is empty; expected the secret, on one line$/m,
          'config',
          'check',
        );
        const found = parseRows((await tool.run('--json', 'doctor')).stdout);
        const finding = found.find(
          ({ check, status }) => check === 'files.sink_secret' && status === 'problem',
        );
        assert.equal(finding?.fix, `write the key that the platform gave you into ${file}`);
      }
      for (const file of empty) writeFileSync(file, 'bot@example.org:a-key-of-this-test\n');
      assert.equal(await tool.text('config', 'check'), `${tool.config}: no problem found\n`);
      const shown = await tool.text('config', 'show');
      assert.doesNotMatch(shown, /hidden|a-key-of-this-test/);
      for (const file of empty) {
        const rows = parseRows((await tool.run('--json', 'doctor')).stdout);
        const finding = rows.find(({ what }) => String(what).startsWith(`${file}: `));
        assert.deepEqual([finding?.check, finding?.status], ['files.sink_secret', 'ok']);
      }
    });

  it('takes the path of a module, whose options it leaves to the site', async (t) => {
    const scratch = testScratch(t);
    const words = wordsFor(scratch, '/opt/sink.js');
    assert.equal((await runTool(words)).code, 0);
    assert.deepEqual(
      { ...configOf(scratch.path('mailgw.toml')).sinks[0]!.options },
      { type: '/opt/sink.js' },
    );
    assert.deepEqual(readdirSync(scratch.directory).sort(), ['mailgw.toml', 'pepper']);
  });

  it('refuses a type that there is not, and makes nothing', async (t) => {
    const scratch = testScratch(t);
    const words = wordsFor(scratch, 'carrier-pigeon');
    const { code, stderr } = await runTool(words);
    assert.equal(code, 64);
    assert.match(stderr, /^mailgw-ctl: init: --sink "carrier-pigeon" is not .*"webhook"/);
    assert.deepEqual(readdirSync(scratch.directory), []);
  });
});
