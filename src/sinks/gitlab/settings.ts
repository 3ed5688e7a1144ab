/** The settings of the gitlab sink. */
import { platformSettings } from '../platform/settings.ts';

/** The settings by their names in the file. */
export const GITLAB_SETTINGS = platformSettings({
  name: 'GitLab',
  example: 'https://gitlab.example.org',
  token: 'a personal access token of an administrator, with the scopes api and sudo',
  // Whom a user names they could name on the web as well; @all is inert whatever this is. A line that begins with a slash is a
  // quick action.
  inert: { mentions: false, references: false, commands: true, closing: true },
});
