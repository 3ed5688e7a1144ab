// What is tried inside the machine that booted.slow.test.ts boots: the units as shipped, under a real systemd.

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ledger } from '../fault/ledger.ts';
import { LmtpWire } from '../fault/lmtp-wire.ts';
import { assertDelivered } from '../fault/promise.ts';
import { Chance } from '../fault/rounds.ts';
import { Senders } from '../fault/senders.ts';
import type { Recipient } from '../fault/site.ts';
import type { Row } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { newMessageId, replyMessage } from '../support/message.ts';
import { startPlatform } from '../support/platform.ts';
import { run, runOk } from '../support/process.ts';
import { roundsOf } from '../support/rounds.ts';
import { Scratch } from '../support/scratch.ts';
import { checkout, takeSteps } from './steps.ts';

const UNIT = 'mailgw.service';
const SOCKET = '/var/spool/postfix/mailgw/lmtp.sock';
const CONFIG = '/etc/mailgw/mailgw.toml';
const SECRETS = '/etc/mailgw';
const LOG = '/var/log/mailgw.log';

/** Only what a test needs beside the unit as shipped: its log, and less patience. */
const DROP_IN = `[Service]
StandardOutput=append:${LOG}
StandardError=append:${LOG}
WatchdogSec=4
RestartSec=100ms
`;

async function show(property: string): Promise<string> {
  return (await runOk('systemctl', ['show', '-P', property, UNIT])).trim();
}

/** Waits until the unit's property is as wanted. */
async function shown(property: string, wanted: (value: string) => boolean): Promise<string> {
  let value = '';
  return await eventually(
    async () => {
      value = await show(property);
      return wanted(value) ? value : undefined;
    },
    () => `${property}=${value}\n${readFileSync(LOG, 'utf8')}`,
  );
}

async function ctl(...args: string[]): Promise<Record<string, unknown>> {
  const printed = await runOk('mailgw-ctl', ['--json', ...args]);
  return JSON.parse(printed === '' ? '{}' : printed) as Record<string, unknown>;
}

function writeConfig({ sink }: Pick<Ledger, 'sink'>, more = '', secretFile = 'webhook.secret'): void {
  const sections = [
    '[reply]\ndomain = "reply.example.org"',
    `pepper_file = "${SECRETS}/pepper"`,
    '[sender]\npolicy = "off"\n[spam]\nsource = "off"\n[notice]\nkinds = []',
    '[rate]\nper_user = "off"\nper_address = "off"',
    `[delivery]\nretry_first = "50ms"\nretry_longest = "200ms"\nstop_timeout = "5s"\n${more}`,
    `[sink]\ntype = "webhook"\nurl = "${sink.url}"`,
    `secret_file = "${SECRETS}/${secretFile}"`,
  ];
  writeFileSync(CONFIG, `${sections.join('\n')}\n`, { mode: 0o644 });
}

async function install(): Promise<void> {
  const units = join(checkout, 'systemd');
  await runOk('systemd-sysusers', [join(units, 'mailgw.sysusers')]);
  await runOk('systemd-tmpfiles', ['--create', join(units, 'mailgw.tmpfiles')]);
  const system = '/etc/systemd/system';
  for (const name of [UNIT, 'mailgw.socket']) {
    writeFileSync(join(system, name), readFileSync(join(units, name)));
  }
  mkdirSync(join(system, `${UNIT}.d`));
  writeFileSync(join(system, `${UNIT}.d`, 'test.conf'), DROP_IN);
  await runOk('systemctl', ['daemon-reload']);
}

async function deliver(address: string): Promise<string> {
  const wire = await LmtpWire.connect(SOCKET);
  if ((await wire?.begin([address]))?.isDataWanted !== true) return 'refused';
  const message = replyMessage({ to: 'a reply address', messageId: newMessageId() });
  return (await wire?.finish(message, 1, true))?.[0] ?? 'no answer';
}

const ledger = await Ledger.open(new Scratch());
const recipients: Recipient[] = [];

