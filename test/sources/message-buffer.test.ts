// The content of a message against a model of RFC 5321 §4.5.2, for every way to cut it into chunks.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createMemoryBudget, MessageBuffer } from '../../src/sources/message-buffer.ts';

/** What the model and the buffer say: the content, and how many octets belong to it with its end. */
interface Read {
  readonly content: string;
  readonly octets: number;
}

/** The model, on the whole text: lines end in CRLF and nothing else; a leading dot goes; a lone one is the end. */
function model(wire: string): Read | undefined {
  const end = wire.startsWith('.\r\n') ? 0 : wire.indexOf('\r\n.\r\n') + 2;
  if (end === 1) return undefined;
  const lines = wire.slice(0, end).split('\r\n');
  const content = lines.map((line) => (line.startsWith('.') ? line.slice(1) : line)).join('\r\n');
  return { content, octets: end + 3 };
}

/** The buffer, fed chunk by chunk. */
function feed(wire: string, cuts: readonly number[]): Read | undefined {
  const message = new MessageBuffer(
    1_000_000,
    undefined,
    createMemoryBudget(() => 1_000_000),
  );
  const bytes = Buffer.from(wire, 'latin1');
  const edges = [...new Set([0, ...cuts.filter((cut) => cut < bytes.length), bytes.length])];
  edges.sort((a, b) => a - b);
  for (const [index, start] of edges.slice(0, -1).entries()) {
    // The end of a chunk is an offset in it; bytes before its start show that they are not read.
    const offset = message.feed(bytes.subarray(0, edges[index + 1]), start);
    if (offset === undefined) continue;
    const content = message.content();
    assert.equal(content.kind, 'whole');
    return { content: Buffer.from(content.raw).toString('latin1'), octets: offset };
  }
  return undefined;
}

const octet = fc.constantFrom('\r', '\n', '.', 'a', '\0', '\r\n', '\r\n.', '\r\n.\r\n');
const wire = fc.array(octet, { maxLength: 24, size: 'max' }).map((octets) => octets.join(''));

describe('the content of a message', () => {
  it('ends where RFC 5321 §4.5.2 says, with its dots removed, however it is cut', () => {
    const cuts = fc.array(fc.nat(30), { maxLength: 12, size: 'max' });
    fc.assert(
      fc.property(wire, cuts, (text, places) => {
        assert.deepEqual(feed(text, places), model(text));
      }),
      { numRuns: 20_000 },
    );
  });

  it('is the same byte by byte', () => {
    fc.assert(
      fc.property(wire, (text) => {
        const everywhere = Array.from(text, (_, index) => index);
        assert.deepEqual(feed(text, everywhere), model(text));
      }),
      { numRuns: 5000 },
    );
  });
});

describe('the memory of messages', () => {
  const lines = (bytes: number): Buffer => Buffer.alloc(bytes, 'x'.repeat(62).concat('\r\n'));
  const end = Buffer.from('.\r\n');

  it('is given back whether the message is kept, too big, or has no room', () => {
    let taken = 0;
    const budget = {
      take: (bytes: number) => {
        if (taken + bytes > 100_000) return false;
        taken += bytes;
        return true;
      },
      give: (bytes: number) => {
        taken -= bytes;
      },
    };
    for (const [bytes, maxBytes, kind] of [
      [64_000, 64_000, 'whole'],
      [64_064, 64_000, 'too-big'],
      [640_000, 1_000_000, 'no-memory'],
    ] as const) {
      const message = new MessageBuffer(maxBytes, undefined, budget);
      assert.equal(message.feed(lines(bytes), 0), undefined);
      assert.equal(message.feed(end, 0), 3);
      assert.equal(message.content().kind, kind);
      message.free();
      assert.equal(taken, 0, kind);
    }
  });

  it('is reserved once, with the first byte, as the declared SIZE says', () => {
    const takes: number[] = [];
    const budget = { take: (bytes: number) => takes.push(bytes) > 0, give: () => undefined };
    const message = new MessageBuffer(25_000_000, 5_000_000, budget);
    for (let count = 0; count < 70_000; count++) message.feed(lines(1), 0);
    assert.ok(
      takes.length === 1 && takes[0]! > 5_000_000 && takes[0]! < 6_000_000,
      `took ${takes.join(', ')}`,
    );
  });
});
