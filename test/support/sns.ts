// Amazon's side of SES in the tests: an authority of our own, certificates, signed messages, and hosts on the loopback.
//
// Contract: certificates are made by openssl(1); the hosts speak real TLS with a certificate of their own, and a request
// that goes to a host which is not there fails the way that a name without an address does.
import { execFileSync } from 'node:child_process';
import { createSign, X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Connections, Get } from '../../src/sources/webhook/ses/get.ts';
import { openConnections } from '../../src/sources/webhook/ses/get.ts';

/** The topic of the tests. */
export const TOPIC_ARN = 'arn:aws:sns:eu-west-1:123456789012:replies';

/** The path of its certificate. */
export const CERTIFICATE_PATH = '/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem';

/** The host of its region. */
export const SNS_HOST = 'sns.eu-west-1.amazonaws.com';

/** A certificate with its key, in PEM. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** What a certificate says. */
export interface Wanted {
  readonly names?: readonly string[];
  readonly isAuthority?: boolean;
  /** The place of the issuer's certificate. */
  readonly issuerAt?: string;
  readonly type?: 'rsa' | 'ec';
}

let count = 0;

/** Makes a certificate in a directory, signed by `issuer`, or by itself. */
export function makeCertificate(
  directory: string,
  issuer: Identity | undefined,
  wanted: Wanted = {},
): Identity {
  const { names = ['sns.amazonaws.com'], isAuthority = false, issuerAt, type = 'rsa' } = wanted;
  count += 1;
  const at = (name: string): string => join(directory, `${count}-${name}`);
  const openssl = (...words: string[]): void => {
    execFileSync('openssl', words, { stdio: 'ignore' });
  };
  const kind = type === 'rsa' ? ['rsa:2048'] : ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  openssl(
    'req',
    '-new',
    '-newkey',
    ...kind,
    '-nodes',
    '-subj',
    `/CN=${names[0]}/OU=${count}`,
    '-keyout',
    at('key'),
    '-out',
    at('csr'),
  );
  const lines = [
    `basicConstraints=critical,CA:${isAuthority ? 'TRUE' : 'FALSE'}`,
    `subjectAltName=${names.map((name) => (/^\d+\./.test(name) ? `IP:${name}` : `DNS:${name}`)).join(',')}`,
    ...(issuerAt === undefined ? [] : [`authorityInfoAccess=caIssuers;URI:${issuerAt}`]),
  ];
  writeFileSync(at('ext'), `${lines.join('\n')}\n`);
  const signing =
    issuer === undefined
      ? ['-signkey', at('key')]
      : ['-CA', at('ca'), '-CAkey', at('cakey'), '-set_serial', String(count)];
  if (issuer !== undefined) {
    writeFileSync(at('ca'), issuer.cert);
    writeFileSync(at('cakey'), issuer.key);
  }
  openssl(
    'x509',
    '-req',
    '-days',
    '30',
    '-in',
    at('csr'),
    ...signing,
    '-extfile',
    at('ext'),
    '-out',
    at('cert'),
  );
  return { cert: readFileSync(at('cert'), 'utf8'), key: readFileSync(at('key'), 'utf8') };
}

/** Gives a certificate's octets, as the places of issuers serve it. */
export const derOf = ({ cert }: Identity): Buffer => new X509Certificate(cert).raw;

/** The fields of a message. */
export type Fields = Record<string, unknown>;

/** Makes a notification with its documented fields, unsigned. */
export function notification(message: unknown, at: number, change: Fields = {}): Fields {
  return {
    Type: 'Notification',
    MessageId: '22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324',
    TopicArn: TOPIC_ARN,
    Message: typeof message === 'string' ? message : JSON.stringify(message),
    Timestamp: new Date(at).toISOString(),
    SignatureVersion: '2',
    SigningCertURL: `https://${SNS_HOST}${CERTIFICATE_PATH}`,
    UnsubscribeURL: `https://${SNS_HOST}/?Action=Unsubscribe&SubscriptionArn=${TOPIC_ARN}:c9135db0`,
    ...change,
  };
}

