/** Waits for a daemon that a test started from an installed package. */
import { eventually } from '../support/eventually.ts';
import { listens } from '../support/listens.ts';
import type { DaemonProcess } from '../support/process.ts';

/** The socket, once the daemon listens on it; throws with the daemon's output if the daemon ends instead. */
export async function socketServes(socket: string, daemon: DaemonProcess): Promise<string> {
  const look = async (): Promise<string | undefined> => {
    if (daemon.ended !== undefined) throw new Error(`${daemon.ended}\n${daemon.output()}`);
    return (await listens({ path: socket })) ? socket : undefined;
  };
  return await eventually(look, () => daemon.output());
}
