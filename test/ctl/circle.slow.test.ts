// `mailgw-ctl doctor --smtp` where mail is stamped: a notification goes out and comes back as a probe, or the finding
// says where it was lost. One scripted server is the Postfix of --smtp and the relay; what it took, the test delivers.

import assert from 'node:assert/strict';
import { readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { after, before, describe, it, type TestContext } from 'node:test';
import { PROBE_THREAD } from '../../src/mail/probe.ts';
import { type Daemon, type Row, type Settings, startDaemon } from '../support/daemon.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { startPlatform } from '../support/platform.ts';
import { type RelayedMail, ScriptedRelay } from '../support/relay.ts';
import { type Scratch, suiteScratch, testScratch } from '../support/scratch.ts';
import { ALICE } from '../support/site.ts';
import { parseRows } from './tool.ts';

interface House {
  readonly t: TestContext;
  readonly daemon: Daemon;
  readonly relay: ScriptedRelay;
  readonly outbound: string;
}

/** A house of one test. */
async function open(t: TestContext, settings: Settings = {}): Promise<House> {
  return { t, ...(await start(testScratch(t), settings)) };
}

async function start(scratch: Scratch, settings: Settings = {}): Promise<Omit<House, 't'>> {
  const relay = new ScriptedRelay(undefined);
  scratch.defer(() => relay.down());
  await relay.up();
  const outbound = scratch.path('outbound.sock');
  const { sink } = await startPlatform(scratch);
  const daemon = await startDaemon(scratch, {
    sink,
    settings: { ...settings, outbound: { socket: outbound, relay: relay.place, ...settings['outbound'] } },
  });
  await daemon.addUser(ALICE.user, ALICE.address);
  // What startDaemon waits for is the other socket.
  await daemon.ready();
  return { daemon, relay, outbound };
}

/** Delivers what the server takes to mailgwd, as far as `change` lets it through. */
async function deliverAll(
  { t, daemon, relay }: House,
  mails: number,
  change: (raw: string, n: number) => string | undefined,
): Promise<void> {
  for (let n = 1; n <= mails; n += 1) {
    const { raw, recipients } = await relay.nthMail(n);
    const changed = change(raw.toString('latin1'), n);
    if (changed === undefined) continue;
    const lmtp = await LmtpClient.open(t, daemon.socket);
    const to = recipients.map((path) => path.replaceAll(/[<>]/g, ''));
    await lmtp.deliver(changed.replace(/\r\n$/, ''), ...to);
  }
}

async function doctor({ daemon, relay }: House, ...more: string[]): Promise<Map<string, Row>> {
  const { stdout } = await daemon.tryCtl('doctor', '--smtp', relay.place, ...more);
  return new Map(parseRows(stdout).map((row) => [String(row['check']), row]));
}

/** Has doctor examine while so many mails are delivered; its finding. */
async function circle(
  house: House,
  mails = 2,
  change: (raw: string, n: number) => string | undefined = (raw) => raw,
  waitSeconds = '20',
): Promise<Row> {
  const [findings] = await Promise.all([
    doctor(house, '--wait', waitSeconds),
    deliverAll(house, mails, change),
  ]);
  assert.equal(findings.get('round_trip.lmtp')?.['status'], 'ok', JSON.stringify([...findings.values()]));
  return findings.get('outbound.circle') ?? assert.fail('no outbound.circle');
}

const stampedOf = ({ mails }: ScriptedRelay): RelayedMail => mails[1] ?? assert.fail('no second mail');

/** The second mail alone, changed. */
const second =
  (change: (raw: string) => string | undefined) =>
  (raw: string, n: number): string | undefined =>
    n === 2 ? change(raw) : raw;

describe('the circle of stamping', { concurrency: false }, () => {
  const scratch = suiteScratch();
  let started: Omit<House, 't'> | undefined;
  before(async () => {
    started = await start(scratch);
  });
  after(() => scratch.close());

  /** The house of all tests, as if nothing had come there before. */
  const house = (t: TestContext): House => {
    if (started === undefined) throw new Error('the house is not there');
    started.relay.mails.length = 0;
    return { t, ...started };
  };

  it('is closed by a notification to a probe alone, which comes back with a reply address and is dropped', async (t) => {
    const site = house(t);
    const finding = await circle(site);
    assert.deepEqual([finding['status'], finding['why']], ['ok', null], JSON.stringify(finding));
    assert.match(
      String(finding['what']),
      /came back stamped, with a reply address of alice, whom alice@example\.com finds; there is no outbound\.rule: /,
    );
    const { mail, recipients, raw } = stampedOf(site.relay);
    assert.match(mail, /^<>/);
    assert.equal(recipients.length, 1);
    assert.match(recipients[0] ?? '', /^<reply\+[a-z2-7]{48}@reply\.example\.org>$/);
    const text = raw.toString('latin1');
    assert.deepEqual(text.match(/^Reply-To: .*$/gm)?.length, 1);
    assert.match(text, /^Reply-To: <reply\+[a-z2-7]{48}@reply\.example\.org>\r$/m);
    assert.match(
      site.daemon.log(),
      new RegExp(`"user":"alice","thread":"${PROBE_THREAD}/found".*"event":"stamped"`),
    );
    assert.deepEqual(await site.daemon.ctl('queue', 'list'), []);
  });

  it('proves the first rule of the site, from and time of the post included', async (t) => {
    const rule = [
      {
        field: 'X-Issue',
        thread: '{X-Project}/{X-Issue}',
        from: 'tracker@example.org',
        replied_to: 'X-Time',
      },
      { field: 'X-Wiki', thread: 'wiki/{X-Wiki}' },
    ];
    const own = await open(t, { outbound: { rule } });
    const finding = await circle(own);
    assert.equal(finding['status'], 'ok', JSON.stringify(finding));
    assert.match(
      String(finding['what']),
      /; the rule for X-Issue fits it, the other rules are not shown by this$/,
    );
    const text = stampedOf(own.relay).raw.toString('latin1');
    assert.match(text, /^X-Issue: 1\r\n/im);
    assert.match(text, /^From: "mailgw-ctl doctor" <tracker@example\.org>\r$/m);
  });

  it('is open where the rules of the file are not those that mailgwd has in force', async (t) => {
    const own = await open(t, { outbound: { rule: [{ field: 'X-Old', thread: '{X-Old}' }] } });
    const text = readFileSync(own.daemon.config, 'utf8');
    writeFileSync(own.daemon.config, text.replaceAll('X-Old', 'X-New'));
    const finding = await circle(own);
    assert.equal(finding['status'], 'problem', JSON.stringify(finding));
    assert.match(
      String(finding['what']),
      /has the field X-New of the first outbound\.rule, and mailgwd knows no rule/,
    );
    assert.match(String(finding['fix']), /^mailgw-ctl reload/);
  });

  it('proves a rule on a field that every mail has, and says so where no probe can fit one', async (t) => {
    const rule = [{ field: 'Subject', thread: '{Subject}/{Comments}', from: 'tracker@example.org' }];
    const own = await open(t, { outbound: { rule } });
    assert.match(String((await circle(own))['what']), /; the rule for Subject fits it$/);
    const long = [{ field: 'X-Issue', thread: `${'x'.repeat(490)}/{Subject}` }];
    const other = await open(t, { outbound: { rule: long } });
    const finding = await circle(other);
    assert.deepEqual([finding['status'], finding['fix']], ['ok', null], JSON.stringify(finding));
    assert.match(String(finding['what']), /; the rule for X-Issue is not shown by this/);
  });

  it('is open where the address of the user is that of another one too', async (t) => {
    const own = await open(t);
    await own.daemon.addUser('zoe', ALICE.address.toUpperCase());
    const finding = await circle(own);
    assert.equal(finding['status'], 'problem', JSON.stringify(finding));
    assert.match(
      String(finding['what']),
      /is the address of alice, and mailgwd finds nobody by it, or several$/,
    );
    assert.match(String(finding['fix']), /mailgw-ctl user list/);
  });

  it('is closed where From is a reply address too', async (t) => {
    const own = await open(t, { outbound: { from: 'reply-address' } });
    const finding = await circle(own);
    assert.equal(finding['status'], 'ok', JSON.stringify(finding));
    assert.match(stampedOf(own.relay).raw.toString('latin1'), /^From: "mailgw-ctl doctor" <reply\+/m);
  });

  it('is open where what the relay took does not come back', async (t) => {
    const finding = await circle(
      house(t),
      2,
      second(() => undefined),
      '3',
    );
    assert.equal(finding['status'], 'problem');
    assert.match(
      String(finding['what']),
      /^127\.0\.0\.1:\d+ took .* 3 s later it has not come back to mailgwd$/,
    );
    assert.match(String(finding['fix']), /^postqueue -p/);
    assert.match(String(finding['why']), /without a reply address/);
  });

  it('is open where it comes back without a stamp, or with one that does not hold', async (t) => {
    const site = house(t);
    for (const [at, [replyTo, what]] of [
      ['Reply-To: <before-the-stamp@doctor.invalid>', /the one that it had before$/],
      [`Reply-To: <reply+${'a'.repeat(48)}@reply.example.org>`, /would be rejected \(no-such-address\)$/],
      ['X-Other: 1', /it has no Reply-To$/],
    ].entries() as Iterable<[number, [string, RegExp]]>) {
      site.relay.mails.length = 0;
      const finding = await circle(
        site,
        2,
        second((raw) => raw.replace(/^Reply-To: .*(?=\r$)/m, replyTo)),
      );
      assert.equal(finding['status'], 'problem', String(at));
      assert.match(String(finding['what']), /^a notification came back without a stamp that holds: /);
      assert.match(String(finding['what']), what);
      assert.match(String(finding['fix']), /mailgw-ctl reload/);
    }
  });

  it('is worth a look where the way out changes what the platform writes', async (t) => {
    const site = house(t);
    const finding = await circle(
      site,
      2,
      second((raw) => raw.replace('Subject: a', 'Subject: [EXTERNAL] a').replace('comes back', 'stays')),
    );
    assert.equal(finding['status'], 'warning', JSON.stringify(finding));
    assert.match(String(finding['what']), /with another Subject, body$/);
  });

  it('is open where the relay refuses, and its words name no address', async (t) => {
    const site = house(t);
    site.relay.script.set('RCPT', [
      '250 2.1.5 Ok',
      `554 5.7.1 <reply+${'b'.repeat(48)}@reply.example.org>: Relay access denied`,
    ]);
    const finding = await circle(site, 1);
    assert.equal(finding['status'], 'problem');
    assert.match(
      String(finding['what']),
      /answers the notification with "554 5\.7\.1 <reply\+TOKEN@reply\.example\.org>: Relay access denied"$/,
    );
  });

  it('is open where the relay is not there', async (t) => {
    const site = house(t);
    const finding = await circle(site, 1, (raw) => {
      const busy = { then: 'close', say: '421 4.3.2 busy' } as const;
      site.relay.script.set('CONNECT', [busy, busy]);
      return raw;
    });
    assert.equal(finding['status'], 'problem');
    assert.match(String(finding['what']), /answers MAIL with "451 4\.4\.1 relay 127\.0\.0\.1:\d+: said 421/);
  });

  it('is open where nobody listens at outbound.socket', async (t) => {
    const own = await open(t);
    const words = ['doctor', '--smtp', own.relay.place];
    unlinkSync(own.outbound);
    const [{ stdout }] = await Promise.all([own.daemon.tryCtl(...words), deliverAll(own, 1, (raw) => raw)]);
    const finding = parseRows(stdout).find(({ check }) => check === 'outbound.circle');
    assert.equal(finding?.['status'], 'problem');
    assert.match(String(finding['what']), /outbound\.sock: .*(?:ENOENT|no such)/i);
  });

  it('is not tried where the probe that goes straight in is lost, and never without --smtp', async (t) => {
    const site = house(t);
    const findings = await doctor(site, '--wait', '0');
    assert.equal(findings.get('round_trip.lmtp')?.['status'], 'problem');
    assert.equal(findings.get('outbound.circle')?.['status'], 'skipped');
    assert.equal(site.relay.mails.length, 1);
    const without = await site.daemon.tryCtl('doctor');
    assert.doesNotMatch(without.stdout, /outbound\.circle/);
  });
});

describe('mail to a probe that is none of doctor', () => {
  it('is stamped by nothing but a proof: not a field, not a made-up address, not one among others', async (t) => {
    const house = await open(t, {
      outbound: { rule: [{ field: 'X-Thread', thread: '{X-Thread}' }] },
    });
    await circle(house);
    const probe = (stampedOf(house.relay).recipients[0] ?? '').replaceAll(/[<>]/g, '');
    const mail = `From: <a@example.org>\r\nX-Thread: ${PROBE_THREAD}\r\nSubject: s\r\n\r\nHello.`;
    const sent = async (data: string, ...to: string[]): Promise<string> => {
      const lmtp = await LmtpClient.open(t, house.outbound);
      const before = house.relay.mails.length;
      const replies = await lmtp.deliver(data, ...to);
      assert.ok(
        replies.every((reply) => reply.startsWith('250')),
        replies.join(),
      );
      return (await house.relay.nthMail(before + 1)).raw.toString('latin1');
    };
    const made = probe.replace(/(?<=\+).(?=.)/, 'b').replace(/.(?=@)/, (last) => (last === 'a' ? 'b' : 'a'));
    for (const to of [[ALICE.address], [made], [ALICE.address, probe]])
      assert.equal(await sent(mail, ...to), `${mail}\r\n`, to.join());
    // And ours is left alone, were it to come by a second time.
    const again = stampedOf(house.relay).raw.toString('latin1');
    assert.equal(await sent(again.replace(/\r\n$/, ''), probe), again);
    // The proof alone does it.
    assert.match(await sent(mail, probe), /^Reply-To: <reply\+/m);
  });
});
