/**
 * What all LMTP sessions have in common: the greeting, replies, deadlines, and commands that change nothing.
 *
 * Contract: a reply leaves in the order of its command, those of one chunk together; one deadline for the whole of what
 * the client owes us, whatever trickles in. Too many refused commands end the session.
 * Failure: a deadline that passes is `421 4.4.2`, and the connection closes.
 * Standards: RFC 2033, RFC 5321 §4.5.3.2, RFC 2920, RFC 2034.
 */
import { formatReply, type Reply } from '../mail/status.ts';
import type { Log } from '../observe/log.ts';
import type { Incoming, ReaderTarget, Readiness } from './lmtp-reader.ts';

/** The connection under a session. */
export interface Wire {
  readonly id: string;
  /** Sends text. */
  readonly send: (text: string) => void;
  /** Gives the leave to go on when the client has taken what was sent. */
  readonly drained: () => Readiness;
  /** Sends what was sent, then closes. */
  readonly close: () => void;
  /** Closes at once; the client learns nothing. */
  readonly abort: () => void;
  /** Makes the bytes that follow the content of a message. */
  readonly expectMessage: (message: Incoming) => void;
  /** Tells whether the daemon is stopping: no new transaction then. */
  readonly isStopping: () => boolean;
}

/** The limits of every session; times in milliseconds in total. */
export interface DialogueLimits {
  readonly hostname: string;
  readonly maxBadCommands: number;
  readonly commandTimeoutMs: number;
}

const OK: Reply = { basic: 250, enhanced: '2.0.0', text: 'OK' };
const STOPPING: Reply = { basic: 421, enhanced: '4.3.2', text: 'service is stopping' };
const BYE: Reply = { basic: 221, enhanced: '2.0.0', text: 'bye' };

/** The answers to commands that change nothing. */
const INFORMATIVE: Readonly<Record<string, Reply>> = {
  NOOP: OK,
  VRFY: { basic: 252, enhanced: '2.5.2', text: 'send some mail and see' },
  HELP: { basic: 214, enhanced: '2.0.0', text: 'LHLO MAIL RCPT DATA RSET NOOP VRFY QUIT' },
};

/** A session with its client. Its states: greeted → LHLO → transaction → content → replies → LHLO. */
export abstract class LmtpDialogue implements ReaderTarget {
  protected readonly wire: Wire;
  /** Whether something is being found out for the client. */
  protected isBusy = false;
  readonly #limits: () => DialogueLimits;
  readonly #log: Log;
  #hasGreeted = false;
  #isOver = false;
  #badCommands = 0;
  #replies = '';
  #deadline: NodeJS.Timeout | undefined;

  constructor(wire: Wire, limits: () => DialogueLimits, log: Log) {
    this.wire = wire;
    this.#limits = limits;
    this.#log = log;
  }

  /** Whether MAIL has begun a transaction that is not over. */
  protected abstract get hasTransaction(): boolean;
  /** Carries out a command that changes something; LHLO was said, and QUIT is none. */
  protected abstract command(verb: string, argument: string): Readiness | undefined;
  /** Answers LHLO, whose syntax is right. */
  protected abstract hello(hostname: string): Readiness;
  /** Forgets the transaction. */
  protected abstract reset(): void;

  /** Greets at once: the peer is our own Postfix, and an early talker is its pipelining. */
  greet(refusal?: Reply): void {
    if (refusal !== undefined) {
      this.end(refusal);
      return;
    }
    this.write(`220 ${this.#limits().hostname} LMTP mailgw`);
    this.flush();
    this.expectCommand();
  }

