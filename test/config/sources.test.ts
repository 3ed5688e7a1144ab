// The tables of mailboxes and providers: what each says of whom to believe, and that no two have one name.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { configOf, LEAST, problemsOf } from './least.ts';

const MAILBOX = (name: string, more = ''): string =>
  `${LEAST}\n[inbound]\nlisten = "127.0.0.1:8026"\n[[imap]]\nname = "${name}"\nhost = "imap.example.org"\nuser = "u"\n${more}\n`;
const PROVIDER = (name: string): string =>
  `[[webhook]]\nname = "${name}"\nkind = "raw"\nsecret_file = "/etc/mailgw/${name}.secret"\n`;

describe('the name of a mailbox or a provider', () => {
  it('is its own: a problem names both', () => {
    assert.deepEqual(problemsOf(`${MAILBOX('box')}${PROVIDER('other')}${PROVIDER('box')}`), [
      'webhook[1].name: "box" is that of imap[0].name already; expected its own',
    ]);
    assert.deepEqual(problemsOf(`${MAILBOX('box')}${PROVIDER('other')}`), []);
  });
});

describe('token_command', () => {
  it('is a program, or a list of it and its arguments', () => {
    const command = (written: string): unknown =>
      configOf(MAILBOX('box', `token_command = ${written}`)).imap.each[0]?.tokenCommand;
    assert.deepEqual(command('"/usr/local/bin/token"'), ['/usr/local/bin/token']);
    assert.deepEqual(command('["/usr/local/bin/token", "box"]'), ['/usr/local/bin/token', 'box']);
    assert.match(problemsOf(MAILBOX('box', 'token_command = 7')).join('\n'), /^imap\[0\]\.token_command: 7 /);
  });
});

describe('own_hosts', () => {
  it('takes the names of hosts', () => {
    const config = configOf(MAILBOX('box', 'own_hosts = ["mx.google.com", "A.example"]'));
    assert.deepEqual(config.imap.each[0]?.ownHosts, ['mx.google.com', 'A.example']);
    assert.deepEqual(configOf(MAILBOX('box')).imap.each[0]?.ownHosts, []);
  });

  it('refuses what no host is called', () => {
    for (const host of ['', '.', '*.google.com', 'mx google', '-x', 'a@b']) {
      const problems = problemsOf(MAILBOX('box', `own_hosts = ["${host}"]`));
      assert.match(problems.join('\n'), /^imap\[0\]\.own_hosts: .*host name/, host);
    }
  });
});

describe('two mailboxes', () => {
  const named = (name: string, more: string): string =>
    `[[imap]]\nname = "${name}"\nhost = "imap.example.org"\nuser = "u"\n${more}\n`;
  const both = (one: string, other: string): readonly string[] =>
    problemsOf(`${LEAST}\n${named('a', one)}${named('b', other)}`);

  it('are one and the same neither by the name of their folder nor by the port of their server', () => {
    for (const [one, other] of [
      ['', ''],
      ['', 'folder = "inbox"'],
      ['', 'port = 993'],
      ['tls = "starttls"', 'port = 993'],
      ['port = 1143', 'port = 1143'],
    ] as const) {
      const [problem = '', ...more] = both(one, other);
      assert.match(
        problem,
        /^imap\[1\]\.folder: folder "INBOX" of u at imap\.example\.org.* is read by imap\[0\]/,
      );
      assert.equal(more.length, 0);
    }
  });

  it('may be two folders, of two users, or at two servers', () => {
    assert.deepEqual(both('', 'folder = "Replies"'), []);
    assert.deepEqual(both('folder = "replies"', 'folder = "Replies"'), []);
    assert.deepEqual(both('port = 1143', 'port = 2143'), []);
  });
});
