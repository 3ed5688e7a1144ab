/**
 * The Node peers, one process each: smtp-server in LMTP mode on a Unix socket.
 *
 * Usage: smtp-server-process.js KIND SOCKET DATABASE [URL], where KIND is
 * - `stock`: smtp-server as it comes, with its 100 ms greeting delay, discarding every mail;
 * - `prompt`: the same without the delay;
 * - `naive`: without the delay; simpleParser, then one better-sqlite3 commit (WAL, synchronous=FULL) per mail in the
 *   main thread, then 250. With a URL, also a `fetch` POST of the parsed mail and, after a 2xx, the commit that marks
 *   it posted: the least that keeps a mail from being lost or posted again at every start.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import Database from 'better-sqlite3';
import { type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerOptions } from 'smtp-server';
import { SMTPConnection, type SMTPConnectionOptions } from 'smtp-server/lib/smtp-connection.js';

/** A connection that greets at once instead of watching 100 ms for early talkers. */
class PromptConnection extends SMTPConnection {
  override init(): void {
    this._setListeners(() => {
      this.connectionReady();
    });
  }
}

/** smtp-server with connections of the prompt kind. */
class PromptServer extends SMTPServer {
  override connect(socket: Socket | TLSSocket, socketOptions?: SMTPConnectionOptions | null): void {
    const connection = new PromptConnection(this, socket, socketOptions);
    this.connections.add(connection);
    connection.on('error', (error: Error) => {
      this._onError(error);
    });
    connection.init();
  }
}

type OnData = NonNullable<SMTPServerOptions['onData']>;

const discard: OnData = (stream, _session, callback) => {
  stream.on('end', () => {
    callback();
  });
  stream.resume();
};

/** Parses, commits and answers each mail in turn; posts it afterwards where there is a URL. */
function naive(databasePath: string, url: string | undefined): OnData {
  const database = new Database(databasePath);
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.exec(
    'CREATE TABLE mail (id INTEGER PRIMARY KEY, message_id TEXT UNIQUE, post TEXT, raw BLOB, posted INTEGER DEFAULT 0)',
  );
  const insert = database.prepare('INSERT INTO mail (message_id, post, raw) VALUES (?, ?, ?)');
  const markPosted = database.prepare('UPDATE mail SET posted = 1 WHERE id = ?');
  const post = async (id: number | bigint, body: string, to: string) => {
    const headers = { 'content-type': 'application/json', 'idempotency-key': String(id) };
    const response = await fetch(to, { method: 'POST', headers, body });
    await response.arrayBuffer();
    if (response.ok) markPosted.run(id);
  };
  const take = async (stream: SMTPServerDataStream) => {
    const raw = await readAll(stream);
    const body = postOf(await simpleParser(raw));
    return { id: insert.run(body.messageId, body.json, raw).lastInsertRowid, json: body.json };
  };
  return (stream, _session, callback) => {
    take(stream).then(
      ({ id, json }) => {
        callback();
        if (url !== undefined)
          post(id, json, url).catch((error: unknown) => {
            console.error(error);
          });
      },
      (error: unknown) => {
        callback(error instanceof Error ? error : new Error(String(error)));
      },
    );
  };
}

function postOf(mail: ParsedMail): { readonly messageId: string | undefined; readonly json: string } {
  const attachments = mail.attachments.map((attachment) => ({
    filename: attachment.filename,
    content_type: attachment.contentType,
    content: attachment.content.toString('base64'),
  }));
  const json = JSON.stringify({ from: mail.from?.text, subject: mail.subject, text: mail.text, attachments });
  return { messageId: mail.messageId, json };
}

async function readAll(stream: SMTPServerDataStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const [kind, socket, database, url] = process.argv.slice(2);
if (kind === undefined || socket === undefined || database === undefined) {
  throw new Error('usage: smtp-server-process.js stock|prompt|naive SOCKET DATABASE [URL]');
}
const options: SMTPServerOptions = {
  lmtp: true,
  disabledCommands: ['AUTH', 'STARTTLS'],
  disableReverseLookup: true,
  onData: kind === 'naive' ? naive(database, url) : discard,
};
const server = kind === 'stock' ? new SMTPServer(options) : new PromptServer(options);
server.on('error', (error: Error) => {
  console.error(error.message);
});
server.listen(socket);
