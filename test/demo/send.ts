// Sends one reply over LMTP and prints the dialogue: for a reader to play with `npm run demo -- --keep`.
//
// Contract: exit 0 when the reply was accepted, 1 when it was not, 64 for a wrong command line.

import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { replyMessage, replyWithAttachment } from '../support/message.ts';
import { deliver } from './lmtp-client.ts';
import { ALICE } from './messages.ts';
import { print } from './story.ts';

const USAGE = `usage: node dist/test/demo/send.js --socket PATH --to ADDRESS [--from ADDRESS] [--subject TEXT]
       [--attach FILE] TEXT`;

interface Order {
  readonly socket: string;
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly attach: string | undefined;
  readonly text: string;
}

function readCommandLine(): Order {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      socket: { type: 'string' },
      from: { type: 'string', default: ALICE.address },
      to: { type: 'string' },
      subject: { type: 'string', default: 'Re: a question' },
      attach: { type: 'string' },
    },
  });
  const { socket, from, to, subject, attach } = values;
  if (socket === undefined || to === undefined || positionals.length === 0) {
    throw new Error('--socket, --to and a text are needed');
  }
  return { socket, from, to, subject, attach, text: positionals.join(' ') };
}

async function send({ socket, from, to, subject, attach, text }: Order): Promise<boolean> {
  const message = { from, to, subject, body: `${text}\n` };
  const data =
    attach === undefined
      ? replyMessage(message)
      : replyWithAttachment(message, basename(attach).replace(/["\\]/g, '_'), readFileSync(attach));
  const { dialogue, data: replies } = await deliver(socket, { from, to: [to], data });
  for (const line of dialogue.split('\n')) print(line);
  return replies[0]?.code === 250;
}

function fail(problem: unknown, status: number, more = ''): void {
  process.stderr.write(`send: ${problem instanceof Error ? problem.message : String(problem)}\n${more}`);
  process.exitCode = status;
}

let order: Order | undefined;
try {
  order = readCommandLine();
} catch (problem) {
  fail(problem, 64, `${USAGE}\n`);
}
if (order !== undefined) {
  try {
    if (!(await send(order))) process.exitCode = 1;
  } catch (problem) {
    fail(problem, 1);
  }
}
