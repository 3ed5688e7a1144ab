// The site's rules: which header they fit, and which thread and time they make of it.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { scanHeader } from '../../src/mail/header.ts';
import type { Recognised } from '../../src/mail/recognise.ts';
import { fillTemplate, parseTemplate } from '../../src/mail/thread-template.ts';
import { type Rule, recogniseByAny, recogniseByRules } from '../../src/outbound/rules.ts';
import { configOf, LEAST, problemsOf } from '../config/least.ts';

const rule = (changed: Partial<Rule> = {}): Rule => ({
  field: 'X-Tracker-Issue',
  thread: 'issue/{X-Tracker-Issue}',
  from: undefined,
  repliedTo: undefined,
  ...changed,
});

function recognise(
  rules: readonly Rule[],
  lines: readonly string[],
  reversePath = '',
): Recognised | undefined {
  const scan = scanHeader(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`));
  assert.ok(scan.ok);
  return recogniseByRules(rules)({ header: scan.header, reversePath });
}

describe('a rule', () => {
  it('fits where its field stands once, and fills the template with unfolded and decoded values', () => {
    const template = 'forum/{X-Forum}/{x-topic}';
    const lines = ['X-Forum: =?utf-8?q?=C3=BCbersicht?=', 'X-TOPIC: a', '\tlong one', 'X-Tracker-Issue: 1'];
    const recognised = recognise([rule({ thread: template })], lines);
    assert.deepEqual(recognised, { thread: 'forum/übersicht/a long one', repliedTo: undefined });
    assert.equal(recognise([rule({ thread: template })], lines.slice(0, 1)), undefined);
  });

  it('fits for its sender alone, of From or of the envelope', () => {
    const from = rule({ from: 'Tracker@Example.org' });
    const line = 'X-Tracker-Issue: 1';
    assert.ok(recognise([from], [line, 'From: T <tracker@EXAMPLE.org>']));
    assert.ok(recognise([from], [line], 'tracker@example.org'));
    assert.equal(recognise([from], [line, 'From: mallory@example.org'], 'mallory@example.org'), undefined);
    assert.equal(recognise([from], [line, 'From: a@example.org, tracker@example.org']), undefined);
  });

  it('decides where it comes first', () => {
    const rules = [
      rule({ field: 'X-Other', thread: 'other' }),
      rule({ thread: 'first' }),
      rule({ thread: 'second' }),
    ];
    assert.equal(recognise(rules, ['X-Tracker-Issue: 1'])?.thread, 'first');
    assert.equal(recognise(rules, ['X-Tracker-Issue: 1', 'X-Other: 2'])?.thread, 'other');
    const any = recogniseByAny([() => undefined, () => ({ thread: 'a platform', repliedTo: 1 })]);
    assert.equal(any({ header: { fields: [], bodyOffset: 0 }, reversePath: '' })?.thread, 'a platform');
  });

  it('fits no value that would have to be cleaned', () => {
    for (const value of [
      '',
      '   ',
      '=?utf-8?q?a=00b?=',
      'a\u200bb',
      'a\u0085b',

      '\u202e1',
    ])
      assert.equal(recognise([rule()], [`X-Tracker-Issue: ${value}`]), undefined, JSON.stringify(value));
  });

  it('makes no locator of more characters than a template may have', () => {
    assert.equal(recognise([rule()], [`X-Tracker-Issue: ${'x'.repeat(600)}`]), undefined);
  });
});

describe('a template', () => {
  it('is text with names of fields in braces', () => {
    assert.deepEqual(parseTemplate('a/{X-B}{C}/d'), [
      { text: 'a/' },
      { field: 'x-b' },
      { field: 'c' },
      { text: '/d' },
    ]);
    assert.equal(
      fillTemplate(parseTemplate('a/{B}') ?? [], (name) => name.toUpperCase()),
      'a/B',
    );
    for (const text of ['', '{', '}', 'a{b', 'a}b', '{}', '{a b}', '{a:b}', '{{a}}', 'a\nb', 'x'.repeat(501)])
      assert.equal(parseTemplate(text), undefined, text);
  });
});

describe('[[outbound.rule]]', () => {
  it('is read with what is optional left out', () => {
    const { rule: rules } = configOf(
      `${LEAST}[[outbound.rule]]\nfield = "X-A"\nthread = "a/{X-A}"\n[[outbound.rule]]\nfield = "X-B"\nthread = "b"\nfrom = "t@example.org"\nreplied_to = "X-T"\n`,
    ).outbound;
    assert.deepEqual(
      rules.map((each) => ({ ...each })),
      [
        { field: 'X-A', thread: 'a/{X-A}', from: undefined, repliedTo: undefined },
        { field: 'X-B', thread: 'b', from: 't@example.org', repliedTo: 'X-T' },
      ],
    );
    assert.ok(Object.isFrozen(rules[0]));
  });

  it('has every problem named with its place', () => {
    const problems = problemsOf(
      `${LEAST}[[outbound.rule]]\nfeild = "X"\nthread = "a/{X"\nfrom = "nobody"\n[[outbound.rule]]\nfield = "X Y"\nthread = 5\nreplied_to = "a b"\n`,
    );
    assert.deepEqual(
      problems.map((line) => line.replace(/: .*/, '')),
      [
        'outbound.rule[0].feild',
        'outbound.rule[0].field',
        'outbound.rule[0].thread',
        'outbound.rule[0].from',
        'outbound.rule[1].field',
        'outbound.rule[1].thread',
        'outbound.rule[1].replied_to',
      ],
    );
    assert.match(problems[0] ?? '', /unknown key; did you mean field\?/);
    assert.match(problems[1] ?? '', /is missing; expected the name of a field/);
    assert.match(
      problemsOf(`${LEAST}[outbound]\nrule = "x"\n`).join(),
      /^outbound\.rule: "x" is not a list of tables/,
    );
    assert.match(
      problemsOf(`${LEAST}[outbound]\nrule = [1]\n`).join(),
      /^outbound\.rule\[0\]: 1 is not a table/,
    );
  });

  it('a listener needs the relay named', () => {
    const problems = problemsOf(`${LEAST}[outbound]\nsocket = "/run/mailgw/outbound.sock"\n`);
    assert.match(problems.join(), /^outbound\.relay: is missing; outbound\.socket needs/);
  });
});
