// The configuration: every problem at once, each with its key, the value and what was expected.

import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { dedupeWindowMs } from '../../src/config/config.ts';
import type { Setting } from '../../src/config/kinds.ts';
import { tomlKey } from '../../src/config/names.ts';
import { readSecretFile } from '../../src/config/secret-file.ts';
import { SINK_FORM } from '../../src/sinks/catalogue.ts';
import { WEBHOOK_SETTINGS } from '../../src/sinks/webhook/settings.ts';
import { loadConfig, readConfig } from '../../src/site/config.ts';
import { ROWS, SETTINGS } from '../../src/site/table.ts';
import { testScratch } from '../support/scratch.ts';
import { configOf, LEAST, problemsOf } from './least.ts';

/** The problems of the least configuration with one more section. */
function problemsWith(section: string, ...lines: string[]): readonly string[] {
  const header = `[${section}]\n`;
  const extended = LEAST.includes(header)
    ? LEAST.replace(header, `${header}${lines.join('\n')}\n`)
    : `${LEAST}${header}${lines.join('\n')}\n`;
  return problemsOf(extended);
}

describe('a sound configuration', () => {
  it('needs a domain, a sender policy and a sink; everything else has its default', () => {
    const config = configOf(LEAST);
    assert.deepEqual(config.reply.prefix, ['reply+']);
    assert.equal(config.reply.maxAgeMs, 90 * 86_400_000);
    assert.equal(config.lmtp.mode, 0o660);
    assert.equal(config.lmtp.group, undefined);
    assert.equal(config.lmtp.maxMessageBytes, 25 * 1024 * 1024);
    assert.deepEqual(config.rate.perUser, { count: 120, perMs: 3_600_000 });
    assert.equal(config.rate.total, 'off');
    const [sink] = config.sinks;
    assert.deepEqual(sink, {
      ...{ name: 'webhook', threads: undefined, key: 'sink' },
      options: { type: 'webhook', url: 'https://tracker.example.org/hooks/mail' },
    });
  });

  it('is frozen to its depths', () => {
    const config = configOf(LEAST);
    for (const value of [config, config.lmtp, config.rate.perUser, config.sinks, config.sinks[0]]) {
      assert.ok(Object.isFrozen(value));
    }
  });

  it('takes units in every spelling', () => {
    const config = configOf(
      LEAST.replace('[reply]\n', '[reply]\nmax_age = "12 h"\n').concat(
        '[lmtp]\nmax_message = "1000KB"\nmax_buffered = "1GiB"\ncommand_timeout = "500ms"\nmode = "666"\n',
        '[rate]\ntotal = "5/s"\nper_user = "off"\n',
      ),
    );
    assert.equal(config.reply.maxAgeMs, 12 * 3_600_000);
    assert.deepEqual([config.lmtp.maxMessageBytes, config.lmtp.maxBufferedBytes], [1_000_000, 1024 ** 3]);
    assert.deepEqual([config.lmtp.commandTimeoutMs, config.lmtp.mode], [500, 0o666]);
    assert.deepEqual([config.rate.total, config.rate.perUser], [{ count: 5, perMs: 1000 }, 'off']);
  });

  it('writes every value as one that it reads back', () => {
    const given: readonly [Setting<unknown>, ...unknown[]][] = [
      ...ROWS.flatMap(({ setting }) =>
        setting.fallback === undefined ? [] : [[setting, setting.fallback] as [Setting<unknown>, unknown]],
      ),
      [SETTINGS.lmtp.commandTimeoutMs, '0s', '1500ms', '90 s', '1w', '5m'],
      [SETTINGS.lmtp.maxMessageBytes, '0B', '1000KB', '1536KiB', '3GiB'],
      [SETTINGS.lmtp.mode, '600', '0007'],
      [SETTINGS.rate.total, 'off', '5/s', '20/min', '120/h', '500/d'],
      [SETTINGS.spam.spamd, '[::1]:783', 'unix:/run/spamd.sock'],
      [SETTINGS.spam.threshold, '', 6.5],
      [SETTINGS.notice.server, '[::1]:25', 'mail.example.org:2525'],
      [WEBHOOK_SETTINGS.url, 'https://h.example/p?q=1', 'unix:/run/p.sock:/hooks?a=b'],
    ];
    for (const [setting, ...values] of given) {
      for (const value of values) {
        const read = setting.read(value);
        assert.ok(read.ok, String(value));
        assert.deepEqual(setting.read(setting.write(read.value)), read, String(value));
      }
    }
  });

  it('every default is what its own setting accepts', () => {
    for (const [section, settings] of Object.entries(SETTINGS)) {
      for (const [property, setting] of Object.entries<Setting<unknown>>(settings)) {
        if (setting.fallback === undefined) continue;
        const read = setting.read(setting.fallback);
        assert.ok(read.ok, `${section}.${tomlKey(property)}: ${read.ok ? '' : read.problem}`);
      }
    }
  });
});

