/**
 * The sources: the settings of each, which stand in the configuration under its name, and how it opens.
 *
 * They open in this order. What a site does not use is not loaded.
 */
import { isWanted } from './listen.ts';
import { LMTP_SETTINGS, type LmtpConfig } from './lmtp/settings.ts';
import { POLICY_SETTINGS, type PolicyConfig } from './policy/settings.ts';
import type { OpenSource } from './source.ts';

const policy: OpenSource<PolicyConfig> = async (intake) => {
  if (!isWanted('policy', intake.config().policy)) return undefined;
  const { openPolicy } = await import('./policy/open.ts');
  return openPolicy(intake);
};

const lmtp: OpenSource<LmtpConfig> = async (intake) => {
  const { openLmtp } = await import('./lmtp/open.ts');
  return openLmtp(intake);
};

/** Every source by its section. */
export const SOURCES = {
  policy: { settings: POLICY_SETTINGS, open: policy },
  lmtp: { settings: LMTP_SETTINGS, open: lmtp },
} as const;
