/**
 * A message of Amazon SNS as it is posted to an HTTP endpoint: its fields, and the text that is signed.
 *
 * Contract: pure. A message has every field that its type signs, each a text; what signs nothing is passed over. Failure:
 * a problem in words that names the field. Standards: Amazon SNS Developer Guide, "HTTP/HTTPS notification JSON format",
 * "HTTP/HTTPS subscription confirmation JSON format", "HTTP/HTTPS unsubscribe confirmation JSON format" and "Verifying the
 * signature of an Amazon SNS message when using HTTP query-based requests".
 */

/** The types of message, each with the fields that are signed, in the order in which they are. */
const SIGNED_FIELDS = {
  Notification: ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'],
  SubscriptionConfirmation: [
    'Message',
    'MessageId',
    'SubscribeURL',
    'Timestamp',
    'Token',
    'TopicArn',
    'Type',
  ],
  UnsubscribeConfirmation: ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
} as const;

/** The type of a message. */
export type SnsType = keyof typeof SIGNED_FIELDS;

/** A message with its fields as they were sent; nothing of it is believed before its signature is. */
export interface SnsMessage {
  readonly type: SnsType;
  /** The same over all attempts at one message. */
  readonly messageId: string;
  readonly topicArn: string;
  /** What was published: of SES the notification, as JSON. */
  readonly message: string;
  /** When it was published, in milliseconds since the epoch. */
  readonly publishedAt: number;
  /** The token of a confirmation; empty in a notification. */
  readonly token: string;
  readonly signatureVersion: string;
  readonly signature: Buffer;
  readonly signingCertUrl: string;
  /** The text that the signature covers. */
  readonly signed: string;
}

/** A message, or what is wrong with it. */
export type SnsRead =
  | { readonly ok: true; readonly message: SnsMessage }
  | { readonly ok: false; readonly problem: string };

const BASE64 = /^[A-Za-z0-9+/]{4,2048}={0,2}$/;

const MESSAGE_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** RFC 3339 in UTC, as SNS writes it: 2012-05-02T00:54:06.655Z. */
const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z$/;

/** Reads a message from the body of a call. */
export function readSnsMessage(body: string): SnsRead {
  const fields = fieldsOf(body);
  if (fields === undefined) return fail('the body is not a JSON object');
  const text = (name: string): string | undefined => {
    const value = fields[name];
    return typeof value === 'string' ? value : undefined;
  };
  const type = text('Type');
  if (!isType(type)) return fail(`Type is ${shown(fields.Type)}; expected one of ${TYPES.join(', ')}`);
  const required = [
    ...SIGNED_FIELDS[type].filter((name) => name !== 'Subject'),
    'SignatureVersion',
    'Signature',
    'SigningCertURL',
  ];
  const missing = required.find((name) => text(name) === undefined);
  if (missing !== undefined) return fail(`${missing} is ${shown(fields[missing])}; expected a text`);
  if (fields.Subject !== undefined && fields.Subject !== null && text('Subject') === undefined)
    return fail(`Subject is ${shown(fields.Subject)}; expected a text`);
  const given = (name: string): string => text(name) ?? '';
  const signature = given('Signature');
  if (!BASE64.test(signature)) return fail('Signature is not base64');
  if (!MESSAGE_ID.test(given('MessageId')))
    return fail(`MessageId is ${shown(fields.MessageId)}; expected a UUID`);
  const publishedAt = TIMESTAMP.test(given('Timestamp')) ? Date.parse(given('Timestamp')) : Number.NaN;
  if (Number.isNaN(publishedAt))
    return fail(`Timestamp is ${shown(fields.Timestamp)}; expected a time in UTC`);
  return {
    ok: true,
    message: {
      type,
      messageId: given('MessageId').toLowerCase(),
      topicArn: given('TopicArn'),
      message: given('Message'),
      publishedAt,
      token: given('Token'),
      signatureVersion: given('SignatureVersion'),
      signature: Buffer.from(signature, 'base64'),
      signingCertUrl: given('SigningCertURL'),
      signed: SIGNED_FIELDS[type].map((name) => line(name, text(name))).join(''),
    },
  };
}

const TYPES = Object.keys(SIGNED_FIELDS);

const isType = (type: string | undefined): type is SnsType =>
  type !== undefined && Object.hasOwn(SIGNED_FIELDS, type);

/** Gives a field's part of the signed text: its name and its value, each on a line; nothing for a Subject that is absent. */
const line = (name: string, value: string | undefined): string =>
  value === undefined ? '' : `${name}\n${value}\n`;

const fail = (problem: string): SnsRead => ({ ok: false, problem });

/** Shows a value of a stranger's, shortened. */
const shown = (value: unknown): string =>
  value === undefined ? 'missing' : JSON.stringify(value).slice(0, 80);

function fieldsOf(body: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
