// Who may write as Alice by a mailbox or a provider: the forgeries of forgeries.ts and those that need a provider's own
// header to be tried, each through `arrive`, once for each form of a provider (provider-forms.ts).

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { addUser } from '../support/mint.ts';
import { bring, fateOf, rulesOf, type Told } from './arriving.ts';
import { ALICE, FORGED_AUTHORS, FORGED_RESULTS, GENUINE, ID } from './forgeries.ts';
import { openGate, type TestGate } from './gate.ts';
import {
  below,
  DISCARDED,
  FAILED,
  FORMS,
  type Form,
  GENUINE_WITHOUT_ID,
  inForm,
  OTHERWISE,
  PASS,
  RECEIVED_BY,
  SILENT,
} from './provider-forms.ts';

/** Sends header lines; gives what became of it. */
type Try = (lines: readonly string[], path?: string) => Promise<string>;

async function siteOf(
  t: TestContext,
  form: Form,
  told: Told = {},
): Promise<{ test: TestGate; attempt: Try }> {
  const test = await openGate(t, { senderPolicy: 'strict', authservId: ID });
  await test.store.setUser('alice', {
    addresses: ['alice@example.com', 'alice@work.example', 'alice@bücher.example'],
  });
  await addUser(test.store, 'bob');
  const address = await test.sealed();
  const rules = rulesOf({ ...form.told, ...told });
  let uid = 0;
  const attempt: Try = async (lines, path = 'mallory@evil.example') => {
    uid++;
    const last = [`To: ${address}`, `Message-ID: <reply-${uid}@client.example>`, '', 'I agree.', ''];
    const raw = Buffer.from([...lines, ...last].join('\r\n'));
    const call = form.hasEnvelope && { call: `call-${uid}`, envelope: { from: path, to: [address] } };
    return fateOf(await bring(test, { rules, raw, uid, ...call }));
  };
  return { test, attempt };
}

for (const [name, form] of Object.entries(FORMS)) {
  describe(`mail by ${name}`, () => {
    it('posts and holds nothing of what somebody else wrote', async (t) => {
      const { test, attempt } = await siteOf(t, form);
      let tried = 0;
      for (const [trick, lines] of Object.entries({ ...FORGED_RESULTS, ...FORGED_AUTHORS })) {
        if (OTHERWISE.has(trick) || (trick === GENUINE_WITHOUT_ID && form.told.authservId === 'none'))
          continue;
        tried++;
        assert.match(await attempt(inForm(form, lines, 'mallory@evil.example')), DISCARDED, trick);
      }
      assert.ok(tried >= 125, `${tried} forgeries`);
      assert.deepEqual(await test.store.list({}), []);
    });

    it("posts nothing by what a sender writes below the provider's own part", async (t) => {
      const { test, attempt } = await siteOf(t, form);
      for (const honest of [SILENT, FAILED]) {
        for (const [trick, lines] of Object.entries(below(form))) {
          const mail = [...form.head([form.field(honest)], 'mallory@evil.example'), ...lines, ALICE];
          assert.match(await attempt(mail), DISCARDED, `${trick}, below ${honest}`);
        }
      }
      assert.deepEqual(await test.store.list({}), []);
    });

    it('posts what Alice wrote, and no result of a sender hides hers', async (t) => {
      const { test, attempt } = await siteOf(t, form);
      let posted = 0;
      for (const [variant, lines] of Object.entries(GENUINE)) {
        if (OTHERWISE.has(variant) || variant.startsWith('our id')) continue;
        // Exchange Online puts no comment before its first result.
        if (name.endsWith('without an id') && variant === 'a result with comments') continue;
        assert.equal(
          await attempt(inForm(form, lines, 'alice@example.com'), 'alice@example.com'),
          'queued',
          variant,
        );
        posted++;
      }
      for (const [trick, lines] of Object.entries(
        below({ ...form, field: (_, id) => form.field(FAILED, id) }),
      )) {
        const mail = [...form.head([form.field(PASS)], 'alice@example.com'), ...lines, ALICE];
        assert.equal(await attempt(mail, 'alice@example.com'), 'queued', trick);
        posted++;
      }
      assert.equal((await test.store.list({ state: 'ready' })).length, posted);
    });

    if (form.isMarked || form.told.ownHosts !== undefined) {
      it('posts nothing where the provider wrote no result, and a sender one below a Received', async (t) => {
        const { test, attempt } = await siteOf(t, form);
        for (const [trick, lines] of Object.entries(below(form))) {
          const gap = form.isMarked ? [] : [RECEIVED_BY('out.example.net')];
          const mail = [...form.head([], 'mallory@evil.example'), ...gap, ...lines, ALICE];
          assert.match(await attempt(mail), DISCARDED, trick);
        }
        assert.deepEqual(await test.store.list({}), []);
      });
    }
  });
}
