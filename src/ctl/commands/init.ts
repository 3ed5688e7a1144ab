/**
 * `mailgw-ctl init`: makes what a first start needs: configuration, pepper, the sink's secret, directories.
 *
 * Contract: nothing that exists is changed, so that running it again completes a half-made set; where there is a
 * configuration, the paths in it are used. Each thing is said. As root, what is made belongs to the daemon's user.
 * Failure: a file that cannot be made is 73 and names it; a bad option is named before anything is made.
 */
import { chmodSync, existsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { EXIT, Fault, usage } from '../../actions/fault.ts';
import { comment, commentedConfig, tomlValue } from '../../config/text.ts';
import { DEFAULT_SINK, SINK_FORM, SINK_TYPES, SINKS, settingsOf } from '../../sinks/catalogue.ts';
import type { SinkTable } from '../../sinks/sink-kind.ts';
import type { Config } from '../../site/config.ts';
import { loadConfig, readConfig } from '../../site/config.ts';
import { ROWS, SETTINGS } from '../../site/table.ts';
import type { CommandSpec, Context, Input } from '../command.ts';
import { type FilterPlace, filterPlaceOf } from '../filter-place.ts';
import { type HostName, hostNameOf } from '../host-name.ts';
import { lookUpUser, type Made, makeDirectory, makeFile, newPepper, ownerNotes, readOwner } from '../make.ts';
import type { Owner } from '../owner.ts';
import { DEFAULT_POSTFIX_DIRECTORY } from '../postfix/postfix-setup.ts';
import { printNote, printRows, printText } from '../terminal/print.ts';

/** Whom Postfix's daemons run as, with a group of the same name. */
const POSTFIX_USER = 'postfix';

const NEW_SINK = settingsOf({ type: DEFAULT_SINK }) ?? {};

/** `init`. */
export const initCommand: CommandSpec = {
  words: 'init',
  summary: 'make a commented configuration, the secrets and the directories',
  options: [
    { flags: '--domain <domain>', doc: 'the domain of the reply addresses, best a sub-domain of its own' },
    { flags: '--directory <dir>', doc: 'put everything into one directory, to try mailgw out' },
    {
      flags: '--sink <type>',
      doc: `the platform that takes replies, or the absolute path of a sink module (default: ${DEFAULT_SINK})`,
      values: Object.keys(SINKS),
    },
    {
      flags: '--url <url>',
      doc: `where the platform takes replies (default of the ${DEFAULT_SINK}: ${NEW_SINK.url?.begins?.value})`,
    },
    {
      flags: '--store <url>',
      doc: 'the PostgreSQL that holds the store, postgresql://USER@HOST/DATABASE (default: an SQLite database)',
    },
    {
      flags: '--authserv-id <id>',
      doc: "the name that your mail filter signs Authentication-Results with (default: Postfix's myhostname)",
    },
    {
      flags: '--own-received <number>',
      doc: 'how many Received fields of your own hosts stand above those results (default: 1 where Postfix has a milter, else 0)',
    },
    {
      flags: '--postfix-config <dir>',
      doc: `where Postfix's main.cf is, to ask for myhostname and milters (default: ${DEFAULT_POSTFIX_DIRECTORY})`,
    },
    {
      flags: '--sender-policy <policy>',
      doc: 'strict, flag or off; "flag" is for trying things out by hand (default: strict)',
    },
    {
      flags: '--owner <user>',
      doc: 'whose the secrets and the store will be (default: "mailgw", where root runs this and it exists)',
    },
  ],
  examples: [
    'init --domain reply.example.org',
    'init --domain reply.example.org --url https://tracker.example.org/hooks/mail --authserv-id mx.example.org',
    'init --domain reply.example.org --directory ./scratch',
  ],
  run: (input, context) => {
    const place = readPlace(input, context);
    const owner = readOwner(input.text('owner'), place.directory === undefined);
    const existing = existsSync(place.config);
    const asked = existing ? {} : askPostfix(input);
    const text = existing ? '' : writeConfigText(input, place, asked);
    const config = existing ? existingConfig(place.config) : check(text);
    const made = [
      makeDirectory(
        dirname(place.config),
        'where the configuration is',
        0o755,
        place.directory === undefined ? undefined : owner,
      ),
      makeFile(place.config, 'the configuration, with a comment on every setting', 0o644, text),
      ...makeRest(config, owner),
    ];
    report(made, place, { config, existing, ...asked }, context);
  },
};

/** The answers of a Postfix beside us, in place of options that were not given. */
interface Asked {
  /** Where the authserv-id is from. */
  readonly host?: HostName | undefined;
  /** Where its filters write. */
  readonly filters?: FilterPlace | undefined;
}

function askPostfix(input: Input): Asked {
  const directory = input.text('postfixConfig') ?? DEFAULT_POSTFIX_DIRECTORY;
  return {
    host: input.text('authservId') === undefined ? hostNameOf(directory) : undefined,
    filters: input.text('ownReceived') === undefined ? filterPlaceOf(directory) : undefined,
  };
}

/** The places of things; `directory` when all go into one. */
interface Place {
  readonly directory: string | undefined;
  readonly config: string;
}

function readPlace(input: Input, context: Context): Place {
  const given = input.text('directory');
  const directory = given === undefined ? undefined : resolve(given);
  const config =
    directory !== undefined && !context.configGiven
      ? resolve(directory, 'mailgw.toml')
      : resolve(context.configPath);
  return { directory, config };
}

function writeConfigText(input: Input, { directory, config }: Place, asked: Asked): string {
  const domain = input.text('domain');
  if (domain === undefined) {
    throw usage(
      'init: --domain is missing; expected the domain of the reply addresses, such as reply.example.org',
    );
  }
  const beside = (name: string): string => resolve(dirname(config), name);
  const inOne = (name: string, elsewhere: unknown): string =>
    directory === undefined ? String(elsewhere) : resolve(directory, name);
  const values = {
    ...socketValues(directory),
    'reply.domain': domain,
    'reply.pepper_file': inOne('pepper', beside('pepper')),
    'store.path': inOne('mailgw.db', SETTINGS.store.path.fallback),
    ...storeValues(input),
    ...senderValues(input, asked),
  };
  const type = readSinkType(input.text('sink'));
  return commentedConfig(ROWS, values, [
    ...comment(
      `Where replies are posted: ${SINK_TYPES.join(', ')}, or the absolute path of a sink module of your own.`,
    ),
    `type = ${tomlValue(type)}`,
    ...Object.entries(settingsOf({ type }) ?? {}).flatMap(([name, { begins }]) => {
      if (begins === undefined) return [];
      const { comment: doc, value, makes } = begins;
      const given = makes === undefined ? (input.text(name) ?? value) : inOne(value, beside(value));
      return [...comment(doc), `${name} = ${tomlValue(given)}`];
    }),
  ]);
}

/** Gives the place of a store that is no file. */
function storeValues(input: Input): Record<string, string> {
  const url = input.text('store');
  return url === undefined ? {} : { 'store.url': url };
}

/** Reads the type of the sink. */
function readSinkType(given: string = DEFAULT_SINK): string {
  const read = SINK_FORM.type.read(given);
  if (read.ok) return read.value;
  throw usage(`init: --sink ${read.problem}`);
}

/** Collects what is known of the filter and wanted of it; what is not given keeps its default. */
function senderValues(input: Input, { host, filters }: Asked): Record<string, string | number> {
  const policy = input.text('senderPolicy');
  const given = input.text('ownReceived');
  const ownReceived =
    given === undefined ? filters?.ownReceived : /^\d+$/.test(given) ? Number(given) : given;
  return {
    'sender.authserv_id': input.text('authservId') ?? host?.name ?? '',
    ...(policy === undefined ? {} : { 'sender.policy': policy }),
    ...(ownReceived === undefined ? {} : { 'sender.own_received': ownReceived }),
  };
}

/** Places both sockets in one directory; in Postfix's queue directory they are for its group. */
function socketValues(directory: string | undefined): Record<string, string> {
  const lmtp =
    directory === undefined ? String(SETTINGS.lmtp.socket.fallback) : resolve(directory, 'lmtp.sock');
  const policy = resolve(dirname(lmtp), 'policy.sock');
  const isForPostfix = directory === undefined && lookUpUser(POSTFIX_USER) !== undefined;
  const groups = isForPostfix ? { 'lmtp.group': POSTFIX_USER, 'policy.group': POSTFIX_USER } : {};
  return { 'lmtp.socket': lmtp, 'policy.socket': policy, ...groups };
}

/** Checks the configuration about to be written; a problem in it was an option. */
function check(text: string): Config {
  const read = readConfig(text, 'init');
  if (!read.ok) throw new Fault(EXIT.badInput, read.problems);
  return read.config;
}

function existingConfig(path: string): Config {
  const loaded = loadConfig(path);
  if (!loaded.ok) {
    throw new Fault(EXIT.configuration, [
      ...loaded.problems,
      `${path}: exists and is left as it is; correct it, or move it away`,
    ]);
  }
  return loaded.config;
}

function makeRest(config: Config, owner: Owner | undefined): Made[] {
  const [pepper] = config.reply.pepperFile;
  const made = [
    makeDirectory(dirname(pepper), 'where the pepper is', 0o755),
    makeFile(
      pepper,
      "the installation's secret: keep a copy, without it every reply address is void",
      0o600,
      newPepper(),
      owner,
    ),
  ];
  made.push(...makeSinkSecrets(config, owner));
  const { path, url } = config.store;
  const what = url === undefined ? 'where the store will be' : "where the daemon's own socket will be";
  made.push(makeDirectory(dirname(path), what, 0o750, owner));
  const sockets = dirname(config.lmtp.socket);
  // Postfix's own queue directory is Postfix's to make.
  if (existsSync(dirname(sockets))) made.push(makeSocketDirectory(sockets, config, owner));
  else
    made.push({
      path: sockets,
      action: 'skipped',
      what: `where the LMTP socket will be: ${dirname(sockets)} is missing; is Postfix installed?`,
    });
  return made;
}

function makeSinkSecrets({ sinks }: Config, owner: Owner | undefined): Made[] {
  return sinks.flatMap(({ options }) => makeSecretsOf(options, owner));
}

function makeSecretsOf(sink: SinkTable, owner: Owner | undefined): Made[] {
  return Object.entries(settingsOf(sink) ?? {}).flatMap(([name, { begins }]) => {
    const secret = sink[name];
    const makes = begins?.makes;
    if (makes === undefined || typeof secret !== 'string' || !secret.startsWith('/')) return [];
    return [
      makeDirectory(dirname(secret), `where the ${String(sink.type)}'s secret is`, 0o755),
      makeFile(secret, makes.what, 0o600, makes.content(), owner),
    ];
  });
}

/** Lists the secrets of the sink that the platform gives, and that are not written into their files yet. */
function emptySecrets({ sinks }: Config): { readonly path: string; readonly what: string }[] {
  return sinks.flatMap(({ options }) =>
    Object.entries(settingsOf(options) ?? {}).flatMap(([name, { begins }]) => {
      const path = options[name];
      const isEmpty = typeof path === 'string' && statSync(path, { throwIfNoEntry: false })?.size === 0;
      return begins?.makes === undefined || !isEmpty ? [] : [{ path, what: begins.makes.what }];
    }),
  );
}

/** Makes the sockets' directory; set-group-ID for Postfix, as mailgw.tmpfiles has it: what is made there is Postfix's group's. */
function makeSocketDirectory(path: string, { lmtp }: Config, owner: Owner | undefined): Made {
  const what = 'where the sockets will be';
  const postfix = lmtp.group === POSTFIX_USER ? lookUpUser(POSTFIX_USER) : undefined;
  if (postfix === undefined || process.getuid?.() !== 0) return makeDirectory(path, what, 0o755, owner);
  const made = makeDirectory(path, what, 0o755, { uid: owner?.uid ?? 0, gid: postfix.gid });
  // After the owner was set, which takes the bit away.
  if (made.action === 'made') chmodSync(path, 0o2750);
  return { ...made, owner };
}

/** The configuration that things were made for. */
interface Configured extends Asked {
  readonly config: Config;
  /** Whether it was there before. */
  readonly existing: boolean;
}

function report(all: readonly Made[], place: Place, configured: Configured, context: Context): void {
  const { config, existing, host, filters } = configured;
  const seen = new Set<string>();
  const made = all.filter(({ path }) => !seen.has(path) && seen.add(path));
  printRows(
    context.output,
    made.map(({ path, action, what }) => ({ path, action, what })),
    [{ key: 'action' }, { key: 'path' }, { key: 'what', shrinks: true }],
    '',
  );
  if (existing)
    printNote(
      context.output,
      `${place.config} was there before: its settings count, not the options given now`,
    );
  const [pepper, ...behind] = config.reply.pepperFile;
  const isMade = made.some(({ path, action }) => path === pepper && action === 'made');
  const { path: storePath, url } = config.store;
  if (behind.length === 0 && isMade && url === undefined && existsSync(storePath))
    printNote(context.output, otherPepper(config));
  if (host?.source === "this host's short name")
    printNote(
      context.output,
      `sender.authserv_id = "${host.name}" is ${host.source}, and no filter writes that: set it to the name in the Authentication-Results of a mail that came in`,
    );
  if (filters !== undefined) printNote(context.output, placeNote(filters));
  for (const note of ownerNotes(made, place.directory === undefined)) printNote(context.output, note);
  if (!context.output.json) printText(context.output, `\n${nextSteps(place, configured, context)}`);
}

/** Warns of a new pepper beside a store that is there: the store's addresses were hardly minted under it. */
function otherPepper({ reply, store }: Config): string {
  return (
    `${reply.pepperFile[0]} is new, and ${store.path} is not: the addresses that it gave were minted under another pepper. Put that one ` +
    'back from a backup; mail is put off until then. Only if it is lost, "mailgw-ctl pepper accept" makes the new one count, and voids them'
  );
}

/** Says where the number of Received fields is from, which decides who may post. */
function placeNote({ ownReceived, source, isGuess }: FilterPlace): string {
  const said = `sender.own_received = ${ownReceived}: Postfix asks ${source}, and puts what a milter writes below its own Received field`;
  const more = isGuess ? '; content_filter adds others, a mail that came in shows how many' : '';
  return `${said}${more} ("mailgw-ctl doctor --message FILE" looks)`;
}

function nextSteps(place: Place, { config, host }: Configured, context: Context): string {
  const standard = place.config === resolve(context.configPath) && !context.configGiven;
  const ctl = standard ? 'mailgw-ctl' : `mailgw-ctl --config ${place.config}`;
  const from = host === undefined ? '' : ` ("${host.name}", ${host.source})`;
  const strict = config.sender.policy !== 'off' ? ` and sender.authserv_id${from}` : '';
  const [sink] = config.sinks;
  const [first = 'type'] = Object.keys(settingsOf(sink?.options ?? {}) ?? {});
  const steps = [
    `look at ${sink?.key ?? 'sink'}.${first}${strict} in ${place.config}`,
    ...emptySecrets(config).map(({ path, what }) => `write ${what} into ${path}, which is empty`),
    `${ctl} config check`,
    `${ctl} user add alice --address alice@example.com`,
    `${ctl} address mint --user alice --thread acme/site/issue/7`,
  ];
  return ['Next:', ...steps.map((step, index) => `  ${index + 1}. ${step}`)].join('\n');
}
