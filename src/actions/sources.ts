/**
 * The sources of a site as an operator sees them: what the configuration names, what the daemon says of them, and what the
 * store has of mailboxes.
 *
 * Contract: every source is there once: of the configuration, of the daemon, or left over in the store. Reads only, but
 * {@link retryFailed}. Failure: an unknown name is a Fault that lists the names there are.
 */
import type { Config } from '../site/config.ts';
import type { Session } from '../site/session.ts';
import type { SourceView } from '../sources/source.ts';
import type { Mailboxes, MailboxView, OpenMessage } from '../store/mailboxes.ts';
import { unknown } from './fault.ts';

/** A source, its state and what of it is not settled. */
export interface SourceStatus {
  readonly name: string;
  /** The section that it stands in. */
  readonly kind: string;
  /** As the daemon says; `unknown` where none does, `removed` of a mailbox that only the store remembers. */
  readonly state: SourceView['state'] | 'unknown' | 'removed';
  readonly reason: string | undefined;
  /** Of a mailbox that was read before. */
  readonly mailbox: MailboxView | undefined;
  /** What is not settled, by UID. */
  readonly messages: readonly OpenMessage[];
}

/** The daemon's own list; undefined where no daemon serves. */
export type LiveSources = readonly SourceView[] | undefined;

/** Lists the names and sections of sources that have tables. */
export function namedSources({
  imap,
  webhook,
}: Config): readonly { readonly name: string; readonly kind: string }[] {
  return [
    ...imap.each.map(({ name }) => ({ name, kind: 'imap' })),
    ...webhook.each.map(({ name }) => ({ name, kind: 'webhook' })),
  ];
}

/** Lists the sources, or the one of a name. */
export async function listSources(
  { config, store }: Session,
  live: LiveSources,
  only?: string,
): Promise<readonly SourceStatus[]> {
  const mailboxes = await store.listMailboxes();
  const named = namedSources(config);
  const places = new Map<string, string>();
  for (const { name, kind } of [...(live ?? []), ...named]) places.set(name, kind);
  for (const { source } of mailboxes) if (!places.has(source)) places.set(source, 'imap');
  const names = only === undefined ? [...places.keys()] : [only];
  if (only !== undefined && !places.has(only)) throw noSource(only, [...places.keys()]);
  return await Promise.all(
    names.map(async (name): Promise<SourceStatus> => {
      const isNamed = named.some((each) => each.name === name);
      const view = live?.find((each) => each.name === name);
      const mailbox = mailboxes.find(({ source }) => source === name);
      const messages = mailbox === undefined ? [] : await store.openMessages(name);
      const kind = places.get(name) ?? 'imap';
      return { name, kind, ...stateOf(view, isNamed, live !== undefined), mailbox, messages };
    }),
  );
}

function stateOf(
  view: SourceView | undefined,
  isNamed: boolean,
  isServed: boolean,
): Pick<SourceStatus, 'state' | 'reason'> {
  if (view !== undefined) return { state: view.state, reason: view.reason };
  if (!isNamed) return { state: 'removed', reason: 'the configuration has no table of this name' };
  const reason = isServed
    ? 'mailgwd does not have it: mailgw-ctl reload'
    : 'no mailgwd serves this store, or not for this user';
  return { state: 'unknown', reason };
}

/** Has what was given up in a mailbox tried again; how many messages. */
export async function retryFailed(store: Mailboxes, source: string, now: number): Promise<number> {
  return await store.retryMessages(source, now);
}

/** Makes the fault of a name that no source has. */
export function noSource(name: string, names: readonly string[]): Error {
  const known = names.length === 0 ? 'there are none' : `there are ${names.join(', ')}`;
  return unknown('source', `source "${name}": there is none of this name; ${known}`);
}
