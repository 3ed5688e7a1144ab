// The real Redmine of Debian's package, unchanged, on a copy of its database: its own code, its own mail.
//
// Contract: the program is what the package installed, reached by links from a directory of the scratch, which has the
// database, the files, the log and the configuration of this Redmine alone; the system's own Redmine stays untouched. It is
// up when startRedmine returns, with REST on, and ends with the scratch.
// Limits: it runs as root, which reads the database that the package made.

import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { DaemonProcess, run } from './process.ts';
import type { Scratch } from './scratch.ts';

const PROGRAM = '/usr/share/redmine';
const DATABASE = '/var/lib/dbconfig-common/sqlite3/redmine/instances/default/redmine_default';
const UP_WITHIN_MS = 120_000;

/** Says why no Redmine can be started here; false where one can. */
export function redmineUnavailable(): string | false {
  const missing = [PROGRAM, DATABASE, '/usr/bin/puma', '/usr/bin/bundle'].find((path) => !existsSync(path));
  if (missing === undefined) return false;
  return `Redmine is not installed (no ${missing}): apt-get install redmine redmine-sqlite puma, as root`;
}

/** What a test may choose. */
export interface RedmineOptions {
  /** The port of the SMTP server that takes its mail; default none, and it sends none. */
  readonly smtpPort?: number;
  /** Where it serves; default a free port. */
  readonly port?: number;
  /** Redmine's text_formatting; default textile, as installed. */
  readonly format?: 'textile' | 'common_mark';
}

/** The users of every Redmine of the tests; alice and bob write, carol may change issues but add no notes. */
export const PEOPLE = ['alice', 'bob', 'carol', 'dave'] as const;

/** An answer of Redmine's interface. */
export interface RedmineAnswer {
  readonly status: number;
  readonly json: unknown;
  readonly text: string;
}

/** A running Redmine. */
export class Redmine {
  readonly origin: string;
  /** The key of the administrator, and one of alice, who is none. */
  readonly adminKey: string;
  readonly aliceKey: string;
  readonly #root: string;
  readonly #runner: (ruby: string) => Promise<string>;

  constructor(
    origin: string,
    root: string,
    keys: { readonly admin: string; readonly alice: string },
    runner: (ruby: string) => Promise<string>,
  ) {
    this.origin = origin;
    this.#root = root;
    this.adminKey = keys.admin;
    this.aliceKey = keys.alice;
    this.#runner = runner;
  }

  /** Runs Ruby within Redmine, as its own console does; what it printed. */
  ruby(text: string): Promise<string> {
    return this.#runner(text);
  }

