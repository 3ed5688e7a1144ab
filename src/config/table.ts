/**
 * The table of settings that belong to no source: section and key, kind, default, and one sentence each.
 *
 * Contract: a property's unit suffix (`Ms`, `Bytes`) is not part of its key in the file: `maxAgeMs` is `max_age`.
 * docs/settings.md and mailgw.toml(5) are generated from it.
 */
import { ATTACHMENT_LIMITS } from '../mail/attachment-limits.ts';
import type { MatchRule } from '../mail/disposition.ts';
import { NOTICE_KINDS, type NoticeKind } from '../mail/notice.ts';
import {
  isDomain,
  isFieldName,
  isFilePattern,
  isForm,
  isMailAddress,
  isMatchRule,
  isNoticeKind,
  isPrefix,
  isSender,
} from './forms.ts';
import { HTTP_SETTINGS } from './http-table.ts';
import * as kind from './kinds.ts';
import { OUTBOUND_RULES } from './outbound-rules.ts';

const FILE_PATTERNS = 'a list of types such as "image/png" or "image/*" and extensions such as ".exe"';

/** The settings by section; `[sink]` is apart, because a sink reads its own options, and each source has its own section. */
export const BASE_SETTINGS = {
  reply: {
    domain: kind.underAddresses(kind.oneOrMore(kind.text))(
      undefined,
      'The domain of the reply addresses; best a sub-domain of its own. In a list, those that you leave stand behind the new one.',
      'a domain',
      isDomain,
    ),
    prefix: kind.underAddresses(kind.oneOrMore(kind.text))(
      'reply+',
      'What stands before the token; empty for a catch-all domain.',
      'a local part of at most 16 characters without spaces or "@"',
      isPrefix,
    ),
    maxAgeMs: kind.duration('90d', 'How long after a post its notification may be answered.'),
    compose: kind.yesNo(
      false,
      'Whether mail may start threads: "mailgw-ctl address mint --compose CONTAINER" makes addresses for that.',
    ),
    originalsBytes: kind.size(
      '64MiB',
      'The size of all that is remembered of notifications, so that replies are told from what they quote; the oldest goes first, "0B" remembers nothing.',
    ),
    pepperFile: kind.underAddresses(kind.oneOrMore(kind.secretFile))(
      '/etc/mailgw/pepper',
      'The file with the installation\'s secret; "mailgw-ctl init" makes one. In a list, those that you rotate out stand behind the new one.',
    ),
  },
  store: {
    path: kind.atStart(kind.path)(
      '/var/lib/mailgw/mailgw.db',
      'The SQLite database of users, salts, threads and the queue. With store.url no database lies there: it names the place of what belongs to this host, which is the daemon\'s own socket (its path and ".sock") and small files beside it, and whose directory\'s owner is the user of the daemon.',
    ),
    url: kind.atStart(kind.optional(kind.storeUrl))(
      'The PostgreSQL that holds all of this in the place of SQLite, so that several hosts work on one store. Without a password: that is in store.password_file. Of libpq\'s parameters it takes host, port, sslmode, sslrootcert, sslcert and sslkey; "pooler=transaction" says that PgBouncer is between. To a server that is not on this host sslmode is "verify-full" unless you say otherwise.',
    ),
    passwordFile: kind.atStart(kind.optional(kind.secretFile))(
      'The file with the password of the user in store.url, on one line; empty where the server asks for none, as with peer authentication or a certificate.',
    ),
    host: kind.atStart(kind.optional(kind.hostName))(
      "The name of this host in the store that store.url names, which no other host there may have; empty is the operating system's.",
    ),
    connections: kind.atStart(kind.integer)(
      6,
      2,
      100,
      'Connections to the PostgreSQL of store.url for what is written, at most; two more read.',
    ),
    lowWaterBytes: kind.size(
      '128MiB',
      'Free space of the file system of store.path below which new mail is answered 452, so that Postfix keeps it; "0B" looks for none. With store.url none is looked for: a database without room has mail answered 452 when it says so.',
    ),
    keepContentMs: kind.atStart(kind.duration)(
      '3d',
      'How long the message of a posted reply is kept, so that "mailgw-ctl queue retry --state posted" can post it again; "0s" removes it at once. When the disk runs low, the oldest go before new mail is put off.',
    ),
    keepRowsMs: kind.duration(
      '30d',
      'How long a posted reply stays in "mailgw-ctl queue list"; failed ones stay until you drop them.',
    ),
    dedupeWindowMs: kind.optional(kind.duration)(
      'How long a repeated message is known as one; longer than 7 days and reply.max_age. Empty is reply.max_age and 14 days.',
    ),
  },
  sender: {
    policy: kind.oneOf(
      ['strict', 'flag', 'off'],
      'strict',
      'Who may reply: "strict" wants a registered From address and a DMARC, aligned DKIM or SPF pass; "flag" only marks the post; "off" trusts the token.',
    ),
    authservId: kind.optional(kind.text)(
      'The authserv-id that your own filter writes into Authentication-Results; needed for "strict" and "flag".',
    ),
    ownReceived: kind.integer(
      0,
      0,
      10,
      "How many Received fields of your own hosts may stand above Authentication-Results that are believed; 1 where a milter inserts them below Postfix's own.",
    ),
    plusTags: kind.oneOf(
      ['compare', 'ignore'],
      'compare',
      'Whether "alice+work@" is another address than "alice@": "ignore" drops the tag of From and of registered addresses.',
    ),
    spoofed: kind.oneOf(
      ['discard', 'hold', 'flag'],
      'discard',
      'What becomes of a reply that "strict" does not let through: "discard" drops it; "hold" keeps it for you; "flag" posts it, marked, where From is registered and your filter said nothing, and holds the rest.',
    ),
    addressed: kind.oneOf(
      ['required', 'off'],
      'required',
      'Whether To or Cc of a reply must name the reply address, with "strict" and "flag": "required" keeps mail that the user signed for somebody else from being sent here by a third, and costs replies by Bcc; "off" does not look.',
    ),
    aliases: kind.texts(
      [],
      'Other forms of your reply addresses, which your Postfix rewrites to reply.prefix and reply.domain: a prefix, "@" and a domain. In To and Cc they count as well.',
      'a list of a prefix, "@" and a domain such as "reply+@old.example.org"',
      isForm,
    ),
  },
  rate: {
    perUser: kind.rate(
      '120/h',
      'Replies of one user; more are answered 450, and Postfix brings them later. What was not used in the span is there at once.',
    ),
    perAddress: kind.rate('30/h', 'Replies to one address.'),
    total: kind.rate('off', 'Replies in all.'),
    badAddressDelayMs: kind.duration(
      '500ms',
      'How long the answer to the second bad address of one client or connection waits; each further one waits twice as long. "0s" delays none.',
    ),
    badAddressDelayLongestMs: kind.duration('10s', 'The longest of these delays, at most "60s".'),
    badAddressForgetMs: kind.duration(
      '10min',
      'How long after its last bad address a client of the policy service counts as new.',
    ),
  },
  spam: {
    source: kind.oneOf(
      ['header', 'spamd', 'off'],
      'header',
      'Where the spam verdict comes from: the fields that your own filter writes into the header, spamd asked directly, or nowhere.',
    ),
    action: kind.oneOf(
      ['hold', 'discard', 'tag'],
      'hold',
      'What becomes of spam: "hold" keeps it for "mailgw-ctl queue release" or "drop"; "discard" drops it; "tag" posts it with spam.flagged.',
    ),
    threshold: kind.optional(kind.number(-1000, 1000))(
      "The score from which on a reply is spam; empty leaves that to the filter's own verdict.",
    ),
    unchecked: kind.oneOf(
      ['accept', 'hold', 'defer'],
      'accept',
      'What becomes of a reply without a verdict: spamd is down, or the header has no such field; "defer" answers 451 and is for spamd only.',
    ),
    headers: kind.texts(
      ['X-Spam-Status', 'X-Spam-Flag', 'X-Spam'],
      'The fields of the header that hold the verdict. A sender can write them too: strip those in Postfix (postfix-examples/header_checks).',
      'a list of field names such as "X-Spam-Status"',
      isFieldName,
    ),
    disagreement: kind.oneOf(
      ['strictest', 'first'],
      'strictest',
      'Which field counts when there are several: "strictest" any that says spam, and the highest score; "first" the topmost of the first name.',
    ),
    aboveReceived: kind.integer(
      0,
      0,
      100,
      'Believe fields only above this Received field, counted from the top, when your own hosts wrote those above and it; 0 believes them anywhere.',
    ),
    spamd: kind.endpoint('127.0.0.1:783', 'Where spamd listens.'),
    spamdUser: kind.optional(kind.text)(
      "Whose preferences and Bayes database spamd uses; empty is spamd's own choice.",
    ),
    spamdConnectTimeoutMs: kind.duration('2s', 'Time for spamd to take a connection.'),
    spamdTimeoutMs: kind.duration('30s', 'Time in total for one check, the wait for its turn included.'),
    spamdMaxMessageBytes: kind.size(
      '500KiB',
      'How much of a message spamd gets to see; of a larger one the beginning is checked.',
    ),
    spamdConcurrency: kind.integer(
      5,
      1,
      1000,
      "Messages checked at a time; more wait. Not above spamd's --max-children, which is 5 by default.",
    ),
  },
  post: {
    mentions: kind.live(
      'Whether "@name" in a reply may tell somebody: "inert" keeps the platform from seeing a name in it.',
    ),
    references: kind.live('Whether "#123", "!123" and "GH-123" in a reply may link to an issue.'),
    commands: kind.live('Whether "/close" at the start of a line may be a command.'),
    closing: kind.live('Whether "fixes #123" may close an issue.'),
  },
  attachments: {
    maxFileBytes: kind.size(
      ATTACHMENT_LIMITS.maxFileBytes,
      'The largest attachment that is posted; a larger one is left out, and the post says so.',
    ),
    maxFiles: kind.integer(
      ATTACHMENT_LIMITS.maxFiles,
      0,
      1000,
      'Attachments of one reply; more are left out, and the post says so.',
    ),
    maxTotalBytes: kind.size(ATTACHMENT_LIMITS.maxTotalBytes, 'All attachments of one reply together.'),
    allow: kind.texts(
      ATTACHMENT_LIMITS.allow,
      'The only attachments that are posted, judged by what their bytes show and not by what is declared; empty allows all. "image/*" has no SVG, which can run scripts: name "image/svg+xml" to allow it.',
      FILE_PATTERNS,
      isFilePattern,
    ),
    deny: kind.texts(
      ATTACHMENT_LIMITS.deny,
      'Attachments that are never posted, by what their bytes show, by their declared type or by their name.',
      FILE_PATTERNS,
      isFilePattern,
    ),
  },
  notice: {
    kinds: kind.texts<NoticeKind>(
      NOTICE_KINDS,
      'What users are told by mail about their own replies, each at most once a day; an empty list sends nothing. Only senders that "sender.policy" has authenticated are told; "dropped" is for the author of a reply that "strict" dropped without proof, where that address was authenticated before and nothing speaks against it.',
      `a list of ${NOTICE_KINDS.map((each) => `"${each}"`).join(', ')}`,
      isNoticeKind,
    ),
    server: kind.place(
      '127.0.0.1:25',
      'The Postfix of this host, which sends notices, without TLS or authentication.',
    ),
    from: kind.text(
      '',
      'The address that notices come from; empty is "noreply@" and reply.domain.',
      'a mail address that is no reply address',
      isSender,
    ),
    name: kind.text('', 'The name that stands with it.', 'a line of text', (value) => !/\p{C}/u.test(value)),
    language: kind.text(
      'en',
      'The language of notices to users whose own mail names none that there are texts in.',
      'a language such as "en", "de" or "fr"',
      (value) => /^[a-z]{2,3}$/.test(value),
    ),
    texts: kind.optional(kind.file)(
      'A directory of texts of your own, KIND.LANGUAGE.txt, that stand in for the built-in ones of the same name.',
    ),
  },
  bounce: {
    events: kind.oneOf(
      ['on', 'off'],
      'on',
      'Whether bounces of notifications that come to their reply address are counted and told to the platform; "off" discards them.',
    ),
  },
  matching: {
    by: kind.texts<MatchRule>(
      [],
      'How a reply without a token may find its thread: "message-id", by In-Reply-To or References to a notification that its author was sent; then "subject", by what its author was sent under that Subject. Empty takes no such reply, and remembers nobody. The sender policy is strict for them on every site.',
      'a list of "message-id" and "subject"',
      isMatchRule,
    ),
    addresses: kind.texts(
      [],
      'The addresses that such replies are written to: those in From of your notifications, which have to come to mailgw. Empty is the one of notice.from.',
      'a list of addresses such as "notifications@example.org"',
      isMailAddress,
    ),
    withinMs: kind.duration('30d', 'How long after a notification was sent its Subject counts.'),
  },
  delivery: {
    concurrency: kind.integer(
      16,
      1,
      1000,
      'Posts on their way at a time, of several sinks to each; of one thread always one. No user takes all of them, so that a platform that hangs for one delays nobody else.',
    ),
    maxBufferedBytes: kind.size(
      '40MiB',
      'Messages of 256 KiB and more that are on their way at a time, in all; one may be larger. Each of several sinks has an equal part. More of them wait, and smaller ones pass by.',
    ),
    attemptTimeoutMs: kind.duration('30s', 'Time in total for one attempt at the sink.'),
    retryFirstMs: kind.duration(
      '5s',
      'The wait after the first deferral; it doubles with every further one.',
    ),
    retryLongestMs: kind.duration('1h', 'The longest wait between two attempts.'),
    maxAgeMs: kind.duration('5d', 'How long a reply is tried before it becomes a dead letter.'),
    parserWorkers: kind.integer(2, 1, 64, 'Threads that take messages apart.'),
    parseTimeoutMs: kind.duration('2s', 'Time for one message to be taken apart.'),
    stopTimeoutMs: kind.duration('20s', 'Time for attempts under way to finish when the daemon stops.'),
  },
  outbound: {
    socket: kind.atStart(kind.optional(kind.path))(
      "The Unix socket on which Postfix hands over the platform's own notifications (LMTP), which get their reply addresses there; empty serves none.",
    ),
    mode: kind.atStart(kind.mode)('0660', 'The file mode of the socket.'),
    group: kind.socketGroup('The group that owns the socket, usually "postfix"; empty leaves it as it is.'),
    maxConnections: kind.integer(50, 1, 10_000, 'Connections served at a time; more are answered 421.'),
    relay: kind.optional(kind.endpoint)(
      'The smtpd(8) that takes all that mailgw sends, stamped notifications and notices included: a port such as "127.0.0.1:10026". Empty is notice.server.',
    ),
    envelope: kind.oneOf(
      ['reply-address', 'keep'],
      'reply-address',
      'The reverse-path of a stamped notification: "reply-address", so that bounces are counted for the user, or "keep".',
    ),
    from: kind.oneOf(
      ['keep', 'reply-address'],
      'keep',
      'From of a notification: "keep" what a stamped one has, and notice.from for one that mailgw sends; or "reply-address" with the same name, for mail programs that ignore Reply-To.',
    ),
    users: kind.oneOf(
      ['known', 'ask'],
      'known',
      'Whose copies are stamped: those of users that the directory has ("known"), or "ask" the platform who somebody is, where it can be asked.',
    ),
    rule: OUTBOUND_RULES,
  },
  ...HTTP_SETTINGS,
  log: {
    level: kind.oneOf(['debug', 'info', 'warn', 'error'], 'info', 'The least urgent event that is logged.'),
    format: kind.oneOf(
      ['auto', 'json', 'human'],
      'auto',
      '"json" for journald, "human" for people; "auto" is human on a terminal.',
    ),
  },
} as const;
