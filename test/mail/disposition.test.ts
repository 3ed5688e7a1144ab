import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type DiscardReason,
  type Disposition,
  type NoSuchAddressReason,
  replyTo,
} from '../../src/mail/disposition.ts';
import { formatReply } from '../../src/mail/status.ts';

type ReasonOf<V extends Disposition['verdict']> = Extract<Disposition, { verdict: V }>['reason'];

// Records, so that a reason added to the source does not compile here before it has a row.
const ACCEPTED: Record<ReasonOf<'accepted'>, string> = {
  queued: '250 2.0.0 queued as ID',
  held: '250 2.0.0 queued as ID',
  duplicate: '250 2.0.0 duplicate of ID',
};
const DISCARDED: Record<DiscardReason, true> = {
  bounce: true,
  'auto-reply': true,
  report: true,
  loop: true,
  malformed: true,
  forged: true,
  expired: true,
  spoofed: true,
  spam: true,
  repeated: true,
  replayed: true,
  unreadable: true,
  unmatched: true,
};
const NO_SUCH_ADDRESS: Record<NoSuchAddressReason, true> = {
  syntax: true,
  'other-domain': true,
  'no-token': true,
  'malformed-token': true,
  'unknown-user': true,
  'unknown-thread': true,
  forged: true,
  'disabled-user': true,
  'compose-off': true,
  unmatched: true,
};
const REJECTED: Record<Exclude<ReasonOf<'rejected'>, 'no-such-address'>, string> = {
  expired: '550 5.7.1',
  'too-big': '552 5.3.4',
  malformed: '554 5.6.0',
};
const DEFERRED: Record<ReasonOf<'deferred'>, string> = {
  'rate-limited': '450 4.7.1',
  'too-many-recipients': '452 4.5.3',
  storage: '452 4.3.1',
  log: '451 4.3.0',
  overloaded: '421 4.3.2',
  stopping: '421 4.3.2',
  pepper: '451 4.3.0',
  store: '451 4.3.0',
  restored: '451 4.3.0',
  unchecked: '451 4.3.0',
  unknown: '451 4.3.0',
};

const keysOf = <K extends string>(record: Record<K, unknown>): K[] => Object.keys(record) as K[];
const line = (disposition: Disposition): string => formatReply(replyTo(disposition));
const codes = (disposition: Disposition): string => line(disposition).split(' ', 2).join(' ');

const EVERY: Disposition[] = [
  ...keysOf(ACCEPTED).map((reason): Disposition => ({ verdict: 'accepted', reason, id: 'ID' })),
  ...keysOf(DISCARDED).map((reason): Disposition => ({ verdict: 'discarded', reason, detail: 'SECRET' })),
  ...keysOf(NO_SUCH_ADDRESS).map(
    (detail): Disposition => ({ verdict: 'rejected', reason: 'no-such-address', detail }),
  ),
  ...keysOf(REJECTED).map((reason): Disposition => ({ verdict: 'rejected', reason, detail: 'SECRET' })),
  ...keysOf(DEFERRED).map((reason): Disposition => ({ verdict: 'deferred', reason, detail: 'SECRET' })),
];

describe('the reply to a disposition', () => {
  it('is the one of the table', () => {
    for (const reason of keysOf(ACCEPTED)) {
      assert.equal(line({ verdict: 'accepted', reason, id: 'ID' }), ACCEPTED[reason]);
    }
    for (const reason of keysOf(REJECTED))
      assert.equal(codes({ verdict: 'rejected', reason }), REJECTED[reason]);
    for (const reason of keysOf(DEFERRED))
      assert.equal(codes({ verdict: 'deferred', reason }), DEFERRED[reason]);
  });

  it('has a basic and an enhanced code whose classes agree (RFC 3463 §3.1)', () => {
    for (const disposition of EVERY) assert.match(line(disposition), /^([245])\d\d \1\.\d{1,3}\.\d{1,3} \S/);
  });

  it('is of the class that keeps the mail: 2 for what was taken, 4 for what may work later', () => {
    const classes = { accepted: '2', discarded: '2', rejected: '5', deferred: '4' };
    for (const disposition of EVERY) assert.equal(line(disposition)[0], classes[disposition.verdict]);
  });

  it('is one and the same for every address that is none of ours', () => {
    const lines = keysOf(NO_SUCH_ADDRESS).map((detail) =>
      line({ verdict: 'rejected', reason: 'no-such-address', detail }),
    );
    assert.deepEqual([...new Set(lines)], ['550 5.1.1 no such reply address']);
  });

  it('is one and the same for everything discarded', () => {
    const lines = keysOf(DISCARDED).map((reason) => line({ verdict: 'discarded', reason }));
    assert.deepEqual([...new Set(lines)], ['250 2.0.0 discarded']);
  });

  it('is one short printable line that never holds what is for the log only (RFC 5321 §4.5.3.1.5)', () => {
    for (const disposition of EVERY) {
      assert.match(line(disposition), /^[\x20-\x7e]{9,200}$/);
      assert.doesNotMatch(line(disposition), /SECRET/);
    }
  });
});
