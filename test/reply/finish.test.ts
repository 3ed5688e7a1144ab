import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ATTACHMENT_LIMITS, type AttachmentLimits } from '../../src/mail/attachment-limits.ts';
import { mintBoundToken, mintSealedToken } from '../../src/mail/token.ts';
import type { SinkPolicy } from '../../src/reply/escape.ts';
import { createFinish } from '../../src/reply/finish.ts';
import { parseMessage } from '../../src/reply/parse.ts';
import type { ParsedReply } from '../../src/reply/post.ts';
import { entity, file, html, multipart, PNG, parsed, plain } from './support/mail.ts';

const KEY = Buffer.alloc(32, 7);
const DOMAIN = 'reply.example.org';
const TOKENS = {
  sealed: mintSealedToken(KEY, { userNumber: 1, threadNumber: 1, repliedTo: 1220588887, locator: 'a/b/1' }),
  bound: mintBoundToken(KEY, { userNumber: 1, nonce: Buffer.alloc(4, 9), messageId: 'a/b/1/2@example.org' }),
};
const INERT: SinkPolicy = { mentions: true, references: true, commands: true, closing: true };
const LIVE: SinkPolicy = { mentions: false, references: false, commands: false, closing: false };

/** What would be posted of an entity. */
async function finished(
  root: Buffer,
  {
    prefix = 'reply+',
    policy = LIVE,
    ...limits
  }: Partial<AttachmentLimits> & {
    prefix?: string;
    policy?: SinkPolicy;
  } = {},
): Promise<ParsedReply> {
  const all = { ...ATTACHMENT_LIMITS, ...limits };
  return createFinish({ forms: [{ prefix, domain: DOMAIN }], policy }, all)(await parsed(root, limits));
}

function textsOf({ body, subject, attachments, dropped, from }: ParsedReply): string {
  const names = [...attachments, ...dropped].map(({ filename }) => filename);
  const { markdown, text, quoted, signature } = body;
  return [markdown, text, quoted, signature, subject, from.name, ...names].join('\n');
}

describe('reply addresses are masked', () => {
  for (const [form, token] of Object.entries(TOKENS)) {
    for (const prefix of ['reply+', '']) {
      const address = `${prefix}${token}@${DOMAIN}`;
      const encoded = encodeURIComponent(address);
      const name = `with a ${form} token and ${prefix === '' ? 'no prefix' : 'a prefix'}`;

      it(`${name}: in the reply, the quote, the signature and the names of files`, async () => {
        const text =
          `Mail me at ${address} or ${address.toUpperCase()}.\n\n-- \nAlice, ${address}\n\n` +
          `On 05/03/2024 14:07, Tracker <${address}> wrote:\n> To: ${address}\n`;
        const root = multipart('mixed', [
          plain(text),
          file(`text/plain; name="${address}.txt"`, 'x'),
          file(`text/plain; name="${address}.exe"`, 'x'),
        ]);
        const posted = await finished(root, { prefix });
        assert.equal(
          posted.body.text,
          `Mail me at ${prefix}…@${DOMAIN} or ${prefix.toUpperCase()}…@REPLY.EXAMPLE.ORG.`,
        );
        assert.match(posted.body.quoted, new RegExp(`Tracker <.*…@${DOMAIN}> wrote`));
        assert.equal(posted.body.signature, `-- \nAlice, ${prefix}…@${DOMAIN}`);
        assert.equal(posted.attachments[0]?.filename, `${prefix}…@${DOMAIN}.txt`);
        assert.doesNotMatch(textsOf(posted).toLowerCase(), new RegExp(token));
      });

      it(`${name}: in links and attributes of HTML`, async () => {
        const page = `<p>See <a href="mailto:${encoded}?subject=x">this</a>, <a href="mailto:${address}">${address}</a>,
          <a href="https://example.com/?to=${encodeURIComponent(encoded)}">that</a> and ${address.replace('@', '&#64;')}
          and ${address.slice(0, 30)}<wbr>${address.slice(30)}.</p><blockquote type="cite">${address}</blockquote>`;
        const posted = await finished(html(page), { prefix });
        assert.equal(posted.body.markdown.split('…').length, 6);
        assert.doesNotMatch(textsOf(posted).toLowerCase(), new RegExp(token.slice(32)));
      });
    }
  }

  it('also in the subject and the name of the sender', async () => {
    const reply = await parsed(plain('x'));
    const address = `reply+${TOKENS.sealed}@${DOMAIN}`;
    const finish = createFinish(
      { forms: [{ prefix: 'reply+', domain: DOMAIN }], policy: INERT },
      ATTACHMENT_LIMITS,
    );
    const posted = finish({
      ...reply,
      subject: `Re: ${address}`,
      from: { address: 'a@example.com', name: address },
    });
    assert.deepEqual([posted.subject, posted.from.name], [`Re: reply+…@${DOMAIN}`, `reply+…@${DOMAIN}`]);
  });
});

