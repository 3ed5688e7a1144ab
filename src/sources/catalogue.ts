/**
 * The sources: the settings of each, which stand in the configuration under its name, and how it opens.
 *
 * They open in this order. What a site does not use is not loaded.
 */
import { IMAP_SETTINGS, type ImapSection } from './imap/settings.ts';
import { openLate } from './late.ts';
import { isWanted } from './listen.ts';
import { LMTP_SETTINGS, type LmtpConfig } from './lmtp/settings.ts';
import { POLICY_SETTINGS, type PolicyConfig } from './policy/settings.ts';
import type { OpenSource, Source, SourceView } from './source.ts';
import type { MessageLimit } from './source-settings.ts';
import { WEBHOOK_SETTINGS, type WebhookSections } from './webhook/settings.ts';

const policy: OpenSource<PolicyConfig> = async (intake) => {
  if (!isWanted('policy', intake.config().policy)) return undefined;
  const { openPolicy } = await import('./policy/open.ts');
  return openPolicy(intake);
};

const lmtp: OpenSource<LmtpConfig> = async (intake) => {
  const { openLmtp } = await import('./lmtp/open.ts');
  return openLmtp(intake);
};

const imap: OpenSource<ImapSection & MessageLimit> = (intake) =>
  openLate(intake, {
    section: 'imap',
    isWanted: () => intake.config().imap.each.length > 0,
    load: async () => (await import('./imap/open.ts')).openMailreading,
    onFault: (reason) => {
      for (const { name } of intake.config().imap.each)
        intake.log('source_down', { source: name, state: 'broken', reason }, 'error');
    },
  });

const webhook: OpenSource<WebhookSections> = (intake) =>
  openLate(intake, {
    section: 'webhook',
    isWanted: () => intake.config().webhook.each.length > 0,
    load: async () => (await import('./webhook/open.ts')).openWebhook,
    onFault: (reason) => {
      intake.log('webhook_broken', { reason });
      for (const { name: source } of intake.config().webhook.each)
        intake.meter.watch('mailgw_webhook_up', { source }, () => 0);
    },
  });

/** Every source by its section. */
export const SOURCES = {
  policy: { settings: POLICY_SETTINGS, open: policy },
  lmtp: { settings: LMTP_SETTINGS, open: lmtp },
  imap: { settings: IMAP_SETTINGS, open: imap },
  webhook: { settings: WEBHOOK_SETTINGS, open: webhook },
} as const;

/** Lists the sources that are open, each of which may have several parts. */
export function listViews(open: ReadonlyMap<string, Source>): readonly SourceView[] {
  return [...open].flatMap(([name, source]): readonly SourceView[] => {
    return source.views?.() ?? [{ name, kind: name, state: 'serving' }];
  });
}

/** Has a source look for mail now; false where none of this name does that. */
export function syncSource(open: ReadonlyMap<string, Source>, name: string): boolean {
  return [...open.values()].some((source) => source.sync?.(name) === true);
}
