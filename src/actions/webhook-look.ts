/**
 * A look at a provider's webhook: where its calls are taken, and what the provider must be told so that they are.
 *
 * Contract: pure; nothing is asked, and no secret is in it. What is pressed at the provider, and in which order, is on
 * docs/providers.md, which says the same at more length.
 */
import { type Endpoint, endpointText } from '../config/kinds.ts';
import type { Config } from '../site/config.ts';
import { pathOf, type WebhookConfig } from '../sources/webhook/settings.ts';

/** A webhook as it looks. */
export interface WebhookLook {
  readonly kind: WebhookConfig['kind'];
  /** Where its calls are taken, as the file names it. */
  readonly listen: string;
  /** The path that a call is posted to. */
  readonly path: string;
  /** What the provider must be told. */
  readonly tell: readonly string[];
}

/** What each provider must be told, beside the address; forms as read in their documentation for docs/providers.md. */
const TELL: Readonly<Record<WebhookConfig['kind'], readonly string[]>> = {
  sendgrid: [
    'Inbound Parse: check "POST the raw, full MIME message"',
    'a security policy with its signature enabled, attached to the host; its public key stands in secret_file',
  ],
  mailgun: [
    'a route that forwards to this URL; it must end in "mime", or no raw mail comes',
    'the HTTP webhook signing key of the account stands in secret_file',
  ],
  postmark: [
    'user and password of secret_file stand in the URL: https://USER:PASSWORD@HOST/…',
    'the inbound stream: check "Include raw email content in JSON payload"',
  ],
  ses: [
    'a receipt rule with the action "Deliver to S3 bucket" and topic_arn as its topic',
    'an HTTPS subscription of the topic to this URL, raw message delivery off; then mailgw-ctl source confirm',
  ],
  resend: [
    'a webhook with the event email.received; its signing secret stands in secret_file',
    'an API key with full access stands in api_key_file',
  ],
  raw: [
    'whoever posts signs as Standard Webhooks with the secret of secret_file, the message as message/rfc822',
  ],
};

/** Looks at a webhook. */
export function lookAtWebhook({ inbound, api }: Config, webhook: WebhookConfig): WebhookLook {
  const { kind } = webhook;
  const endpoint: Endpoint | undefined = inbound.listen ?? api.listen;
  const listen = endpoint === undefined ? 'nowhere' : endpointText(endpoint);
  return { kind, listen, path: pathOf(webhook), tell: TELL[kind] };
}
