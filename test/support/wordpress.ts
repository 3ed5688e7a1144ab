// Debian's WordPress for a test: its own MariaDB on a Unix socket, its own wp-config.php, PHP's built-in server.
//
// Contract: the code is Debian's, unchanged; database, configuration and content are in the scratch, and nothing of a
// WordPress in use is read. It has no network: WordPress is told to ask nobody. Mail leaves by PHP's `sendmail_path`.
// One request at a time: PHP's server with workers leaves them behind when it is ended.
// Failure: wordpressUnavailable() says why the machine cannot run it; the tests skip with that sentence.

import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { DaemonProcess, runOk } from './process.ts';
import type { Scratch } from './scratch.ts';

const CODE = '/usr/share/wordpress';

/** Why WordPress cannot run here, or false if it can: the value of a test's `skip`. */
export function wordpressUnavailable(): string | false {
  const needed = [`${CODE}/wp-load.php`, '/usr/sbin/mariadbd', '/usr/bin/mariadb-install-db', '/usr/bin/php'];
  const missing = needed.find((path) => !existsSync(path));
  return missing === undefined ? false : `unavailable: no ${missing}`;
}

/** What a test may choose. */
export interface WordPressOptions {
  /** PHP's `sendmail_path`: the program that takes mail, with its words; default one that drops it. */
  readonly sendmail?: string;
  /** The port that it listens on; default a free one. */
  readonly port?: number;
  /** The host by which WordPress calls itself in its mail; default 127.0.0.1 as it is reached. */
  readonly host?: string;
}

/** A user of the site. */
export interface SiteUser {
  readonly login: string;
  readonly password: string;
  readonly address: string;
  readonly role: 'administrator' | 'editor' | 'author' | 'subscriber';
}

/** The administrator whose application password posts. */
export const ADMIN: SiteUser = {
  login: 'gateway',
  password: 'correct horse',
  address: 'gateway@example.org',
  role: 'administrator',
};

/** Who writes by mail. */
export const AUTHOR: SiteUser = {
  login: 'alice',
  password: 'battery staple',
  address: 'alice@example.com',
  role: 'author',
};

/** Who comments on the web, and may not moderate. */
export const READER: SiteUser = {
  login: 'bob',
  password: 'tr0ub4dor&3',
  address: 'bob@example.net',
  role: 'subscriber',
};

const USERS = [ADMIN, AUTHOR, READER];

/** A comment as the interface shows it to who may moderate. */
export interface SiteComment {
  readonly id: number;
  readonly post: number;
  readonly parent: number;
  readonly author: number;
  readonly author_name: string;
  readonly author_user_agent: string;
  readonly status: string;
  readonly content: { readonly raw: string; readonly rendered: string };
}

/** Starts WordPress with its users; it ends with the scratch. */
export async function startWordPress(scratch: Scratch, options: WordPressOptions = {}): Promise<WordPress> {
  const directory = scratch.path('wordpress');
  const socket = await startDatabase(scratch);
  const port = options.port ?? (await freePort());
  await layOut(directory, socket, port, options);
  const php = ['-d', `sendmail_path=${options.sendmail ?? '/bin/true'}`, '-d', 'mail.add_x_header=Off'];
  const seeded = await runOk('php', [...php, join(directory, 'seed.php')], JSON.stringify(USERS));
  const seed = JSON.parse(seeded.slice(seeded.lastIndexOf('\n{') + 1)) as Seed;
  const server = new DaemonProcess(
    'php',
    [...php, '-S', `127.0.0.1:${port}`, '-t', directory, join(directory, 'router.php')],
    scratch.path('php.log'),
  );
  scratch.defer(async () => {
    await server.end('SIGTERM');
  });
  const site = new WordPress(`http://127.0.0.1:${port}`, options, directory, seed);
  await eventually(
    async () => ((await site.isUp()) ? true : undefined),
    () => server.output(),
  );
  return site;
}

async function startDatabase(scratch: Scratch): Promise<string> {
  const [data, socket] = [scratch.path('database'), scratch.path('sql.sock')];
  const user = process.getuid?.() === 0 ? ['--user=root'] : [];
  await runOk('mariadb-install-db', [
    '--no-defaults',
    ...user,
    `--datadir=${data}`,
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
  ]);
  const server = new DaemonProcess(
    '/usr/sbin/mariadbd',
    [
      '--no-defaults',
      ...user,
      `--datadir=${data}`,
      `--socket=${socket}`,
      '--skip-networking',
      '--skip-log-bin',
      '--innodb-flush-log-at-trx-commit=0',
      '--innodb-buffer-pool-size=32M',
      '--character-set-server=utf8mb4',
    ],
    scratch.path('mariadb.log'),
  );
  scratch.defer(async () => {
    await server.end('SIGKILL'); // what it holds is thrown away
  });
  await eventually(
    async () =>
      (await runOk('mariadb', ['--no-defaults', `--socket=${socket}`, '-uroot', '-e', SQL]).catch(
        () => undefined,
      )) === undefined
        ? undefined
        : true,
    () => server.output(),
    60_000,
  );
  return socket;
}

