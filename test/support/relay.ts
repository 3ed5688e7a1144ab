// A relay for the tests: an SMTP server that does as its script says, step by step, and keeps what it was sent.
//
// Contract: content ends at CRLF . CRLF alone, and only the dots of lines that begin behind CRLF are taken away: what is
// kept is what a strict reader of RFC 5321 §4.5.2 would have. A step without a script is taken.

import { createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { eventually } from './eventually.ts';
import { Place } from './place.ts';

/** The steps that a script can answer; `CONTENT` is the first bytes of a content, `END` its end. */
export type RelayStep =
  | 'CONNECT'
  | 'EHLO'
  | 'HELO'
  | 'XFORWARD'
  | 'MAIL'
  | 'RCPT'
  | 'DATA'
  | 'CONTENT'
  | 'END'
  | 'RSET'
  | 'QUIT';

/** An answer: lines of a reply, or the connection dropped, or nothing at all. */
export type RelayAnswer = string | { readonly then: 'close' | 'silence'; readonly say?: string };

/** A transaction whose content ended; commands as they came, in latin1. */
export interface RelayedMail {
  readonly mail: string;
  readonly recipients: readonly string[];
  readonly forwarded: readonly string[];
  readonly raw: Buffer;
}

const TAKEN: Readonly<Record<RelayStep, string>> = {
  CONNECT: '220 relay.example.org ESMTP',
  EHLO: '',
  HELO: '250 relay.example.org',
  XFORWARD: '250 2.0.0 Ok',
  MAIL: '250 2.1.0 Ok',
  RCPT: '250 2.1.5 Ok',
  DATA: '354 End data with <CR><LF>.<CR><LF>',
  CONTENT: '',
  END: '250 2.0.0 Ok: queued as 4F2A1',
  RSET: '250 2.0.0 Ok',
  QUIT: '221 2.0.0 Bye',
};

/** What Postfix's smtpd(8) offers. */
const OFFERS = [
  'PIPELINING',
  'SIZE 10240000',
  'ETRN',
  'XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT',
  'ENHANCEDSTATUSCODES',
  '8BITMIME',
  'DSN',
  'SMTPUTF8',
];

const NOTHING: Buffer = Buffer.alloc(0);

/** Starts a relay that ends with the test; on a Unix socket where a path is given. */
export async function startRelay(t: TestContext, path?: string): Promise<ScriptedRelay> {
  const relay = new ScriptedRelay(path);
  t.after(() => relay.down());
  await relay.up();
  return relay;
}

/** The relay. */
export class ScriptedRelay {
  /** Each step's answers, in the order in which they are asked for; then everything is taken. */
  readonly script = new Map<RelayStep, RelayAnswer[]>();
  readonly mails: RelayedMail[] = [];
  /** Every command of every client. */
  readonly commands: string[] = [];
  /** Contents that never ended, by their length. */
  readonly broken: number[] = [];
  offers: readonly string[] = OFFERS;
  connections = 0;
  readonly #path: string | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #place: Place;

  constructor(path: string | undefined) {
    this.#path = path;
    this.#place = new Place(path);
  }

  /** The place, as outbound.relay takes it. */
  get place(): string {
    return this.#path === undefined ? `127.0.0.1:${this.#place.port}` : `unix:${this.#path}`;
  }

  /** Listens, where it did before. */
  async up(): Promise<void> {
    const server = createServer((socket) => {
      this.#serve(socket);
    });
    await this.#place.up(server);
  }

  /** Stops listening and drops every connection. */
  async down(): Promise<void> {
    await this.#place.down(() => {
      this.drop();
    });
  }

  /** Drops every connection, and goes on listening. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Says something that nobody asked for. */
  say(line: string): void {
    for (const socket of this.#sockets) socket.write(`${line}\r\n`);
  }

  /** The mail with this number, counted from 1. */
  async nthMail(n: number): Promise<RelayedMail> {
    const look = () => this.mails[n - 1];
    return await eventually(look, () => `mail ${n}: ${this.mails.length} came`);
  }

  #serve(socket: Socket): void {
    this.connections += 1;
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    const client = new RelayClient(this, socket);
    socket.on('data', (chunk) => {
      client.take(chunk);
    });
    socket.on('close', () => {
      this.#sockets.delete(socket);
      client.gone();
    });
    client.answer('CONNECT');
  }
}

/** One connection. */
class RelayClient {
  readonly #relay: ScriptedRelay;
  readonly #socket: Socket;
  #line: Buffer = NOTHING;
  #content: Buffer[] | undefined;
  #tail: Buffer = NOTHING;
  #isSilent = false;
  #mail = '';
  #recipients: string[] = [];
  #forwarded: string[] = [];

