// The contract of the store port: what every implementation must do, run against one of them.
//
// Contract: `open` gives an empty store that closes with the test. Nothing here knows what is behind the port.

import { describe } from 'node:test';
import { describeAcceptance, type OpenStore } from './contract-acceptance.ts';
import { describeApiAccess } from './contract-api-access.ts';
import { describeDigests } from './contract-digests.ts';
import { describeDirectory } from './contract-directory.ts';
import { describeFigures } from './contract-figures.ts';
import { describeLanes } from './contract-lanes.ts';
import { describeLeases } from './contract-leases.ts';
import { describeMailboxes } from './contract-mailboxes.ts';
import { describeNotices } from './contract-notices.ts';
import { describeNotifications } from './contract-notifications.ts';
import { describeNotified } from './contract-notified.ts';
import { describeOperator } from './contract-operator.ts';
import { describeRemembered } from './contract-originals.ts';
import { describeOwners } from './contract-owners.ts';
import { describePastVerdicts } from './contract-past-verdicts.ts';
import { describeRemoval } from './contract-removal.ts';
import { describeRenaming } from './contract-renaming.ts';
import { describeRetention } from './contract-retention.ts';

/** Registers the whole suite for one implementation. */
export function describeQueueContract(name: string, open: OpenStore): void {
  describe(`the store port on ${name}`, () => {
    describeAcceptance(open);
    describeLeases(open);
    describeLanes(open);
    describeDigests(open);
    describeOperator(open);
    describeFigures(open);
    describePastVerdicts(open);
    describeRetention(open);
    describeDirectory(open);
    describeRenaming(open);
    describeOwners(open);
    describeRemoval(open);
    describeNotices(open);
    describeNotifications(open);
    describeNotified(open);
    describeRemembered(open);
    describeMailboxes(open);
    describeApiAccess(open);
  });
}
