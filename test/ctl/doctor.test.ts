// `mailgw-ctl doctor` and `postfix-config --check` on set-ups that are broken in one way each: they name the cause.

import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { runCommand, TOOL } from '../support/command.ts';
import { type Row, type Settings, startDaemon } from '../support/daemon.ts';
import { freePort } from '../support/free-port.ts';
import { startPlatform } from '../support/platform.ts';
import { configurePostfix, lmtpSocketIn, policySocketIn, postfixUnavailable } from '../support/postfix.ts';
import { type RunResult, run, runOk } from '../support/process.ts';
import { suiteScratch } from '../support/scratch.ts';
import { ALICE } from '../support/site.ts';
import { type Illness, type Patient, serving } from './illness.ts';
import { POSTFIX_ILLNESSES } from './postfix-illnesses.ts';
import { LACKING_SINK, SITE_ILLNESSES } from './site-illnesses.ts';
import { runTool } from './tool.ts';

const skip = postfixUnavailable();

/** A TOML text with some keys set; values as JSON. */
function withSettings(text: string, settings: Settings): string {
  let changed = text;
  for (const [section, keys] of Object.entries(settings)) {
    if (!changed.includes(`[${section}]\n`)) changed += `[${section}]\n`;
    for (const [key, value] of Object.entries(keys)) {
      const [before = '', rest = ''] = changed.split(`[${section}]\n`);
      const end = rest.search(/^\[/m);
      const own = (end === -1 ? rest : rest.slice(0, end)).replace(new RegExp(`^${key} = .*\n`, 'm'), '');
      changed = `${before}[${section}]\n${key} = ${JSON.stringify(value)}\n${own}${end === -1 ? '' : rest.slice(end)}`;
    }
  }
  return changed;
}

function findingsOf({ stdout }: RunResult): Row[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row);
}

/** Makes the patient ill, has the tool look at it, and cures it; `healthy` are Postfix's files. */
async function examineIn(
  at: Patient,
  healthy: { readonly main: string; readonly master: string },
  illness: Partial<Illness>,
  words: readonly string[],
): Promise<RunResult> {
  const { scratch, daemon } = at;
  const settings = typeof illness.settings === 'function' ? illness.settings(at) : (illness.settings ?? {});
  const lines = typeof illness.main === 'function' ? illness.main(at) : (illness.main ?? {});
  writeFileSync(scratch.path('doctor.toml'), withSettings(readFileSync(daemon.config, 'utf8'), settings));
  const changed = Object.entries(lines).reduce(
    (text, [name, value]) => `${text.replace(new RegExp(`^${name} = .*\n`, 'm'), '')}${name} = ${value}\n`,
    healthy.main,
  );
  writeFileSync(scratch.path('postfix', 'main.cf'), changed);
  const [from, to] = illness.master ?? [/^$/, ''];
  writeFileSync(scratch.path('postfix', 'master.cf'), healthy.master.replace(from, to));
  const cure = await illness.plant?.(at);
  try {
    const config = scratch.path('doctor.toml');
    return await runCommand(config, ['--config', config, ...words, ...(illness.args?.(at) ?? [])]);
  } finally {
    await cure?.();
  }
}

