// Ports of the loopback for servers that are told where to listen.
//
// Contract: a port is below those that the system gives to outgoing connections (ip_local_port_range begins at 32768), so
// that none of them takes it before the server listens; and one process never gets a port twice.

import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

const FIRST = 12_000;
const BEYOND = 32_000;

const given = new Set<number>();

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  return await freePorts(1);
}

/** The last of so many ports in a row that nobody listens on. */
export async function freePorts(count: number): Promise<number> {
  for (;;) {
    const last = randomInt(FIRST + count, BEYOND);
    const ports = Array.from({ length: count }, (_, at) => last - at);
    if (ports.some((port) => given.has(port))) continue;
    for (const port of ports) given.add(port);
    const areFree = await Promise.all(ports.map(isFree));
    if (areFree.every(Boolean)) return last;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