  /** Asks its interface, as a user where one is named. */
  async ask(method: string, path: string, body?: unknown, user?: string): Promise<RedmineAnswer> {
    const answer = await fetch(this.origin + path, {
      method,
      redirect: 'manual',
      headers: {
        'x-redmine-api-key': this.adminKey,
        ...(user === undefined ? {} : { 'x-redmine-switch-user': user }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, text, json: text.startsWith('{') ? JSON.parse(text) : undefined };
  }

  /** The bytes of a file. */
  async file(url: string): Promise<Buffer> {
    const path = new URL(url).pathname;
    const answer = await fetch(this.origin + path, { headers: { 'x-redmine-api-key': this.adminKey } });
    return Buffer.from(await answer.arrayBuffer());
  }

  /** Makes an issue by bob; its number. */
  async issue(change: object = {}): Promise<number> {
    const issue = { project_id: 'site', subject: 'The roof leaks', description: 'Since Monday.', ...change };
    const { status, json, text } = await this.ask('POST', '/issues.json', { issue }, 'bob');
    if (status !== 201) throw new Error(`no issue: ${status} ${text}`);
    return (json as { issue: { id: number } }).issue.id;
  }

  /** Puts notes of alice's into an issue, as many as there are, past the interface; the numbers of their journals. */
  async putNotes(issue: number, notes: readonly string[]): Promise<number[]> {
    const list = join(this.#root, 'notes.json');
    writeFileSync(list, JSON.stringify(notes));
    const printed = await this.ruby(`
      alice = User.find_by_login('alice')
      Journal.transaction { JSON.parse(File.read('${list}')).each do |text|
        journal = Journal.new(journalized: Issue.find(${issue}), user: alice, notes: text)
        journal.notify = false
        journal.save!
        puts journal.id
      end }`);
    return printed.trim().split('\n').map(Number);
  }

  /** The journals of an issue that have notes, in order. */
  async journals(issue: number): Promise<readonly RedmineJournal[]> {
    const { json } = await this.ask('GET', `/issues/${issue}.json?include=journals,attachments`);
    const found = (json as { issue: { journals: RedmineJournal[]; attachments: RedmineFile[] } }).issue;
    return found.journals
      .filter(({ notes, details }) => (notes ?? '') !== '' || details.length > 0)
      .map((journal) => ({
        ...journal,
        files: journal.details
          .filter(({ property }) => property === 'attachment')
          .flatMap(({ name }) => found.attachments.filter(({ id }) => String(id) === name)),
      }));
  }

  /** The HTML of Redmine's own page of an issue. */
  async page(issue: number): Promise<string> {
    const { text, status } = await this.ask('GET', `/issues/${issue}?key=${this.adminKey}`);
    if (status !== 200) throw new Error(`no page: ${status}`);
    return text;
  }
}

/** A file as the interface shows it. */
export interface RedmineFile {
  readonly id: number;
  readonly filename: string;
  readonly content_url: string;
}

/** A journal as the interface shows it, with its files. */
export interface RedmineJournal {
  readonly id: number;
  readonly user: { readonly id: number; readonly name: string };
  readonly notes: string | null;
  readonly private_notes: boolean;
  readonly created_on: string;
  readonly details: readonly { readonly property: string; readonly name: string }[];
  readonly files: readonly RedmineFile[];
}

/** Starts a Redmine. */
export async function startRedmine(scratch: Scratch, options: RedmineOptions = {}): Promise<Redmine> {
  const root = scratch.path('redmine');
  const port = options.port ?? (await freePort());
  const database = layOut(root, options);
  const environment = {
    X_DEBIAN_SITEID: 'default',
    RAILS_ENV: 'production',
    DATABASE_URL: `sqlite3:${database}`,
    BUNDLE_GEMFILE: join(root, 'Gemfile'),
  };
  const inRedmine = async (...words: string[]): Promise<string> => {
    const command = [
      '-C',
      root,
      ...Object.entries(environment).map((pair) => pair.join('=')),
      'bundle',
      'exec',
    ];
    const { code, stdout, stderr } = await run('env', [...command, 'rails', ...words]);
    if (code !== 0) throw new Error(`rails ${words[0]}: exit ${code}\n${stdout}${stderr}`);
    return stdout;
  };
  const keys = { admin: randomBytes(20).toString('hex'), alice: randomBytes(20).toString('hex') };
  await inRedmine('runner', seed(keys, port, options.format ?? 'textile'));
  const where = ['-b', '127.0.0.1', '-p', String(port), '-P', join(root, 'pid')];
  const server = new DaemonProcess(
    'env',
    ['-C', root, 'bundle', 'exec', 'rails', 'server', '-u', 'puma', '-e', 'production', ...where],
    scratch.path('redmine.log'),
    environment,
  );
  scratch.defer(async () => {
    await server.end('SIGTERM');
  });
  const redmine = new Redmine(`http://127.0.0.1:${port}`, root, keys, (ruby) => inRedmine('runner', ruby));
  await eventually(
    async () => {
      if (server.ended !== undefined) throw new Error(`Redmine ended: ${server.output()}`);
      const answer = await redmine.ask('GET', '/users/current.json').catch(() => undefined);
      return answer?.status === 200 ? true : undefined;
    },
    () => server.output(),
    UP_WITHIN_MS,
  );
  return redmine;
}

/** Lays out the directory: links to the program, copies of what is this Redmine's own; the path of its database. */
function layOut(root: string, { smtpPort }: RedmineOptions): string {
  mkdirSync(root);
  const own = ['config', 'bin', 'config.ru', 'Rakefile'];
  for (const name of own) cpSync(join(PROGRAM, name), join(root, name), { recursive: true });
  for (const name of readdirSync(PROGRAM))
    if (![...own, 'instances', 'Gemfile', 'Gemfile.lock'].includes(name))
      symlinkSync(join(PROGRAM, name), join(root, name));
  for (const name of ['config', 'files', 'log', 'tmp/pids', 'tmp/cache'])
    mkdirSync(join(root, 'instances', 'default', name), { recursive: true });
  writeFileSync(join(root, 'instances/default/config/secret_key.txt'), randomBytes(32).toString('hex'));
  // Its own Gemfile names no server.
  writeFileSync(join(root, 'Gemfile'), `eval_gemfile '${PROGRAM}/Gemfile'\ngem 'puma'\n`);
  const mail = `smtp_settings: {address: 127.0.0.1, port: ${smtpPort ?? 0}, enable_starttls_auto: false}`;
  writeFileSync(
    join(root, 'instances/default/config/configuration.yml'),
    [
      'default:',
      `  attachments_storage_path: ${join(root, 'instances/default/files')}`,
      ...(smtpPort === undefined ? [] : ['  email_delivery:', '    delivery_method: :smtp', `    ${mail}`]),
      '',
    ].join('\n'),
  );
  const database = join(root, 'redmine.sqlite3');
  copyFileSync(DATABASE, database);
  return database;
}

/** Ruby that fills a new Redmine; `closed` is a project that takes nothing more. */
function seed(keys: { admin: string; alice: string }, port: number, format: string): string {
  return `
    Redmine::DefaultData::Loader.load('en') if Redmine::DefaultData::Loader.no_data?
    Setting.rest_api_enabled = '1'
    Setting.text_formatting = '${format}'
    Setting.host_name = '127.0.0.1:${port}'
    Setting.mail_from = 'redmine@example.org'
    Setting.default_language = 'en'
    admin = User.find_by_login('admin')
    admin.update!(must_change_passwd: false, mail_notification: 'none')
    Token.where(user_id: admin.id, action: 'api').delete_all
    Token.create!(user: admin, action: 'api').update_column(:value, '${keys.admin}')
    carols = Role.create!(name: 'Editor', permissions: [:view_issues, :edit_issues])
    carols.trackers = Tracker.all if carols.respond_to?(:trackers=)
    manager = Role.givable.detect { |role| role.permissions.include?(:set_notes_private) } || Role.givable.first
    projects = %w(site closed).map do |id|
      project = Project.create!(name: id.capitalize, identifier: id, is_public: true, trackers: Tracker.all,
        enabled_module_names: %w(issue_tracking wiki))
    end
    %w(${PEOPLE.join(' ')}).each do |login|
      user = User.new(firstname: login.capitalize, lastname: 'Example', mail: login + '@example.com', language: 'en',
        mail_notification: %w(alice bob).include?(login) ? 'all' : 'none')
      user.login = login
      user.password = user.password_confirmation = 'only-for-a-test'
      user.save!
      projects.each { |p| Member.create!(project: p, principal: user, roles: [login == 'carol' ? carols : manager]) }
      Token.create!(user: user, action: 'api').update_column(:value, '${keys.alice}') if login == 'alice'
    end
    User.find_by_login('dave').lock!
  `;
}
