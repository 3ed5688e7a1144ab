/**
 * The settings of `[[imap]]`, a mailbox that replies are read from.
 *
 * Contract: no two tables name one folder of one user: each of the two would have to leave its messages to the other.
 */
import type { ConfigOf } from '../../config/config.ts';
import * as kind from '../../config/kinds.ts';
import { tables } from '../../config/tables.ts';
import { SOURCE_COLUMNS } from '../source-settings.ts';

/** What becomes of a message in its folder, once it is settled here. */
const AFTER = /^(?:seen|keyword|delete|nothing|move:[^\0\r\n]{1,200})$/;

/** The columns of a mailbox's table. */
const COLUMNS = {
  ...SOURCE_COLUMNS,
  host: kind.text(undefined, 'The IMAP server.', 'a host name', (host) => /^[\w.:-]{1,253}$/.test(host)),
  port: kind.integer(0, 0, 65_535, 'Its port; 0 is 993, and 143 unless `tls` is `"implicit"`.'),
  tls: kind.oneOf(
    ['implicit', 'starttls', 'off'],
    'implicit',
    'How the connection is encrypted; `"off"` is for servers on this host.',
  ),
  caFile: kind.optional(kind.file)(
    'A file with the certificates of authorities to believe beside those of the system.',
  ),
  user: kind.text(undefined, 'The user of the mailbox.', 'a text of one line', (user) =>
    /^[^\0\r\n]+$/.test(user),
  ),
  passwordFile: kind.optional(kind.secretFile)('The file that holds its password, on one line.'),
  tokenCommand: kind.orOne(
    kind.texts(
      [],
      'A program of yours with its arguments, in place of a password, that prints an OAuth2 access token; it is called again when a token is refused.',
      'a program, or a list of it and its arguments',
      (word) => word !== '' && !word.includes('\0'),
    ),
  ),
  folder: kind.text('INBOX', 'The folder that is read.', 'the name of a folder', (name) =>
    /^[^\0\r\n]+$/.test(name),
  ),
  after: kind.text(
    'seen',
    'What becomes of a message in its folder once it is settled: it is marked as read, marked with the keyword `$Mailgw`, moved to another folder (`"move:FOLDER"`), deleted, or left alone.',
    '"seen", "keyword", "move:FOLDER", "delete" or "nothing"',
    (after) => AFTER.test(after),
  ),
  refusedTo: kind.text(
    '',
    'A folder that a message is moved to whose reply addresses are all refused: forged, expired, or of nobody any more. Nobody is told. Empty does with it what `after` says.',
    'the name of a folder',
    (name) => /^[^\0\r\n]{0,200}$/.test(name),
  ),
  since: kind.oneOf(
    ['now', 'all'],
    'now',
    'What is taken of a folder at the very first: what comes from now on, or everything that is there.',
  ),
} as const;

/** A mailbox as it is configured. */
export type ImapConfig = { readonly [K in keyof typeof COLUMNS]: ValueOf<(typeof COLUMNS)[K]> };

type ValueOf<S> = S extends kind.Setting<infer T> ? T : never;

/** The ports at which a server has the same mailboxes: by default, with TLS from the first octet, and with STARTTLS. */
const USUAL_PORTS: ReadonlySet<number> = new Set([0, 143, 993]);

/** Gives what makes a mailbox the same as another, in words; INBOX alone knows no case (RFC 9051 §5.1). */
function placeOf({ host, port, user, folder }: ImapConfig): string {
  const place = `${host.toLowerCase()}${USUAL_PORTS.has(port) ? '' : `:${port}`}`;
  const name = folder.toUpperCase() === 'INBOX' ? 'INBOX' : folder;
  return `folder ${JSON.stringify(name)} of ${user} at ${place}`;
}

/** Lists the mailboxes that another table has already. */
function problemsOf(all: readonly ImapConfig[]): kind.InsideProblem[] {
  const places = all.map(placeOf);
  return places.flatMap((place, index) => {
    const first = places.indexOf(place);
    if (first === index) return [];
    const problem = `${place} is read by imap[${first}] already; expected another mailbox`;
    return [{ path: `[${index}].folder`, problem }];
  });
}

const EACH = tables<ImapConfig>(COLUMNS, 'Mailboxes that replies are read from.');

/** Tells whether something becomes of messages in their folder. */
export const changesFolder = ({ after, refusedTo }: Pick<ImapConfig, 'after' | 'refusedTo'>): boolean =>
  after !== 'nothing' || refusedTo !== '';

/** The section's table. */
export const IMAP_SETTINGS = {
  each: {
    ...EACH,
    /** Reads the tables, and compares them with each other. */
    read: (value: unknown): kind.Read<readonly ImapConfig[]> => {
      const read = EACH.read(value);
      const inside = read.ok ? problemsOf(read.value) : [];
      if (inside.length === 0) return read;
      const problem = inside.map((each) => `${each.path}: ${each.problem}`).join('; ');
      return { ok: false, problem, inside };
    },
  },
} as const;

/** The section as a configuration has it. */
export type ImapSection = ConfigOf<{ readonly imap: typeof IMAP_SETTINGS }>;
