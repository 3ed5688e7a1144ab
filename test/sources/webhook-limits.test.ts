// The bounds of a provider's call: its size, its time, how many there are at a time, and what a form may hold.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { LIMITS, readForm } from '../../src/sources/webhook/form.ts';
import type { CallBody } from '../../src/sources/webhook/provider.ts';
import { Turns } from '../../src/sources/webhook/turns.ts';
import { itemsIn, message } from '../gate/gate.ts';
import { eventually } from '../support/eventually.ts';
import { DIRECT_KINDS, openBench, type WebhookBench } from './webhook-bench.ts';
import { multipart, rawCall, signStandard, urlencoded, type WireCall } from './webhook-calls.ts';

/** The head of a request, and the beginning of its body if there is one. */
function headOf(call: WireCall, length = call.body.length): string {
  const lines = call.fields.map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${call.path} HTTP/1.1\r\nhost: mailgw\r\ncontent-length: ${length}\r\n${lines.join('')}\r\n`;
}

/** Connects, and gathers what is answered. */
async function speak(
  bench: WebhookBench,
  text: string | Buffer,
): Promise<{ readonly socket: Socket; readonly heard: () => string; readonly closed: Promise<unknown> }> {
  const socket = connect(bench.socket);
  await once(socket, 'connect');
  let heard = '';
  socket.on('data', (piece) => {
    heard += piece.toString('latin1');
  });
  socket.on('error', () => undefined);
  const closed = once(socket, 'close');
  socket.write(text);
  return { socket, heard: () => heard, closed };
}

const countOf = (bench: WebhookBench, kind: string): number =>
  bench.events.filter(({ event, fields }) => event === 'call_refused' && fields.kind === kind).length;

const happened = (bench: WebhookBench, kind: string): Promise<true> =>
  eventually(
    () => (countOf(bench, kind) > 0 ? true : undefined),
    () => JSON.stringify(bench.events),
  );

describe('the body of a call', () => {
  for (const kind of DIRECT_KINDS) {
    it(`is taken octet by octet beyond what is kept in memory, and leaves no file: ${kind}`, async (t) => {
      const bench = await openBench(t);
      const raw = message([], `${'0123456789abcdef'.repeat(64)}\r\n`.repeat(2000));
      const mail = { raw, to: [await bench.test.sealed()] };
      assert.equal((await bench.post(bench.genuine(kind, mail))).status, 200);
      const [item] = await itemsIn(bench.test);
      const kept = Buffer.from((await bench.test.store.content(item!.id)) ?? []);
      assert.ok(kept.subarray(0, raw.length).equals(raw));
      assert.deepEqual(readdirSync(bench.scratch.path('state')), []);
    });
  }

  it('that says it is too large is answered 413 before it is sent', async (t) => {
    const bench = await openBench(t, { inbound: 'max_body = "64KiB"' });
    const call = bench.genuine('raw', await bench.mail());
    const { heard, closed } = await speak(bench, headOf(call, 65_537));
    await closed;
    assert.match(heard(), /^HTTP\/1\.1 413 [^]*connection: close[^]*inbound\.max_body/i);
    assert.equal(countOf(bench, 'too-large'), 1);
  });

  it('that turns out too large is answered 413', async (t) => {
    const bench = await openBench(t, { inbound: 'max_body = "64KiB"' });
    const call = bench.genuine('raw', await bench.mail());
    const head = headOf(call).replace(/content-length: \d+/, 'transfer-encoding: chunked');
    const { heard, closed } = await speak(bench, `${head}20000\r\n${'x'.repeat(0x20000)}\r\n`);
    await closed;
    assert.match(heard(), /^HTTP\/1\.1 413 /);
    assert.equal(await bench.items(), 0);
  });

  it('that is exactly as large as it may be is taken', async (t) => {
    const bench = await openBench(t, { inbound: 'max_body = "64KiB"' });
    const to = [await bench.test.sealed()];
    const empty = message([], '');
    const raw = Buffer.concat([empty, Buffer.alloc(65_536 - empty.length, 'x')]);
    assert.equal((await bench.post(bench.genuine('raw', { raw, to }))).status, 200);
    assert.equal(await bench.items(), 1);
  });

  it('that does not arrive in time is cut off with its connection', async (t) => {
    const bench = await openBench(t, { inbound: 'body_timeout = "100ms"' });
    const call = bench.genuine('raw', await bench.mail());
    const { closed } = await speak(bench, `${headOf(call)}From: `);
    await closed;
    await happened(bench, 'slow');
    assert.equal(await bench.items(), 0);
  });

  it('whose sender goes away is none', async (t) => {
    const bench = await openBench(t);
    const call = bench.genuine('raw', await bench.mail());
    const { socket, closed } = await speak(bench, `${headOf(call)}From: `);
    socket.end();
    await closed;
    await happened(bench, 'broken-off');
    assert.equal(await bench.items(), 0);
  });

  it('is not waited for where the header says that the call is forged', async (t) => {
    const bench = await openBench(t);
    for (const kind of ['sendgrid', 'postmark', 'raw'] as const) {
      const { path, body } = bench.genuine(kind, await bench.mail());
      const { heard, closed } = await speak(bench, headOf({ path, body, fields: [] }));
      await closed;
      assert.match(heard(), /^HTTP\/1\.1 40[13] /, kind);
    }
  });

  it('is not waited for where there is no space to keep it', async (t) => {
    const bench = await openBench(t);
    const full = { verdict: 'deferred', reason: 'storage', detail: 'space is low' } as const;
    bench.use({ ...bench.test.gate, transaction: () => full });
    const { heard, closed } = await speak(bench, headOf(bench.genuine('raw', await bench.mail())));
    await closed;
    assert.match(heard(), /^HTTP\/1\.1 503 /);
    assert.deepEqual(bench.events.at(-1)?.fields.reason, 'space is low');
  });
});

describe('calls at a time', () => {
  it('are as many as max_concurrent, and one more is put off', async (t) => {
    const bench = await openBench(t, { inbound: 'max_concurrent = 2' });
    const call = bench.genuine('raw', await bench.mail());
    const begun = call.body.subarray(0, 10);
    const open = await Promise.all(
      [1, 2].map(() => speak(bench, Buffer.concat([Buffer.from(headOf(call)), begun]))),
    );
    // Both are under way once a third is refused.
    await eventually(
      async () => ((await bench.post(call)).status === 503 ? true : undefined),
      () => 'a call that is put off',
    );
    assert.ok(countOf(bench, 'busy') > 0);
    for (const { socket } of open) socket.write(call.body.subarray(10));
    await eventually(
      () => (open.every(({ heard }) => heard().startsWith('HTTP/1.1 200 ')) ? true : undefined),
      () => open.map(({ heard }) => heard()).join(),
    );
    assert.equal((await bench.post(call)).status, 200);
    for (const { socket } of open) socket.destroy();
    assert.equal(await bench.items(), 1);
  });

  it('wait for memory in their order, and one that is larger than all of it has its turn alone', async () => {
    const turns = new Turns(() => 10);
    const order: string[] = [];
    const take = async (name: string, bytes: number): Promise<() => void> => {
      const back = await turns.take(bytes);
      order.push(name);
      return back;
    };
    const first = await take('first', 6);
    const [large, small] = [take('large', 50), take('small', 1)];
    const second = turns.take(0);
    assert.deepEqual(order, ['first']);
    first();
    const largeBack = await large;
    assert.deepEqual(order, ['first', 'large']);
    largeBack();
    await small;
    await second;
    assert.deepEqual(order, ['first', 'large', 'small']);
  });
});

/** A body in pieces. */
function bodyOf(pieces: readonly Uint8Array[]): CallBody {
  const whole = Buffer.concat(pieces);
  return {
    bytes: whole.length,
    read: async function* () {
      await Promise.resolve();
      yield* pieces;
    },
    whole: () => Promise.resolve(whole),
  };
}

/** Reads a form that comes in pieces of so many octets. */
function read(form: Pick<WireCall, 'fields' | 'body'>, wanted: Record<string, number>, size = 65_536) {
  const pieces = Array.from({ length: Math.ceil(form.body.length / size) }, (_, index) =>
    form.body.subarray(index * size, (index + 1) * size),
  );
  const fields = new Map(form.fields.map(([name, value]) => [name, [value]] as const));
  return readForm({ fields, body: bodyOf(pieces), at: 0 }, wanted);
}

describe('a form', () => {
  const octets = Buffer.from([0, 0x0d, 0x0a, 0x25, 0x26, 0x2b, 0x3d, 0x80, 0xff, 0x2d, 0x2d]);

  for (const write of [multipart, urlencoded]) {
    it(`gives the wanted fields octet by octet, however it is cut into pieces: ${write.name}`, async () => {
      const form = write([
        ['other', 'x'],
        ['mime', octets],
        ['name', 'value'],
      ]);
      for (const size of [1, 2, 3, 7, 65_536]) {
        const found = await read(form, { mime: 100, name: 100 }, size);
        assert.ok(found.ok);
        assert.deepEqual([...found.fields.keys()].sort(), ['mime', 'name']);
        assert.ok(found.fields.get('mime')?.bytes.equals(octets), `${size}`);
      }
    });

    it(`cuts a field at its bound, and says so: ${write.name}`, async () => {
      const found = await read(write([['mime', 'x'.repeat(200_000)]]), { mime: 100 });
      assert.ok(found.ok);
      const value = found.fields.get('mime');
      assert.deepEqual([value?.bytes.length, value?.isCut], [100, true]);
    });

    it(`is none with a field that comes twice: ${write.name}`, async () => {
      const twice = [
        ['a', '1'],
        ['a', '2'],
      ] as const;
      assert.deepEqual(await read(write(twice), { a: 10 }), {
        ok: false,
        problem: 'the field "a" comes twice',
      });
      assert.ok((await read(write(twice), { b: 10 })).ok);
    });

    it(`is none with more fields than it may have: ${write.name}`, async () => {
      const fields = Array.from({ length: LIMITS.parts + 2 }, (_, index) => [`x${index}`, ''] as const);
      const found = await read(write(fields), {});
      assert.equal(found.ok, false);
    });
  }

  it('gives a part that says it is a file like any other', async () => {
    const form = multipart([['mime', octets]]);
    const body = form.body
      .toString('latin1')
      .replace(
        'name="mime"',
        'name="mime"; filename="m.eml"\r\nContent-Type: message/rfc822; charset=utf-16',
      );
    const found = await read({ ...form, body: Buffer.from(body, 'latin1') }, { mime: 100 });
    assert.ok(found.ok);
    assert.ok(found.fields.get('mime')?.bytes.equals(octets));
  });

  it('is none where it is broken off, wherever that is', async () => {
    const form = multipart([
      ['mime', octets],
      ['name', 'value'],
    ]);
    for (let length = 0; length < form.body.length - 5; length++) {
      const found = await read({ ...form, body: form.body.subarray(0, length) }, { mime: 100, name: 100 });
      assert.ok(!found.ok || found.fields.size < 2, String(length));
    }
  });

  it('knows nothing of names that objects have', async () => {
    for (const name of ['__proto__', 'constructor', 'toString']) {
      const found = await read(urlencoded([[name, 'x']]), { a: 1 });
      assert.ok(found.ok && found.fields.size === 0, name);
    }
  });

  it('leaves an escape that is none as it is', async () => {
    const form = { fields: urlencoded([]).fields, body: Buffer.from('a=%zz%4%&b=%41%') };
    for (const size of [1, 2, 100]) {
      const found = await read(form, { a: 10, b: 10 }, size);
      assert.ok(found.ok);
      assert.deepEqual(
        ['a', 'b'].map((name) => found.fields.get(name)?.bytes.toString()),
        ['%zz%4%', 'A%'],
      );
    }
  });
});

describe('the end of the source', () => {
  it('answers what is under way, and cuts off a body that does not come', async (t) => {
    const bench = await openBench(t);
    const call = signStandard(rawCall('/in/raw', await bench.mail()), bench.keys.raw, bench.clock.now);
    const { closed, heard } = await speak(bench, headOf(call));
    await eventually(
      async () => ((await bench.post({ ...call, body: Buffer.from('x') })).status === 401 ? true : undefined),
      () => 'a listener that answers',
    );
    await bench.source.stop(50);
    await closed;
    assert.equal(heard(), '');
    assert.equal((await bench.post(call)).status, undefined);
  });
});
