/**
 * The settings that every sink of a platform has, beside its own: where it is, the key, who is who there, and what of a
 * text the platform must not act upon.
 */
import * as kind from '../../config/kinds.ts';
import { isTable } from '../../config/names.ts';
import type { SinkPolicy } from '../../reply/escape.ts';
import { isPrintable } from '../../system/printable.ts';
import { CA_FILE } from '../ca-file.ts';
import { httpTarget } from '../http-target.ts';
import type { NewSecret, SinkSetting } from '../sink-kind.ts';

/** What a platform says of itself for its settings. */
export interface PlatformForm {
  /** Its name, as people write it. */
  readonly name: string;
  /** An address in a new configuration. */
  readonly example: string;
  /** What stands in the file of `token_file`. */
  readonly token: string;
  /** What it must not act upon in a text of ours, unless the site says otherwise. */
  readonly inert: SinkPolicy;
}

/** Users of ours by what they are called on the platform. */
export type Logins = Readonly<Record<string, string>>;

/** Describes the file of a secret that the platform gives, and that the admin writes in. */
const emptyFile = (what: string): NewSecret => ({ what, content: () => '' });

/** Makes the settings of a platform. */
export function platformSettings({ name, example, token, inert }: PlatformForm) {
  const acts = (isInert: boolean, doc: string) => ({
    ...kind.oneOf(['inert', 'live'], isInert ? 'inert' : 'live', doc),
    unset: isInert ? '`inert`' : '`live`',
  });
  return {
    url: {
      ...httpTarget(
        `The address of ${name}, without the path of its interface: \`${example}\`, or \`unix:/path/to.sock:/\`.`,
        'sink.token_file',
      ),
      begins: { comment: `The address of ${name}.`, value: example },
    },
    token_file: {
      ...kind.secretFile(undefined, `The file that holds ${token}, on one line.`),
      expects: 'the absolute path of a file',
      begins: {
        comment: `The file that holds ${token}, on one line, for its owner alone (mode 0600).`,
        value: `${name.toLowerCase().replace(/[^a-z0-9]+/g, '-')}.token`,
        makes: emptyFile(token),
      },
    },
    ca_file: CA_FILE,
    map: {
      ...logins(`Users who are called otherwise in ${name}: \`map = { alice = "a.smith" }\`.`),
      unset: 'everybody has the same name',
    },
    mentions: acts(inert.mentions, '`"inert"`: `@name` in a reply tells nobody.'),
    references: acts(
      inert.references,
      '`"inert"`: `#123` in a reply links to nothing and leaves no trace there.',
    ),
    commands: acts(inert.commands, '`"inert"`: `/close` at the start of a line is no command.'),
    closing: acts(inert.closing, '`"inert"`: `fixes #123` closes nothing.'),
  } as const satisfies Readonly<Record<string, SinkSetting>>;
}

/** The setting of how a platform without a way to post as the user says whose text it is. */
export function attribution(fallback: string): SinkSetting & kind.Setting<string> {
  return {
    ...kind.text(
      fallback,
      'The line above a reply, where it is not posted as the user; `{user}` is who wrote it, and an empty text leaves the line out.',
      'a text of one line',
      isPrintable,
    ),
    unset: `\`${kind.show(fallback)}\``,
  };
}

/** Declares a table of names; two users under one name there would be told apart by nobody. */
function logins(doc: string): kind.Setting<Logins> {
  const expects = 'a table of names on the platform by our users, each once';
  return {
    expects,
    fallback: {},
    doc,
    applies: 'now',
    read: (value) => {
      const isText = (each: unknown): each is string =>
        typeof each === 'string' && each.trim() !== '' && isPrintable(each);
      const names = isTable(value) ? Object.values(value) : [undefined];
      const isGood = names.every(isText) && new Set(names).size === names.length;
      if (!isGood) return { ok: false, problem: `${kind.show(value)} is not ${expects}` };
      return { ok: true, value: Object.fromEntries(Object.entries(value as Logins)) };
    },
    write: (value) => value,
  };
}
