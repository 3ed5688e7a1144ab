/** The way in: the gate on what it stands on, for the sources. */
import type { Dispatchers } from '../delivery/dispatchers.ts';
import { openRates } from '../gate/rates.ts';
import { startRecalling } from '../observe/past-verdicts.ts';
import { startCounting } from '../observe/verdict-counts.ts';
import { createAccept } from '../site/accept.ts';
import type { Config } from '../site/config.ts';
import { type Doubts, doubtsOf } from '../site/doubts.ts';
import { gatePart } from '../site/gate.ts';
import { PepperWatch } from '../site/pepper.ts';
import type { Intake } from '../sources/source.ts';
import type { Ground } from './ground.ts';

/** Opens the pepper's watch, and gathers what else keeps the daemon from answering. */
export async function openDoubts({ site, store, log, meter, news, output }: Ground): Promise<Doubts> {
  const pepper = new PepperWatch({
    peppers: () => site.setup.settings.peppers,
    store,
    log,
    meter,
    now: Date.now,
  });
  // Asks once now: a store that fails says so to whoever asks for an address.
  const ask = async (): Promise<unknown> => pepper.doubt()?.catch(() => undefined);
  await ask();
  site.part({ reads: ['reply.pepper_file'], open: () => void ask() });
  return doubtsOf(news, pepper, output);
}

/** Opens what sources work with. */
export async function openIntake(
  ground: Ground,
  dispatchers: Dispatchers,
  doubts: Doubts,
): Promise<Intake<Config>> {
  const { life, site, store, space, log, meter, output } = ground;
  const verdicts = startCounting(meter, (counts) => store.addVerdicts(counts), Date.now);
  life.ends(() => verdicts.stop());
  const recalling = startRecalling((past, at) => store.addPastVerdicts(past, at), Date.now);
  life.ends(() => recalling.stop());
  const rates = await openRates({
    settings: () => site.config.rate,
    buckets: store,
    log,
    now: Date.now,
    monotonic: () => performance.now(),
  });
  life.ends(() => rates.stop());
  meter.watch('mailgw_rate_buckets', {}, () => rates.buckets);
  const accept = createAccept({ store, space, rates, dispatchers });
  const gate = site.part(gatePart({ store, accept, rates, space, doubts, log, output }));
  const follow: Intake<Config>['follow'] = (section, changed) => {
    site.part({ reads: [section], open: changed });
  };
  const { host } = site.config.store;
  const { count } = verdicts;
  const { recall } = recalling;
  return { config: () => site.config, gate, log, meter, count, recall, mailboxes: store, host, follow };
}
