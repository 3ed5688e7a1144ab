/**
 * A conversation with a server that speaks in lines: greets, takes a command, answers with a code (SMTP, LMTP).
 *
 * Contract: one reply per line said, its continuation lines joined; the time in total is bounded. Failure: rejects with
 * a system error, or with one that says what the server did instead.
 */
import { connect, type Socket } from 'node:net';

/** The place where a server listens. */
export type Place = { readonly path: string } | { readonly host: string; readonly port: number };

/** A reply's code, and its text without line ends. */
export interface Said {
  readonly code: number;
  readonly text: string;
}

/** An open conversation. */
export interface Talk {
  readonly greeting: Said;
  /** Says a line, or a whole message, and waits for the reply. */
  say(line: string): Promise<Said>;
  /** Bounds what is left of it, from now on. */
  bound(withinMs: number): void;
  /** Ends it. */
  close(): void;
}

const MAX_REPLY_BYTES = 64 * 1024;

/** Connects and waits for the greeting. */
export async function openTalk(place: Place, withinMs: number): Promise<Talk> {
  const socket = connect(place);
  let deadline: NodeJS.Timeout | undefined;
  const bound = (ms: number): void => {
    clearTimeout(deadline);
    deadline = setTimeout(() => {
      socket.destroy(new Error(`no answer within ${ms / 1000} s`));
    }, ms);
  };
  bound(withinMs);
  const replies = readReplies(socket);
  const next = async (): Promise<Said> => {
    const { value, done } = await replies.next();
    if (done === true) throw new Error('the server closed the connection without an answer');
    return value;
  };
  const close = (): void => {
    clearTimeout(deadline);
    socket.destroy();
  };
  try {
    return {
      greeting: await next(),
      say: (line) => {
        socket.write(`${line}\r\n`);
        return next();
      },
      bound,
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

async function* readReplies(socket: Socket): AsyncGenerator<Said, undefined> {
  let received = '';
  for await (const chunk of socket) {
    received += (chunk as Buffer).toString('latin1');
    for (;;) {
      const [whole, code] = /^(?:\d{3}-[^\n]*\n)*(\d{3})(?: [^\n]*)?\r?\n/.exec(received) ?? [];
      if (whole === undefined) break;
      received = received.slice(whole.length);
      yield { code: Number(code), text: whole.trim().replaceAll(/\s*\n/g, ' ') };
    }
    if (received.includes('\n') && !/^\d{3}/.test(received))
      throw new Error(`the server says "${received.trim().slice(0, 80)}"`);
    if (received.length > MAX_REPLY_BYTES) throw new Error('the server does not come to an end');
  }
  return undefined;
}
