/** The settings of the wordpress sink. */
import { platformSettings } from '../platform/settings.ts';

/** Its settings by their names in the file. */
export const WORDPRESS_SETTINGS = platformSettings({
  name: 'WordPress',
  example: 'https://blog.example.org',
  token: "an administrator's login name and an application password of theirs, as `name:password`",
  // A comment is text: WordPress looks for no names, numbers or commands in it.
  inert: { mentions: false, references: false, commands: false, closing: false },
});
