// A mailbox on a server that does what real ones do on their worst days.

import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { openMailbox } from '../../src/sources/imap/connection.ts';
import { Credentials } from '../../src/sources/imap/credentials.ts';
import type { MailboxErrorKind } from '../../src/sources/imap/mailbox-error.ts';
import type { ImapConfig } from '../../src/sources/imap/settings.ts';
import { configOf, LEAST } from '../config/least.ts';
import { GOOD, ImapScript } from '../support/imap-server.ts';
import { replyMessage } from '../support/message.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';
import { selfSigned } from '../support/tls.ts';

const SECRET = 'open-sesame';
const MOST = { maxMessageBytes: 1024 * 1024, commandMs: 2000 } as const;

async function startScript(t: TestContext): Promise<ImapScript> {
  const script = await ImapScript.start();
  t.after(() => {
    script.stop();
  });
  return script;
}

/** A mailbox's settings, by their lines. */
function imapConfig(
  scratch: Scratch,
  script: ImapScript,
  lines: Readonly<Record<string, string>> = {},
): ImapConfig {
  const passwordFile = scratch.path('password');
  writeFileSync(passwordFile, `${SECRET}\n`, { mode: 0o600 });
  const settings = {
    ...{ name: 'box', host: '127.0.0.1', port: String(script.port), tls: 'off', user: 'alice' },
    ...(lines.token_command === undefined ? { password_file: passwordFile } : {}),
    ...lines,
  };
  const written = Object.entries(settings).map(([key, value]) =>
    /^(?:\d+|\[.*\])$/.test(value) ? `${key} = ${value}` : `${key} = ${JSON.stringify(value)}`,
  );
  return configOf(`${LEAST}\n[[imap]]\n${written.join('\n')}\n`).imap.each[0]!;
}

async function assertKind(opening: Promise<unknown>, kind: MailboxErrorKind): Promise<string> {
  let message = '';
  await assert.rejects(opening, (error: Error & { kind?: MailboxErrorKind }) => {
    assert.equal(error.kind, kind, error.message);
    message = error.message;
    return true;
  });
  return message;
}

const reply = (id: string): string =>
  replyMessage({ to: 'a@reply.example.org', messageId: `${id}@x.example` });

describe('a password', () => {
  for (const mechanism of ['AUTH=PLAIN', 'no AUTH at all']) {
    it(`is not sent where STARTTLS was taken out of the offer (${mechanism})`, async (t) => {
      const [scratch, script] = [testScratch(t), await startScript(t)];
      script.nature.capabilities = mechanism === 'AUTH=PLAIN' ? [...GOOD, mechanism] : GOOD;
      await assertKind(openMailbox(imapConfig(scratch, script, { tls: 'starttls' }), MOST), 'tls');
      assert.doesNotMatch(script.inTheClear, /LOGIN|AUTHENTICATE|sesame/i);
      assert.doesNotMatch(script.inTheClear, new RegExp(Buffer.from(SECRET).toString('base64').slice(0, 12)));
    });
  }

  it('is not sent to a server that says it is TLS already, or that greets in the clear', async (t) => {
    const [scratch, script] = [testScratch(t), await startScript(t)];
    const config = imapConfig(scratch, script, { tls: 'implicit' });
    await assertKind(openMailbox(config, { ...MOST, commandMs: 500 }), 'tls');
    assert.doesNotMatch(script.inTheClear, /alice|sesame/);
  });

  it('is not sent to a server whose certificate nobody vouches for', async (t) => {
    const [scratch, script] = [testScratch(t), await startScript(t)];
    script.nature.tls = await selfSigned(scratch);
    script.nature.capabilities = [...GOOD, 'STARTTLS', 'AUTH=PLAIN'];
    await assertKind(openMailbox(imapConfig(scratch, script, { tls: 'starttls' }), MOST), 'tls');
    script.nature.isImplicit = true;
    await assertKind(openMailbox(imapConfig(scratch, script, { tls: 'implicit' }), MOST), 'tls');
    assert.equal(script.count(/LOGIN|AUTHENTICATE/), 0);
  });

  for (const tls of ['starttls', 'implicit'] as const) {
    it(`goes through ${tls} alone, once the certificate is believed`, async (t) => {
      const [scratch, script] = [testScratch(t), await startScript(t)];
      const made = await selfSigned(scratch);
      script.nature.tls = made;
      script.nature.isImplicit = tls === 'implicit';
      script.nature.capabilities = [...GOOD, 'STARTTLS', 'AUTH=PLAIN'];
      const told: string[] = [];
      script.nature.login = (user, secret) => {
        told.push(`${user} ${secret}`);
        return undefined;
      };
      const box = await openMailbox(imapConfig(scratch, script, { tls, ca_file: made.certFile }), MOST);
      await box.close();
      assert.deepEqual(told, [`alice ${SECRET}`]);
      assert.doesNotMatch(script.inTheClear, /LOGIN|AUTHENTICATE|alice/i);
    });
  }

  it('that is refused is told from a server that is busy', async (t) => {
    const [scratch, script] = [testScratch(t), await startScript(t)];
    const config = imapConfig(scratch, script);
    const answers: readonly (readonly [string, MailboxErrorKind])[] = [
      ['NO [AUTHENTICATIONFAILED] no such user', 'login'],
      ['NO Login failed.', 'login'],
      ['NO [UNAVAILABLE] the directory is down', 'busy'],
      ['NO [LIMIT] too many connections', 'busy'],
      ['NO [INUSE] locked', 'busy'],
    ];
    for (const [answer, kind] of answers) {
      script.nature.login = () => answer;
      await assertKind(openMailbox(config, MOST), kind);
    }
    assert.equal(script.connections, answers.length, 'one login each');
  });
});

