// One transaction over LMTP, as Postfix makes it (RFC 2033).
//
// Contract: sends what it is given and reports every reply; a refusal is a value. No DATA when no recipient was
// accepted. Failure: a server that closes early or says nothing rejects with the dialogue so far.

import { type SmtpReply, SmtpSession } from '../support/smtp.ts';

/** What is handed over. */
export interface Transaction {
  readonly from: string;
  readonly to: readonly string[];
  /** The message, its lines ended by CR LF. */
  readonly data: string;
}

/** What the server said. */
export interface TransactionResult {
  /** One per recipient, in order. */
  readonly recipients: readonly SmtpReply[];
  /** One per accepted recipient, in order (RFC 2033 §4.2); empty when there was none. */
  readonly data: readonly SmtpReply[];
  /** The transaction as spoken, from MAIL to before QUIT, after `C: ` and `S: `. */
  readonly dialogue: string;
}

/** Hands one message to the LMTP server on a Unix socket. */
export async function deliver(socket: string, transaction: Transaction): Promise<TransactionResult> {
  const session = await SmtpSession.open(socket);
  try {
    await session.say('LHLO mx.example.org');
    const greeting = session.transcript.length;
    await session.say(`MAIL FROM:<${transaction.from}> BODY=8BITMIME`);
    const recipients: SmtpReply[] = [];
    for (const recipient of transaction.to) recipients.push(await session.say(`RCPT TO:<${recipient}>`));
    const accepted = recipients.filter(({ code }) => code === 250).length;
    const data = accepted === 0 ? [] : await content(session, transaction.data, accepted);
    const dialogue = session.transcript.slice(greeting).trimEnd();
    await session.say('QUIT');
    return { recipients, data, dialogue };
  } finally {
    session.close();
  }
}

/** Sends the message and reads as many replies as there are accepted recipients, or the one that refuses DATA. */
async function content(session: SmtpSession, data: string, accepted: number): Promise<SmtpReply[]> {
  const replies = [await session.content(data)];
  if (session.transcript.includes('C: .\n')) {
    while (replies.length < accepted) replies.push(await session.reply());
  }
  return replies;
}
