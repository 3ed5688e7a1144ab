/** The policy service as a site configures it. */
import { listen } from '../listen.ts';
import { delaysOf, GuessesByClient, SlowDown } from '../slow-down.ts';
import type { OpenSource } from '../source.ts';
import { PolicyServer } from './policy.ts';
import type { PolicyConfig } from './settings.ts';

/** Opens the policy service; answers to bad addresses may hold a quarter of its connections. */
export const openPolicy: OpenSource<PolicyConfig> = async (intake) => {
  const { config, log } = intake;
  const slowDown = new SlowDown(() => {
    return { ...delaysOf(config().rate), maxWaiting: Math.ceil(config().policy.maxConnections / 4) };
  });
  const guesses = new GuessesByClient(
    () => config().rate.badAddressForgetMs,
    () => performance.now(),
  );
  const service = new PolicyServer({ ...intake, limits: () => config().policy, guesses, slowDown });
  await listen(service.server, 'policy', config().policy, log);
  return service;
};
