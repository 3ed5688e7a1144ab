// Request Tracker 5 as Debian has it: a server of the test's own, on a copy of its empty database.
//
// Contract: configuration, database, caches and port are the test's; nothing of the system's is written. Users, rights, tokens and
// tickets are made by Request Tracker's own modules and by its interface REST 2. Its mail goes where the test says.
// Failure: rtUnavailable() says why it cannot run here; the tests skip with that sentence.

import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import type { Comment } from '../sinks/platform-contract.ts';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { DaemonProcess, run } from './process.ts';
import type { Scratch } from './scratch.ts';
import { ALICE } from './site.ts';

const SHARE = '/usr/share/request-tracker5';
const DATABASE = '/var/lib/dbconfig-common/sqlite3/request-tracker5/rtdb';

/** Why Request Tracker cannot run here, or false if it can: the value of a test's `skip`. */
export function rtUnavailable(): string | false {
  if (!existsSync(`${SHARE}/libexec/rt-server`)) return 'unavailable: request-tracker5 is not installed';
  if (!existsSync(DATABASE)) return 'unavailable: rt5-db-sqlite has made no database';
  return process.getuid?.() === 0 ? false : 'unavailable: only root may read its database';
}

/** What a test may choose. */
export interface RtOptions {
  /** The sendmail(1) that it hands its mail to, and its arguments; default one that takes everything. */
  readonly sendmail?: { readonly path: string; readonly args: string };
}

/** The name of the installation, and the address that its mail is from. */
export const RT_NAME = 'rt.example.org';
export const RT_ADDRESS = 'tracker@example.org';

/** The account that mailgw posts by. */
export const BOT = 'mailgw';

/** Somebody who has the same rights as alice. */
export const BOB = { user: 'bob', address: 'bob@example.com' } as const;

/** Tokens by their users. */
export type Tokens = Readonly<Record<'alice' | 'bob' | 'mailgw' | 'poor' | 'root', string>>;

/** Starts a server that ends with the scratch. */
export async function startRt(scratch: Scratch, options: RtOptions = {}): Promise<Rt> {
  const port = await freePort();
  const directory = scratch.path('rt');
  const within = (...names: string[]): string => scratch.path('rt', ...names);
  for (const name of ['', 'config', 'mason', 'sessions', 'var'])
    mkdirSync(within(name), { recursive: true, mode: 0o755 });
  copyFileSync(DATABASE, within('rtdb'));
  writeFileSync(within('sendmail'), '#!/bin/sh\nexec cat >/dev/null\n', { mode: 0o755 });
  writeFileSync(within('RT_SiteConfig.pm'), '1;\n');
  const sendmail = options.sendmail ?? { path: within('sendmail'), args: '-oi -t' };
  writeFileSync(within('config', '50-test.pm'), siteConfig(directory, port, sendmail));
  const environment = {
    RT_SITE_CONFIG: within('RT_SiteConfig.pm'),
    RT_SITE_CONFIG_DIR: within('config'),
  };
  const tokens = await seed(environment);
  const server = new DaemonProcess(
    `${SHARE}/libexec/rt-server`,
    ['--server', 'Starlet', '--host', '127.0.0.1', '--port', String(port), '--max-workers', '4'],
    within('server.log'),
    environment,
  );
  scratch.defer(async () => {
    await server.end('SIGTERM');
  });
  const rt = new Rt(`http://127.0.0.1:${port}`, tokens);
  await eventually(
    () => rt.answers(),
    () => server.output(),
    60_000,
  );
  return rt;
}

function siteConfig(directory: string, port: number, sendmail: { path: string; args: string }): string {
  return `
Set($rtname, '${RT_NAME}');
Set($Organization, '${RT_NAME}');
Set($CorrespondAddress, '${RT_ADDRESS}');
Set($CommentAddress, 'tracker-comment@example.org');
Set($WebPath, '');
Set($WebDomain, '127.0.0.1');
Set($WebPort, ${port});
Set($WebBaseURL, 'http://127.0.0.1:${port}');
Set($DatabaseType, 'SQLite');
Set($DatabaseName, '${directory}/rtdb');
Set($Timezone, 'UTC');
# What a token costs to check.
Set($BcryptCost, 4);
Set($LogToSyslog, undef);
Set($LogToFile, undef);
Set($LogToSTDERR, 'warning');
Set($MailCommand, 'sendmailpipe');
Set($SendmailPath, '${sendmail.path}');
Set($SendmailArguments, '${sendmail.args}');
$RT::MasonDataDir = '${directory}/mason';
$RT::MasonSessionDir = '${directory}/sessions';
$RT::VarPath = '${directory}/var';
1;
`;
}

/** Makes users, their rights and their tokens; the tokens as JSON on its output. */
const SEED = `
use strict; use warnings; use lib '${SHARE}/lib';
use RT -init; use JSON ();
sub done { my ($ok, $message) = @_; die "$message\\n" unless $ok; return $ok }
sub user {
  my ($name, $address, $privileged) = @_;
  my $user = RT::User->new(RT->SystemUser);
  done($user->Create(Name => $name, EmailAddress => $address, Privileged => $privileged));
  return $user;
}
my $queue = RT::Queue->new(RT->SystemUser);
done($queue->Load('General'), 'no queue');
my @rights = qw(SeeQueue ShowTicket ShowTicketComments ReplyToTicket CommentOnTicket CreateTicket);
my %users;
for (['${BOT}', '${BOT}@example.org'], ['${ALICE.user}', '${ALICE.address}'], ['${BOB.user}', '${BOB.address}']) {
  $users{$_->[0]} = user(@$_, 1);
  for my $right (@rights) { done($users{$_->[0]}->PrincipalObj->GrantRight(Right => $right, Object => $queue)) }
}
$users{poor} = user('poor', 'poor@example.org', 1);
for my $right (qw(SeeQueue ShowTicket)) { done($users{poor}->PrincipalObj->GrantRight(Right => $right, Object => $queue)) }
user('carol', 'carol@example.net', 0);
$users{root} = RT::User->new(RT->SystemUser);
done($users{root}->Load('root'), 'no root');
my %tokens;
for my $name (keys %users) {
  my ($id, $message, $token) = RT::AuthToken->new(RT->SystemUser)->Create(Owner => $users{$name}->Id, Description => 'test');
  done($id, $message);
  $tokens{$name} = $token;
}
print JSON::encode_json(\\%tokens), "\\n";
`;

