/** The outcome of one attempt: what the sink said, or why it was never asked. */
import type { ParsedReply, ParseOutcome } from '../reply/post.ts';
import type { Outcome } from './sink.ts';

/**
 * An outcome of the sink, or one of ours before it was asked; then `reason` says in a word why there is no post:
 * `empty`, a refusal's reason, or what became of the worker.
 */
export type AttemptOutcome = Outcome & {
  readonly by?: 'us' | undefined;
  readonly workerDied?: boolean;
  readonly reason?: string;
  /** What was parsed of a reply that is empty. */
  readonly reply?: ParsedReply;
};

/** What becomes of a message that gives no post. */
export function unposted(parsed: Exclude<ParseOutcome, { kind: 'parsed' }>): AttemptOutcome {
  switch (parsed.kind) {
    case 'empty':
      return {
        kind: 'failed',
        reason: 'empty',
        diagnostic: emptyDiagnostic(parsed),
        by: 'us',
        reply: parsed.reply,
      };
    case 'refused':
      return {
        kind: 'failed',
        reason: parsed.reason,
        diagnostic: `cannot be posted: ${parsed.reason}: ${parsed.diagnostic}`,
        by: 'us',
      };
    case 'worker-died':
      return {
        kind: 'deferred',
        reason: parsed.reason,
        diagnostic: `parser ${parsed.reason}: ${parsed.diagnostic}`,
        by: 'us',
        workerDied: true,
      };
  }
}

/** Why a reply is empty, and whether something of it was left out that would have made it a post. */
function emptyDiagnostic({ reason, reply }: Extract<ParseOutcome, { kind: 'empty' }>): string {
  const dropped = [...new Set(reply.dropped.map((part) => part.reason))];
  return `empty reply: ${reason}${dropped.length === 0 ? '' : `; left out: ${dropped.join(', ')}`}`;
}
