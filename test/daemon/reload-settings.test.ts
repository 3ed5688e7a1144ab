// What a reload says of a setting is what happens to it: every setting of the table, on the real daemon.
//
// Whoever reads a value is watched (support/setting-reads.ts). A setting is in effect at once when every module that had its
// old value gets the new one and none reads the old one any more; it waits for a restart when no module gets the new one.

import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { createConnection } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Webhook } from 'standardwebhooks';
import { valueIn } from '../../src/config/config.ts';
import type { Setting } from '../../src/config/kinds.ts';
import { tomlValue } from '../../src/config/text.ts';
import type { Config } from '../../src/site/config.ts';
import { loadConfig } from '../../src/site/config.ts';
import { ROWS } from '../../src/site/table.ts';
import { LmtpWire } from '../fault/lmtp-wire.ts';
import { ApiClient } from '../support/api.ts';
import { type Daemon, type Settings, startDaemon, toToml } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { startPlatform } from '../support/platform.ts';
import { policyRequest } from '../support/policy.ts';
import { type Scratch, suiteScratch } from '../support/scratch.ts';
import type { SettingRead } from '../support/setting-reads.ts';

const RECORDER = pathToFileURL(new URL('../support/setting-reads.js', import.meta.url).pathname).href;

type Effect = 'now' | 'after a restart';

interface Observed {
  readonly setting: string;
  readonly key: string;
  readonly from: string;
  readonly to: string;
}

/** A valid value that means something else: a word that the setting's own expectation names, or one of a few. */
function otherValue(setting: Setting<unknown>, now: unknown): unknown {
  const words = [...setting.expects.matchAll(/"([^"]+)"/g)].map(([, word]) => word);
  const fallbacks = [
    '0640',
    7,
    'other.example.org',
    '127.0.0.1:2222',
    '/nonexistent/other',
    'robot@example.org',
    true,
    false,
  ];
  const candidates = [...words, ...words.map((word) => [word]), ...fallbacks];
  const found = candidates.find((candidate) => {
    const read = setting.read(candidate);
    return read.ok && asJson(read.value) !== asJson(now);
  });
  assert.notEqual(found, undefined, `another value: ${setting.expects}`);
  return found;
}

const asJson = (value: unknown): string => (value === undefined ? '' : JSON.stringify(value));

function load(path: string): Config {
  const loaded = loadConfig(path);
  assert.ok(loaded.ok, JSON.stringify(loaded));
  return loaded.config;
}

/** All settings with other values than before; what the others demand of a value is said here. */
function otherSettings(scratch: Scratch, config: Config): Settings {
  writeFileSync(scratch.path('other.pepper'), randomBytes(32).toString('base64'), { mode: 0o600 });
  mkdirSync(scratch.path('texts'));
  const demanded: Readonly<Record<string, unknown>> = {
    'reply.max_age': '60d',
    'reply.pepper_file': scratch.path('other.pepper'),
    // Where the store is: below, since mailgw-ctl asks the daemon of the store that the file names.
    'store.path': config.store.path,
    'store.url': '',
    'store.password_file': '',
    'store.host': '',
    'store.dedupe_window': '400d',
    'spam.source': 'spamd',
    'notice.texts': scratch.path('texts'),
    'outbound.rule': [{ field: 'X-Other', thread: 'other' }],
    imap: [{ name: 'box', host: '127.0.0.1', port: 9, user: 'other' }],
    webhook: [{ name: 'other', kind: 'raw', secret_file: scratch.path('webhook.secret') }],
  };
  const settings: Record<string, Record<string, unknown>> = { sink: { ...config.sinks[0]?.options } };
  for (const row of ROWS) {
    const value = demanded[row.key] ?? otherValue(row.setting, valueIn(config, row));
    (settings[row.section] ??= {})[row.name] = value;
  }
  return settings as Settings;
}

/** Another store than the one that is open, on a server. */
function otherStore(scratch: Scratch): Readonly<Record<string, string>> {
  writeFileSync(scratch.path('password'), 'secret', { mode: 0o600 });
  return {
    path: scratch.path('other.db'),
    url: 'postgresql:///other',
    password_file: scratch.path('password'),
    host: 'other',
  };
}

/** Writes settings as TOML; sections that are lists of tables come first, since they stand at the top. */
function asToml(settings: Settings): string {
  const lists = Object.entries(settings).filter(([, keys]) => '' in keys);
  const others = Object.entries(settings).filter(([, keys]) => !('' in keys));
  const lines = lists.map(([section, keys]) => `${section} = ${tomlValue(keys[''])}\n`);
  return lines.join('') + toToml(Object.fromEntries(others));
}

