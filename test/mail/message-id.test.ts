import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  asMinted,
  formatRootId,
  formatThreadMessageId,
  MAX_CANDIDATES,
  MESSAGE_ID_NONCE_BYTES,
  messageIdCandidates,
  normaliseMessageId,
  parseThreadMessageId,
  splitIds,
} from '../../src/mail/message-id.ts';

const DOMAIN = 'reply.example.org';
const DOMAINS = [DOMAIN];
const id = (seconds: number, locator = 'a/b/1'): string =>
  formatThreadMessageId({ locator, repliedTo: seconds }, DOMAIN);

describe("a notification's Message-ID", () => {
  it('is the locator, the replied-to time, a nonce and the domain', () => {
    const reference = { locator: 'go-gitea/gitea/issue/2351', repliedTo: 1220588887 };
    assert.equal(
      formatThreadMessageId(reference, 'domain.tld', Buffer.from('0badcafe42', 'hex')),
      'go-gitea/gitea/issue/2351/1220588887.bow4v7sc@domain.tld',
    );
    assert.equal(
      formatThreadMessageId(reference, 'domain.tld'),
      'go-gitea/gitea/issue/2351/1220588887@domain.tld',
      'as it was before there were nonces',
    );
  });

  it('reads back exactly what was put in, in characters that any relay leaves alone (RFC 5322 §3.2.3)', () => {
    const segments = fc.array(fc.string({ unit: 'grapheme', maxLength: 12 }), { minLength: 1, maxLength: 5 });
    const nonces = fc.option(
      fc.uint8Array({ minLength: MESSAGE_ID_NONCE_BYTES, maxLength: MESSAGE_ID_NONCE_BYTES }),
      { nil: undefined },
    );
    fc.assert(
      fc.property(segments, fc.nat(2 ** 32 - 1), nonces, (parts, repliedTo, nonce) => {
        const locator = `t${parts.join('/')}`;
        const text = formatThreadMessageId({ locator, repliedTo }, DOMAIN, nonce);
        assert.match(text, /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z2-7]{8})?@reply\.example\.org$/);
        assert.deepEqual(parseThreadMessageId(text, DOMAINS), { locator, repliedTo });
      }),
    );
  });

  it('is known by its domain in any case, and by its nonce in any case', () => {
    for (const text of [
      'a/1@REPLY.example.ORG',
      'a/1.bow4v7sc@reply.example.org',
      'a/1.BOW4V7SC@reply.example.org',
    ])
      assert.deepEqual(parseThreadMessageId(text, DOMAINS), { locator: 'a', repliedTo: 1 }, text);
  });

  it('is one of every domain that is listed, and is spelt as it was minted', () => {
    const domains = [DOMAIN, 'Old.example.org'];
    for (const domain of domains)
      assert.deepEqual(parseThreadMessageId(`a/1@${domain}`, domains), { locator: 'a', repliedTo: 1 });
    assert.equal(asMinted('a/1@OLD.example.ORG', domains), 'a/1@Old.example.org');
    assert.equal(asMinted('a/1@elsewhere', domains), 'a/1@elsewhere');
    assert.deepEqual(messageIdCandidates(['<a/1@old.example.org> <b/2@reply.example.org>'], [], domains), [
      'a/1@old.example.org',
      'b/2@reply.example.org',
    ]);
  });

  it("is not its thread's root id, which is the locator and the domain", () => {
    assert.equal(formatRootId('forum/übersicht/9', DOMAIN), 'forum/%C3%BCbersicht/9@reply.example.org');
    for (const locator of ['acme/site/issue', 'acme/v1.2'])
      assert.equal(parseThreadMessageId(formatRootId(locator, DOMAIN), DOMAINS), undefined, locator);
  });

  it('is none of ours in any other shape', () => {
    const others = [
      '',
      '@',
      `@${DOMAIN}`,
      `a@${DOMAIN}`,
      `/1@${DOMAIN}`,
      `1@${DOMAIN}`,
      `a/x@${DOMAIN}`,
      `a/@${DOMAIN}`,
    ];
    const near = [
      `a/-1@${DOMAIN}`,
      `a/12345678901@${DOMAIN}`,
      `a/1.5@${DOMAIN}`,
      `a/1.@${DOMAIN}`,
      `a/1.bow4v7s@${DOMAIN}`,
      `a/1.bow4v7sca@${DOMAIN}`,
      `a/1.bow4v7s1@${DOMAIN}`,
      `a/1.bow4v7sc.bow4v7sc@${DOMAIN}`,
      `a%zz/1@${DOMAIN}`,
      `a%ff/1@${DOMAIN}`,
    ];
    for (const other of [...others, ...near, 'a/1@example.org', `a/1@${DOMAIN}.evil`, 'a/1']) {
      assert.equal(parseThreadMessageId(other, DOMAINS), undefined, other);
    }
  });
});

