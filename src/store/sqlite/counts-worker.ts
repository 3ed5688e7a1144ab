/** The thread that counts the queue on a reading connection of its own; counts.ts starts it. */
import { parentPort, workerData } from 'node:worker_threads';
import { errorText } from '../../system/error-text.ts';
import type { CountsAnswer } from './counts.ts';
import { openConnection } from './schema.ts';
import { prepareViews } from './views.ts';

/** How long a read waits for a lock; nobody else waits for it. */
const BUSY_TIMEOUT_MS = 2000;

if (parentPort !== null) {
  const port = parentPort;
  const database = openConnection(workerData as string, { readonly: true, busyTimeoutMs: BUSY_TIMEOUT_MS });
  const views = prepareViews(database);
  port.on('message', () => {
    port.postMessage(answer());
  });
  const answer = (): CountsAnswer => {
    try {
      return { ok: true, counts: views.counts() };
    } catch (error) {
      return { ok: false, message: errorText(error) };
    }
  };
}
