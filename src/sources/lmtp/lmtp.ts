/** The LMTP listener for replies. */
import type { TransactionShared } from '../../gate/transaction.ts';
import type { Meter } from '../../observe/meter.ts';
import { LmtpServer } from '../lmtp-server.ts';
import { createMemoryBudget } from '../message-buffer.ts';
import type { SlowDown } from '../slow-down.ts';
import { LmtpSession } from './session.ts';
import type { LmtpLimits, SessionShared } from './shared.ts';

/** Creates the server; `limits` gives those in force, for open connections as well. */
export function createLmtpServer(
  limits: () => LmtpLimits,
  given: TransactionShared & { readonly meter: Meter; readonly slowDown: SlowDown },
): LmtpServer {
  const { log, meter, count, slowDown } = given;
  const budget = createMemoryBudget(() => limits().maxBufferedBytes);
  const shared: SessionShared = { ...given, limits, budget };
  return new LmtpServer({
    name: 'lmtp',
    maxConnections: () => limits().maxConnections,
    log,
    meter,
    converse: (wire) => new LmtpSession(shared, wire),
    onRefused: () => {
      count('deferred', 'too-many-connections');
    },
    onStop: () => {
      slowDown.end();
    },
  });
}
