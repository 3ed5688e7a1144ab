/** The peers made of smtp-server: stock, without its greeting delay, and the naive chain with and without delivery. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { launchPeer, type Peer, sinkPathOf, socketPath } from './peer.ts';

const PROGRAM = fileURLToPath(new URL('./smtp-server-process.js', import.meta.url));

function nodePeer(name: string, label: string, kind: 'stock' | 'prompt' | 'naive', delivers = false): Peer {
  return {
    name,
    label,
    durable: kind === 'naive',
    async start(context) {
      const target = { path: socketPath(context) };
      const args = [PROGRAM, kind, target.path, path.join(context.directory, 'mail.db')];
      if (!delivers) return launchPeer(context, process.execPath, args, { target });
      const sinkPath = sinkPathOf(context);
      const url = context.sink.url(sinkPath);
      return launchPeer(context, process.execPath, [...args, url], { target, sinkPath });
    },
  };
}

/** smtp-server, simpleParser and a commit per mail in the main thread. */
export const naive = nodePeer(
  'naive',
  'smtp-server (delay patched out) + simpleParser + better-sqlite3, one synchronous=FULL commit per mail',
  'naive',
);

/** The naive chain that also delivers. */
export const naivePost = nodePeer(
  'naive-post',
  'naive, and a fetch POST of each mail to the HTTP sink, marked posted by a second commit',
  'naive',
  true,
);

/** smtp-server as it comes. */
export const stock = nodePeer('stock', 'smtp-server as it comes (100 ms greeting delay), discards', 'stock');

/** smtp-server without its greeting delay. */
export const prompt = nodePeer(
  'prompt',
  'smtp-server with its greeting delay patched out, discards',
  'prompt',
);
