/** The kinds of provider, each loaded where a site has one. */
import type { OpenProvider } from './provider.ts';
import type { WebhookKind } from './settings.ts';

type Load = () => Promise<{ readonly open: OpenProvider }>;

/** Every kind by its name. */
export const KINDS: Readonly<Record<WebhookKind, Load>> = {
  sendgrid: () => import('./sendgrid.ts'),
  mailgun: () => import('./mailgun.ts'),
  postmark: () => import('./postmark.ts'),
  ses: () => import('./ses/ses.ts'),
  resend: () => import('./resend.ts'),
  raw: () => import('./raw.ts'),
};
