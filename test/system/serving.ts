/** Waits for a daemon that a test started from an installed package. */
import { existsSync } from 'node:fs';
import { eventually } from '../support/eventually.ts';
import type { DaemonProcess } from '../support/process.ts';

/** The socket, once it is there; throws with the daemon's output if the daemon ends instead. */
export async function socketServes(socket: string, daemon: DaemonProcess): Promise<string> {
  const look = (): string | undefined => {
    if (daemon.ended !== undefined) throw new Error(`${daemon.ended}\n${daemon.output()}`);
    return existsSync(socket) ? socket : undefined;
  };
  return await eventually(look, () => daemon.output());
}