describe('problems', () => {
  it('all of them are reported at once, with key, value and what was expected', () => {
    const problems = problemsOf(`
      [lmtp]
      socket = "lmtp.sock"
      mode = "rw"
      max_recipients = 0
      command_timeout = 60
      max_message = "25"
      [reply]
      domain = "no domain"
      prefix = "a-prefix-that-is-too-long+"
      [sender]
      policy = "lax"
      [rate]
      per_user = "many"
      [sink]
      type = "smtp"
      [log]
      level = true
    `);
    assert.deepEqual([...problems].sort(), [
      'lmtp.command_timeout: 60 is not a duration such as "30s", "10min", "12h" or "90d"',
      'lmtp.max_message: "25" is not a size such as "25MiB" or "256KiB"',
      'lmtp.max_recipients: 0 is not a whole number from 1 to 1000',
      'lmtp.mode: "rw" is not a file mode in octal such as "0660"',
      'lmtp.socket: "lmtp.sock" is not an absolute path',
      'log.level: true is not one of "debug", "info", "warn", "error"',
      'rate.per_user: "many" is not "off" or a rate such as "5/s", "20/min", "120/h" or "500/d"',
      'reply.domain: "no domain" is not a domain',
      'reply.prefix: "a-prefix-that-is-too-long+" is not a local part of at most 16 characters without spaces or "@"',
      'sender.policy: "lax" is not one of "strict", "flag", "off"',
      `sink.type: "smtp" is not ${SINK_FORM.type.expects}`,
    ]);
  });

  it('a unit is one of ours, and no word that every object knows', () => {
    assert.deepEqual(problemsWith('lmtp', 'command_timeout = "5constructor"', 'max_message = "5toString"'), [
      'lmtp.command_timeout: "5constructor" is not a duration such as "30s", "10min", "12h" or "90d"',
      'lmtp.max_message: "5toString" is not a size such as "25MiB" or "256KiB"',
    ]);
  });

  it('what is missing is named with what is expected', () => {
    assert.deepEqual(problemsOf(''), [
      'reply.domain: is missing; expected a domain, or a list of up to 8, of which the first mints and all verify',
      'sink: is missing; expected a table with type = "webhook" and its url',
    ]);
  });

  it('unknown keys and sections are errors, with a suggestion where one is near', () => {
    assert.deepEqual(problemsWith('lmtp', 'soket = "/x"', 'nonsense = 1'), [
      'lmtp.soket: unknown key; did you mean lmtp.socket?',
      'lmtp.nonsense: unknown key',
    ]);
    assert.deepEqual(problemsWith('delivry', 'concurrency = 1'), [
      'delivry: unknown key; did you mean delivery?',
    ]);
    assert.deepEqual(problemsWith('reply', 'max_age_ms = 5'), ['reply.max_age_ms: unknown key']);
  });

  it('a section that is no table is said to be none', () => {
    assert.deepEqual(problemsOf(`lmtp = 5\n${LEAST}`), ['lmtp: 5 is not a table']);
  });

  it('settings that contradict each other are named together', () => {
    assert.match(problemsOf(LEAST.replace('"off"', '"strict"')).join(), /^sender\.authserv_id: is missing; /);
    assert.equal(
      problemsOf(LEAST.replace('"off"', '"off"\nspoofed = "hold"')).join(),
      'sender.spoofed: "hold" has no effect with sender.policy = "off"; expected "strict"',
    );
    assert.match(
      problemsWith('delivery', 'retry_first = "2h"', 'retry_longest = "1h"').join(),
      /^delivery\.retry_first: is longer than delivery\.retry_longest$/,
    );
    assert.match(
      problemsWith('store', 'dedupe_window = "8d"').join(),
      /^store\.dedupe_window: .*reply\.max_age/,
    );
  });

  it('a repetition is known for longer than an address lives and Postfix tries, by 14 days unless told otherwise', () => {
    const short = LEAST.replace('[reply]', '[reply]\nmax_age = "3d"');
    const withWindow = (window: string): string => `${short}[store]\ndedupe_window = "${window}"\n`;
    assert.match(problemsOf(withWindow('7d')).join(), /^store\.dedupe_window: is not longer than 7 days; /);
    assert.equal(dedupeWindowMs(configOf(withWindow('8d'))), 8 * 86_400_000);
    assert.equal(dedupeWindowMs(configOf(LEAST)), 104 * 86_400_000);
    assert.match(
      problemsWith('store', 'dedupe_window = "90d"').join(),
      /is not longer than reply\.max_age; /,
    );
  });

  it('a syntax error has its line, in one line', () => {
    const problems = problemsOf('[lmtp]\nsocket = \n');
    assert.equal(problems.length, 1);
    assert.match(problems[0] ?? '', /^configuration: line 2: [^\n]+$/);
  });

  it('a missing file says how to make one, an unreadable one does not', (t) => {
    const scratch = testScratch(t);
    const missing = loadConfig(scratch.path('none.toml'));
    assert.match(missing.ok ? '' : missing.problems.join(), /none\.toml: .*"mailgw-ctl init" writes one$/);
    const directory = loadConfig(scratch.directory);
    assert.doesNotMatch(directory.ok ? '' : directory.problems.join(), /init/);
    assert.equal(directory.ok, false);
  });

  it('no text at all makes the reader throw', () => {
    const line = fc.oneof(
      fc.string(),
      fc.constantFrom('[lmtp]', '[reply]', '[sink]', 'domain = "x"', 'mode = 1', '[[rate]]', 'a.b = {}'),
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const loaded = readConfig(lines.join('\n'));
        for (const problem of loaded.ok ? [] : loaded.problems) assert.doesNotMatch(problem, /\n/);
      }),
      { numRuns: 500 },
    );
  });
});