/** Makes a confirmation with its documented fields, unsigned. */
export function confirmation(at: number, change: Fields = {}): Fields {
  return {
    Type: 'SubscriptionConfirmation',
    MessageId: '165545c9-2a5c-472c-8df2-7ff2be2b3b1b',
    Token: '2336412f37fb687f5d51e6e241d09c805a5a57b30d712f794cc5f6a988666d92',
    TopicArn: TOPIC_ARN,
    Message: `You have chosen to subscribe to the topic ${TOPIC_ARN}.\nTo confirm, visit the SubscribeURL.`,
    SubscribeURL: `https://${SNS_HOST}/?Action=ConfirmSubscription&TopicArn=${TOPIC_ARN}&Token=2336412f`,
    Timestamp: new Date(at).toISOString(),
    SignatureVersion: '2',
    SigningCertURL: `https://${SNS_HOST}${CERTIFICATE_PATH}`,
    ...change,
  };
}

/** Signs a message as the documentation says, field by field. */
export function signed(fields: Fields, key: string, digest?: string): Fields {
  const isNotification = fields.Type === 'Notification';
  let text = `Message\n${String(fields.Message)}\nMessageId\n${String(fields.MessageId)}\n`;
  if (isNotification && fields.Subject !== undefined) text += `Subject\n${fields.Subject as string}\n`;
  if (!isNotification) text += `SubscribeURL\n${String(fields.SubscribeURL)}\n`;
  text += `Timestamp\n${String(fields.Timestamp)}\n`;
  if (!isNotification) text += `Token\n${String(fields.Token)}\n`;
  text += `TopicArn\n${String(fields.TopicArn)}\nType\n${String(fields.Type)}\n`;
  const sign = createSign(digest ?? (fields.SignatureVersion === '1' ? 'RSA-SHA1' : 'RSA-SHA256'));
  return { ...fields, Signature: sign.update(text).sign(key, 'base64') };
}

/** Makes what SES says of a mail that came, in its documented form. */
export function received(change: {
  content?: string;
  action?: Fields;
  recipients?: unknown;
  source?: unknown;
}): Fields {
  const {
    content,
    action = { type: 'SNS', topicArn: TOPIC_ARN },
    recipients = ['r@reply.example.org'],
    source = 'alice@example.com',
  } = change;
  return {
    notificationType: 'Received',
    receipt: {
      timestamp: '2026-11-20T09:15:00.000Z',
      processingTimeMillis: 222,
      recipients,
      spamVerdict: { status: 'PASS' },
      virusVerdict: { status: 'PASS' },
      spfVerdict: { status: 'PASS' },
      dkimVerdict: { status: 'PASS' },
      action,
    },
    mail: {
      timestamp: '2026-11-20T09:15:00.000Z',
      source,
      messageId: 'd6iitobk75ur44p8kdnnp7g2n800',
      destination: ['r@reply.example.org'],
      headersTruncated: false,
      headers: [],
      commonHeaders: { subject: 'Re: hello' },
    },
    ...(content === undefined ? {} : { content }),
  };
}

/** Connections whose hosts are servers on the loopback, by their origins; `asked` collects what was asked for. */
export interface Redirected extends Connections {
  readonly asked: string[];
}

/** Opens connections that find hosts at the places of servers of the test. */
export function openTo(places: Readonly<Record<string, string>>, ca: string | undefined): Redirected {
  const real = openConnections(ca);
  const asked: string[] = [];
  const get: Get = async (request, signal) => {
    asked.push(request.origin + request.path);
    const origin = places[request.origin];
    if (origin === undefined) throw new Error(`getaddrinfo ENOTFOUND ${new URL(request.origin).host}`);
    return real.get({ ...request, origin }, signal);
  };
  return { get, asked, close: () => real.close() };
}
