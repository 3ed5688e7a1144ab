/** Memory of large messages given back at once, not when the garbage collector comes round to it. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';

/** What is worth the trouble: for less, a collection is cheaper. */
const WORTH_BYTES = 32 * 1024;

let nobody: MessagePort | undefined;

/**
 * Frees the memory under a view that its caller owns alone; the view is empty from then on. Small memory is left to the
 * collector. Without this a thread keeps what it has done with: buffers of 64 KiB that a socket fills one after the
 * other pile up to 60 MB before V8 looks at them, and an idle thread never collects at all.
 */
export function freeMemory(view: Uint8Array): void {
  const { buffer } = view;
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength < WORTH_BYTES) return;
  // A closed port takes what it is handed over and has nobody to give it to.
  nobody ??= closedPort();
  nobody.postMessage(undefined, [buffer]);
}

function closedPort(): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  port1.close();
  return port1;
}
