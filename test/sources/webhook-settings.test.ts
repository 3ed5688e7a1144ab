// [[webhook]] and [inbound] in the file: what each kind needs, whose path is whose, and where calls may be listened to.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KINDS } from '../../src/sources/webhook/kinds.ts';
import { pathOf } from '../../src/sources/webhook/settings.ts';
import { configOf, LEAST, problemsOf } from '../config/least.ts';

const LISTEN = '[inbound]\nlisten = "127.0.0.1:8026"\n';

const table = (kind: string, lines = 'secret_file = "/etc/mailgw/in.secret"', name = 'in'): string =>
  `[[webhook]]\nname = "${name}"\nkind = "${kind}"\n${lines}\n`;

const problemsWith = (tables: string, listen = LISTEN): readonly string[] =>
  problemsOf(`${LEAST}${listen}${tables}`);

describe('a [[webhook]]', () => {
  it('has the path of its name, which ends in "mime" of Mailgun', () => {
    const { webhook } = configOf(
      `${LEAST}${LISTEN}${table('raw', undefined, 'one')}${table('mailgun', undefined, 'two')}`,
    );
    assert.deepEqual(webhook.each.map(pathOf), ['/in/one', '/in/two/mime']);
  });

  it('has one secret file or several', () => {
    const of = (value: string): readonly string[] | undefined =>
      configOf(`${LEAST}${LISTEN}${table('raw', `secret_file = ${value}`)}`).webhook.each[0]?.secretFile;
    assert.deepEqual(of('"/a"'), ['/a']);
    assert.deepEqual(of('["/a", "/b"]'), ['/a', '/b']);
    assert.deepEqual(problemsWith(table('raw', 'secret_file = "a"')), [
      'webhook[0].secret_file: ["a"] is not the absolute path of a file, or a list of them',
    ]);
  });

  it('needs what its calls are verified by', () => {
    for (const kind of ['sendgrid', 'mailgun', 'postmark', 'raw'])
      assert.deepEqual(problemsWith(table(kind, '')), [
        `webhook[0].secret_file: is missing; kind = "${kind}" needs it`,
      ]);
    assert.deepEqual(problemsWith(table('resend', '')), [
      'webhook[0].secret_file: is missing; kind = "resend" needs it',
      'webhook[0].api_key_file: is missing; kind = "resend" needs it',
    ]);
  });

  it('has a path of its own, which is none of the HTTP interface', () => {
    const secret = 'secret_file = "/s"';
    assert.deepEqual(
      problemsWith(table('raw', `${secret}\npath = "/in/b"`, 'a') + table('raw', secret, 'b')),
      ['webhook[1].path: "/in/b" is another\'s already; expected its own'],
    );
    assert.deepEqual(problemsWith(table('raw', `${secret}\npath = "/v1/items"`)), [
      'webhook[0].path: "/v1/items" is of the HTTP interface; expected another one',
    ]);
    assert.match(
      problemsWith(table('mailgun', `${secret}\npath = "/in/mail"`))[0] ?? '',
      /does not end in "mime"/,
    );
    for (const path of ['in/mail', '/in//mail', '/in/mail/', '/in/mail?x', '/in/%41'])
      assert.equal(problemsWith(table('raw', `${secret}\npath = "${path}"`)).length, 1, path);
  });

  it('asks the API of Resend over https alone', () => {
    const lines = 'secret_file = "/s"\napi_key_file = "/k"';
    for (const url of ['http://api.resend.com', 'https://user@api.resend.com', 'resend'])
      assert.match(
        problemsWith(table('resend', `${lines}\napi_url = "${url}"`))[0] ?? '',
        /is not an https URL/,
      );
    for (const host of ['https://cdn.example', 'cdn.example/', '*.example', 'CDN.example'])
      assert.match(
        problemsWith(table('resend', `${lines}\ndownload_hosts = ["${host}"]`))[0] ?? '',
        /name of a host/,
      );
  });

  it('is loaded by its kind', async () => {
    for (const [kind, load] of Object.entries(KINDS))
      assert.equal(typeof (await load()).open, 'function', kind);
  });
});

describe('calls', () => {
  it('are listened to somewhere', () => {
    assert.match(
      problemsWith(table('raw'), '')[0] ?? '',
      /^inbound\.listen: is missing, and so is api\.listen/,
    );
    assert.deepEqual(problemsWith(table('raw'), '[api]\nlisten = "127.0.0.1:8025"\n'), []);
    assert.deepEqual(problemsWith(table('raw')), []);
    assert.deepEqual(problemsWith('', ''), []);
  });

  it('are listened to on this host alone', () => {
    const [problem] = problemsWith(table('raw'), '[inbound]\nlisten = "0.0.0.0:8026"\n');
    assert.match(
      problem ?? '',
      /^inbound\.listen: "0\.0\.0\.0" is no address of the loopback, and mail and passwords/,
    );
  });
});
