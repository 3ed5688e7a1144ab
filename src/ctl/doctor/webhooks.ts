/**
 * The webhooks of mail providers: whether each refuses a call that its provider never made.
 *
 * Contract: posts one forged call to each `[[webhook]]` where mailgwd listens, in the documented form of its kind and with
 * a signature by a key that nobody has. It is for no address of ours, so that nothing comes of it even where it is taken.
 * mailgwd logs and counts it as it does any forgery. Limits: what stands between the provider and mailgwd, such as the
 * server that does TLS, is passed by; an answer has {@link WITHIN_MS}.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { describe, EXIT, systemCode } from '../../actions/fault.ts';
import { type Endpoint, endpointText } from '../../config/kinds.ts';
import type { Config } from '../../site/config.ts';
import { pathOf, type WebhookConfig } from '../../sources/webhook/settings.ts';
import { type Finding, fine, problem, skipped, warning } from './finding.ts';

const WITHIN_MS = 10_000;

/** The statuses of a refusal; each kind has one of them, by what its provider takes for final. */
const REFUSED = [401, 403, 406];

/** Examines all of them. */
export async function checkWebhooks(config: Config): Promise<Finding[]> {
  const { each } = config.webhook;
  const endpoint = config.inbound.listen ?? config.api.listen;
  if (endpoint === undefined) return []; // with a [[webhook]] the configuration is refused then
  const findings: Finding[] = [];
  for (const webhook of each) findings.push(await checkWebhook(webhook, endpoint));
  return findings;
}

async function checkWebhook(webhook: WebhookConfig, endpoint: Endpoint): Promise<Finding> {
  const check = 'webhook.forgery';
  const { name } = webhook;
  const place = `${endpointText(endpoint)} ${pathOf(webhook)}`;
  try {
    const status = await post(endpoint, pathOf(webhook), forge(webhook));
    return judge(check, name, place, status);
  } catch (error) {
    if (systemCode(error) === 'EACCES')
      return skipped(check, `${name}: ${place}: this user may not connect; run doctor as root`);
    const isAbsent = ['ECONNREFUSED', 'ENOENT'].includes(systemCode(error) ?? '');
    return problem(check, EXIT.unavailable, {
      what: `${name}: ${place}: ${isAbsent ? 'nobody listens' : describe(error)}`,
      why: 'the provider keeps mail for a time of its own, and then gives it up',
      fix: 'systemctl start mailgw; journalctl -u mailgw -n 20',
    });
  }
}

function judge(check: string, name: string, place: string, status: number): Finding {
  if (REFUSED.includes(status)) return fine(check, `${name}: ${place} refuses a forged call (${status})`);
  const what = `${name}: ${place} answers ${status} to a forged call`;
  if (status >= 200 && status < 300)
    return problem(check, EXIT.configuration, {
      what,
      why: 'whoever knows the URL can post as anybody',
      fix: 'take the [[webhook]] out of mailgw.toml and mailgw-ctl reload, then report this',
    });
  if (status === 503)
    return problem(check, EXIT.unavailable, {
      what,
      why: 'calls are put off: a secret is missing, the store is full, or mailgwd stops; the provider tries again for a time',
      fix: `mailgw-ctl source list ${name} says why`,
    });
  if (status === 404)
    return problem(check, EXIT.configuration, {
      what,
      why: 'mailgwd does not know this path: it runs with another configuration, or somebody else listens there',
      fix: 'mailgw-ctl reload',
    });
  return warning(check, {
    what,
    why: `expected a refusal (${REFUSED.join(', ')})`,
    fix: 'look who listens there: ss -ltnp',
  });
}