describe('the reply address form', () => {
  it('any domain that can be written is taken, and no text that is none', () => {
    for (const domain of [
      'a.b',
      'reply.example.org',
      'localhost',
      'bücher.example',
      'xn--bcher-kva.example',
    ]) {
      assert.deepEqual(problemsOf(LEAST.replace('reply.example.org', domain)), [], domain);
    }
    for (const domain of ['', '.', 'a..b', 'a b', 'user@host', 'a/b', 'a:25', `${'x'.repeat(250)}.org`]) {
      const problems = problemsOf(LEAST.replace('reply.example.org', domain));
      assert.match(problems.join(), /^reply\.domain: /, domain);
    }
  });

  it('a list of names is taken where each is sound, and read back as it was written', () => {
    const config = configOf(
      LEAST.replace('"reply.example.org"', '["a.example", "b.example"]\nprefix = ["r+", ""]'),
    );
    assert.deepEqual(
      [config.reply.domain, config.reply.prefix],
      [
        ['a.example', 'b.example'],
        ['r+', ''],
      ],
    );
    const { domain } = SETTINGS.reply;
    assert.deepEqual(domain.write(['a.example']), 'a.example');
    assert.deepEqual(domain.write(['a.example', 'b.example']), ['a.example', 'b.example']);
    const problems: Readonly<Record<string, string>> = {
      '["a.example", "a b"]': 'reply.domain: "a b" is not a domain',
      '["a.example", 7]': 'reply.domain: 7 is not a domain',
      '[]': 'reply.domain: [] is not a list of 1 to 8',
      [JSON.stringify(Array<string>(9).fill('a.b'))]:
        `reply.domain: ${JSON.stringify(Array<string>(9).fill('a.b'))} is not a list of 1 to 8`,
    };
    for (const [list, problem] of Object.entries(problems))
      assert.deepEqual(problemsOf(LEAST.replace('"reply.example.org"', list)), [problem]);
    const sender = '[notice]\nfrom = "r.aiaaaaaaaeaaaaaaafembnkx5gzx3zblz6ykp2ynxktemjsj@b.example"\n';
    const names = LEAST.replace('"reply.example.org"', '["a.example", "b.example"]\nprefix = ["x", "r."]');
    assert.match(problemsOf(names + sender).join(), /^notice\.from: is a reply address/);
  });

  it('a prefix fits with its token into a local part of 64 octets (RFC 5321 §4.5.3.1.1)', () => {
    for (const prefix of ['', 'reply+', 'mycorp-inbound+', 'sixteen-octets-+', 'ü-ü-ü-ü-ü+']) {
      assert.deepEqual(problemsWith('reply', `prefix = "${prefix}"`), [], prefix);
    }
    for (const prefix of ['seventeen-octets+', 'ü-ü-ü-ü-ü-ü-+', 'a b', 'a@b', '\\"a', '<a']) {
      assert.match(problemsWith('reply', `prefix = "${prefix}"`).join(), /^reply\.prefix: /, prefix);
    }
  });
});

