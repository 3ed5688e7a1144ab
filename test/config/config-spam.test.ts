import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Config } from '../../src/site/config.ts';
import { configOf, LEAST, problemsOf } from './least.ts';

/** The section with these lines. */
const withLines = (lines: readonly string[]): string => `${LEAST}[spam]\n${lines.join('\n')}`;
const spam = (...lines: string[]): Config['spam'] => configOf(withLines(lines)).spam;
const problems = (...lines: string[]): readonly string[] => problemsOf(withLines(lines));

describe('[spam]', () => {
  it('needs nothing: the usual fields, held on spam, let in without a verdict', () => {
    const { source, headers, action, unchecked, threshold, disagreement } = spam('source = "header"');
    assert.deepEqual(
      [source, headers, action, unchecked, threshold, disagreement],
      ['header', ['X-Spam-Status', 'X-Spam-Flag', 'X-Spam'], 'hold', 'accept', undefined, 'strictest'],
    );
  });

  it('takes a socket, a host and a port, and a score with a fraction', () => {
    assert.deepEqual(spam('spamd = "unix:/run/spamd.sock"').spamd, { path: '/run/spamd.sock' });
    assert.deepEqual(spam('spamd = "localhost:783"').spamd, { host: 'localhost', port: 783 });
    assert.deepEqual(spam('spamd = "[::1]:783"').spamd, { host: '::1', port: 783 });
    assert.equal(spam('threshold = 6.5').threshold, 6.5);
    assert.equal(spam('threshold = -1').threshold, -1);
  });

  it('names what cannot be', () => {
    for (const place of [
      'spamd.sock',
      '127.0.0.1',
      '127.0.0.1:0',
      '127.0.0.1:70000',
      'unix:run/x',
      '::1:783',
    ]) {
      assert.deepEqual(problems(`spamd = "${place}"`), [
        `spam.spamd: "${place}" is not "host:port" or "unix:" and an absolute path`,
      ]);
    }
    assert.deepEqual(problems('threshold = "5"'), ['spam.threshold: "5" is not a number from -1000 to 1000']);
    assert.match(
      problems('headers = ["X Spam"]').join(),
      /spam\.headers: \["X Spam"\] is not a list of field names/,
    );
    assert.match(problems('spamd_user = "a b"').join(), /spam\.spamd_user: "a b" is not the name of a user/);
  });

  it('names what does not go together', () => {
    assert.match(
      problems('unchecked = "defer"').join(),
      /^spam\.unchecked: "defer" is for spam\.source = "spamd"/,
    );
    assert.deepEqual(problems('source = "spamd"', 'unchecked = "defer"'), []);
    assert.match(problems('headers = []').join(), /^spam\.headers: is empty/);
    assert.match(
      problems('headers = ["X-Spam-Score"]').join(),
      /^spam\.threshold: is missing; X-Spam-Score holds/,
    );
    assert.deepEqual(problems('headers = ["X-Spam-Score"]', 'threshold = 5'), []);
  });
});
