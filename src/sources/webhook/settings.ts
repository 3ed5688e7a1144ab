/** The settings of `[[webhook]]`, a mail provider that posts mail, and of `[inbound]`, where those are listened to. */
import type { ConfigOf } from '../../config/config.ts';
import * as kind from '../../config/kinds.ts';
import { tables } from '../../config/tables.ts';
import { SOURCE_COLUMNS } from '../source-settings.ts';

/** The providers, by the form of their calls. */
export const WEBHOOK_KINDS = ['sendgrid', 'mailgun', 'postmark', 'ses', 'resend', 'raw'] as const;

/** The columns of a provider's table. */
const COLUMNS = {
  ...SOURCE_COLUMNS,
  kind: kind.oneOf(WEBHOOK_KINDS, 'raw', 'The form of the calls.'),
} as const;

/** A provider as it is configured. */
export type WebhookConfig = { readonly [K in keyof typeof COLUMNS]: ValueOf<(typeof COLUMNS)[K]> };

type ValueOf<S> = S extends kind.Setting<infer T> ? T : never;

/** The section's table. */
export const WEBHOOK_SETTINGS = {
  each: tables<WebhookConfig>(COLUMNS, 'Mail providers that post mail.'),
} as const;

/** The sections as a configuration has them. */
export type WebhookSections = ConfigOf<{ readonly webhook: typeof WEBHOOK_SETTINGS }>;
