// An IMAP server of the tests that keeps to the protocol until a test's script says otherwise.
//
// Contract: folders are in memory and the test's to change; every command that came is recorded in order, and every octet
// that came in the clear. `when` has it hang, lie, refuse, say BYE or cut a connection at a command; each of these happens
// so many times and is then over. As RFC 9051 §9 wants it, n:* always has the last message.
// Limits: one user; of SEARCH it knows ALL, UID, SINCE and KEYWORD, of FETCH what readers of mail ask for.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { eventually } from './eventually.ts';
import { type Command, CommandReader } from './imap-commands.ts';

/** A message in a folder. */
export interface Kept {
  readonly uid: number;
  readonly raw: Buffer;
  flags: Set<string>;
  readonly at: Date;
}

/** A folder. */
export interface Folder {
  uidValidity: number;
  uidNext: number;
  messages: Kept[];
}

/** What happens in place of an answer. */
export type Turn =
  /** It says nothing to this command, and nothing to any other of the connection. */
  | 'hang'
  /** The connection ends. */
  | 'drop'
  /** It says good-bye and ends the connection. */
  | { readonly bye: string }
  /** A tagged answer, such as `NO [LIMIT] later`. */
  | { readonly answer: string }
  /** So many octets of the answer, and then the end of the connection. */
  | { readonly cut: number }
  /** Something happens, and then the command is done as it should be. */
  | { readonly first: () => void };

/** What a server is like; the test may change any of it at any time. */
export interface Nature {
  capabilities: string[];
  /** The flags that may be set for good. */
  permanentFlags: string;
  /** Decides on a login; the words of the refusal, such as `NO [AUTHENTICATIONFAILED] no`, or undefined. */
  login: (user: string, secret: string, mechanism: string) => string | undefined;
  /** Whether it tells of messages that come while a folder is selected. */
  tellsOfMessages: boolean;
  /** Messages that SELECT counts though they are not there yet. */
  phantoms: number;
  /** The last word on what SEARCH finds. */
  finds: (uids: readonly number[]) => readonly number[];
  /** The UIDs that FETCH knows nothing of, though SEARCH finds them. */
  withheld: Set<number>;
  tls: { readonly key: string; readonly cert: string } | undefined;
  /** Whether TLS begins with the connection. */
  isImplicit: boolean;
}

const DONE = 'OK done';

/** Everything that a good server of today says it can do. */
export const GOOD = ['IMAP4rev1', 'LITERAL+', 'SASL-IR', 'ID', 'IDLE', 'UIDPLUS', 'MOVE', 'NAMESPACE'];

/** A server that listens on the loopback. */
export class ImapScript {
  readonly nature: Nature = {
    capabilities: [...GOOD, 'AUTH=PLAIN'],
    permanentFlags: '\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*',
    login: () => undefined,
    tellsOfMessages: true,
    phantoms: 0,
    finds: (uids) => uids,
    withheld: new Set(),
    tls: undefined,
    isImplicit: false,
  };
  readonly folders = new Map<string, Folder>();
  /** Every command by its words, without its tag: `UID FETCH 3 (UID BODY.PEEK[])`. */
  readonly commands: string[] = [];
  /** Every octet that came outside of TLS. */
  inTheClear = '';
  connections = 0;
  readonly #server: Server;
  readonly #open = new Set<Connection>();
  #turns: { readonly at: RegExp; readonly turn: Turn; times: number }[] = [];

  private constructor(server: Server) {
    this.#server = server;
    this.folders.set('INBOX', { uidValidity: 7, uidNext: 1, messages: [] });
    this.folders.set('Done', { uidValidity: 8, uidNext: 1, messages: [] });
  }

