// A name server on the loopback that knows a few TXT records, for filters that look up SPF, DKIM and DMARC (RFC 1035).
//
// Contract: answers every question over UDP at once: the records of the name, or NXDOMAIN. Nothing is asked of others.
// Limits: TXT records alone; an answer beyond 512 octets is not cut, which resolvers on the loopback take.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { Scratch } from './scratch.ts';

/** TXT records by name, in lower case and without the last dot. */
export type Zone = Readonly<Record<string, string>>;

const TXT = 16;
const NXDOMAIN = 3;

/** Starts one that closes with the scratch; its port. */
export async function startDns(scratch: Scratch, zone: Zone): Promise<number> {
  const socket = createSocket('udp4');
  socket.on('message', (query, { address: host, port: from }) => {
    const answer = answerTo(query, zone);
    if (answer !== undefined) socket.send(answer, from, host);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  scratch.defer(() => {
    socket.close();
  });
  return socket.address().port;
}

function answerTo(query: Buffer, zone: Zone): Buffer | undefined {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += length + 1;
  }
  const end = at + 5;
  if (query.length < end) return undefined;
  const name = labels.join('.').toLowerCase();
  const text = query.readUInt16BE(at + 1) === TXT ? zone[name] : undefined;
  const isKnown = Object.keys(zone).some((each) => each === name || each.endsWith(`.${name}`));
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  // A response to a recursive question, authoritative.
  header.writeUInt16BE(0x8580 | (isKnown ? 0 : NXDOMAIN), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(text === undefined ? 0 : 1, 6);
  return Buffer.concat([
    header,
    query.subarray(12, end),
    text === undefined ? Buffer.alloc(0) : record(text),
  ]);
}

function record(text: string): Buffer {
  const strings = text.match(/.{1,255}/gs) ?? [''];
  const content = Buffer.concat(
    strings.map((part) => Buffer.from(`${String.fromCharCode(part.length)}${part}`, 'latin1')),
  );
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0); // the name of the question
  head.writeUInt16BE(TXT, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(60, 6);
  head.writeUInt16BE(content.length, 10);
  return Buffer.concat([head, content]);
}