/** Asserts how a right that is lacking is told to people. */
async function assertLackIsTold(
  { scratch }: Patient,
  examine: (illness: Partial<Illness>, words: readonly string[]) => Promise<RunResult>,
): Promise<void> {
  const file = scratch.path('lacking.mjs');
  writeFileSync(file, LACKING_SINK, { mode: 0o644 });
  const words = ['doctor', '--postfix-config', scratch.path('postfix')];
  const { stdout } = await examine({ settings: { sink: { type: file } } }, words);
  rmSync(file);
  const lines = stdout.split('\n');
  const at = lines.findIndex((line) => line.startsWith('PROBLEM sink.'));
  assert.deepEqual(
    lines.slice(at, at + 3).map((line) => line.replace(/\(http:\S+: /, '(URL: ')),
    [
      'PROBLEM sink.rights: the key may not post as another user (URL: 403 Forbidden)',
      '        why: no reply is posted: each is kept and tried again for delivery.max_age',
      "        fix: give the account of the key the administrator's role",
    ],
  );
  assert.doesNotMatch(stdout, /sink\.(?:reachable|posts_as)/);
}

describe('mailgw-ctl doctor', { concurrency: false }, () => {
  let patient: Patient | undefined;
  let main = '';
  let master = '';
  if (skip === false) {
    const scratch = suiteScratch();
    before(async () => {
      const platform = await startPlatform(scratch);
      const daemon = await startDaemon(scratch, {
        sink: platform.sink,
        socket: lmtpSocketIn(scratch),
        settings: {
          lmtp: { group: 'postfix' },
          policy: { socket: policySocketIn(scratch), group: 'postfix' },
        },
      });
      await daemon.addUser(ALICE.user, ALICE.address);
      const directory = await configurePostfix(scratch, await freePort(), { variants: ['main-policy.cf'] });
      main = readFileSync(`${directory}/main.cf`, 'utf8');
      master = readFileSync(`${directory}/master.cf`, 'utf8');
      patient = { scratch, daemon, platform, postfixUid: Number(await runOk('id', ['-u', 'postfix'])) };
    });
    after(() => scratch.close());
  }
  const here = (): Patient => {
    if (patient === undefined) throw new Error('the patient is not there');
    return patient;
  };

  const examine = (illness: Partial<Illness>, words: readonly string[]): Promise<RunResult> =>
    examineIn(here(), { main, master }, illness, words);

  const doctor = (): readonly string[] => [
    '--json',
    'doctor',
    '--postfix-config',
    here().scratch.path('postfix'),
  ];

  it('finds nothing wrong where nothing is', { skip }, async () => {
    const result = await examine({}, doctor());
    const wrong = findingsOf(result).filter(({ status }) => status === 'problem' || status === 'warning');
    // The daemons of these tests are root's, where the tests are.
    const [root, ...others] = wrong;
    assert.deepEqual([root?.check, root?.status], ['daemon.user', 'warning']);
    assert.deepEqual([result.code, others, result.stderr], [0, [], '']);
  });

  for (const illness of [...SITE_ILLNESSES, ...POSTFIX_ILLNESSES]) {
    it(`names ${illness.name}`, { skip }, async () => {
      const result = await examine(illness, doctor());
      const found = findingsOf(result).filter(({ check }) => check === illness.check);
      const [finding] = found.filter(({ status }) => status === 'problem' || status === 'warning');
      assert.ok(finding !== undefined, `${result.stdout}${result.stderr}`);
      assert.match(String(finding.what), illness.what);
      assert.match(String(finding.fix), illness.fix);
      assert.ok(String(finding.why).length > 20);
      assert.equal(finding.status, illness.code === 0 ? 'warning' : 'problem');
      assert.equal(result.code, illness.code, result.stdout);
    });
  }

  it('tells people what, why and how, and ends with a count', { skip }, async () => {
    const { scratch } = here();
    const words = ['doctor', '--postfix-config', scratch.path('postfix')];
    const result = await examine({ main: { message_size_limit: '0' } }, words);
    assert.equal(result.code, 78);
    assert.match(
      result.stdout,
      /^PROBLEM postfix\.message_size: message_size_limit is 0, which is none; .*\n {8}why: .*\n {8}fix: postconf /m,
    );
    assert.match(result.stderr, /^mailgw-ctl: 1 problem, 1 warning\n$/);
  });

  it('says which right a key lacks, what comes of it, and where to give it', { skip }, async () => {
    await assertLackIsTold(here(), examine);
  });

  it('says so where there is no such Postfix, and no configuration', { skip }, async () => {
    const { scratch } = here();
    const gone = await examine({}, ['--json', 'doctor', '--postfix-config', scratch.path('nowhere')]);
    assert.equal(gone.code, 78);
    assert.match(gone.stdout, /"check":"postfix\.configuration","status":"problem"/);
    const none = await runTool(['--config', scratch.path('none.toml'), 'doctor']);
    assert.equal(none.code, 78);
    assert.match(none.stdout, /^PROBLEM configuration: .*\n.*\n {8}fix: mailgw-ctl init/);
  });

  it('blames nothing on the files that only root and the service may read', { skip }, async () => {
    const { scratch } = here();
    await examine({}, ['config', 'check']);
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, TOOL];
    const where = ['--config', scratch.path('doctor.toml'), '--json', 'doctor'];
    chmodSync(scratch.directory, 0o755);
    const { stdout } = await run('setpriv', [...nobody, ...where]);
    const found = findingsOf({ code: 0, stdout, stderr: '' });
    const statuses = ['files.pepper', 'files.sink_secret', 'store.integrity'].map(
      (name) => found.find(({ check }) => check === name)?.status,
    );
    assert.deepEqual(statuses, ['skipped', 'skipped', 'skipped'], stdout);
    assert.doesNotMatch(stdout, /restore|does not start/);
  });

  it('says when no time server sets the clock', { skip }, async () => {
    const { scratch } = here();
    // The answer of systemd where it runs and nothing sets the clock; this host has its own.
    mkdirSync(scratch.path('bin'));
    writeFileSync(scratch.path('bin', 'timedatectl'), '#!/bin/sh\necho no\n', { mode: 0o755 });
    await examine({}, ['config', 'check']);
    const words = ['--config', scratch.path('doctor.toml'), ...doctor()];
    const found = findingsOf(await runTool(words, [`PATH=${scratch.path('bin')}:${process.env.PATH ?? ''}`]));
    const clock = found.find(({ check }) => check === 'clock');
    assert.equal(clock?.status, 'warning');
    assert.match(String(clock.what), /set by no time server/);
  });

  it('goes by the sockets that systemd holds, whatever the configuration names', { skip }, async () => {
    const { scratch } = here();
    const units = scratch.path('units');
    mkdirSync(`${units}/mailgw.socket.d`, { recursive: true });
    const unit = (name: string, text: string): void => {
      writeFileSync(`${units}/${name}`, text);
    };
    unit('mailgw.service', `[Service]\nExecStart=mailgwd \\\n  --config ${scratch.path('doctor.toml')}\n`);
    const listens = (path: string, name: string): string =>
      `[Socket]\nListenStream=${path}\nFileDescriptorName=${name}\nService=mailgw.service\n`;
    unit('mailgw-policy.socket', listens(policySocketIn(scratch), 'policy'));
    unit('mailgw.socket', listens('/nowhere/lmtp.sock', 'lmtp'));
    unit('mailgw.socket.d/place.conf', `[Socket]\nListenStream=\nListenStream=${lmtpSocketIn(scratch)}\n`);
    const other = { lmtp: { socket: scratch.path('no.sock') }, policy: { socket: '' } };
    await examine({ settings: other }, ['config', 'check']);
    const look = async (): Promise<RunResult> =>
      await runTool(['--config', scratch.path('doctor.toml'), ...doctor()], [`SYSTEMD_UNIT_PATH=${units}`]);

    const seen = findingsOf(await look());
    const whatOf = (rows: readonly Row[], name: string): string =>
      String(rows.find(({ check }) => check === name)?.what);
    assert.match(whatOf(seen, 'postfix.refusal'), /smtpd\(8\) asks the policy service/);
    assert.match(whatOf(seen, 'socket.policy'), /answers action=DUNNO/);
    assert.match(whatOf(seen, 'socket.lmtp'), /220 /);

    // A place that a chrooted lmtp(8) does not see, in the unit alone.
    const outside = scratch.path('outside.sock');
    const end = await serving(outside, '220 mx LMTP mailgw\r\n');
    unit('mailgw.socket.d/place.conf', `[Socket]\nListenStream=\nListenStream=${outside}\n`);
    const moved = findingsOf(await look());
    end();
    assert.match(whatOf(moved, 'postfix.socket_path'), /lmtp\.socket is \S+outside\.sock/);
    assert.equal(moved.find(({ check }) => check === 'socket.lmtp')?.status, 'ok');
  });

  it('takes neither a place nor a time that there cannot be', { skip }, async () => {
    for (const [option, value] of [
      ['--smtp', 'localhost'],
      ['--smtp', 'localhost:99999'],
      ['--smtp', 'localhost:0'],
      ['--wait', 'soon'],
      ['--wait', ''],
      ['--wait', '-1'],
      ['--wait', '3601'],
    ] as const) {
      const smtp = option === '--smtp' ? [] : ['--smtp', '127.0.0.1:25'];
      const { code, stderr } = await examine({}, ['doctor', ...smtp, `${option}=${value}`]);
      assert.equal(code, 65);
      assert.ok(stderr.startsWith(`mailgw-ctl: ${option} "${value}": expected `), stderr);
    }
  });

  it('asks the platform by OPTIONS alone, and posts nothing', { skip }, async () => {
    const result = await examine({}, doctor());
    const [reached] = findingsOf(result).filter(({ check }) => check === 'sink.reachable');
    assert.match(String(reached?.what), /OPTIONS answered \d{3}/);
    assert.match(result.stdout, /"check":"sink\.posts_as".*the user of each reply.*signed with one secret/);
    assert.match(result.stdout, new RegExp(`"check":"store\\.users".*1 of 1 users may reply: ${ALICE.user}`));
    assert.equal(existsSync(here().scratch.path('mailgw.db')), true);
  });

  describe('postfix-config', () => {
    it('prints what a Postfix needs, and that Postfix passes its own check', { skip }, async () => {
      const { scratch } = here();
      const queue = ['--queue-directory', scratch.path('queue')];
      const { stdout } = await examine({}, ['--json', 'postfix-config', ...queue]);
      const [printed] = findingsOf({ code: 0, stdout, stderr: '' });
      writeFileSync(scratch.path('postfix', 'main.cf'), `${bare(main)}${String(printed?.main_cf)}`);
      writeFileSync(
        scratch.path('postfix', 'master.cf'),
        master.replace(/^mailgw .*\n.*\n/m, String(printed?.master_cf)),
      );
      const words = [
        '--config',
        scratch.path('doctor.toml'),
        'postfix-config',
        '--check',
        scratch.path('postfix'),
      ];
      const checked = await runTool(words);
      assert.deepEqual([checked.code, checked.stderr], [0, ''], checked.stdout);
      assert.doesNotMatch(checked.stdout, /WARNING|PROBLEM/);
    });

    it('names what differs, with the same words as doctor', { skip }, async () => {
      const check = ['postfix-config', '--check', here().scratch.path('postfix')];
      const result = await examine({ main: { relay_transport: 'relay' } }, check);
      assert.equal(result.code, 78);
      assert.match(
        result.stdout,
        /^PROBLEM postfix\.transport: relay_transport sends reply\.example\.org to "relay"/m,
      );
    });
  });
});

/** A main.cf without what is mailgw's. */
function bare(text: string): string {
  return text
    .split('\n')
    .filter((line) => !/^(?:relay_|mailgw_|message_size|smtpd_re)/.test(line))
    .join('\n');
}