describe('the ids that a bound token is tried against', () => {
  it('are those of In-Reply-To, then of References from the newest, each once', () => {
    assert.deepEqual(
      messageIdCandidates([`<${id(3)}>`], [`<${id(1)}> <x@other> <${id(2)}>\t<${id(3)}>`], DOMAINS),
      [id(3), id(2), id(1)],
    );
    assert.deepEqual(
      messageIdCandidates([], [`<${id(1)}>`, `<${id(2)}> <${id(3)}>`], DOMAINS),
      [id(3), id(2), id(1)],
      'of two References fields the later one is the newer',
    );
  });

  it('are found joined by commas, folded inside, without brackets or with one', () => {
    for (const value of [
      `<${id(1)}>,<${id(2)}>`,
      `${id(1)} ${id(2)}`,
      `${id(1)}, ${id(2)}`,
      `<a/b/ 1/1@reply.\texample.org> <${id(2)}>`,
      `<${id(1)} <${id(2)}>`,
      `${id(1)}> ${id(2)}>`,
      `"a comment" <${id(1)}> (x) <${id(2)}>`,
    ]) {
      assert.deepEqual(messageIdCandidates([value], [], DOMAINS), [id(1), id(2)], value);
    }
  });

  it(`are at most ${MAX_CANDIDATES}, and foreign ids do not use them up`, () => {
    const foreign = '<x@other> '.repeat(5000);
    const ours = Array.from({ length: 80 }, (_, index) => `<${id(index)}>`).join(' ');
    const found = messageIdCandidates([foreign], [ours], DOMAINS);
    assert.equal(found.length, MAX_CANDIDATES);
    assert.equal(found[0], id(79));
  });

  it('cost time in proportion to the fields, whatever is in them', () => {
    for (const unit of ['<', '>', '<a', 'a,', '< ', '<@', `<${id(1)}`, '%', ' ', '<>', 'a@']) {
      const value = unit.repeat(Math.ceil(100_000 / unit.length));
      const started = process.cpuUsage();
      for (let round = 0; round < 5; round++) messageIdCandidates([value], [value], DOMAINS);
      const { user } = process.cpuUsage(started);
      assert.ok(user < 2_000_000, `${JSON.stringify(unit)}: ${user} µs for 1 MB`);
    }
  });

  it('are nothing but ids: no white space, no brackets', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'<>,@ab \t/1%'), maxLength: 60 }), (value) => {
        for (const found of splitIds(value)) assert.match(found, /^[^\s<>]+$/);
      }),
    );
  });
});

describe('a Message-ID made comparable', () => {
  it('loses brackets, white space and the case of its domain, nothing else', () => {
    for (const value of [
      '<Abc@Example.ORG>',
      'Abc@example.org',
      ' <Abc@ example.org> ',
      '<Abc@example.org> (x)',
    ]) {
      assert.equal(normaliseMessageId(value), 'Abc@example.org', value);
    }
    assert.equal(normaliseMessageId('<no-domain>'), 'no-domain');
  });

  it('is none where the field holds none', () => {
    for (const value of ['', ' ', '<>', '< >', '>\t<'])
      assert.equal(normaliseMessageId(value), undefined, value);
  });

  it('stays different for different ids, those of careless clients too', () => {
    const pairs: [string, string][] = [
      ['<a@example.org>', '<A@example.org>'],
      ['<a@ü.example/1>', '<a@ü.example/2>'],
      ['20 Nov 2026 10:00 a@x', '20 Nov 2026 10:01 a@x'],
      ['Fri, 20 Nov 2026@x', 'Fri, 27 Nov 2026@x'],
      ['mailer <1@x>', 'mailer <2@x>'],
      ['mailer, <1@x>', 'mailer, <2@x>'],
      ['<unclosed 1', '<unclosed 2'],
    ];
    for (const [one, two] of pairs) assert.notEqual(normaliseMessageId(one), normaliseMessageId(two), one);
  });
});
