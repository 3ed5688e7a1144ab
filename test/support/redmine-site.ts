// A site whose tracker is the real Redmine: its mail goes through a real Postfix and mailgw, which asks it who its users are.

import { writeFileSync } from 'node:fs';
import { freePort } from './free-port.ts';
import { type OutboundSite, type OutboundSiteOptions, startOutboundSite } from './outbound.ts';
import { type Redmine, startRedmine } from './redmine.ts';
import type { Scratch } from './scratch.ts';

/** The running site. */
export interface RedmineSite extends OutboundSite {
  readonly redmine: Redmine;
}

/** Starts all three; mailgw knows alice, unless it is to know nobody. */
export async function startRedmineSite(
  scratch: Scratch,
  { knowsNobody = false, settings = {} }: Pick<OutboundSiteOptions, 'knowsNobody' | 'settings'> = {},
): Promise<RedmineSite> {
  const port = await freePort();
  const token = scratch.path('redmine.key');
  // Redmine has to know the port of Postfix, which asks for the socket of mailgw: so the key comes last.
  writeFileSync(token, 'not-known-yet', { mode: 0o600 });
  const site = await startOutboundSite(scratch, {
    sink: { type: 'redmine', url: `http://127.0.0.1:${port}`, token_file: token },
    knowsNobody,
    settings: { ...settings, outbound: { users: 'ask' } },
  });
  const redmine = await startRedmine(scratch, { port, smtpPort: site.port });
  writeFileSync(token, redmine.adminKey);
  await site.daemon.restart();
  return { ...site, redmine };
}