const SQL = 'CREATE DATABASE IF NOT EXISTS wordpress CHARACTER SET utf8mb4';

/** Lays a site out: Debian's files at the top, its directories by links, and what is the test's own. */
async function layOut(
  directory: string,
  socket: string,
  port: number,
  { host }: WordPressOptions,
): Promise<void> {
  mkdirSync(join(directory, 'wp-content'), { recursive: true });
  for (const name of readdirSync(CODE)) {
    if (name === 'wp-config.php' || name === 'wp-content' || name === '.htaccess') continue;
    // PHP tells where a file is by its real path: the top ones say where WordPress is.
    if (name.endsWith('.php')) await cp(join(CODE, name), join(directory, name));
    else symlinkSync(join(CODE, name), join(directory, name));
  }
  symlinkSync('/var/lib/wordpress/wp-content/themes', join(directory, 'wp-content/themes'));
  writeFileSync(join(directory, 'wp-config.php'), configuration(socket, port, host ?? '127.0.0.1'));
  writeFileSync(join(directory, 'router.php'), ROUTER);
  writeFileSync(join(directory, 'seed.php'), SEED);
}

/** Writes wp-config.php; application passwords want HTTPS, or a site that says that it is a local one. */
function configuration(socket: string, port: number, host: string): string {
  const constants = {
    DB_NAME: 'wordpress',
    DB_USER: 'root',
    DB_PASSWORD: '',
    DB_HOST: `localhost:${socket}`,
    DB_CHARSET: 'utf8mb4',
    WP_ENVIRONMENT_TYPE: 'local',
    WP_HTTP_BLOCK_EXTERNAL: true,
    DISABLE_WP_CRON: true,
    AUTOMATIC_UPDATER_DISABLED: true,
    WP_SITEURL: `http://${host}:${port}`,
    WP_HOME: `http://${host}:${port}`,
    AUTH_KEY: 'a test',
  };
  const lines = Object.entries(constants).map(([name, value]) => `define('${name}', ${quoted(value)});`);
  return [
    '<?php',
    ...lines,
    "$table_prefix = 'wp_';",
    "if (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');",
    "require_once ABSPATH . 'wp-settings.php';",
    '',
  ].join('\n');
}

const quoted = (value: string | boolean): string =>
  typeof value === 'boolean' ? String(value) : `'${value.replace(/['\\]/g, '\\$&')}'`;

/** Files are served as they are; all else is WordPress's. */
const ROUTER = `<?php
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
$file = __DIR__ . $path;
if ($path !== '/' && is_file($file)) {
    if (substr($path, -4) !== '.php') return false;
    $_SERVER['SCRIPT_NAME'] = $_SERVER['PHP_SELF'] = $path;
    $_SERVER['SCRIPT_FILENAME'] = $file;
    chdir(dirname($file));
    require $file;
    return true;
}
$_SERVER['SCRIPT_NAME'] = $_SERVER['PHP_SELF'] = '/index.php';
$_SERVER['SCRIPT_FILENAME'] = __DIR__ . '/index.php';
require __DIR__ . '/index.php';
`;

/** Installs, adds the users that come on standard input, and says what was made. */
const SEED = `<?php
define('WP_INSTALLING', true);
$_SERVER['HTTP_HOST'] = '127.0.0.1';
$_SERVER['SERVER_PROTOCOL'] = 'HTTP/1.1';
require __DIR__ . '/wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';
$users = json_decode(file_get_contents('php://stdin'), true);
$admin = $users[0];
wp_install('A blog', $admin['login'], $admin['address'], true, '', $admin['password']);
$ids = [$admin['login'] => get_user_by('login', $admin['login'])->ID];
foreach (array_slice($users, 1) as $user) {
    $ids[$user['login']] = wp_insert_user([
        'user_login' => $user['login'], 'user_pass' => $user['password'],
        'user_email' => $user['address'], 'role' => $user['role'], 'display_name' => ucfirst($user['login']),
    ]);
}
$made = WP_Application_Passwords::create_new_application_password($ids[$admin['login']], ['name' => 'mailgw']);
echo "\\n", json_encode(['ids' => $ids, 'password' => $made[0]]), "\\n";
`;

/** What the seed made. */
interface Seed {
  readonly ids: Readonly<Record<string, number>>;
  readonly password: string;
}

/** A running WordPress. */
export class WordPress {
  readonly origin: string;
  /** The administrator's key as it stands in a file: name and application password. */
  readonly key: string;
  readonly #host: string;
  readonly #directory: string;
  readonly #ids: Map<string, number>;
  #posts = 0;
  #keys = 0;

  constructor(origin: string, { host = '127.0.0.1' }: WordPressOptions, directory: string, seed: Seed) {
    this.origin = origin;
    this.#host = host;
    this.#directory = directory;
    this.key = `${ADMIN.login}:${seed.password}`;
    this.#ids = new Map(Object.entries(seed.ids));
  }