  constructor(relay: ScriptedRelay, socket: Socket) {
    this.#relay = relay;
    this.#socket = socket;
  }

  /** Answers a step; the reply's code, or nothing. */
  answer(step: RelayStep): string {
    const scripted = this.#relay.script.get(step)?.shift();
    if (typeof scripted === 'object') {
      if (scripted.say !== undefined) this.#say(scripted.say);
      this.#isSilent = true;
      // What was said must not be lost to a reset: what still comes is read on.
      if (scripted.then === 'close' && scripted.say !== undefined) this.#socket.end();
      else if (scripted.then === 'close') this.#socket.destroySoon();
      return '';
    }
    const hello = ['250-relay.example.org', ...this.#relay.offers.map((each) => `250-${each}`)];
    const taken =
      step === 'EHLO'
        ? hello.map((each, at) => (at === hello.length - 1 ? each.replace('-', ' ') : each))
        : [TAKEN[step]];
    const text = scripted ?? taken.join('\r\n');
    if (text !== '') this.#say(text);
    return text;
  }

  take(chunk: Buffer): void {
    for (let rest = chunk; rest.length > 0; )
      rest = this.#isSilent ? NOTHING : this.#content === undefined ? this.#command(rest) : this.#data(rest);
  }

  gone(): void {
    if (this.#content !== undefined) this.#relay.broken.push(Buffer.concat(this.#content).length);
  }

  #say(text: string): void {
    this.#socket.write(`${text.replaceAll(/\r?\n/g, '\r\n')}\r\n`);
  }

  #command(chunk: Buffer): Buffer {
    const lf = chunk.indexOf('\n');
    this.#line = Buffer.concat([this.#line, lf === -1 ? chunk : chunk.subarray(0, lf + 1)]);
    if (lf === -1) return NOTHING;
    const line = this.#line.toString('latin1').trimEnd();
    this.#line = NOTHING;
    this.#relay.commands.push(line);
    this.#obey(line);
    return chunk.subarray(lf + 1);
  }

  #obey(line: string): void {
    const verb = (/^\w+/.exec(line)?.[0] ?? '').toUpperCase();
    const step = Object.keys(TAKEN).find((each) => each === verb) as RelayStep | undefined;
    if (step === undefined) {
      this.#say('500 5.5.2 what?');
      return;
    }
    const reply = this.answer(step);
    if (step === 'XFORWARD') this.#forwarded.push(line);
    if (step === 'RSET') this.#reset();
    if (step === 'MAIL' && reply.startsWith('2')) this.#mail = line.slice('MAIL FROM:'.length);
    if (step === 'RCPT' && reply.startsWith('2')) this.#recipients.push(line.slice('RCPT TO:'.length));
    if (step === 'DATA' && reply.startsWith('354')) {
      this.#content = [];
      this.#tail = Buffer.from('\r\n');
    }
    if (step === 'QUIT') this.#socket.end();
  }

  /** The tail is what was not put away: the end may be cut. It begins with the line end that the content stands behind. */
  #data(chunk: Buffer): Buffer {
    if (this.#content?.length === 0 && this.#tail.length === 2) this.answer('CONTENT');
    if (this.#isSilent) return NOTHING;
    const all = Buffer.concat([this.#tail, chunk]);
    const end = all.indexOf('\r\n.\r\n');
    const content = this.#content ?? [];
    if (end === -1) {
      const keep = Math.max(0, all.length - 4);
      content.push(all.subarray(0, keep));
      this.#tail = all.subarray(keep);
      return NOTHING;
    }
    content.push(all.subarray(0, end + 2));
    this.#content = undefined;
    const stuffed = Buffer.concat(content).subarray(2);
    const mail = {
      mail: this.#mail,
      recipients: this.#recipients,
      forwarded: this.#forwarded,
      raw: withoutDots(stuffed),
    };
    this.#reset();
    if (this.answer('END').startsWith('2')) this.#relay.mails.push(mail);
    return all.subarray(end + 5);
  }

  #reset(): void {
    [this.#mail, this.#recipients, this.#forwarded] = ['', [], []];
  }
}

/** Takes the first dot of each line away. */
function withoutDots(content: Buffer): Buffer {
  const parts: Buffer[] = [];
  let from = content[0] === 0x2e ? 1 : 0;
  for (let at = content.indexOf('\r\n.'); at !== -1; at = content.indexOf('\r\n.', at + 2)) {
    parts.push(content.subarray(from, at + 2));
    from = at + 3;
  }
  parts.push(content.subarray(from));
  return Buffer.concat(parts);
}
