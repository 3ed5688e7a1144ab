import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { titleOf } from '../../src/mail/subject.ts';

describe('the title of a mail that starts a thread', () => {
  it('has no prefix of replies and of what is sent on', () => {
    for (const subject of [
      'Re: It rains in',
      'RE : It rains in',
      'Re[2]: It rains in',
      'AW: Fwd: It rains in',
      'SV: VS: It rains in',
      '回复：It rains in',
      'Отв: It rains in',
      '  It rains in ',
    ]) {
      assert.equal(titleOf(subject), 'It rains in', subject);
    }
  });

  it('keeps what the writer put before a colon', () => {
    for (const subject of ['Bug: it rains in', 'Reply: none', 'I: Claudius', 'docs: Re: and all', '']) {
      assert.equal(titleOf(subject), subject);
    }
  });
});
