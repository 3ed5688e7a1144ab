/** Every peer by name. */
import { dovecot } from './dovecot.ts';
import { createMailgwPeers } from './mailgw.ts';
import { mailgwOnPostgres } from './mailgw-postgres.ts';
import { naive, naivePost, prompt, stock } from './node-servers.ts';
import type { Peer } from './peer.ts';
import { python } from './python.ts';
import { smtpSink } from './smtp-sink.ts';

/** Makes the peers; `scratch` is the run's scratch directory. */
export function createPeers(scratch: string): ReadonlyMap<string, Peer> {
  const peers = [
    ...createMailgwPeers(scratch),
    ...mailgwOnPostgres,
    ...[python, naive, naivePost, stock, prompt, dovecot, smtpSink],
  ];
  return new Map(peers.map((peer) => [peer.name, peer]));
}
