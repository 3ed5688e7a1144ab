/**
 * The pinned topic, and the places of Amazon SNS that belong to it.
 *
 * Contract: pure. All hosts are made of the topic's own region and partition, so that no text of a call ever names a host.
 * Standards: Amazon SNS Developer Guide, "Verifying the signatures of Amazon SNS messages"; the names of certificates as
 * the AWS SDK for Java 2.x has them (sns-message-manager, `SnsHostProvider`), and the two names for regions that are
 * switched on by hand.
 */

/** A topic, taken apart. */
export interface Topic {
  readonly arn: string;
  readonly region: string;
  /** The host of SNS in the topic's region. */
  readonly host: string;
  /** Names one of which its signing certificate has. */
  readonly certificateNames: readonly string[];
}

/** The form of a topic's ARN, in words. */
export const TOPIC_FORM = 'the ARN of an SNS topic, such as "arn:aws:sns:eu-west-1:123456789012:replies"';

const ARN =
  /^arn:(aws|aws-cn|aws-us-gov):sns:([a-z]{2}(?:-[a-z]{2,12}){1,3}-\d{1,2}):\d{12}:[A-Za-z0-9_-]{1,256}$/;

/** The name of a certificate's file, as SNS makes it. */
const CERTIFICATE_PATH = /^\/SimpleNotificationService-[0-9a-f]{16,64}\.pem$/;

/** Reads the ARN of a topic; undefined where it is none. */
export function readTopic(arn: string): Topic | undefined {
  const [, partition, region] = ARN.exec(arn) ?? [];
  if (partition === undefined || region === undefined) return undefined;
  const suffix = partition === 'aws-cn' ? 'amazonaws.com.cn' : 'amazonaws.com';
  const host = `sns.${region}.${suffix}`;
  const certificateNames = [
    `sns.${suffix}`,
    host,
    `sns-signing.${region}.${suffix}`,
    ...(partition === 'aws-cn' ? [`sns-${region}.${suffix}`] : []),
    ...(partition === 'aws-us-gov' ? [`sns-us-gov-west-1.${suffix}`] : []),
  ];
  return { arn, region, host, certificateNames };
}

/** Gives the path of a signing certificate on the topic's host; undefined where the address is any other. */
export function certificatePath(url: string, { host }: Topic): string | undefined {
  const start = `https://${host}`;
  // By text, since a parser of addresses would make many spellings one.
  const path = url.startsWith(`${start}/`) ? url.slice(start.length) : '';
  return CERTIFICATE_PATH.test(path) ? path : undefined;
}

/**
 * Gives the path by which a subscription is confirmed on the topic's host: the action ConfirmSubscription of the SNS
 * API, as SNS writes it into SubscribeURL.
 */
export function confirmationPath({ arn }: Topic, token: string): string {
  return `/?Action=ConfirmSubscription&TopicArn=${encodeURIComponent(arn)}&Token=${encodeURIComponent(token)}`;
}
