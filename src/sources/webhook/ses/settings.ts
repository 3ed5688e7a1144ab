/** The settings of `[[webhook]]` that the kind `ses` alone has. */
import * as kind from '../../../config/kinds.ts';
import { readTopic, TOPIC_FORM } from './topic.ts';

/** The columns. */
export const SES_COLUMNS = {
  topicArn: kind.text(
    '',
    'Of `ses`: the SNS topic that the receipt rule publishes to. Everybody has topics, and Amazon signs for all of them: calls of any other topic are refused. SES writes its results on top of the mail, below one Received of its own: `authserv_id = "amazonses.com"`, `own_received = 1`.',
    TOPIC_FORM,
    (arn) => arn === '' || readTopic(arn) !== undefined,
  ),
  s3KeyFile: kind.optional(kind.secretFile)(
    'Of `ses`: the file with the key that mail is fetched with from S3, as in `~/.aws/credentials`; its user needs `s3:GetObject` on the bucket of the receipt rule, and nothing else. Without it only mail of up to 150 KB comes, by the action "Publish to Amazon SNS topic".',
  ),
  s3Endpoint: kind.text(
    '',
    'Of `ses`: a server to fetch mail from in place of Amazon S3, by the path `/BUCKET/KEY`; empty is S3 in the region of the topic.',
    'an origin such as "https://minio.example.org" or "http://127.0.0.1:9000"',
    (url) => url === '' || isOrigin(url),
  ),
} as const;

function isOrigin(text: string): boolean {
  return /^https?:\/\//.test(text) && URL.canParse(text) && new URL(text).origin === text;
}
