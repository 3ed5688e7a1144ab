/**
 * The check that a message of SNS is Amazon's, and of the pinned topic.
 *
 * Contract: forged is whatever is not of the topic, names a certificate at any other place than the topic's own host, has a
 * certificate that is not believed, or a signature that is not of it. The signature is of the version that the message
 * names: 1 is RSA with SHA-1, 2 with SHA-256; one never passes for the other. The order spares work: nothing is fetched for
 * a message of another topic. Standards: as of sns-message.ts and topic.ts.
 */
import { verify } from 'node:crypto';
import { type Refusal, refuse } from '../provider.ts';
import type { Certificates } from './certificates.ts';
import type { SnsMessage } from './sns-message.ts';
import { certificatePath, type Topic } from './topic.ts';

/** SNS tries for an hour at most (Developer Guide, "Amazon SNS message delivery retries"). */
const OLDEST_MS = 75 * 60_000;

/** The difference of clocks that is borne. */
const FUTURE_MS = 5 * 60_000;

const DIGESTS = new Map([
  ['1', 'sha1'],
  ['2', 'sha256'],
]);

/** Says why a message is not believed; undefined where it is. */
export async function doubtOf(
  message: SnsMessage,
  topic: Topic,
  certificates: Pick<Certificates, 'keyAt'>,
  now: number,
): Promise<Refusal | undefined> {
  if (message.topicArn !== topic.arn) return refuse('forged', 'TopicArn is not topic_arn');
  const digest = DIGESTS.get(message.signatureVersion);
  if (digest === undefined) return refuse('forged', 'SignatureVersion is neither 1 nor 2');
  const path = certificatePath(message.signingCertUrl, topic);
  if (path === undefined)
    return refuse('forged', `SigningCertURL is no certificate of https://${topic.host}`);
  const found = await certificates.keyAt(path);
  if (found.kind !== 'key') return refuse(found.kind, found.reason);
  if (!verify(digest, Buffer.from(message.signed), found.key, message.signature))
    return refuse(
      'forged',
      `Signature is not of the certificate, by SignatureVersion ${message.signatureVersion}`,
    );
  const age = now - message.publishedAt;
  if (age > OLDEST_MS || age < -FUTURE_MS)
    return refuse(
      'untimely',
      `Timestamp is ${Math.round(age / 1000)} s before our clock; SNS tries for an hour`,
    );
  return undefined;
}
