/** The settings of the gitea sink. */
import { platformSettings } from '../platform/settings.ts';

/** The settings by their names in the file. */
export const GITEA_SETTINGS = platformSettings({
  name: 'Gitea or Forgejo',
  example: 'https://git.example.org',
  token: 'an access token of an administrator, with the scopes write:issue, read:user and read:admin',
  // Whom a user names they could name on the web as well.
  inert: { mentions: false, references: false, commands: true, closing: true },
});
