/**
 * The one line that `systemctl status` shows of the daemon.
 *
 * Contract: made of facts alone; what keeps mail from being taken or posted stands in it as long as it lasts, the gravest
 * first.
 */

import { type Discards, discardsIn, discardsInWords, yesterday } from '../observe/discards.ts';
import type { Config } from '../site/config.ts';
import { MOST_COUNTED } from '../store/figures.ts';
import type { SinkState } from '../store/sink-status.ts';
import type { Store } from '../store/store.ts';

/** The facts that the line is made of. */
export interface StatusFacts {
  readonly domain: string;
  /** Items to be posted, counted up to a limit. */
  readonly open: number;
  readonly isPaused: boolean;
  /** The sinks, each with its state, which is undefined while no answer of it is known. */
  readonly sinks: readonly { readonly name: string; readonly state: SinkState | undefined }[];
  /** Why all mail is put off, such as a pepper that is not the store's. */
  readonly trouble: string | undefined;
  readonly isSpaceLow: boolean;
  readonly discards: Discards | undefined;
}

/** Reads what the line tells now, and writes it. */
export async function readStatus(
  { reply, sinks: configured }: Config,
  store: Store,
  known: Pick<StatusFacts, 'trouble' | 'isSpaceLow'>,
): Promise<string> {
  const { open, paused, sinks } = await store.backlog();
  const discards = discardsIn(await store.verdicts(yesterday(Date.now())));
  return statusLine({
    ...known,
    domain: reply.domain[0],
    open,
    isPaused: paused,
    sinks: configured.map(({ name }) => ({ name, state: sinks.find((sink) => sink.name === name)?.state })),
    discards,
  });
}

/** Writes the line. */
export function statusLine(facts: StatusFacts): string {
  const { domain, open, isPaused, sinks, discards } = facts;
  const refusal = refusalOf(facts);
  const more = open === MOST_COUNTED ? ' or more' : '';
  return [
    ...(refusal === undefined ? [`serving ${domain}`] : [refusal]),
    `${open}${more} to be posted${isPaused ? ' (paused)' : ''}`,
    sinksInWords(sinks),
    ...(discards?.isMost === true ? [discardsInWords(discards)] : []),
  ].join('; ');
}

/** Says how the sinks do: of several which are not up, by name. */
function sinksInWords(sinks: StatusFacts['sinks']): string {
  const [first] = sinks;
  if (sinks.length < 2) return first?.state === undefined ? 'sink not known yet' : `sink ${first.state}`;
  const others = sinks.filter(({ state }) => state !== 'up');
  if (others.length === 0) return `${sinks.length} sinks up`;
  const up = sinks.length - others.length;
  const named = others.map(({ name, state }) => `sink ${name} ${state ?? 'not known yet'}`);
  return [...named, ...(up > 0 ? [`${up} up`] : [])].join(', ');
}

/** Says why mail is put off, if it is. */
function refusalOf({ trouble, isSpaceLow }: StatusFacts): string | undefined {
  if (trouble !== undefined) return `all mail is put off (451): ${trouble}`;
  return isSpaceLow ? 'all mail is put off (452): less space is free than store.low_water' : undefined;
}
