/** What is remembered of a notification, whatever form it goes out in. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { textOfHtml, textsOfMessage } from '../../src/reply/original-text.ts';
import { Sketches } from '../../src/reply/text/sketch.ts';
import type { Original, RememberSettings } from '../../src/site/known-original.ts';
import { remember } from '../../src/site/remember.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import type { Store } from '../../src/store/store.ts';
import { testScratch } from '../support/scratch.ts';

const SETTINGS: RememberSettings = { maxAgeMs: 1000, originalsBytes: 1024 * 1024 };
const LINES = ['Which hinges shall I take for the shed?', 'Grüße, Ann aus dem Schuppen'];
const HTML = `<html><head><title>Not said here at all</title><style>p { color: red }</style></head><body><p>Which <b>hin</b>ges shall I take<br>for the&nbsp;shed?<p>Gr&#252;&#xdf;e, Ann aus dem <a href="https://shop.example/1?a=1&amp;b=2">Schuppen</a><!-- <p> hidden --></body></html>`;
const ORIGINAL: Original = {
  thread: 'shop/1',
  repliedTo: 1_700_000_000,
  subject: 'Hinges',
  from: { name: 'Ann Ex', address: 'ann@ex.example' },
};

const message = (...lines: string[]): Buffer => Buffer.from(lines.join('\r\n'));
const MIME = message(
  'From: Ann Ex <ann@ex.example>',
  'Subject: Hinges',
  'Content-Type: multipart/alternative; boundary=b',
  '',
  '--b',
  'Content-Type: text/plain; charset=iso-8859-1',
  'Content-Transfer-Encoding: quoted-printable',
  '',
  'Which hinges shall I take for the shed?',
  'Gr=FC=DFe, Ann aus dem Schuppen',
  '--b',
  'Content-Type: text/html; charset=utf-8',
  '',
  '<p>View it in the shop</p>',
  '--b--',
  '',
);

async function open(t: TestContext): Promise<Store> {
  const scratch = testScratch(t);
  const store = await openSqliteStore({ path: scratch.path('mailgw.db'), mode: 'tool' });
  scratch.defer(() => store.close());
  return store;
}

const known = (store: Store): ReturnType<Store['knownOriginals']> =>
  store.knownOriginals('shop/1', ORIGINAL.repliedTo * 1000);

describe('a notification', () => {
  const forms: Readonly<Record<string, Partial<Original>>> = {
    text: { text: LINES.join('\n') },
    HTML: { html: HTML },
    'a message': { raw: MIME },
    'text and HTML': { text: LINES.join('\n'), html: HTML },
  };
  for (const [name, form] of Object.entries(forms)) {
    it(`is known again by its words: ${name}`, async (t) => {
      const store = await open(t);
      await remember(store, SETTINGS, { ...ORIGINAL, ...form });
      const [post] = await known(store);
      assert.deepEqual(
        [post?.subject, post?.authorName, post?.authorAddress],
        ['Hinges', 'Ann Ex', 'ann@ex.example'],
      );
      const { lines } = new Sketches([post?.sketch ?? new Uint8Array()]).cover(LINES, () => true);
      for (const line of lines) assert.equal(line.known, line.words);
    });
  }

  it('is one row for all users who got the same, and another for another text', async (t) => {
    const store = await open(t);
    const one = { ...ORIGINAL, text: LINES.join('\n') };
    await remember(store, SETTINGS, one, one, { ...one, text: 'Something else was said.' });
    await remember(store, SETTINGS, one);
    assert.equal((await known(store)).length, 2);
  });

  it('is not remembered where the site keeps none', async (t) => {
    const store = await open(t);
    await remember(store, { ...SETTINGS, originalsBytes: 0 }, { ...ORIGINAL, text: 'Hello.' });
    assert.deepEqual(await known(store), []);
  });

  it('is remembered by its header where no text of it can be read', async (t) => {
    const store = await open(t);
    for (const raw of [
      message(''),
      message('Content-Type: application/pkcs7-mime', '', 'x'),
      Buffer.alloc(3),
    ])
      await remember(store, SETTINGS, { ...ORIGINAL, raw });
    assert.equal((await known(store))[0]?.subject, 'Hinges');
  });

  it('keeps to its bounds, however large it is', async (t) => {
    const store = await open(t);
    const long = Array.from({ length: 100_000 }, (_, n) => `word${n}`).join(' ');
    await remember(store, SETTINGS, {
      ...ORIGINAL,
      subject: long,
      from: { name: long, address: long },
      text: long,
    });
    const [post] = await known(store);
    assert.ok((post?.sketch.length ?? 9999) <= 2048);
    assert.ok((post?.subject.length ?? 9999) <= 1000 && (post?.authorName.length ?? 9999) <= 320);
  });
});

describe('the text of HTML', () => {
  it('is what a reader sees, and where its links lead', () => {
    assert.equal(
      textOfHtml(HTML).replace(/\n+/g, '\n').trim(),
      `Which hinges shall I take\nfor the shed?\nGrüße, Ann aus dem Schuppen\nhttps://shop.example/1?a=1&b=2`,
    );
  });
  it('is read as far as it goes where tags are broken', () => {
    assert.equal(textOfHtml('1 < 2 <3 <b>or'), '1 < 2 <3 or');
    for (const html of ['a<b', 'a<!-- b', 'a<style>b', 'a<!x', '<', '<>'])
      assert.match(textOfHtml(html), /^[a<>]*$/, html);
  });
  it('is read in time that grows with it', () => {
    const began = performance.now();
    for (const piece of ['<style>', '<!--', '<a href=', '<', '&#', '<p', '<script>x</'])
      textOfHtml(piece.repeat(1_000_000 / piece.length));
    assert.ok(performance.now() - began < 2000);
  });
  it('stands behind the plain one of a message', async () => {
    const texts = await textsOfMessage(MIME);
    assert.deepEqual(
      texts.map((text) => text.trim().split('\n')),
      [LINES, ['View it in the shop']],
    );
  });
});