describe('a token', () => {
  for (const mechanism of ['XOAUTH2', 'OAUTHBEARER']) {
    it(`by ${mechanism} is asked for again when it has become too old, and not when a new one is refused`, async (t) => {
      const [scratch, script] = [testScratch(t), await startScript(t)];
      script.nature.capabilities = [...GOOD, `AUTH=${mechanism}`];
      const program = scratch.path('token');
      writeFileSync(program, `#!/bin/sh\necho x >>${program}.runs\necho token-$(wc -l <${program}.runs)\n`);
      chmodSync(program, 0o755);
      const config = imapConfig(scratch, script, { token_command: `["${program}"]` });
      const credentials = new Credentials(config);
      const told: string[] = [];
      let good = 'token-1';
      script.nature.login = (user, token, by) => {
        told.push(`${by} ${user} ${token}`);
        return token === good ? undefined : 'NO [AUTHENTICATIONFAILED] expired';
      };
      await (await openMailbox(config, { ...MOST, credentials })).close();
      good = 'token-2';
      await (await openMailbox(config, { ...MOST, credentials })).close();
      good = 'none';
      await assertKind(openMailbox(config, { ...MOST, credentials }), 'login');
      assert.deepEqual(
        told.map((each) => each.replace(`${mechanism} alice token-`, '')),
        ['1', '1', '2', '2', '3'],
      );
    });
  }
});

describe('a command', () => {
  const stages: readonly (readonly [string, RegExp])[] = [
    ['the greeting', /^GREETING$/],
    ['CAPABILITY', /^CAPABILITY/],
    ['the login', /^(?:LOGIN|AUTHENTICATE)/],
    ['SELECT', /^SELECT/],
  ];
  for (const [stage, pattern] of stages) {
    it(`that is never answered ends the opening within its time: ${stage}`, async (t) => {
      const [scratch, script] = [testScratch(t), await startScript(t)];
      if (stage === 'CAPABILITY') script.nature.capabilities = ['IMAP4rev1'];
      script.when(pattern, 'hang');
      const config = imapConfig(scratch, script);
      const opening = openMailbox(config, { ...MOST, commandMs: 300 });
      if (stage === 'CAPABILITY' && script.count(/^CAPABILITY/) === 0)
        script.when(/^(?:LOGIN|AUTHENTICATE)/, 'hang');
      await assertKind(opening, 'network');
      await script.asked(/.*/, 0);
      await (await openMailbox(config, MOST)).close();
    });
  }

  it('that is never answered closes the connection, and the next one is as good as new', async (t) => {
    const [scratch, script] = [testScratch(t), await startScript(t)];
    script.append(reply('one'));
    const config = imapConfig(scratch, script);
    const box = await openMailbox(config, { ...MOST, commandMs: 300 });
    script.when(/^UID FETCH/, 'hang');
    await assertKind(box.fetchMessage(1), 'network');
    await box.closed;
    await assertKind(box.searchAfter(0), 'network');
    const next = await openMailbox(config, MOST);
    assert.deepEqual(await next.searchAfter(0), [1]);
    await next.close();
  });

  it('that a BYE, an end or half a message comes in place of is the network’s fault', async (t) => {
    const [scratch, script] = [testScratch(t), await startScript(t)];
    script.append(reply('one'));
    const config = imapConfig(scratch, script);
    for (const turn of ['drop', { bye: 'maintenance' }, { cut: 120 }] as const) {
      const box = await openMailbox(config, MOST);
      script.when(/^UID FETCH/, turn);
      await assertKind(box.fetchMessage(1), 'network');
      await box.closed;
    }
  });

  it('that is refused leaves the connection as it was', async (t) => {
    const [scratch, script] = [testScratch(t), await startScript(t)];
    script.append(reply('one'));
    const box = await openMailbox(imapConfig(scratch, script), MOST);
    script.when(/^UID STORE/, { answer: 'NO [OVERQUOTA] full' });
    await assertKind(box.mark([1], ['\\Seen']), 'refused');
    await box.mark([1], ['\\Seen']);
    assert.ok(script.inbox.messages[0]?.flags.has('\\Seen'));
    script.when(/^UID SEARCH/, { answer: 'NO [UNAVAILABLE] the index is rebuilt' });
    await assertKind(box.searchAfter(0), 'refused');
    await box.close();
  });

  it('never asks for more than is new, whatever n:* gives', async (t) => {
    const [scratch, script] = [testScratch(t), await startScript(t)];
    for (const id of ['one', 'two']) script.append(reply(id));
    const box = await openMailbox(imapConfig(scratch, script), MOST);
    assert.deepEqual(await box.searchAfter(2), []);
    assert.deepEqual(await box.searchAfter(1), [2]);
    assert.equal(script.count(/UID SEARCH .*\*/), 0);
    await box.close();
  });
});