describe('secret files', () => {
  const base64 = Buffer.alloc(32, 1).toString('base64');

  it('are base64 on one line, with the prefix of a webhook or without', (t) => {
    const file = testScratch(t).path('secret');
    for (const text of [base64, `${base64}\n`, `whsec_${base64}\n`]) {
      writeFileSync(file, text, { mode: 0o600 });
      const secret = readSecretFile('reply.pepper_file', file, 32);
      assert.deepEqual(secret, { ok: true, bytes: Buffer.alloc(32, 1) });
    }
  });

  it('must not be open to group or world', (t) => {
    const file = testScratch(t).path('secret');
    writeFileSync(file, base64);
    for (const mode of [0o600, 0o400]) {
      chmodSync(file, mode);
      assert.equal(readSecretFile('reply.pepper_file', file, 32).ok, true);
    }
    for (const mode of [0o640, 0o604, 0o610, 0o622, 0o644]) {
      chmodSync(file, mode);
      const secret = readSecretFile('reply.pepper_file', file, 32);
      assert.deepEqual(secret, {
        ok: false,
        problem: `reply.pepper_file: ${file}: mode 0${mode.toString(8)} lets group or world in; expected 0600 or 0400 (chmod 0600 ${file})`,
      });
    }
  });

  it('that are missing, too short or no base64 are refused with the key and the file', (t) => {
    const scratch = testScratch(t);
    const problem = (text: string): string => {
      writeFileSync(scratch.path('secret'), text, { mode: 0o600 });
      const secret = readSecretFile('sink.secret_file', scratch.path('secret'), 24);
      return secret.ok ? 'none' : secret.problem;
    };
    assert.match(problem('c2hvcnQ='), /^sink\.secret_file: \/.*secret: holds 5 bytes; expected at least 24$/);
    assert.match(problem('\n'), /secret: is empty; expected the secret, on one line$/);
    for (const text of ['hunter2!', `${base64}\n${base64}`]) {
      assert.match(problem(text), /does not hold base64 on one line$/);
    }
    const missing = readSecretFile('sink.secret_file', scratch.path('none'), 24);
    assert.match(missing.ok ? '' : missing.problem, /^sink\.secret_file: \/.*none: cannot be read: /);
  });
});
