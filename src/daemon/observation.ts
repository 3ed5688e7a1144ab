/** How the daemon is seen from outside: its log, what it counts, and how a fault ends it. */
import { type Log, type LogEvent, type LogFields, type LogOptions, openLog } from '../observe/log.ts';
import { type LogOutput, openLogOutput } from '../observe/log-output.ts';
import { Meter } from '../observe/meter.ts';
import { storePlace } from '../site/store-place.ts';
import { EXIT } from '../system/exit-status.ts';
import { version } from '../system/version.ts';
import type { Beginning } from './beginning.ts';

/** Hears an event of the log. */
export type Hear = (event: LogEvent, fields: LogFields) => void;

/** The log and the meter. */
export interface Observation {
  readonly log: Log;
  readonly meter: Meter;
  readonly output: LogOutput;
  /** Writes the log on as these options say. */
  readonly follow: (options: LogOptions) => void;
  /** Has somebody hear every event as well. */
  readonly hear: (hearer: Hear) => void;
  /** Ends the daemon for a fault. */
  readonly die: (event: 'store_failed' | 'fatal', thrown: unknown) => never;
}

/**
 * Opens the log on standard output, and ends the daemon for a store that breaks and for what nobody caught, rejections
 * included: the state that it left behind is unknown, what is on disk is not.
 */
export function observe({ settings: { config }, commits, broken, news }: Beginning): Observation {
  const output = openLogOutput(1, (lines) => {
    log('log_lost', { lines });
  });
  let write = openLog(config.log, output);
  const meter = new Meter();
  const hearers: Hear[] = [];
  const log: Log = (event, fields, level) => {
    meter.add('mailgw_events_total', { event });
    write(event, fields, level);
    for (const hear of hearers) hear(event, fields ?? {});
  };
  meter.watch('mailgw_log_lost_lines_total', {}, () => output.lostLines);
  meter.share('mailgw_commit_seconds', {}, commits.seconds);
  meter.share('mailgw_commit_messages', {}, commits.messages);
  log('starting', { version: version(), store: storePlace(config) });
  if (process.getuid?.() === 0)
    log('runs_as_root', { reason: "runs as root; the package's service runs as user mailgw" });
  const die: Observation['die'] = (event, thrown) => {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    const at = error.stack?.split('\n').find((line) => line.startsWith('    at '));
    log(event, { reason: error.message, at: at?.trim() });
    process.exit(EXIT.internal);
  };
  process.on('uncaughtException', (error: unknown) => die('fatal', error));
  void broken.then((error) => die('store_failed', error));
  news.tell(log);
  const follow = (options: LogOptions): void => {
    write = openLog(options, output);
  };
  const hear = (hearer: Hear): void => {
    hearers.push(hearer);
  };
  return { log, meter, output, follow, hear, die };
}