  /** The number of a user. */
  idOf({ login }: Pick<SiteUser, 'login'>): number {
    return this.#ids.get(login) ?? 0;
  }

  /** Adds a user. */
  async add({ login, password, address, role }: SiteUser): Promise<void> {
    const user = { username: login, password, email: address, roles: [role] };
    const made = await this.ask('/wp/v2/users', {}, user);
    this.#ids.set(login, (made as { id: number }).id);
  }

  async isUp(): Promise<boolean> {
    return await fetch(`${this.origin}/?rest_route=/`).then(
      ({ ok }) => ok,
      () => false,
    );
  }

  /** Makes an application password of a user; their key as it stands in a file. */
  async keyOf(user: SiteUser): Promise<string> {
    this.#keys += 1;
    const route = `/wp/v2/users/${this.idOf(user)}/application-passwords`;
    const made = await this.ask(route, {}, { name: `key ${this.#keys}` });
    return `${user.login}:${(made as { password: string }).password}`;
  }

  /** Posts to the interface with a key; throws where it refuses. */
  async askAs(key: string, route: string, body: Readonly<Record<string, unknown>>): Promise<unknown> {
    return await this.#ask(key, route, {}, body, 'POST');
  }

  /** Asks the interface as the administrator; throws where it refuses. */
  async ask(
    route: string,
    query: Readonly<Record<string, string>> = {},
    body?: Readonly<Record<string, unknown>>,
    method = body === undefined ? 'GET' : 'POST',
  ): Promise<unknown> {
    return await this.#ask(this.key, route, query, body, method);
  }

  async #ask(
    key: string,
    route: string,
    query: Readonly<Record<string, string>>,
    body: Readonly<Record<string, unknown>> | undefined,
    method: string,
  ): Promise<unknown> {
    const search = new URLSearchParams({ rest_route: route, ...query });
    const answer = await fetch(`${this.origin}/index.php?${search.toString()}`, {
      method,
      headers: {
        authorization: `Basic ${Buffer.from(key).toString('base64')}`,
        'content-type': 'application/json',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${route}: ${answer.status} ${text}`);
    return JSON.parse(text);
  }

  /** Runs lines of PHP at every request from now on, as a plugin of the site's own. */
  plugIn(name: string, php: string): void {
    const directory = join(this.#directory, 'wp-content/mu-plugins');
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `${name}.php`), php);
  }

  /** Takes a plugin of the site's own out again. */
  plugOut(name: string): void {
    rmSync(join(this.#directory, 'wp-content/mu-plugins', `${name}.php`));
  }

  /** Logs a user in on the page for it, and comments on a post by its form, as people do. */
  async sayOnPage({ login, password }: SiteUser, post: number, comment: string): Promise<void> {
    const send = async (page: string, cookie: string, form: Readonly<Record<string, string>>) => {
      const answer = await fetch(`${this.origin}/${page}`, {
        method: 'POST',
        redirect: 'manual',
        headers: { cookie },
        body: new URLSearchParams(form),
      });
      if (answer.status !== 302) throw new Error(`${page}: ${answer.status} ${await answer.text()}`);
      return answer.headers.getSetCookie().map((line) => line.split(';')[0] ?? '');
    };
    const test = 'wordpress_test_cookie=WP%20Cookie%20check';
    const cookies = await send('wp-login.php', test, { log: login, pwd: password, testcookie: '1' });
    await send('wp-comments-post.php', cookies.join('; '), { comment, comment_post_ID: `${post}` });
  }

  /** The page of a post, as anybody sees it. */
  async page(post: number): Promise<string> {
    const { port } = new URL(this.origin);
    const where = ['--resolve', `${this.#host}:${port}:127.0.0.1`];
    return await runOk('curl', ['-sSf', ...where, `http://${this.#host}:${port}/?p=${post}`]);
  }

  /** Publishes a post of an author, and gives its number. */
  async post(author: SiteUser = ADMIN, change: Readonly<Record<string, unknown>> = {}): Promise<number> {
    this.#posts += 1;
    const made = await this.ask(
      '/wp/v2/posts',
      {},
      {
        title: `Post number ${this.#posts}`,
        content: 'What do you think?',
        status: 'publish',
        author: this.idOf(author),
        ...change,
      },
    );
    return (made as { id: number }).id;
  }

  /** The comments of a post, in order. */
  async comments(post: number): Promise<readonly SiteComment[]> {
    const all: SiteComment[] = [];
    for (let page = 1; ; page++) {
      const query = { context: 'edit', order: 'asc', orderby: 'id', per_page: '100', status: 'any' };
      const some = (await this.ask('/wp/v2/comments', {
        ...query,
        post: String(post),
        page: String(page),
      })) as SiteComment[];
      all.push(...some);
      if (some.length < 100) return all;
    }
  }
}
