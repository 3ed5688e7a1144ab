/**
 * The platform's HTTP interface, reduced to counting: a process that answers every POST with an empty 200.
 *
 * Contract: counts posts by path, and beside them the distinct Idempotency-Keys (a post without one counts as distinct).
 * Speaks as much HTTP/1.1 as undici and fetch need: keep-alive, Content-Length; a chunked body is answered 411. It reads
 * no body. The parent, over the process's IPC channel, asks to be told when a path has its posts.
 */
import net from 'node:net';

/** What the parent asks: tell me when `path` has `posts` distinct posts. */
export interface SinkQuestion {
  readonly id: number;
  readonly path: string;
  readonly posts: number;
}

/** What the sink tells: its port once, then an answer to each question. */
export type SinkReport =
  | { readonly port: number }
  | { readonly id: number; readonly posts: number; readonly distinct: number; readonly atNs: string };

interface Tally {
  posts: number;
  readonly keys: Set<string>;
  keyless: number;
  atNs: bigint;
}

const HEAD_END = Buffer.from('\r\n\r\n');
const OK = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
const LENGTH_REQUIRED = Buffer.from(
  'HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
);
const MAX_HEAD_BYTES = 64 * 1024;

const tallies = new Map<string, Tally>();
const questions = new Set<SinkQuestion>();

function tallyOf(path: string): Tally {
  const known = tallies.get(path);
  if (known !== undefined) return known;
  const fresh: Tally = { posts: 0, keys: new Set(), keyless: 0, atNs: 0n };
  tallies.set(path, fresh);
  return fresh;
}

function count(path: string, key: string | undefined): void {
  const tally = tallyOf(path);
  tally.posts++;
  if (key === undefined) tally.keyless++;
  else tally.keys.add(key);
  tally.atNs = process.hrtime.bigint();
  for (const question of questions) if (question.path === path) answer(question);
}

function answer(question: SinkQuestion): void {
  const tally = tallyOf(question.path);
  const distinct = tally.keys.size + tally.keyless;
  if (distinct < question.posts) return;
  questions.delete(question);
  tell({ id: question.id, posts: tally.posts, distinct, atNs: String(tally.atNs) });
}

function tell(report: SinkReport): void {
  process.send?.(report);
}

/** One client's connection: head → body → head …; a post counts once its body has arrived. */
class Conversation {
  readonly #socket: net.Socket;
  #pending: Buffer = Buffer.alloc(0);
  #bodyLeft = 0;
  #post: { readonly path: string; readonly key: string | undefined } | undefined;

  constructor(socket: net.Socket) {
    this.#socket = socket;
  }

  read(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    let more = true;
    while (more) more = this.#post === undefined ? this.#readHead() : this.#readBody(this.#post);
  }

  #readHead(): boolean {
    const end = this.#pending.indexOf(HEAD_END);
    if (end < 0) {
      if (this.#pending.length > MAX_HEAD_BYTES) this.#socket.destroy();
      return false;
    }
    const head = this.#pending.toString('latin1', 0, end + 2);
    const length = /\r\ncontent-length: *(\d+)\r\n/i.exec(head)?.[1];
    if (length === undefined) {
      this.#socket.end(LENGTH_REQUIRED);
      return false;
    }
    this.#pending = this.#pending.subarray(end + HEAD_END.length);
    this.#bodyLeft = Number(length);
    this.#post = {
      path: head.split(' ', 2)[1] ?? '',
      key: /\r\nidempotency-key: *([^\r]*)\r\n/i.exec(head)?.[1],
    };
    return true;
  }

  #readBody(post: { readonly path: string; readonly key: string | undefined }): boolean {
    const arrived = Math.min(this.#bodyLeft, this.#pending.length);
    this.#bodyLeft -= arrived;
    this.#pending = this.#pending.subarray(arrived);
    if (this.#bodyLeft > 0) return false;
    this.#post = undefined;
    count(post.path, post.key);
    this.#socket.write(OK);
    return true;
  }
}

const server = net.createServer((socket) => {
  const conversation = new Conversation(socket);
  socket.setNoDelay(true);
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    conversation.read(chunk);
  });
});
process.on('message', (question: SinkQuestion) => {
  questions.add(question);
  answer(question);
});
process.on('disconnect', () => process.exit(0));
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') tell({ port: address.port });
});
