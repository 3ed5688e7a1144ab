// A gate that matches replies without a token, over a store in which users were notified.

import type { TestContext } from 'node:test';
import type { Verdict } from '../../src/gate/gate.ts';
import type { Claim, Unmatched } from '../../src/gate/recipient.ts';
import { notifiedFor } from '../../src/site/notified.ts';
import type { User } from '../../src/store/directory.ts';
import { inWords, MAX_AGE, message, openGate, type TestGate } from './gate.ts';

/** The address that replies without a token are written to. */
export const ADDRESS = 'notifications@example.org';

const ID = 'mx.example.org';

/** What our filter says, above our Received. */
export const results = (text: string): readonly string[] => [
  `Authentication-Results: ${ID}; ${text}`,
  `Received: from out.example.net by ${ID} (Postfix) with ESMTPS id 4Xabc`,
];

/** A pass for example.com. */
export const PASS = results('dmarc=pass header.from=example.com');

/** The options of a gate that matches; the site's own policy trusts tokens alone. */
export const MATCHING = {
  authservId: ID,
  matching: { by: ['message-id', 'subject'], addresses: [ADDRESS], withinMs: 30 * 86_400_000 },
} as const;

/** A notification of a user; the rest is alice's, now. */
export interface Notice {
  readonly user?: User;
  readonly id?: string;
  readonly thread?: string;
  readonly subject?: string;
  /** Seconds before now. */
  readonly ago?: number;
}

/** A gate that matches. */
export interface MatchGate extends TestGate {
  /** Notes that a notification was sent. */
  notify(notice?: Notice): Promise<void>;
  /** Sends a mail to the address without a token; the verdict. */
  write(lines: readonly string[], more?: Written): Promise<Verdict>;
}

/** What else there is of a mail. */
export interface Written {
  readonly body?: string;
  readonly reversePath?: string;
  readonly to?: string;
}

/** Opens the gate. */
export async function openMatching(
  t: TestContext,
  options: Parameters<typeof openGate>[1] = {},
): Promise<MatchGate> {
  const test = await openGate(t, { ...MATCHING, ...options });
  return {
    ...test,
    notify: async ({
      user = test.alice,
      id = 'n1@tracker.example',
      thread = 'shop/1',
      subject = '',
      ago = 0,
    } = {}) => {
      const at = test.clock.now - ago;
      const sent = { messageId: `<${id}>`, userNumber: user.number, thread, repliedTo: at, subject };
      await test.store.rememberNotified([notifiedFor({ maxAgeMs: MAX_AGE * 1000 }, sent, at * 1000)]);
    },
    write: async (lines, { body, reversePath = 'alice@example.com', to = ADDRESS } = {}) => {
      const verdict = await test.gate.recipient(to);
      if (verdict.kind === 'refused') return verdict.disposition;
      const claims: readonly (Claim | Unmatched)[] = [verdict.claim];
      const [judged] = await test.gate.message({ reversePath }, claims, message(lines, body));
      if (judged === undefined) throw new Error('no verdict');
      return judged;
    },
  };
}

/** A mail of the author of From to the address, with a pass and these fields more. */
export const mail = (...lines: readonly string[]): readonly string[] => [
  ...PASS,
  `To: <${ADDRESS}>`,
  ...lines,
];

/** A verdict in words: how it was taken, by which rule and for what thread, or why not. */
export function told(verdict: Verdict): string {
  const { matched } = verdict;
  const words = inWords(verdict);
  return matched === undefined ? words : `${words} by ${matched.by}: ${matched.user}, ${matched.thread}`;
}