async function underLoad(end: () => Promise<void>): Promise<void> {
  const begun = ledger.entries.length;
  const chance = new Chance();
  const senders = new Senders({ socket: SOCKET, recipients, chance, senders: 4 });
  senders.start();
  for (let round = 0; round < roundsOf(20); round++) {
    await senders.acceptedMore(1 + chance.below(40));
    await end();
  }
  await senders.drain();
  ledger.entries.splice(0, begun);
  await assertDelivered(senders, ledger);
  assert.equal(senders.refused, 0, 'connections refused');
}

await takeSteps({
  'starts when the store is open and the socket serves, and says so': async () => {
    await install();
    writeConfig(ledger);
    for (const [name, secret] of [
      ['pepper', Buffer.alloc(32, 7).toString('base64')],
      ['webhook.secret', ledger.sink.secret],
    ] as const) {
      writeFileSync(join(SECRETS, name), secret, { mode: 0o600 }); // root's alone
    }
    await runOk('systemctl', ['start', 'mailgw.socket', UNIT]);
    assert.match(readFileSync(LOG, 'utf8'), /"event":"ready"/);
    assert.equal(await show('ActiveState'), 'active');
    assert.equal(await show('NotifyAccess'), 'main');
    await shown(
      'StatusText',
      (text) => text === 'serving reply.example.org; 0 to be posted; sink not known yet',
    );
  },
  'reads its secrets as credentials, and delivers': async () => {
    for (const user of ['alice', 'bob']) {
      await ctl('user', 'add', user, '--address', `${user}@example.com`);
      for (const thread of ['test/thread/1', 'test/thread/2']) {
        const minted = await ctl('address', 'mint', '--user', user, '--thread', thread);
        recipients.push({ address: String(minted.reply_to), user, thread });
      }
    }
    assert.match(await deliver(recipients[0]!.address), /^250 2\.0\.0 queued as /);
    await ledger.until(
      () => ledger.entries.length === 1,
      () => readFileSync(LOG, 'utf8'),
    );
  },
  'reloads, and fails to with a configuration that it refuses': async () => {
    const pid = await show('MainPID');
    writeConfig(ledger, 'concurrency = 3');
    await runOk('systemctl', ['reload', UNIT]);
    assert.match(readFileSync(LOG, 'utf8'), /"key":"delivery.concurrency","from":"16","to":"3"/);
    writeConfig(ledger, 'concurrency = 0');
    assert.notEqual((await run('systemctl', ['reload', UNIT])).code, 0);
    assert.match(readFileSync(LOG, 'utf8'), /^mailgw-ctl: delivery\.concurrency: 0 is not /m);
    writeConfig(ledger);
    await runOk('systemctl', ['reload', UNIT]);
    assert.equal(await show('MainPID'), pid);
    assert.equal(await show('ActiveState'), 'active');
  },
  "says that a new secret which is root's alone waits for a restart, and takes one that it may read":
    async () => {
      const file = join(SECRETS, 'webhook.secret');
      writeFileSync(file, `whsec_${Buffer.alloc(32, 2).toString('base64')}`);
      const { key, effect } = await ctl('reload');
      assert.deepEqual({ key, effect }, { key: 'sink.secret_file', effect: 'after a restart' });
      await runOk('chown', ['mailgw:', file]);
      assert.equal((await ctl('reload')).effect, 'now');
    },
  'is replaced when its main loop stands still': async () => {
    const pid = await show('MainPID');
    process.kill(Number(pid), 'SIGSTOP');
    // Postfix's connection waits in the backlog meanwhile.
    assert.match(await deliver(recipients[1]!.address), /^250 2\.0\.0 queued as /);
    await shown('MainPID', (value) => value !== pid && value !== '0');
    assert.equal(await show('NRestarts'), '1');
    await ledger.until(
      () => ledger.entries.length === 2,
      () => readFileSync(LOG, 'utf8'),
    );
  },
  'is restarted under load without a connection refused or a reply lost': () =>
    underLoad(async () => {
      await runOk('systemctl', ['restart', UNIT]);
    }),
  'is killed under load without a connection refused or a reply lost': () =>
    underLoad(async () => {
      const pid = await show('MainPID');
      process.kill(Number(pid), 'SIGKILL');
      await shown('MainPID', (value) => value !== pid && value !== '0');
      await shown('ActiveState', (value) => value === 'active');
    }),
  'is in the journal under its own name, each line with the priority of its level': async () => {
    const dropIn = `/etc/systemd/system/${UNIT}.d/z-journal.conf`;
    const begun = (await runOk('date', ['+%F %T'])).trim();
    writeFileSync(dropIn, '[Service]\nStandardOutput=journal\nStandardError=journal\n');
    await runOk('systemctl', ['daemon-reload']);
    await runOk('systemctl', ['restart', UNIT]);
    writeConfig(ledger, 'concurrency = 0');
    assert.notEqual((await run('systemctl', ['reload', UNIT])).code, 0);
    await runOk('systemctl', ['kill', '--kill-who=main', '--signal=HUP', UNIT]);
    const journal = async (...args: string[]): Promise<string[]> => {
      await runOk('journalctl', ['--sync']);
      const all = ['-t', 'mailgwd', '--since', begun, '-o', 'cat', ...args];
      return (await runOk('journalctl', all)).trimEnd().split('\n');
    };
    let errors: string[] = [];
    await eventually(
      async () => {
        errors = await journal('-p', 'err');
        return errors.some((line) => line.includes('"event":"setting_refused"')) || undefined;
      },
      () => errors.join('\n'),
    );
    const [own = '', ...others] = errors;
    assert.match(own, /^mailgw-ctl: delivery\.concurrency: 0 is not /); // of the tool that reloads
    for (const line of others) assert.match(line, /^mailgw-ctl: |^\{"level":"error",.*_refused"/);
    const all = (await journal()).join('\n');
    assert.match(all, /^\{"level":"info",.*"event":"ready"\}$/m);
    writeConfig(ledger);
    rmSync(dropIn);
    await runOk('systemctl', ['daemon-reload']);
    await runOk('systemctl', ['restart', UNIT]);
  },
  'posts to a platform on a Unix socket with no network at all': async () => {
    const platform = await startPlatform(new Scratch(), '/run/platform.sock');
    chmodSync('/run/platform.sock', 0o666);
    const dropIn = readFileSync(join(checkout, 'systemd/mailgw-unix-sink.conf'));
    writeFileSync(`/etc/systemd/system/${UNIT}.d/unix-sink.conf`, dropIn);
    // And with no file for one of the unit's credentials.
    renameSync(join(SECRETS, 'webhook.secret'), join(SECRETS, 'platform.secret'));
    writeFileSync(join(SECRETS, 'platform.secret'), platform.secret);
    writeConfig(platform, '', 'platform.secret');
    await runOk('systemctl', ['daemon-reload']);
    await runOk('systemctl', ['restart', UNIT]);
    assert.equal(await show('PrivateNetwork'), 'yes');
    assert.match(await deliver(recipients[0]!.address), /^250 2\.0\.0 queued as /);
    await platform.nthPost(1);
  },
  'has doctor tell a secret that reaches the service from one that does not': async () => {
    await runOk('chown', ['root:', join(SECRETS, 'platform.secret')]);
    const lines = (await run('mailgw-ctl', ['--json', 'doctor'])).stdout.trimEnd().split('\n');
    const found = new Map(lines.map((line) => JSON.parse(line) as Row).map((row) => [row.check, row]));
    const pepper = `${SECRETS}/pepper: root's alone, and the service's credential "pepper"`;
    assert.equal(found.get('files.pepper')?.what, pepper);
    assert.match(
      String(found.get('files.sink_secret')?.what),
      /no running service of mailgw has a credential/,
    );
    assert.equal(found.get('sink.options')?.status, 'ok'); // root has read it
  },
  'stops in order': async () => {
    await runOk('systemctl', ['stop', UNIT]);
    assert.equal(await show('Result'), 'success');
    assert.match(readFileSync(LOG, 'utf8').trimEnd(), /"event":"stopped"[^\n]*$/);
  },
});
