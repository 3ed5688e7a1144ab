// The sinks in the file: one, or several by the beginning of their threads.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SINK_FORM } from '../../src/sinks/catalogue.ts';
import { readConfig } from '../../src/site/config.ts';
import { knownThreads, lanesOf, openSinks, sinkOf } from '../../src/site/sinks.ts';

const HEAD = `
[reply]
domain = "reply.example.org"
pepper_file = "/etc/mailgw/pepper"
[sender]
policy = "off"
`;

const problemsOf = (sinks: string): readonly string[] => {
  const read = readConfig(HEAD + sinks);
  return read.ok ? [] : read.problems;
};

const configOf = (sinks: string) => {
  const read = readConfig(HEAD + sinks);
  if (!read.ok) throw new Error(read.problems.join('\n'));
  return read.config;
};

const TWO = `
[[sink]]
name = "forum"
threads = "forum/"
type = "webhook"
url = "https://forum.example.org/hook"
[[sink]]
name = "rest"
threads = ""
type = "webhook"
url = "https://tracker.example.org/hook"
`;

describe('sinks in the file', () => {
  it('several have a name, the beginning of their threads, and options of their own', () => {
    const config = configOf(TWO);
    assert.deepEqual(config.sinks, [
      {
        ...{ name: 'forum', threads: 'forum/', key: 'sink.forum' },
        options: { type: 'webhook', url: 'https://forum.example.org/hook' },
      },
      {
        ...{ name: 'rest', threads: '', key: 'sink.rest' },
        options: { type: 'webhook', url: 'https://tracker.example.org/hook' },
      },
    ]);
    assert.equal(sinkOf(config, 'forum/1')?.name, 'forum');
    assert.equal(sinkOf(config, 'wiki/1')?.name, 'rest');
    assert.equal(knownThreads(config), '"forum/" (forum), "" (rest)');
  });

  it('the only one may have a name, which is its type otherwise, and has all threads', () => {
    const names = [
      'type = "webhook"',
      'type = "webhook"\nname = "tracker"',
      'type = "/opt/site/my-sink.mjs"',
    ].map((lines) => configOf(`[sink]\n${lines}\n`).sinks[0]?.name);
    assert.deepEqual(names, ['webhook', 'tracker', 'my-sink']);
    const config = configOf('[sink]\ntype = "webhook"\n');
    assert.deepEqual(lanesOf(config), []);
    assert.equal(sinkOf(config, 'any')?.name, 'webhook');
  });

  it('options of a module stay its own, whatever their names', () => {
    const [sink] = configOf(
      '[sink]\ntype = "/opt/site/my-sink.mjs"\nname = "The Tracker"\nthreads = 5\n',
    ).sinks;
    assert.deepEqual(
      { ...sink?.options },
      { type: '/opt/site/my-sink.mjs', name: 'The Tracker', threads: 5 },
    );
  });

  it('every problem comes in one go, with its key, the value and what was expected', () => {
    const name =
      'letters of a to z, digits, "-" and "_", at most 32, a letter or a digit first; and not "none"';
    const threads = 'the beginning of a thread, such as "forum/", at most 200 octets';
    const problems = problemsOf(`
      [[sink]]
      type = "smtp"
      [[sink]]
      name = "Forum!"
      threads = 7
      type = "webhook"
      [[sink]]
      name = "none"
      threads = "a/"
      type = "webhook"
      [[sink]]
      name = "wiki"
      threads = "a/"
      type = "smtp"
      [[sink]]
      name = "wiki"
      threads = "b/"
      type = "webhook"
    `);
    assert.deepEqual(problems, [
      `sink[0].name: is missing; expected ${name}`,
      `sink[0].threads: is missing; expected ${threads}`,
      `sink[0].type: "smtp" is not ${SINK_FORM.type.expects}`,
      `sink[1].name: "Forum!" is not ${name}`,
      `sink[1].threads: 7 is not ${threads}`,
      `sink[2].name: "none" is not ${name}`,
      `sink.wiki.type: "smtp" is not ${SINK_FORM.type.expects}`,
      `sink.wiki.threads: "a/" is sink[2]'s already; expected a beginning of its own`,
      `sink[4].name: "wiki" is another sink's already; expected a name of its own`,
    ]);
    assert.deepEqual(problemsOf('[sink]\ntype = "webhook"\nname = ""\nthreads = "a/"\n'), [
      'sink.threads: is for several sinks, [[sink]]; the only one has all threads',
      `sink.name: "" is not ${name}`,
    ]);
  });

  it('what a sink says of its options names its own table', async () => {
    const opened = await openSinks(configOf(TWO));
    assert.ok(!opened.ok);
    assert.deepEqual(
      opened.problems.map((problem) => problem.split(': ')[0]),
      ['sink.forum.secret_file', 'sink.rest.secret_file'],
    );
  });
});
