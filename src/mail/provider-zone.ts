/**
 * Where the fields of a mailbox's provider end in a header, and those of the sender begin.
 *
 * Contract: every host writes its Received above those of the hosts before it. So of the Received that names a host
 * by which the provider takes mail in, the topmost is the provider's own: a sender can only write another one below it.
 * A number of Received says less. It has to be the most that the provider's own hosts write, and a mail that fewer of
 * them saw leaves room below for a sender.
 * Limits: linear in the size of the header. A Received is read to its end: a sender's long name of itself hides nothing.
 */
import type { Header } from './header.ts';

/** The end of the provider's part of a header. */
export interface ProviderZone {
  /** How many Received of the provider may stand above what it wrote. */
  readonly ownReceived?: number | undefined;
  /**
   * Names of the hosts, or of a domain above them, that take mail from outside, as they stand behind `by`; without
   * them the number alone counts.
   */
  readonly ownHosts?: readonly string[] | undefined;
}

/** Every host behind a `by`: of what a sender says of itself before it, nothing can hide the genuine one. */
const BY_HOST = /(?<![^\s(])by[\s]+([\w.-]+)/gi;

/** Counts the Received down to the topmost by a host that takes mail in, that one too; undefined where there is none. */
export function edgeOf(header: Header, ownHosts: readonly string[]): number | undefined {
  const edges = ownHosts.map((host) => host.toLowerCase());
  let received = 0;
  for (const { name, value } of header.fields) {
    if (name !== 'received') continue;
    received++;
    for (const [, host = ''] of value.matchAll(BY_HOST)) {
      const by = host.toLowerCase();
      if (edges.some((edge) => by === edge || by.endsWith(`.${edge}`))) return received;
    }
  }
  return undefined;
}

/** Gives how many Received may stand above what the provider wrote; undefined where its own mark is not there. */
export function depthOf(
  header: Header,
  { ownReceived = 0, ownHosts = [] }: ProviderZone,
): number | undefined {
  if (ownHosts.length === 0) return ownReceived;
  const edge = edgeOf(header, ownHosts);
  return edge === undefined ? undefined : Math.min(ownReceived, edge);
}