/** Posts a call as a provider of kind "raw" does; its status. */
async function postCall(socketPath: string, path: string, secret: string): Promise<number | undefined> {
  const [body, id, at] = ['Subject: nobody wrote this\r\n\r\n', randomUUID(), new Date()];
  const headers = {
    'content-type': 'message/rfc822',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new Webhook(secret).sign(id, at, body),
  };
  const asking = request({ socketPath, path, method: 'POST', headers, agent: false });
  asking.end(body);
  const [response] = (await once(asking, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  return response.statusCode;
}

/** The row that a changed key is of: of a list each table is told by its name. */
const rowOf = (key: string): string => key.replace(/^(imap|webhook)\.(?:first|other|box)$/, '$1');

describe('every setting of the table', () => {
  const scratch = suiteScratch();
  const [reads, policySocket] = [scratch.path('reads'), scratch.path('policy.sock')];
  const inboundSocket = scratch.path('inbound.sock');
  const [outboundSocket, apiSocket] = [scratch.path('outbound.sock'), scratch.path('api.sock')];
  let [token, secret] = ['', ''];
  let observed: readonly Observed[] = [];
  let told = new Map<string, Effect>();
  let refusal = '';
  let atReload: { readonly begun: number; readonly over: number };

  const linesRead = (): string[] => readFileSync(reads, 'utf8').split('\n').slice(0, -1);
  const readsFrom = (from: number, to?: number): SettingRead[] =>
    linesRead()
      .slice(from, to)
      .map((line) => JSON.parse(line) as SettingRead)
      // That the directory of the store is safe is asked before a configuration is taken.
      .filter(({ setting, module }) => setting !== 'store.path' || module !== 'site/settings.js');

  /** Has commands, the sources and the way out, with a good address and with a bad one, and retention work. */
  const exercise = async (daemon: Daemon): Promise<void> => {
    const { reply_to: address } = await daemon.mint({ user: 'alice', thread: 'a/b/1' });
    await daemon.ctl('user', 'set', 'alice', '--address', `${randomUUID()}@example.com`);
    const wire = await LmtpWire.connect(daemon.socket);
    assert.equal((await wire?.begin([address]))?.isDataWanted, true);
    await wire?.finish('Subject: nobody wrote this', 1);
    const bad = address.replace(/(.)@/, (_, last) => (last === 'a' ? 'b@' : 'a@'));
    const refused = await wire?.begin([bad]);
    assert.match(refused?.recipients[0] ?? '', /^550 /);
    wire?.close();
    const other = await LmtpWire.connect(daemon.socket);
    other?.write('NONSENSE\r\n');
    await other?.replies(2);
    other?.close();
    // Nobody listens where the relay should be.
    const outbound = await LmtpWire.connect(outboundSocket);
    assert.equal((await outbound?.begin([address]))?.isDataWanted, false);
    outbound?.close();
    const { status } = await new ApiClient({ socketPath: apiSocket }, token).ask('GET', '/v1/queue');
    assert.equal(status, 200);
    const statuses: unknown[] = [];
    for (const name of ['first', 'other'])
      statuses.push(await postCall(inboundSocket, `/in/${name}`, secret));
    assert.ok(statuses.includes(200), statuses.join(', '));
    const client = createConnection(policySocket);
    client.write(policyRequest({ recipient: bad }));
    assert.match(String((await once(client, 'data'))[0]), /^action=550 /);
    client.destroy();
    const begun = linesRead().length;
    const prunes = (): SettingRead | undefined =>
      readsFrom(begun).find(({ setting }) => setting === 'store.keepRowsMs');
    await eventually(prunes, () => 'a look at what is out of date');
  };

  before(async () => {
    const platform = await startPlatform(scratch);
    secret = platform.sink.secret;
    const settings = {
      store: { path: scratch.path('mailgw.db'), dedupe_window: '300d' }, // or it would follow reply.max_age
      policy: { socket: policySocket },
      outbound: { socket: outboundSocket, relay: '127.0.0.1:9' },
      rate: { per_user: '100/h', per_address: '99/h', total: '98/h' },
      spam: { source: 'off' },
      matching: { by: ['subject'], addresses: ['tracker@example.org'] },
      metrics: { listen: `unix:${scratch.path('metrics.sock')}` },
      api: { listen: `unix:${apiSocket}` },
      inbound: { listen: `unix:${inboundSocket}` },
    };
    const tables = `\n[[webhook]]\nname = "first"\nkind = "raw"\nsecret_file = "${scratch.path('webhook.secret')}"\n`;
    const environment = { NODE_OPTIONS: `--import=${RECORDER}`, SETTING_READS: reads };
    const daemon = await startDaemon(scratch, { sink: platform.sink, settings, tables, environment });
    await daemon.ready(); // so that it is asked from the first command on
    await daemon.addUser('alice');
    const [made] = await daemon.ctl('token', 'create', 'watcher', '--scope', 'read');
    token = String(made?.token);
    await exercise(daemon);
    const first = load(daemon.config);
    const changed = otherSettings(scratch, first);
    const write = (source: string, elsewhere: Readonly<Record<string, string>> = {}): void => {
      const [spam, store] = [
        { ...changed.spam, source },
        { ...changed.store, ...elsewhere },
      ];
      writeFileSync(daemon.config, asToml({ ...changed, spam, store }));
    };
    write('spamd');
    refusal = (await daemon.tryCtl('reload')).stderr;
    const begun = linesRead().length;
    const rows = await daemon.ctl('reload', '--yes');
    const second = load(daemon.config);
    told = new Map(rows.map(({ key, effect }) => [rowOf(String(key)), effect as Effect]));
    atReload = { begun, over: linesRead().length };
    assert.equal(await postCall(inboundSocket, '/in/other', secret), 200); // it reads "spamd" in its turn
    write('header'); // whose own settings nobody reads otherwise
    await daemon.ctl('reload');
    await daemon.ctl('pepper', 'accept', '--yes');
    await exercise(daemon);
    const elsewhere = otherStore(scratch);
    write('header', elsewhere);
    process.kill(daemon.pid, 'SIGHUP');
    for (const name of Object.keys(elsewhere)) {
      const line = await eventually(
        () => new RegExp(`^.*"key":"store\\.${name}".*$`, 'm').exec(daemon.log())?.[0],
        () => daemon.log(),
      );
      told.set(`store.${name}`, (JSON.parse(line) as { effect: Effect }).effect);
    }
    const third = load(daemon.config);
    assert.equal(await daemon.stop(), 'exit 0');
    observed = ROWS.map((row) => ({
      setting: `${row.section}.${row.property}`,
      key: row.key,
      from: asJson(valueIn(first, row)),
      to: asJson(valueIn(row.section === 'store' && row.name in elsewhere ? third : second, row)),
    }));
  });

  /** The modules that got this value of a setting. */
  const whoRead = (setting: string, value: string, from: number, to?: number): string[] =>
    readsFrom(from, to).flatMap((read) =>
      read.setting === setting && read.value === value ? [read.module] : [],
    );

  /** Says in a reload's words what became of a change; otherwise who still has the old value. */
  const effectOf = ({ setting, from, to }: Observed): string => {
    const before = whoRead(setting, from, 0, atReload.begun);
    const old = new Set(before);
    const now = whoRead(setting, to, atReload.begun);
    const stale = whoRead(setting, from, atReload.over);
    if (now.length === 0) return old.size === 0 ? 'nobody reads it' : 'after a restart';
    // The catalogue asks whether a source is wanted for as long as it is not open.
    const left = [...old].filter((module) => !now.includes(module) && module !== 'sources/catalogue.js');
    return left.length + stale.length === 0
      ? 'now'
      : `now for ${[...new Set(now)].join()}; never for ${[...new Set([...left, ...stale])].join()}`;
  };

  after(() => scratch.close());

  it('is another one after the reload', () => {
    for (const { key, from, to } of observed) assert.notEqual(to, from, key);
    assert.equal(observed.length, ROWS.length);
  });

  it('is told as what really becomes of it', () => {
    const truth = Object.fromEntries(observed.map((each) => [each.key, effectOf(each)]));
    assert.deepEqual(Object.fromEntries(told), truth);
  });

  it('is read by a part or live where its row says "now", and by nobody anew where it says "restart"', () => {
    const said = ROWS.map(({ key, setting }) => [key, setting.applies === 'now' ? 'now' : 'after a restart']);
    assert.deepEqual(
      observed.map((each) => [each.key, effectOf(each)]),
      said,
    );
  });

  it('is refused without --yes where it voids the addresses that are out, and no other is', () => {
    const refused = [...refusal.matchAll(/^mailgw-ctl: (\S+): .*would be refused for good/gm)].map(
      ([, key]) => key,
    );
    assert.deepEqual(refused, ['reply.domain', 'reply.prefix', 'reply.pepper_file']);
  });
});
