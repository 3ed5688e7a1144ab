import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { htmlToMarkdown } from '../../src/reply/html/html.ts';
import { MARKUP, MESSAGES } from './fixtures/html.ts';

describe('HTML replies by client', () => {
  for (const { name, html, reply, signature } of MESSAGES) {
    it(name, () => {
      const parts = htmlToMarkdown(html);
      assert.equal(parts.reply, reply);
      if (signature !== undefined) assert.equal(parts.signature, signature);
    });
  }
});

describe('markup', () => {
  for (const { name, html, reply } of MARKUP) {
    it(name, () => {
      assert.equal(htmlToMarkdown(html).reply, reply);
    });
  }
});

describe('a link whose text shows another host than its target', () => {
  const link = (text: string, href: string): string =>
    htmlToMarkdown(`<p>x <a href="${href}">${text}</a></p>`).reply.slice(2);
  const evil = 'https://evil.example/x';

  for (const [text, href, host] of [
    ['https://good.example', evil, 'evil.example'],
    ['good.example', 'https://good.example:x@evil.example', 'evil.example'],
    ['https://good.example', 'https://good.example@evil.example/', 'evil.example'],
    ['https://good.example:x@evil.example', 'https://good.example:x@evil.example', 'evil.example'],
    ['see https://good.example now', evil, 'evil.example'],
    ['https://good<b>.example</b>', evil, 'evil.example'],
    ['(good.example)', evil, 'evil.example'],
    ['www.good.example/login', evil, 'evil.example'],
    ['HTTPS:\\\\good.example', evil, 'evil.example'],
    ['good\u200b.example', evil, 'evil.example'],
    ['good\u3002example', evil, 'evil.example'],
    ['help@good.example', 'mailto:help@evil.example', 'evil.example'],
    ['https://good.example', 'https://ex\u00e4mple.example/', 'xn--exmple-cua.example'],
  ] as const) {
    it(`names the target: ${JSON.stringify([text, href])}`, () => {
      assert.ok(link(text, href).endsWith(`) (${host})`), link(text, href));
    });
  }

  for (const [text, href] of [
    ['the page', evil],
    ['https://evil.example', evil],
    ['www.evil.example.', evil],
    ['see EVIL.example/x', evil],
    ['version 1.2.3 is out', evil],
    ['mail me', 'mailto:a@b.example'],
  ] as const) {
    it(`says no more where they agree: ${JSON.stringify([text, href])}`, () => {
      assert.ok(link(text, href).endsWith(')'), link(text, href));
      assert.doesNotMatch(link(text, href), /\) \(/);
    });
  }
});

describe('markup that arises where pieces of a line meet', () => {
  for (const [html, reply] of [
    ['<b>[x</b>](javascript:alert(1))', '**\\[x**](javascript:alert(1))'],
    ['&lt;<b>img src=x onerror=alert(1)//</b>a&gt;', '\\<img src=x onerror=alert(1)//a>'],
    [
      '<a href="https://a.example">a\\</a>](https://b.example)',
      '[a\\\\](https://a.example)](https://b.example)',
    ],
    ['wow!<a href="https://a.example">x</a>', 'wow\\![x](https://a.example)'],
    ['<i>*</i>a<i>*</i>', '\\*a\\*'],
  ] as const) {
    it(JSON.stringify(html), () => {
      assert.equal(htmlToMarkdown(`<p>${html}</p>`).reply, reply);
    });
  }
});

describe('limits', () => {
  it('keeps what stands before the limit of elements, and the text behind it', () => {
    assert.match(htmlToMarkdown(`<p>Yes.</p>${'<br>'.repeat(60_000)}<p>late</p>`).reply, /^Yes\.[^]*late$/);
  });

  it('keeps the text without its form beyond the limit of nesting, and says so', () => {
    const { reply, formless } = htmlToMarkdown(
      `<p>Yes.</p>${'<div>'.repeat(5000)}Then &lt;no&gt;.<br>*Why?*`,
    );
    assert.equal(reply, 'Yes.  \nThen \\<no>.  \n\\*Why?\\*');
    assert.ok(formless > 0);
  });

  it("reads what is nested as deeply as people's programs nest", () => {
    const { reply, formless } = htmlToMarkdown(`${'<div>'.repeat(550)}<b>Yes.</b>`);
    assert.equal(reply, '**Yes.**');
    assert.equal(formless, 0);
  });

  it('reads no more than a mebibyte', () => {
    assert.doesNotMatch(htmlToMarkdown(`<p>Yes.</p>${' '.repeat(1024 * 1024)}<p>late</p>`).reply, /late/);
  });

  it('is empty for an empty mail', () => {
    assert.equal(htmlToMarkdown('').reply, '');
  });
});
