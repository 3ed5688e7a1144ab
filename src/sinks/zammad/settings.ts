/** The settings of the zammad sink. */
import * as kind from '../../config/kinds.ts';
import { platformSettings } from '../platform/settings.ts';
import type { SinkSetting } from '../sink-kind.ts';

/** The settings of `type = "zammad"`. Zammad acts on nothing in the text of an article. */
export const ZAMMAD_SETTINGS = {
  ...platformSettings({
    name: 'Zammad',
    example: 'https://support.example.org',
    token:
      'an access token with the permissions admin.user, ticket.agent and ticket.customer, of a user who has them',
    inert: { mentions: false, references: false, commands: false, closing: false },
  }),
  article: {
    ...kind.oneOf(
      ['note', 'web'],
      'note',
      'The type of the articles: `"web"` is communication, which counts for service levels; a `"note"` is none.',
    ),
    unset: '`note`',
  },
  visibility: {
    ...kind.oneOf(
      ['as-answered', 'public', 'internal'],
      'as-answered',
      'Who sees a reply of an agent: `"as-answered"` is internal where the article was that the agent answered.',
    ),
    unset: '`as-answered`',
  },
} as const satisfies Readonly<Record<string, SinkSetting>>;