  /** Ends the session now if the client owes us a command, else after its transaction. */
  stopWhenIdle(): void {
    if (!this.#isOver && !this.isBusy && !this.hasTransaction) this.end(STOPPING);
  }

  /** Forgets the session: the connection is gone. */
  dispose(): void {
    this.#isOver = true;
    clearTimeout(this.#deadline);
  }

  /** Ends the session: the client has closed its side and everything that it sent is answered. */
  finish(): void {
    this.hangUp();
  }

  readonly line = (line: string | undefined): Readiness => {
    this.expectCommand();
    if (line === undefined) return this.bad({ basic: 500, enhanced: '5.5.2', text: 'line too long' });
    const text = line.trimEnd();
    const space = text.indexOf(' ');
    const verb = (space === -1 ? text : text.slice(0, space)).toUpperCase();
    return this.#dispatch(verb, space === -1 ? '' : text.slice(space + 1).trimStart());
  };

  /** Sends the replies of one chunk together, and reads on when the client has taken them. */
  readonly idle = (): Readiness => {
    this.flush();
    if (this.wire.isStopping()) this.stopWhenIdle();
    return this.ready();
  };

  /** Says when the next chunk may come. */
  protected ready(): Readiness {
    return this.wire.drained();
  }

  #dispatch(verb: string, argument: string): Readiness {
    if (verb === 'QUIT') return this.end(BYE);
    if (this.wire.isStopping() && !this.hasTransaction) return this.end(STOPPING);
    if (verb === 'LHLO') return this.#hello(argument);
    if (verb === 'MAIL' && !this.#hasGreeted)
      return this.bad({ basic: 503, enhanced: '5.5.1', text: 'say LHLO first' });
    if (verb === 'RSET') {
      this.reset();
      return this.reply(OK);
    }
    return this.command(verb, argument) ?? this.#other(verb);
  }

  #hello(argument: string): Readiness {
    if (argument === '' || argument.includes(' '))
      return this.bad({ basic: 501, enhanced: '5.5.4', text: 'syntax: LHLO hostname' });
    this.#hasGreeted = true;
    this.reset();
    return this.hello(argument);
  }

  /** Answers what changes nothing, and what is no command of ours. */
  #other(verb: string): Readiness {
    const answer = INFORMATIVE[verb];
    if (answer !== undefined) return this.reply(answer);
    if (verb === 'HELO' || verb === 'EHLO')
      return this.bad({ basic: 500, enhanced: '5.5.1', text: 'this is LMTP: say LHLO' });
    return this.bad({ basic: 500, enhanced: '5.5.2', text: 'command not recognized' });
  }

  /** Writes a line. */
  protected write(line: string): 'go-on' {
    this.#replies += `${line}\r\n`;
    return 'go-on';
  }

  /** Writes a reply. */
  protected reply(reply: Reply): 'go-on' {
    return this.write(formatReply(reply));
  }

  /** Refuses a command; too many refusals end the session. */
  protected bad(reply: Reply): 'go-on' {
    this.#badCommands++;
    if (this.#badCommands < this.#limits().maxBadCommands) return this.reply(reply);
    return this.end({ basic: 421, enhanced: '4.7.0', text: 'too many bad commands' });
  }

  /**
   * Refuses a command that came too early. It counts as no bad one: a client that pipelines has sent it before it
   * could know that the one before was refused.
   */
  protected tooEarly(text: string): 'go-on' {
    return this.reply({ basic: 503, enhanced: '5.5.1', text });
  }

  /** Replies, and ends the session. */
  protected end(reply: Reply): 'go-on' {
    this.reply(reply);
    return this.hangUp();
  }

  /** Sends what was written, and ends the session. */
  protected hangUp(): 'go-on' {
    this.flush();
    this.dispose();
    this.wire.close();
    return 'go-on';
  }

  /** Sends what was written. */
  protected flush(): void {
    if (this.#replies === '') return;
    this.wire.send(this.#replies);
    this.#replies = '';
  }

  /** Waits for the command that the client owes us. */
  protected expectCommand(): void {
    this.arm(this.#limits().commandTimeoutMs);
  }

  /** Waits for nothing: from here on the client waits for us. */
  protected disarm(): void {
    clearTimeout(this.#deadline);
  }

  /** Begins the deadline of what the client owes us. */
  protected arm(timeoutMs: number): void {
    clearTimeout(this.#deadline);
    if (this.#isOver) return;
    this.#deadline = setTimeout(() => {
      this.#log('connection_closed', { reason: 'deadline', session: this.wire.id });
      this.end({ basic: 421, enhanced: '4.4.2', text: 'timeout, closing connection' });
    }, timeoutMs);
    this.#deadline.unref();
  }
}