async function seed(environment: Readonly<Record<string, string>>): Promise<Tokens> {
  const settings = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const { code, stdout, stderr } = await run('env', [...settings, 'perl', '-'], SEED);
  if (code !== 0) throw new Error(`Request Tracker was not seeded: ${stdout}${stderr}`);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Tokens;
}

/** A JSON answer. */
type Json = Readonly<Record<string, unknown>>;

/** An attachment as a list has it. */
interface Stored {
  readonly id: string;
  readonly TransactionId: string | { readonly id: string };
  readonly ContentType: string;
  readonly Filename: string;
  readonly Creator: { readonly id: string };
  readonly Content: string;
}

/** A running Request Tracker. */
export class Rt {
  readonly origin: string;
  readonly tokens: Tokens;

  constructor(origin: string, tokens: Tokens) {
    this.origin = origin;
    this.tokens = tokens;
  }

  /** Whether it answers. */
  async answers(): Promise<true | undefined> {
    try {
      return (await fetch(`${this.origin}/REST/2.0/rt`)).status === 401 ? true : undefined;
    } catch {
      return undefined;
    }
  }

  /** Asks its interface REST 2, as root unless the token of another is given; throws where it refuses. */
  async ask(method: string, path: string, body?: unknown, token = this.tokens.root): Promise<Json> {
    const answer = await fetch(`${this.origin}/REST/2.0${path}`, {
      method,
      headers: {
        authorization: `token ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return (text === '' ? {} : JSON.parse(text)) as Json;
  }

  /** Makes a ticket; its locator. */
  async ticket(members: object = {}): Promise<string> {
    const { id } = await this.ask('POST', '/ticket', { Queue: 'General', Subject: 'A question', ...members });
    return `ticket/${String(id)}`;
  }

  /** The status of a ticket. */
  async status(thread: string): Promise<string> {
    return String((await this.ask('GET', `/${thread}`))['Status']);
  }

  /** Everything of a list, page by page. */
  async list(path: string, query: Readonly<Record<string, string>>): Promise<Json[]> {
    const all: Json[] = [];
    for (let page = 1; ; page++) {
      const parameters = new URLSearchParams({
        ...query,
        per_page: '100',
        page: String(page),
        orderby: 'id',
      });
      const items = (await this.ask('GET', `${path}?${parameters.toString()}`))['items'] as Json[];
      all.push(...items);
      if (items.length < 100) return all;
    }
  }

  /** The correspondences and comments of a ticket, in order. */
  async comments(thread: string): Promise<(Comment & { readonly type: string })[]> {
    const history = await this.list(`/${thread}/history`, { fields: 'Type,Creator' });
    const posts = history.filter(({ Type }) => Type === 'Correspond' || Type === 'Comment');
    const fields = 'TransactionId,ContentType,Filename,Creator,Content';
    const stored = (await this.list(`/${thread}/attachments`, { fields })) as unknown as Stored[];
    const comments = [];
    for (const post of posts) {
      const parts = stored.filter(
        ({ TransactionId: at }) => (typeof at === 'object' ? at.id : at) === post['id'],
      );
      const text = parts.find(({ Filename, ContentType }) => Filename === '' && /^text\//.test(ContentType));
      const files = [];
      for (const { id, Filename } of parts.filter((part) => part.Filename !== '')) {
        const { Content } = await this.ask('GET', `/attachment/${id}`);
        files.push({ name: Filename, bytes: Buffer.from(String(Content), 'base64') });
      }
      const author = (post['Creator'] as { id: string }).id;
      comments.push({ type: String(post['Type']), author, text: readHtml(text?.Content ?? ''), files });
    }
    return comments;
  }

  /** The page of a ticket's history, as somebody sees it in a browser. */
  async page(thread: string): Promise<string> {
    const login = await fetch(`${this.origin}/NoAuth/Login.html`, {
      method: 'POST',
      redirect: 'manual',
      headers: { referer: `${this.origin}/` },
      body: new URLSearchParams({ user: 'root', pass: 'password' }),
    });
    const cookie = (login.headers.getSetCookie().at(-1) ?? '').replace(/;.*/, '');
    const id = thread.replace('ticket/', '');
    const answer = await fetch(`${this.origin}/Ticket/History.html?id=${id}`, {
      headers: { cookie },
    });
    return await answer.text();
  }
}

/** The text of HTML as people read it, a paragraph or a broken line on a line of its own. */
export function readHtml(markup: string): string {
  const named: Readonly<Record<string, string>> = {
    amp: '&',
    lt: '<',
    gt: '>',
    quot: '"',
    '#39': "'",
    nbsp: ' ',
  };
  return markup
    .replace(/\n/g, ' ')
    .replace(/<br\b[^>]*>|<\/(?:p|h\d|li|pre|blockquote|div|tr)>/g, '\n')
    .replace(/<[^>]*>/g, '')
    .replace(/&([#\w]+);/g, (whole, name: string) => named[name] ?? whole)
    .replace(/[ \t]*\n[ \t]*/g, '\n')
    .replace(/\n+/g, '\n')
    .trim();
}
