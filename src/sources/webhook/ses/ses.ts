/**
 * Amazon SES: a receipt rule publishes mail to an SNS topic, which posts it here.
 *
 * Contract: as of provider.ts. The call's id is the MessageId, which is the same over all attempts. Mail is in the
 * notification, or in S3 (notification.ts, object.ts). A question whether the topic may post here is kept for the operator
 * and answered as taken (confirmation.ts).
 * What to believe of the mail: SES writes `Authentication-Results: amazonses.com` and `X-SES-Spam-Verdict` on top of what
 * came, below one Received of its own, so `authserv_id = "amazonses.com"` and `own_received = 1`.
 * Standards: Amazon SNS Developer Guide, "HTTP/HTTPS headers" (raw message delivery) and "Amazon SNS message delivery
 * retries": SNS tries again after 5xx and 429, never after another 4xx, which goes to the dead-letter queue if there is one.
 */
import type { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readSecretText } from '../../../config/secret-file.ts';
import { errorLine } from '../../../system/error-text.ts';
import { distrust } from '../../../system/trusted-file.ts';
import {
  type Call,
  type Given,
  type OpenProvider,
  onlyField,
  type Provider,
  type ProviderEnvironment,
  type Refusal,
  refuse,
  STATUSES,
  type Statuses,
  type Verified,
} from '../provider.ts';
import type { WebhookConfig } from '../settings.ts';
import { Turns } from '../turns.ts';
import { doubtOf } from './authentic.ts';
import { readCertificates } from './certificate-chain.ts';
import { Certificates } from './certificates.ts';
import { keepPending, pendingFile } from './confirmation.ts';
import { type Connections, openConnections } from './get.ts';
import { readNotification } from './notification.ts';
import { fetchObject } from './object.ts';
import { type AwsKey, KEY_FORM, readAwsKey } from './signature-v4.ts';
import { readSnsMessage, type SnsMessage } from './sns-message.ts';
import { readTopic, type Topic } from './topic.ts';

/** Objects that are fetched at a time: a call does not tell how large its mail is. */
const MOST_OBJECTS = 4;

/** A message of SNS has 256 KiB, and JSON in JSON may make six of each. */
const MOST_BODY_BYTES = 2 * 1024 * 1024;

/** A call that is not believed for our clock's sake, and one that lacks a setting, has to come again: 4xx would end it. */
const SNS_STATUSES: Statuses = { ...STATUSES, forged: 403, untimely: 503, unusable: 503 };

/** The settings and files of a source, read. */
interface SesOptions {
  readonly name: string;
  readonly topic: Topic;
  readonly ca: { readonly pem: string; readonly authorities: readonly X509Certificate[] } | undefined;
  readonly key: AwsKey | undefined;
  readonly endpoint: string;
}

/** Opens a source. */
export const open: OpenProvider = (config, environment) => {
  const read = readOptions(config, environment.key);
  if (!read.ok) return read;
  return { ok: true, provider: createSes(read.options, environment, openConnections(read.options.ca?.pem)) };
};

type OptionsRead =
  | { readonly ok: true; readonly options: SesOptions }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Reads the settings of a source and the files that they name; `row` is the place of its table. */
export function readOptions(config: WebhookConfig, row: string): OptionsRead {
  const problems: string[] = [];
  const topic = readTopic(config.topicArn);
  if (topic === undefined) problems.push(`${row}.topic_arn: is missing; kind = "ses" needs it`);
  const ca = config.caFile === undefined ? undefined : readAuthorities(config.caFile);
  if (typeof ca === 'string') problems.push(`${row}.ca_file: ${ca}`);
  const key = config.s3KeyFile === undefined ? undefined : readKey(`${row}.s3_key_file`, config.s3KeyFile);
  if (typeof key === 'string') problems.push(key);
  if (topic === undefined || typeof ca === 'string' || typeof key === 'string')
    return { ok: false, problems };
  return { ok: true, options: { name: config.name, topic, ca, key, endpoint: config.s3Endpoint } };
}

function readAuthorities(file: string): SesOptions['ca'] | string {
  const distrusted = distrust(file, 'believed');
  if (distrusted !== undefined) return distrusted;
  try {
    const pem = readFileSync(file, 'utf8');
    const authorities = readCertificates(pem) ?? [];
    return authorities.length > 0
      ? { pem, authorities }
      : `${JSON.stringify(file)} holds no certificate; expected PEM certificates`;
  } catch (error) {
    return `${JSON.stringify(file)} cannot be used: ${errorLine(error)}`;
  }
}