  /** Starts a server on a free port; the test ends it by `stop`. */
  static async start(): Promise<ImapScript> {
    const server = createServer();
    const script = new ImapScript(server);
    server.on('connection', (socket) => {
      script.connections += 1;
      const connection = new Connection(script, socket);
      script.#open.add(connection);
      socket.on('close', () => script.#open.delete(connection));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return script;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The connections that are open. */
  get open(): number {
    return this.#open.size;
  }

  get inbox(): Folder {
    return this.folders.get('INBOX')!;
  }

  /** Has something happen at the next commands that match, so many times. */
  when(at: RegExp, turn: Turn, times = 1): void {
    this.#turns.push({ at, turn, times });
  }

  /** Forgets what was to happen. */
  calm(): void {
    this.#turns = [];
  }

  /** Takes the turn for a command. */
  turnAt(text: string): Turn | undefined {
    const found = this.#turns.find(({ at, times }) => times > 0 && at.test(text));
    if (found !== undefined) found.times -= 1;
    return found?.turn;
  }

  /** Puts a message into a folder and tells of it; its UID. */
  append(raw: string | Buffer, folder = this.inbox, at = new Date()): number {
    const uid = folder.uidNext;
    folder.uidNext += 1;
    folder.messages.push({ uid, raw: Buffer.from(raw), flags: new Set(), at });
    if (this.nature.tellsOfMessages) this.announce(folder);
    return uid;
  }

  /** Tells those who have a folder selected how many messages it has, or says so. */
  announce(folder = this.inbox, exists = folder.messages.length): void {
    for (const connection of this.#open) connection.announce(folder, exists);
  }

  /** Says a line to every connection that is open. */
  tell(line: string): void {
    for (const connection of this.#open) connection.tell(line);
  }

  /** Removes a message from the inbox by its place, and tells of it. */
  expunge(at: number): void {
    this.inbox.messages.splice(at, 1);
    this.tell(`* ${at + 1} EXPUNGE`);
  }

  /** Has every connection that is open say nothing any more, as one whose network is gone. */
  fallSilent(): void {
    for (const connection of this.#open) connection.fallSilent();
  }

  /** Ends every connection, with a BYE if given. */
  hangUp(bye?: string): void {
    for (const connection of this.#open) connection.end(bye);
  }

  /** Counts the commands that match. */
  count(pattern: RegExp): number {
    return this.commands.filter((text) => pattern.test(text)).length;
  }

  /** Waits until so many commands that match have come. */
  async asked(pattern: RegExp, times = 1): Promise<void> {
    await eventually(
      () => (this.count(pattern) >= times ? true : undefined),
      () => `${times} × ${String(pattern)} among\n${this.commands.slice(-40).join('\n')}`,
    );
  }

  /** Ends it. */
  stop(): void {
    this.#server.close();
    this.hangUp();
  }
}

/** A connection. Its life: greeted, logged in, a folder selected, ended; hanging for good once told so. */
class Connection {
  readonly #script: ImapScript;
  readonly #reader: CommandReader;
  #socket: Socket;
  #folder: Folder | undefined;
  #isHanging = false;
  /** The tag of the IDLE that goes on. */
  #idle: string | undefined;
  /** The AUTHENTICATE that waits for its response. */
  #authenticating: { readonly tag: string; readonly mechanism: string } | undefined;
  /** Octets that may still be written. */
  #left = Number.POSITIVE_INFINITY;

  constructor(script: ImapScript, socket: Socket) {
    this.#script = script;
    this.#socket = socket;
    this.#reader = new CommandReader(
      (line) => {
        this.#take(line);
      },
      () => {
        this.#say('+ go on');
      },
    );
    socket.on('error', () => undefined);
    const { tls, isImplicit } = script.nature;
    if (tls !== undefined && isImplicit) this.#encrypt(tls);
    else socket.on('data', this.#listen);
    const turn = script.turnAt('GREETING');
    if (turn === 'hang') this.#isHanging = true;
    else if (turn === 'drop') socket.destroy();
    else if (typeof turn === 'object' && 'bye' in turn) this.end(turn.bye);
    else this.#say(`* OK [CAPABILITY ${script.nature.capabilities.join(' ')}] ready`);
  }

  announce(folder: Folder, exists: number): void {
    if (folder === this.#folder && this.#idle !== undefined) this.#say(`* ${exists} EXISTS`);
  }

  fallSilent(): void {
    this.#isHanging = true;
  }

  tell(line: string): void {
    this.#say(line);
  }

  end(bye?: string): void {
    if (bye !== undefined) this.#say(`* BYE ${bye}`);
    this.#socket.destroySoon();
  }

  #listen = (chunk: Buffer): void => {
    if (!(this.#socket instanceof TLSSocket)) this.#script.inTheClear += chunk.toString('latin1');
    this.#reader.read(chunk);
  };

  #encrypt(tls: { readonly key: string; readonly cert: string }): void {
    this.#socket.removeAllListeners('data');
    this.#socket = new TLSSocket(this.#socket, { isServer: true, ...tls });
    this.#socket.on('error', () => undefined);
    this.#socket.on('data', this.#listen);
  }

  #say(text: string): void {
    this.#write(Buffer.from(`${text}\r\n`, 'latin1'));
  }

  #write(octets: Buffer): void {
    if (this.#isHanging || this.#socket.destroyed) return;
    this.#socket.write(octets.subarray(0, this.#left));
    this.#left -= octets.length;
    if (this.#left <= 0) this.#socket.destroySoon();
  }

  #take(line: Command): void {
    if (this.#isHanging) return;
    if (this.#authenticating !== undefined) {
      const { tag, mechanism } = this.#authenticating;
      this.#authenticating = undefined;
      this.#say(`${tag} ${this.#decide(mechanism, line.text)}`);
      return;
    }
    if (this.#idle !== undefined) {
      const tag = this.#idle;
      this.#idle = undefined;
      this.#script.commands.push('DONE');
      this.#say(line.text.toUpperCase() === 'DONE' ? `${tag} OK idled` : `${tag} BAD not DONE`);
      return;
    }
    const [, tag = '*', text = ''] = /^(\S+) (.*)$/s.exec(line.text) ?? [];
    this.#script.commands.push(text);
    const turn = this.#script.turnAt(text);
    if (turn === 'hang') this.#isHanging = true;
    else if (turn === 'drop') this.#socket.destroy();
    else if (turn === undefined) this.#do(tag, text);
    else if ('bye' in turn) this.end(turn.bye);
    else if ('answer' in turn) this.#say(`${tag} ${turn.answer}`);
    else {
      if ('cut' in turn) this.#left = turn.cut;
      else turn.first();
      this.#do(tag, text);
    }
  }

  #do(tag: string, text: string): void {
    const answer = this.#answer(tag, text);
    if (answer !== undefined) this.#say(`${tag} ${answer}`);
  }

  /** Does a command; gives its tagged answer, or undefined where that comes later or has been given. */
  #answer(tag: string, text: string): string | undefined {
    const { nature } = this.#script;
    const [, name = '', rest = ''] = /^((?:UID )?\S+) ?(.*)$/is.exec(text) ?? [];
    switch (name.toUpperCase()) {
      case 'CAPABILITY':
        this.#say(`* CAPABILITY ${nature.capabilities.join(' ')}`);
        return DONE;
      case 'NAMESPACE':
        this.#say('* NAMESPACE (("" "/")) NIL NIL');
        return DONE;
      case 'LIST':
        this.#list(wordsOf(rest)[1] ?? '');
        return DONE;
      case 'STARTTLS':
        if (nature.tls === undefined) return 'BAD no TLS here';
        this.#say(`${tag} OK go on`);
        this.#encrypt(nature.tls);
        return undefined;
      case 'LOGIN': {
        const [user = '', secret = ''] = wordsOf(rest);
        return this.#login(user, secret, 'LOGIN');
      }
      case 'AUTHENTICATE': {
        const [mechanism = '', response] = rest.split(' ');
        const asked = { tag, mechanism: mechanism.toUpperCase() };
        if (response !== undefined) return this.#decide(asked.mechanism, response);
        this.#authenticating = asked;
        this.#say('+ ');
        return undefined;
      }
      case 'SELECT':
      case 'EXAMINE':
        return this.#select(wordsOf(rest)[0] ?? '');
      case 'IDLE':
        this.#idle = tag;
        this.#say('+ idling');
        return undefined;
      case 'LOGOUT':
        this.#say('* BYE bye');
        this.#say(`${tag} ${DONE}`);
        this.end();
        return undefined;
      case 'NOOP':
        if (this.#folder !== undefined && nature.tellsOfMessages) {
          this.#say(`* ${this.#folder.messages.length} EXISTS`);
        }
        return DONE;
      case 'ID':
      case 'ENABLE':
      case 'CLOSE':
      case 'UNSELECT':
        return DONE;
      default:
        return this.#folder === undefined
          ? 'BAD nothing is selected'
          : this.#onMessages(this.#folder, name.toUpperCase(), rest);
    }
  }

  #list(pattern: string): void {
    // An empty name asks for the delimiter alone (RFC 9051 §6.3.9).
    if (pattern === '') this.#say('* LIST (\\Noselect) "/" ""');
    else for (const folder of this.#script.folders.keys()) this.#say(`* LIST () "/" "${folder}"`);
  }

  #decide(mechanism: string, response: string): string {
    const decoded = Buffer.from(response, 'base64').toString();
    const [, user = '', secret = ''] =
      mechanism === 'PLAIN'
        ? decoded.split('\0')
        : (/(?:user=|a=)([^\u0001,]*)[^]*auth=Bearer ([^\u0001]*)/.exec(decoded) ?? []);
    return this.#login(user, secret, mechanism);
  }

  #login(user: string, secret: string, mechanism: string): string {
    const { login, capabilities } = this.#script.nature;
    return login(user, secret, mechanism) ?? `OK [CAPABILITY ${capabilities.join(' ')}] in`;
  }

  #select(name: string): string {
    const folder = this.#script.folders.get(name);
    if (folder === undefined) return 'NO [NONEXISTENT] no such folder';
    const { permanentFlags, phantoms } = this.#script.nature;
    this.#folder = folder;
    const known = folder.messages.flatMap(({ flags }) => [...flags]);
    const named = new Set(['\\Answered', '\\Flagged', '\\Deleted', '\\Seen', '\\Draft', ...known]);
    this.#say(`* FLAGS (${[...named].join(' ')})`);
    this.#say(`* OK [PERMANENTFLAGS (${permanentFlags})] flags`);
    this.#say(`* ${folder.messages.length + phantoms} EXISTS`);
    this.#say(`* OK [UIDVALIDITY ${folder.uidValidity}] valid`);
    this.#say(`* OK [UIDNEXT ${folder.uidNext}] next`);
    return 'OK [READ-WRITE] selected';
  }

  /** Does what a folder must be selected for. */
  #onMessages(folder: Folder, name: string, rest: string): string {
    const { nature, folders } = this.#script;
    const [set = '', ...words] = rest.split(' ');
    const chosen = chosenBy(folder, set);
    const others = words.join(' ');
    if (name === 'UID SEARCH') {
      this.#say(`* SEARCH ${nature.finds(searched(folder, rest)).join(' ')}`.trimEnd());
    } else if (name === 'UID FETCH') {
      const given = chosen.filter(({ uid }) => !nature.withheld.has(uid));
      for (const message of given) this.#write(fetched(folder, message, others));
    } else if (name === 'UID STORE') {
      for (const flag of flagsIn(others)) {
        for (const { flags } of chosen) {
          if (others.startsWith('-')) flags.delete(flag);
          else flags.add(flag);
        }
      }
    } else if (name === 'UID COPY' || name === 'UID MOVE') {
      const target = folders.get(wordsOf(others)[0] ?? '');
      if (target === undefined) return 'NO [TRYCREATE] no such folder';
      for (const { raw, flags } of chosen) {
        this.#script.append(raw, target);
        target.messages.at(-1)!.flags = new Set(flags);
      }
      if (name === 'UID MOVE') this.#remove(folder, chosen);
    } else if (name === 'UID EXPUNGE') {
      const marked = chosen.filter(({ flags }) => flags.has('\\Deleted'));
      this.#remove(folder, marked);
    } else {
      return 'BAD unknown';
    }
    return DONE;
  }

  #remove(folder: Folder, gone: readonly Kept[]): void {
    for (const message of gone) {
      const at = folder.messages.indexOf(message);
      folder.messages.splice(at, 1);
      this.#say(`* ${at + 1} EXPUNGE`);
    }
  }
}

/** Gives the quoted or bare words of an argument. */
function wordsOf(text: string): readonly string[] {
  const found = [...text.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)];
  return found.map(([, quoted, bare]) => quoted?.replaceAll(/\\(.)/g, '$1') ?? bare ?? '');
}

const flagsIn = (text: string): readonly string[] =>
  (/\(([^)]*)\)/.exec(text)?.[1] ?? '').split(' ').filter((flag) => flag !== '');

