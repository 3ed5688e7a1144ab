// What a daemon that serves metrics on `metrics.sock` in its scratch directory says of itself.

import { get } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Daemon } from './daemon.ts';
import { eventually } from './eventually.ts';
import type { Scratch } from './scratch.ts';

/** What /readyz says, as soon as the daemon that runs serves it, which is a moment after LMTP. */
export async function readiness({
  scratch,
  daemon,
}: {
  readonly scratch: Scratch;
  readonly daemon: Daemon;
}): Promise<string> {
  await eventually(
    () =>
      daemon.log().split('"event":"starting"').at(-1)?.includes('"service":"metrics"') ? true : undefined,
    () => daemon.log(),
  );
  return await new Promise((resolve, reject) => {
    get({ socketPath: scratch.path('metrics.sock'), path: '/readyz' }, (response) => {
      text(response).then((body) => {
        resolve(`${String(response.statusCode)} ${body.trim()}`);
      }, reject);
    }).on('error', reject);
  });
}