/** A call, as it is posted. */
interface ForgedCall {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const MAIL =
  'From: doctor@sender.invalid\r\nTo: nobody@recipient.invalid\r\nSubject: forged by doctor\r\n\r\n.\r\n';

/** Makes a call of the kind, right but for its signature. */
function forge({ kind, topicArn }: WebhookConfig): ForgedCall {
  const seconds = String(Math.floor(Date.now() / 1000));
  const noise = (bytes: number): string => randomBytes(bytes).toString('base64');
  switch (kind) {
    case 'sendgrid':
      return form(
        { email: MAIL, envelope: '{"to":["nobody@recipient.invalid"],"from":"doctor@sender.invalid"}' },
        {
          'x-twilio-email-event-webhook-signature': noise(70),
          'x-twilio-email-event-webhook-timestamp': seconds,
        },
      );
    case 'mailgun':
      return form({
        timestamp: seconds,
        token: randomBytes(25).toString('hex'),
        signature: createHash('sha256').update(randomBytes(32)).digest('hex'),
        recipient: 'nobody@recipient.invalid',
        sender: 'doctor@sender.invalid',
        'body-mime': MAIL,
      });
    case 'postmark':
      return json(
        {
          MessageID: randomUUID(),
          OriginalRecipient: 'nobody@recipient.invalid',
          RawEmail: Buffer.from(MAIL).toString('base64'),
        },
        { authorization: `Basic ${Buffer.from(`doctor:${noise(24)}`).toString('base64')}` },
      );
    case 'ses':
      return forgeSns(topicArn, noise(256));
    case 'resend':
      return json(
        {
          type: 'email.received',
          created_at: new Date().toISOString(),
          data: { email_id: randomUUID(), to: ['nobody@recipient.invalid'] },
        },
        { 'svix-id': `msg_${seconds}`, 'svix-timestamp': seconds, 'svix-signature': `v1,${noise(32)}` },
      );
    case 'raw':
      return {
        headers: {
          'content-type': 'message/rfc822',
          'webhook-id': `doctor_${seconds}`,
          'webhook-timestamp': seconds,
          'webhook-signature': `v1,${noise(32)}`,
          'x-mailgw-envelope-to': 'nobody@recipient.invalid',
        },
        body: MAIL,
      };
  }
}

/** Makes a message of the right topic whose certificate stands where nobody's does, so that nothing is fetched. */
function forgeSns(topicArn: string, signature: string): ForgedCall {
  const message = {
    notificationType: 'Received',
    receipt: { recipients: ['nobody@recipient.invalid'], action: { type: 'SNS', topicArn } },
    mail: { source: 'doctor@sender.invalid' },
    content: MAIL,
  };
  const fields = {
    Type: 'Notification',
    MessageId: randomUUID(),
    TopicArn: topicArn,
    Message: JSON.stringify(message),
    Timestamp: new Date().toISOString(),
    SignatureVersion: '2',
    Signature: signature,
    SigningCertURL:
      'https://sns.recipient.invalid/SimpleNotificationService-00000000000000000000000000000000.pem',
  };
  return json(fields, { 'x-amz-sns-message-type': 'Notification' });
}

function json(value: unknown, headers: Readonly<Record<string, string>> = {}): ForgedCall {
  return { headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) };
}

/** Makes a form in parts (RFC 7578), as the providers do that send files. */
function form(
  fields: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): ForgedCall {
  const boundary = `doctor${randomBytes(12).toString('hex')}`;
  const parts = Object.entries(fields).map(
    ([name, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  return {
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}`, ...headers },
    body: `${parts.join('')}--${boundary}--\r\n`,
  };
}

/** Posts a call; gives the status of its answer. */
async function post(endpoint: Endpoint, path: string, { headers, body }: ForgedCall): Promise<number> {
  const where =
    'path' in endpoint ? { socketPath: endpoint.path } : { host: endpoint.host, port: endpoint.port };
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(WITHIN_MS);
    const asked = request({
      ...where,
      path,
      method: 'POST',
      headers: { ...headers, 'content-length': Buffer.byteLength(body) },
      agent: false,
      signal,
    });
    asked.on('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    // A refusal may come, and the connection go, before the body is written; then the answer counts.
    asked.on('error', (error) => {
      reject(signal.aborted ? new Error(`no answer within ${WITHIN_MS / 1000} s`) : error);
    });
    asked.end(body);
  });
}
