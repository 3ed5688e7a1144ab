/**
 * A few figures of the running daemon, read from its metrics listener.
 *
 * Contract: `null` where none is configured; one that does not answer within two seconds says why. Means are over the
 * time since the daemon started.
 */
import { request } from 'node:http';
import { describe } from '../actions/fault.ts';
import type { Endpoint } from '../config/kinds.ts';

/** The figures, or why there are none; times in milliseconds. */
export type DaemonFigures =
  | {
      readonly is_up: boolean;
      readonly sink_ms: number | null;
      readonly parse_ms: number | null;
      readonly commit_ms: number | null;
      readonly loop_delay_ms: number | null;
    }
  | { readonly problem: string };

const ANSWER_MS = 2000;

/** Bytes of a page that are read; ours has about 15 KB. */
const MAX_PAGE_BYTES = 1024 * 1024;

/** Asks the daemon. */
export async function readDaemonFigures(listen: Endpoint | undefined): Promise<DaemonFigures | null> {
  if (listen === undefined) return null;
  try {
    const page = await fetchPage(listen);
    const total = (name: string): number | undefined => {
      const lines = page
        .split('\n')
        .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
      return lines.length === 0
        ? undefined
        : lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
    };
    const milliseconds = (seconds: number): number => Math.round(seconds * 1e5) / 100;
    const meanOf = (name: string): number | null => {
      const count = total(`${name}_count`) ?? 0;
      return count === 0 ? null : milliseconds((total(`${name}_sum`) ?? 0) / count);
    };
    const loop = total('mailgw_event_loop_delay_max_seconds');
    return {
      is_up: total('mailgw_up') === 1,
      sink_ms: meanOf('mailgw_sink_request_seconds'),
      parse_ms: meanOf('mailgw_parse_seconds'),
      commit_ms: meanOf('mailgw_commit_seconds'),
      loop_delay_ms: loop === undefined ? null : milliseconds(loop),
    };
  } catch (error) {
    return { problem: describe(error) };
  }
}

function fetchPage(listen: Endpoint): Promise<string> {
  const where = 'path' in listen ? { socketPath: listen.path } : { host: listen.host, port: listen.port };
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const asking = request({ ...where, path: '/metrics', agent: false, signal }, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes > MAX_PAGE_BYTES) response.destroy(new Error('the page is too large'));
      });
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(Buffer.concat(chunks).toString('utf8'));
        else reject(new Error(`/metrics answered ${response.statusCode ?? 0}`));
      });
    });
    asking.on('error', reject);
    asking.end();
  });
}