function readKey(key: string, file: string): AwsKey | string {
  const read = readSecretText(key, file);
  if (!read.ok) return read.problem;
  return readAwsKey(read.text) ?? `${key}: ${file}: holds no key; expected ${KEY_FORM}`;
}

/** Makes a source of what was read, on connections that it closes. */
export function createSes(
  options: SesOptions,
  environment: ProviderEnvironment,
  connections: Connections,
): Provider {
  const { topic, ca } = options;
  const { get } = connections;
  const turns = new Turns(() => MOST_OBJECTS * environment.mostBytes());
  const certificates = new Certificates({ topic, authorities: ca?.authorities, get, now: environment.now });
  return {
    statuses: SNS_STATUSES,
    judgeHeader: (call) => judgeHeader(call, topic),
    verify: async (call) => {
      const message = await messageOf(call);
      if ('kind' in message) return message;
      const doubt = await doubtOf(message, topic, certificates, environment.now());
      if (doubt !== undefined) return doubt;
      return {
        kind: 'verified',
        give: (signal) =>
          message.type === 'Notification'
            ? giveMail(message, options, environment, { connections, turns, signal })
            : keepQuestion(message, options, environment),
      } satisfies Verified;
    },
    close: () => connections.close(),
  };
}

/** Refuses what says in its header that it is of another topic, or signed by nobody; whoever says nothing is judged by the body. */
function judgeHeader(call: Pick<Call, 'fields'>, { arn }: Topic): Refusal | undefined {
  if (onlyField(call, 'x-amz-sns-rawdelivery')?.toLowerCase() === 'true')
    return refuse(
      'forged',
      'raw message delivery is on, and nothing signs it; turn it off for the subscription',
    );
  const topic = onlyField(call, 'x-amz-sns-topic-arn');
  return topic === undefined || topic === arn ? undefined : refuse('forged', 'the call is of another topic');
}

async function messageOf({ body }: Call): Promise<SnsMessage | Refusal> {
  if (body.bytes > MOST_BODY_BYTES) return refuse('forged', 'the body is larger than any message of SNS');
  const read = readSnsMessage((await body.whole()).toString('utf8'));
  // Nothing is known to be SNS's before it is verified, whatever its form.
  return read.ok ? read.message : refuse('forged', read.problem);
}

/** The way to S3. */
interface Way {
  readonly connections: Connections;
  readonly turns: Turns;
  readonly signal: AbortSignal;
}

async function giveMail(
  { message, messageId: id }: SnsMessage,
  { topic, key, endpoint }: SesOptions,
  { now, mostBytes }: ProviderEnvironment,
  { connections: { get }, turns, signal }: Way,
): Promise<Given> {
  const read = readNotification(message);
  if (!read.ok) return refuse('malformed', read.problem);
  const { sender: reversePath, recipients, content } = read.mail;
  const envelope = { kind: 'mail', recipients, reversePath, id } as const;
  const most = mostBytes();
  if (content instanceof Uint8Array)
    return { ...envelope, raw: content.subarray(0, most), isTooBig: content.length > most };
  if (key === undefined) return refuse('unusable', 'the mail is in S3, and s3_key_file is missing');
  const giveBack = await turns.take(most);
  try {
    const object = await fetchObject(content, most, { topic, key, endpoint, get, now }, signal);
    if (object.kind !== 'object') return object;
    return { ...envelope, raw: object.raw, isTooBig: object.isTooBig };
  } finally {
    giveBack();
  }
}

async function keepQuestion(
  { type, token, topicArn }: SnsMessage,
  { name }: SesOptions,
  { log, now, storePath }: ProviderEnvironment,
): Promise<Given> {
  await keepPending(pendingFile(storePath(), name), { topicArn, token, at: now() });
  log('subscription_pending', { source: name, topic: topicArn, type });
  const reason =
    type === 'UnsubscribeConfirmation'
      ? 'the subscription was ended'
      : 'the topic asks whether it may post here';
  return { kind: 'no-mail', reason: `${reason}; "mailgw-ctl source confirm ${name}" says yes` };
}
