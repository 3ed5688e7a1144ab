/** The LMTP listener as a site configures it. */
import { listen } from '../listen.ts';
import { delaysOf, SlowDown } from '../slow-down.ts';
import type { OpenSource } from '../source.ts';
import { createLmtpServer } from './lmtp.ts';
import type { LmtpConfig } from './settings.ts';

/** Answers that wait at a time: of Postfix's 20 deliveries at once the others stay free for good addresses. */
const MAX_WAITING_DELIVERIES = 4;

/** Opens the LMTP listener. */
export const openLmtp: OpenSource<LmtpConfig> = async (intake) => {
  const { config, log } = intake;
  const slowDown = new SlowDown(() => ({ ...delaysOf(config().rate), maxWaiting: MAX_WAITING_DELIVERIES }));
  const server = createLmtpServer(() => config().lmtp, { ...intake, slowDown });
  await listen(server.server, 'lmtp', config().lmtp, log);
  return server;
};
