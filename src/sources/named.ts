/** The sources that are configured by name, mailboxes and providers alike: `mailgw-ctl` finds one by it. */
import type { ImapSection } from './imap/settings.ts';
import type { SourceConfig } from './source-settings.ts';
import type { WebhookSections } from './webhook/settings.ts';

/** The part of a configuration that names sources. */
export type NamedSources = ImapSection & WebhookSections;

/** Lists every source that has a name. */
export function namedSources({ imap, webhook }: NamedSources): readonly SourceConfig[] {
  return [...imap.each, ...webhook.each];
}

/** Tells which names of `[[webhook]]` are a mailbox's already, one line for each; two of one table the table tells. */
export function namesTwice({ imap, webhook }: NamedSources): readonly string[] {
  return webhook.each.flatMap(({ name }, index) => {
    const other = imap.each.findIndex((each) => each.name === name);
    if (other === -1) return [];
    return [
      `webhook[${index}].name: ${JSON.stringify(name)} is that of imap[${other}].name already; expected its own`,
    ];
  });
}
