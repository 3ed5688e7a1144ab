/** What a source is judged by in place of the site's rules: whose results are believed, and where they stand. */
import type { SourceRules } from '../gate/rules.ts';
import type { SourceConfig } from './source-settings.ts';

/** Gives the rules of a source. */
export function sourceRules({ authservId, ownReceived }: SourceConfig): SourceRules {
  return { authservId: authservId === '' ? undefined : authservId, ownReceived, results: 'topmost' };
}