/** Gives the messages of a sequence set of UIDs. */
function chosenBy({ messages }: Folder, set: string): readonly Kept[] {
  const last = messages.at(-1)?.uid ?? 0;
  const number = (text: string): number => (text === '*' ? last : Number(text));
  const ranges = set.split(',').map((range) => {
    const [from = '', to = from] = range.split(':');
    return [number(from), number(to)].sort((one, other) => one - other) as [number, number];
  });
  return messages.filter(({ uid }) => ranges.some(([from, to]) => uid >= from && uid <= to));
}

function searched(folder: Folder, criteria: string): readonly number[] {
  const uids = (found: readonly Kept[]): readonly number[] => found.map(({ uid }) => uid);
  const keyword = /\bKEYWORD (\S+)/i.exec(criteria)?.[1];
  if (keyword !== undefined) return uids(folder.messages.filter(({ flags }) => flags.has(keyword)));
  const set = /\bUID (\S+)/i.exec(criteria)?.[1];
  if (set !== undefined) return uids(chosenBy(folder, set));
  const day = /\bSINCE "?([\w-]+)"?/i.exec(criteria)?.[1];
  const from = day === undefined ? 0 : Date.parse(`${day} UTC`);
  return uids(folder.messages.filter(({ at }) => at.getTime() >= from));
}

