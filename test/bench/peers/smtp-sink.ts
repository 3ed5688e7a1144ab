/** Postfix's smtp-sink in LMTP mode: reads and discards, in C; the ceiling of what client and machine can do. */

import { findCommand } from './command.ts';
import { launchPeer, type Peer, socketPath } from './peer.ts';

/** Postfix's own test server. */
export const smtpSink: Peer = {
  name: 'smtp-sink',
  label: "Postfix's smtp-sink -L, discards",
  durable: false,
  async start(context) {
    const command = findCommand('smtp-sink');
    if (command === undefined) return { missing: 'no smtp-sink (Debian: postfix)' };
    const target = { path: socketPath(context) };
    const asUser = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
    return launchPeer(context, command, ['-L', ...asUser, '-m', '2000', `unix:${target.path}`, '1024'], {
      target,
    });
  },
};