/** Every text of a post. */
function allTexts(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return [];
  return Object.values(value).flatMap(allTexts);
}

describe('every text of a post', () => {
  const finish = createFinish(
    { forms: [{ prefix: 'reply+', domain: DOMAIN }], policy: LIVE },
    ATTACHMENT_LIMITS,
  );
  const UNFIT = /[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]/;

  /** A post with these texts, taken in turn, in all its fields. */
  function replyOf(texts: readonly string[]): ParsedReply {
    let at = 0;
    const next = (): string => texts[at++ % texts.length] ?? '';
    return {
      inReplyTo: next(),
      subject: next(),
      date: undefined,
      from: { address: next(), name: next() },
      body: { markdown: next(), text: next(), quoted: next(), signature: next(), cuts: [] },
      attachments: [
        {
          ...{ filename: next(), contentType: next(), declaredType: next(), contentId: next() },
          ...{ bytes: 0, sha256: '', inline: false, content: new Uint8Array() },
        },
      ],
      dropped: [{ filename: next(), contentType: next(), bytes: 1, reason: 'type-refused' }],
    };
  }

  it('is clean, whatever was decoded', () => {
    const unit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code));
    const odd = fc.constantFrom(...'\r\n\t\0\x1b\x9b\u202e\u2066\ud83d\udc4dab');
    const text = fc.array(fc.oneof(unit, odd), { maxLength: 30 }).map((units) => units.join(''));
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 13 }), (texts) => {
        const { body, ...fields } = finish(replyOf(texts));
        for (const shown of [...allTexts(body), ...allTexts(fields)]) {
          assert.equal(Buffer.from(shown, 'utf8').toString('utf8'), shown);
          assert.doesNotMatch(shown, UNFIT);
        }
        for (const shown of allTexts(fields)) assert.doesNotMatch(shown, /[\n\t]/);
      }),
      { numRuns: 2000 },
    );
  });

  it('holds no token, whichever field it is in', () => {
    for (const token of Object.values(TOKENS)) {
      for (const shown of allTexts(
        finish(replyOf([`<reply+${token}@${DOMAIN}>`, `x/${token.toUpperCase()}`])),
      ))
        assert.doesNotMatch(shown.toLowerCase(), new RegExp(token));
    }
  });

  it('is clean in a subject of UTF-16 and UTF-7, in entities and in preformatted HTML', async () => {
    const root = entity(
      ['Content-Type: text/html; charset=utf-8'],
      '<p>a&#x1b;[31m &#8238;b&#13;c &#xd83d;</p><pre>x&#13;```&#13;@team</pre>',
    );
    for (const word of ['=?utf-16le?b?PdhAAA==?=', '=?utf-7?q?+2D0-@?=']) {
      const message = Buffer.concat([
        Buffer.from(`From: ${word} <a@example.com>\r\nSubject: ${word}\r\n`),
        root,
      ]);
      const outcome = await parseMessage(message, ATTACHMENT_LIMITS);
      assert.equal(outcome.kind, 'parsed');
      const post = finish(outcome.reply);
      for (const shown of allTexts(post)) {
        assert.equal(Buffer.from(shown, 'utf8').toString('utf8'), shown);
        assert.doesNotMatch(shown, UNFIT);
      }
      assert.match(post.body.markdown, /^a\\\[31m b c \ufffd\n\n````\nx\n```\n@team\n````$/);
    }
  });
});

describe('the policy of the sink', () => {
  const text = 'Hi @anna, this fixes #12.\n/close\n```\n@anna #12\n```';

  it('makes the Markdown inert and leaves the text as it was typed', async () => {
    const { body } = await finished(plain(text), { policy: INERT });
    assert.equal(body.text, text);
    assert.equal(
      body.markdown.replaceAll('\u2060', '·'),
      'Hi @·anna, this f·ixes #·12.\n\\/close\n```\n@anna #12\n```',
    );
  });

  it('leaves alone what it does not name', async () => {
    assert.equal((await finished(plain(text))).body.markdown, text);
    const { body } = await finished(plain(text), { policy: { ...LIVE, commands: true } });
    assert.equal(body.markdown, text.replace('/close', '\\/close'));
  });
});

describe('what was left out is said in the post', () => {
  const big = file('text/csv; name=big.csv', 'x'.repeat(2000));
  const small = file('text/csv; name=small_one_.csv', 'x'.repeat(500));

  it('under the reply, with the limit that it broke, and not in the plain text', async () => {
    const program = file('application/x-msdownload; name="@anna.exe"', 'MZ');
    const root = multipart('mixed', [plain('Here.'), big, program, small]);
    const { body } = await finished(root, { maxFileBytes: 1024, policy: INERT });
    assert.equal(body.text, 'Here.');
    assert.equal(
      body.markdown,
      [
        'Here.',
        '',
        '*Left out of this post:*',
        '',
        '- big.csv (2 KiB): larger than 1 KiB, the most that one attachment may have',
        '- @\u2060anna.exe (2 bytes): attachments of this type are not accepted',
      ].join('\n'),
    );
  });

  it('by number and by total', async () => {
    const root = multipart('mixed', [plain('Here.'), big, small]);
    assert.match(
      (await finished(root, { maxFiles: 1 })).body.markdown,
      /\n- small_one\\_\.csv \(500 bytes\): one more than the 1 attachments that a reply may have$/,
    );
    assert.match(
      (await finished(root, { maxTotalBytes: 2048 })).body.markdown,
      /\(500 bytes\): too much, as all attachments together may have 2 KiB$/,
    );
  });

  it('for parts that cannot be read, named by their type where they have no name', async () => {
    const tnef = entity(['Content-Type: application/ms-tnef'], 'x');
    const { body } = await finished(multipart('mixed', [plain('Here.'), tnef]));
    assert.match(
      body.markdown,
      /\n- a part of type application\/ms-tnef \(\d bytes\): in Outlook's own format/,
    );
  });

  it('for a text that was cut', async () => {
    const { body } = await finished(plain(`${'word '.repeat(15)}\n`.repeat(8000)));
    assert.match(body.markdown, /\n- the end of the text: the message is longer than a post may be$/);
  });

  it('in 20 lines at most', async () => {
    const root = multipart('mixed', [plain('Here.'), ...Array.from({ length: 30 }, () => big)]);
    const { body } = await finished(root, { maxFileBytes: 1 });
    assert.equal(body.markdown.split('\n- big').length, 21);
    assert.match(body.markdown, /\n- and 10 more$/);
  });

  it('but not for images that only the quote shows', async () => {
    const page = '<p>Yes.</p><blockquote type="cite">old <img src="cid:old@x"></blockquote>';
    const image = file('image/png; name=old.png', PNG, 'Content-ID: <old@x>');
    assert.equal((await finished(multipart('related', [html(page), image]))).body.markdown, 'Yes.');
  });
});
