// doctor's forged calls: refused by the real source in the form of every kind, and told apart from whatever else answers.
import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { checkWebhooks } from '../../src/ctl/doctor/webhooks.ts';
import { configOf, LEAST } from '../config/least.ts';
import { serveHttp } from '../support/loopback.ts';
import { testScratch } from '../support/scratch.ts';
import { TOPIC_ARN } from '../support/sns.ts';
import { listenTo } from '../support/webhook-source.ts';

const KINDS = ['sendgrid', 'mailgun', 'postmark', 'ses', 'resend', 'raw'];

describe('doctor on webhooks', () => {
  it('finds that each kind refuses a forged call, and why in the log', async (t) => {
    const scratch = testScratch(t);
    const keep = (name: string, text: string): string => {
      writeFileSync(scratch.path(name), `${text}\n`, { mode: 0o600 });
      return scratch.path(name);
    };
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const spki = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
    const signing = keep('signing', `whsec_${randomBytes(32).toString('base64')}`);
    const lines: Record<string, string> = {
      sendgrid: `secret_file = "${keep('sendgrid', spki)}"`,
      mailgun: `secret_file = "${keep('mailgun', 'key-0123456789abcdef0123')}"`,
      postmark: `secret_file = "${keep('postmark', 'user:0123456789abcdef0123')}"`,
      ses: `topic_arn = "${TOPIC_ARN}"`,
      resend: `secret_file = "${signing}"\napi_key_file = "${keep('api', 're_0123456789abcdef')}"`,
      raw: `secret_file = "${signing}"`,
    };
    const tables = KINDS.map(
      (kind) => `[[webhook]]\nname = "${kind}"\nkind = "${kind}"\n${lines[kind] ?? ''}\n`,
    );
    const { config, events, test } = await listenTo(t, tables.join(''));
    const findings = await checkWebhooks(config);
    assert.deepEqual(
      findings.map(({ status }) => status),
      KINDS.map(() => 'ok'),
      findings.map(({ what }) => what).join('\n'),
    );
    assert.deepEqual(
      findings.map(({ what }) => /^(\w+): .* refuses a forged call \((\d+)\)$/.exec(what)?.slice(1).join()),
      ['sendgrid,401', 'mailgun,406', 'postmark,403', 'ses,403', 'resend,401', 'raw,401'],
    );
    const refused = events.filter(({ event }) => event === 'call_refused');
    assert.deepEqual(
      refused.map(({ fields }) => `${String(fields.source)} ${String(fields.kind)}`),
      KINDS.map((kind) => `${kind} forged`),
    );
    // It is the signature that each was refused for: all before it was in order.
    for (const { fields } of refused)
      assert.match(String(fields.reason), /signature|password|SigningCertURL/i, String(fields.source));
    assert.deepEqual(await test.store.list({}), []);
  });

  it('tells what is wrong where a forged call is taken, put off or answered by somebody else', async (t) => {
    const table = `[[webhook]]\nname = "ses"\nkind = "ses"\ntopic_arn = "${TOPIC_ARN}"\n`;
    for (const [status, found, why] of [
      [200, 'problem', /post as anybody/],
      [204, 'problem', /post as anybody/],
      [503, 'problem', /put off/],
      [404, 'problem', /does not know this path/],
      [502, 'warning', /expected a refusal/],
      [302, 'warning', /expected a refusal/],
    ] as const) {
      const origin = await serveHttp(t, (_, response) => response.writeHead(status).end());
      const config = configOf(`${LEAST}\n[inbound]\nlisten = "${origin.replace('http://', '')}"\n${table}`);
      const [finding] = await checkWebhooks(config);
      assert.equal(finding?.status, found, String(status));
      assert.match('why' in finding ? finding.why : '', why);
    }
  });

  it('tells where nobody listens, and nothing where no webhook is', async (t) => {
    const table = `[[webhook]]\nname = "ses"\nkind = "ses"\ntopic_arn = "${TOPIC_ARN}"\n`;
    const socket = testScratch(t).path('inbound.sock');
    const [absent] = await checkWebhooks(
      configOf(`${LEAST}\n[inbound]\nlisten = "unix:${socket}"\n${table}`),
    );
    assert.match(absent?.what ?? '', /nobody listens/);
    assert.deepEqual(await checkWebhooks(configOf(LEAST)), []);
  });
});
