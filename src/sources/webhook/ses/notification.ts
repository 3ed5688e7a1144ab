/**
 * The notification of Amazon SES that a mail came, as a receipt rule publishes it.
 *
 * Contract: pure. Gives the envelope and either the mail's bytes or the object in S3 that has them. Failure: a problem in
 * words; what is no mail, such as a message that a person published by hand, is one too. Standards: Amazon SES Developer
 * Guide, "Contents of notifications for Amazon SES email receiving" and "Publish to Amazon SNS topic action".
 * Limits: with the encoding UTF-8, bytes that are no UTF-8 are lost before they come here; Base64 keeps them.
 */

/** The place of a mail in S3. */
export interface S3Object {
  readonly bucket: string;
  readonly key: string;
}

/** A mail that SES took. */
export interface SesMail {
  /** The envelope sender; empty is the null sender. Undefined where a person published the notification anew, without it. */
  readonly sender: string | undefined;
  /** The envelope recipients that the receipt rule was for. */
  readonly recipients: readonly string[];
  readonly content: Uint8Array | S3Object;
}

/** A mail, or what is wrong with its notification. */
export type SesRead =
  | { readonly ok: true; readonly mail: SesMail }
  | { readonly ok: false; readonly problem: string };

/** The names of buckets (Amazon S3 User Guide, "General purpose bucket naming rules"). */
const BUCKET = /^[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]$/;

const MOST_RECIPIENTS = 100;

/** Reads a notification. */
export function readNotification(text: string): SesRead {
  const top = jsonObject(text);
  if (top === undefined) return fail('the message is not a JSON object; expected a notification of SES');
  if (top.notificationType !== 'Received')
    return fail(`notificationType is ${shown(top.notificationType)}; expected "Received"`);
  const receipt = objectOf(top.receipt);
  const action = objectOf(receipt.action);
  const sender = objectOf(top.mail).source;
  if (sender !== undefined && typeof sender !== 'string')
    return fail(`mail.source is ${shown(sender)}; expected an address`);
  const recipients = textsOf(receipt.recipients);
  if (recipients === undefined)
    return fail(`receipt.recipients is ${shown(receipt.recipients)}; expected a list of addresses`);
  const envelope = { sender: sender?.replace(/^<(.*)>$/, '$1'), recipients };
  if (typeof top.content === 'string') {
    const content = decode(top.content, action.encoding);
    return content.length === 0
      ? fail('content is empty; expected a mail')
      : { ok: true, mail: { ...envelope, content } };
  }
  if (action.type !== 'S3')
    return fail(`the action ${shown(action.type)} brings no content; expected the action "SNS" or "S3"`);
  const { bucketName: bucket, objectKey: key } = action;
  // The bucket is part of a host's name: no other character may get there.
  if (typeof bucket !== 'string' || !BUCKET.test(bucket))
    return fail(`receipt.action.bucketName is ${shown(bucket)}; expected the name of a bucket`);
  if (typeof key !== 'string' || key === '' || Buffer.byteLength(key) > 1024)
    return fail(`receipt.action.objectKey is ${shown(key)}; expected the key of an object`);
  return { ok: true, mail: { ...envelope, content: { bucket, key } } };
}

/**
 * Decodes the content. The encoding is the receipt rule's, UTF-8 or Base64. Where the notification does not say which,
 * the text does: the first line of a mail has a colon, and Base64 has none.
 */
function decode(content: string, encoding: unknown): Buffer {
  const named = typeof encoding === 'string' ? encoding.toUpperCase().replace('-', '') : '';
  const isBase64 = named === 'BASE64' || (named !== 'UTF8' && /^[A-Za-z0-9+/\r\n]+={0,2}\s*$/.test(content));
  return Buffer.from(content, isBase64 ? 'base64' : 'utf8');
}

const fail = (problem: string): SesRead => ({ ok: false, problem });

const shown = (value: unknown): string =>
  value === undefined ? 'missing' : JSON.stringify(value).slice(0, 80);

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function jsonObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? objectOf(value) : undefined;
  } catch {
    return undefined;
  }
}

function textsOf(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value) || value.length > MOST_RECIPIENTS) return undefined;
  const texts = value.filter((each): each is string => typeof each === 'string');
  return texts.length === value.length ? texts : undefined;
}