/** Writes one FETCH response with the items that were asked for. */
function fetched(folder: Folder, { uid, raw, flags }: Kept, items: string): Buffer {
  const headerEnd = raw.indexOf('\r\n\r\n') + 4;
  const head = `* ${folder.messages.findIndex((each) => each.uid === uid) + 1} FETCH (UID ${uid}`;
  const size = /RFC822\.SIZE/i.test(items) ? ` RFC822.SIZE ${raw.length}` : '';
  const marks = /FLAGS/i.test(items) ? ` FLAGS (${[...flags].join(' ')})` : '';
  const parts: Buffer[] = [Buffer.from(`${head}${size}${marks}`)];
  const [, section, from, count] = /BODY(?:\.PEEK)?\[([^\]]*)\](?:<(\d+)\.(\d+)>)?/i.exec(items) ?? [];
  if (section !== undefined) {
    const whole = section === '' ? raw : raw.subarray(0, headerEnd);
    const start = Number(from ?? 0);
    const part = count === undefined ? whole : whole.subarray(start, start + Number(count));
    const origin = from === undefined ? '' : `<${from}>`;
    parts.push(Buffer.from(` BODY[${section}]${origin} {${part.length}}\r\n`), part);
  }
  return Buffer.concat([...parts, Buffer.from(')\r\n')]);
}
