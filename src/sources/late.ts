/**
 * A source that a site may begin to have while the daemon runs.
 *
 * Contract: its code is loaded, and it is opened, when the site first has it: at the start, or with the reload that brings it.
 * Before that it has no parts, and takes nothing. Failure: at the start it rejects as the source does; later the failure
 * is told.
 */
import { errorText } from '../system/error-text.ts';
import type { Intake, OpenSource, Source } from './source.ts';

/** What makes a source late. */
export interface LateOptions<Own> {
  readonly section: string;
  /** Tells whether the site has it, by the configuration in force. */
  readonly isWanted: () => boolean;
  /** Loads its code. */
  readonly load: () => Promise<OpenSource<Own>>;
  /** Hears why it could not be opened by a reload. */
  readonly onFault: (reason: string) => void;
}

/** Opens a source now, or when a reload brings it. */
export async function openLate<Own>(
  intake: Intake<Own>,
  { section, isWanted, load, onFault }: LateOptions<Own>,
): Promise<Source> {
  let source: Source | undefined;
  let opening: Promise<void> | undefined;
  let isStopping = false;
  const open = async (): Promise<void> => {
    const openSource = await load();
    if (!isStopping) source = await openSource(intake);
  };
  if (isWanted()) await (opening = open());
  intake.follow(section, () => {
    if (opening !== undefined || isStopping || !isWanted()) return;
    opening = open().catch((error: unknown) => {
      opening = undefined; // the next reload tries again
      onFault(errorText(error));
    });
  });
  return {
    views: () => source?.views?.() ?? [],
    sync: (name) => source?.sync?.(name) === true,
    answer: (request, response) => source?.answer?.(request, response) === true,
    stop: async (withinMs) => {
      isStopping = true;
      await opening?.catch(() => undefined);
      await source?.stop(withinMs);
    },
  };
}
