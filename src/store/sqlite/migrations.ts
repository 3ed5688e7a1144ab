/**
 * The tables of the store, as the steps that brought them about.
 *
 * Contract: number N of them brings `user_version` from N to N+1. Never change one that was released.
 */

import { SOURCE_TABLES } from './source-tables.ts';

/** The states of items that wait for their post, as SQL has them. */
export const OPEN = "('ready','waiting','leased')";

/** The migrations in order. `head` marks the one item of a thread that may be leased: the oldest open one (G5). */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE user (
     user_number INTEGER PRIMARY KEY AUTOINCREMENT,
     name TEXT NOT NULL UNIQUE,
     enabled INTEGER NOT NULL,
     created_at INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE user_address (
     user_number INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
     address TEXT NOT NULL,
     PRIMARY KEY (user_number, address)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE salt (
     user_number INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
     created_at INTEGER NOT NULL,
     salt BLOB NOT NULL CHECK (length(salt) = 32),
     ends_at INTEGER,
     PRIMARY KEY (user_number, salt)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE thread (
     thread_number INTEGER PRIMARY KEY AUTOINCREMENT,
     locator TEXT NOT NULL UNIQUE
   ) STRICT;
   CREATE TABLE item (
     item_number INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL UNIQUE,
     state TEXT NOT NULL CHECK (state IN ('ready','waiting','leased','held','posted','failed')),
     head INTEGER NOT NULL CHECK (head IN (0, 1)),
     user TEXT NOT NULL,
     thread TEXT NOT NULL,
     replied_to_at INTEGER NOT NULL,
     bounce TEXT CHECK (bounce IN ('hard','soft')),
     bounce_thread TEXT,
     message_id TEXT,
     queue_id TEXT,
     reverse_path TEXT NOT NULL,
     received_at INTEGER NOT NULL,
     due_at INTEGER,
     lease_until INTEGER,
     settled_at INTEGER,
     attempts INTEGER NOT NULL,
     worker_deaths INTEGER NOT NULL,
     hold_reason TEXT,
     last_diagnostic TEXT,
     bytes INTEGER NOT NULL,
     sender_policy TEXT NOT NULL,
     sender_result TEXT NOT NULL,
     spam_score REAL,
     spam_flagged INTEGER
   ) STRICT;
   CREATE INDEX item_open_by_thread ON item (thread, item_number) WHERE state IN ${OPEN};
   CREATE UNIQUE INDEX item_head ON item (thread) WHERE head = 1;
   CREATE INDEX item_leased ON item (lease_until) WHERE state = 'leased';
   CREATE INDEX item_due ON item (due_at) WHERE head = 1 AND state IN ('ready','waiting');
   CREATE TABLE content (
     item_number INTEGER PRIMARY KEY REFERENCES item ON DELETE CASCADE,
     raw BLOB NOT NULL
   ) STRICT;
   CREATE TABLE content_part (
     item_number INTEGER NOT NULL REFERENCES content ON DELETE CASCADE,
     part INTEGER NOT NULL,
     raw BLOB NOT NULL,
     PRIMARY KEY (item_number, part)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE attempt (
     item_number INTEGER NOT NULL REFERENCES item ON DELETE CASCADE,
     attempt INTEGER NOT NULL,
     at INTEGER NOT NULL,
     outcome TEXT NOT NULL CHECK (outcome IN ('deferred','failed')),
     diagnostic TEXT NOT NULL,
     PRIMARY KEY (item_number, attempt)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE dedupe (
     fingerprint BLOB PRIMARY KEY,
     item_id TEXT NOT NULL,
     received_at INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE sink (
     sink_number INTEGER PRIMARY KEY,
     state TEXT NOT NULL CHECK (state IN ('up','paused','down','broken')),
     since_at INTEGER NOT NULL,
     diagnostic TEXT NOT NULL
   ) STRICT;
   CREATE TABLE verdict_count (
     verdict TEXT NOT NULL,
     reason TEXT NOT NULL,
     hour INTEGER NOT NULL,
     count INTEGER NOT NULL,
     last_at INTEGER NOT NULL,
     PRIMARY KEY (verdict, reason, hour)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE bounce_count (
     user_number INTEGER PRIMARY KEY REFERENCES user ON DELETE CASCADE,
     hard INTEGER NOT NULL,
     soft INTEGER NOT NULL,
     last_at INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE notice (
     notice_number INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL UNIQUE,
     state TEXT NOT NULL CHECK (state IN ('waiting','sent','failed')),
     user TEXT NOT NULL,
     kind TEXT NOT NULL,
     day INTEGER NOT NULL,
     item_id TEXT,
     draft TEXT,
     original BLOB,
     created_at INTEGER NOT NULL,
     due_at INTEGER,
     settled_at INTEGER,
     attempts INTEGER NOT NULL,
     last_diagnostic TEXT,
     UNIQUE (user, kind, day)
   ) STRICT;
   CREATE INDEX notice_waiting ON notice (due_at) WHERE state = 'waiting';
   CREATE INDEX notice_settled ON notice (settled_at) WHERE state <> 'waiting';
   CREATE TABLE bucket (
     name TEXT PRIMARY KEY,
     full_at INTEGER NOT NULL,
     saved_at INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE flag (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;`,
  // What retention looks for, each by the time that it goes by.
  `ALTER TABLE item ADD COLUMN content_kept INTEGER NOT NULL DEFAULT 0 CHECK (content_kept IN (0, 1));
   CREATE INDEX item_posted ON item (settled_at) WHERE state = 'posted';
   CREATE INDEX item_content_kept ON item (settled_at) WHERE content_kept = 1;
   CREATE INDEX dedupe_received ON dedupe (received_at);`,
  // The peppers that addresses were minted under, by fingerprint: the last one is in force.
  `CREATE TABLE pepper (
     pepper_number INTEGER PRIMARY KEY AUTOINCREMENT,
     fingerprint BLOB NOT NULL,
     accepted_at INTEGER NOT NULL
   ) STRICT;
   -- Backups that were put in the store's place: the numbers that they had given, and those that may be out there.
   CREATE TABLE restore (
     restored_at INTEGER PRIMARY KEY,
     backed_up_at INTEGER NOT NULL,
     user_number INTEGER NOT NULL,
     user_up_to INTEGER NOT NULL,
     thread_number INTEGER NOT NULL,
     thread_up_to INTEGER NOT NULL
   ) STRICT;
   -- What its daemon is known by, and nobody else can guess.
   INSERT INTO flag (name, value) VALUES ('store', abs(random() % 9007199254740991));
   -- Verdicts are counted by their cause as well.
   CREATE TABLE verdict_count_by_cause (
     verdict TEXT NOT NULL,
     reason TEXT NOT NULL,
     cause TEXT NOT NULL,
     hour INTEGER NOT NULL,
     count INTEGER NOT NULL,
     last_at INTEGER NOT NULL,
     PRIMARY KEY (verdict, reason, cause, hour)
   ) STRICT, WITHOUT ROWID;
   INSERT INTO verdict_count_by_cause SELECT verdict, reason, '', hour, count, last_at FROM verdict_count;
   DROP TABLE verdict_count;
   ALTER TABLE verdict_count_by_cause RENAME TO verdict_count;
   -- By what the other copies of a reply are found before the operator has it posted; NULL where none can be better.
   ALTER TABLE item ADD COLUMN fingerprint BLOB;
   ALTER TABLE item ADD COLUMN written BLOB;
   -- The user as well: who is to be left out is passed over in the index, and no other index has to be written.
   DROP INDEX item_due;
   CREATE INDEX item_due ON item (due_at, user) WHERE head = 1 AND state IN ('ready','waiting');
   -- Whose it is, where the name may be another's by now; 0 is nobody.
   ALTER TABLE item ADD COLUMN user_number INTEGER;
   UPDATE item SET user_number = ifnull(
     (SELECT user.user_number FROM user WHERE name = item.user AND created_at <= item.received_at), 0);
   ALTER TABLE notice ADD COLUMN user_number INTEGER;
   UPDATE notice SET user_number = ifnull(
     (SELECT user.user_number FROM user WHERE name = notice.user AND user.created_at <= notice.created_at), 0);
   -- Users who were removed, for as long as they can come back; in tables of their own, so that nobody finds them.
   CREATE TABLE removed_user (
     user_number INTEGER PRIMARY KEY,
     name TEXT NOT NULL,
     enabled INTEGER NOT NULL,
     created_at INTEGER NOT NULL,
     removed_at INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX removed_user_by_time ON removed_user (removed_at);
   CREATE TABLE removed_address (
     user_number INTEGER NOT NULL REFERENCES removed_user ON DELETE CASCADE,
     address TEXT NOT NULL,
     PRIMARY KEY (user_number, address)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE removed_salt (
     user_number INTEGER NOT NULL REFERENCES removed_user ON DELETE CASCADE,
     created_at INTEGER NOT NULL,
     salt BLOB NOT NULL CHECK (length(salt) = 32),
     ends_at INTEGER,
     PRIMARY KEY (user_number, salt)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE removed_bounce_count (
     user_number INTEGER PRIMARY KEY REFERENCES removed_user ON DELETE CASCADE,
     hard INTEGER NOT NULL,
     soft INTEGER NOT NULL,
     last_at INTEGER NOT NULL
   ) STRICT;
   -- What a restored user's held replies are found by.
   CREATE INDEX item_no_user ON item (user_number) WHERE hold_reason = 'no-user';
   -- Addresses that the site's filter has vouched for: their owners are told of a reply that "strict" drops.
   CREATE TABLE sender_pass (
     user_number INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
     address TEXT NOT NULL,
     passed_at INTEGER NOT NULL,
     PRIMARY KEY (user_number, address)
   ) STRICT, WITHOUT ROWID;
   -- An old item does not say whom it was from; who has one address and wrote from it was authenticated for that.
   INSERT INTO sender_pass SELECT user_number, lower(address), min(received_at)
     FROM item JOIN user_address USING (user_number)
     WHERE sender_result = 'pass' AND lower(reverse_path) = lower(address)
       AND (SELECT count(*) FROM user_address AS own WHERE own.user_number = item.user_number) = 1
     GROUP BY user_number, address;`,
  // Speaking: who may ask the HTTP interface, what was sent, what is remembered of it, and names that were left.
  `CREATE TABLE api_token (
     name TEXT PRIMARY KEY,
     hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
     scopes TEXT NOT NULL,
     created_at INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   -- What was answered under an Idempotency-Key; the key begins with its holder.
   CREATE TABLE api_answer (
     key TEXT PRIMARY KEY,
     request BLOB NOT NULL,
     status INTEGER NOT NULL,
     body TEXT NOT NULL,
     answered_at INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX api_answer_answered ON api_answer (answered_at);
   -- Notifications that mailgw sends; the draft goes when they end.
   CREATE TABLE notification (
     notification_number INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL UNIQUE,
     state TEXT NOT NULL CHECK (state IN ('waiting','sent','failed')),
     user_number INTEGER NOT NULL,
     user TEXT NOT NULL,
     thread TEXT NOT NULL,
     replied_to_at INTEGER NOT NULL,
     message_id TEXT NOT NULL,
     idempotency_key TEXT UNIQUE,
     request BLOB,
     draft TEXT,
     created_at INTEGER NOT NULL,
     due_at INTEGER,
     settled_at INTEGER,
     attempts INTEGER NOT NULL,
     last_diagnostic TEXT
   ) STRICT;
   CREATE INDEX notification_waiting ON notification (due_at) WHERE state = 'waiting';
   CREATE INDEX notification_settled ON notification (settled_at) WHERE state <> 'waiting';
   CREATE INDEX notification_thread ON notification (thread, notification_number);
   -- What is remembered of a post that users were notified of; one row for all who got the same text.
   CREATE TABLE known_original (
     original_number INTEGER PRIMARY KEY AUTOINCREMENT,
     thread TEXT NOT NULL,
     replied_to_at INTEGER NOT NULL,
     digest BLOB NOT NULL,
     subject TEXT NOT NULL,
     author_name TEXT NOT NULL,
     author_address TEXT NOT NULL,
     sketch BLOB NOT NULL,
     bytes INTEGER NOT NULL,
     expires_at INTEGER NOT NULL,
     UNIQUE (thread, replied_to_at, digest)
   ) STRICT;
   CREATE INDEX known_original_expires ON known_original (expires_at);
   -- Their sum is read from it.
   CREATE INDEX known_original_bytes ON known_original (bytes);
   -- Whose a registered address is, whatever the case of its letters.
   CREATE INDEX user_address_folded ON user_address (lower(address));
   -- The order in which addresses were given; those of before keep the alphabet's.
   ALTER TABLE user_address ADD COLUMN position INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE removed_address ADD COLUMN position INTEGER NOT NULL DEFAULT 0;
   -- What a platform gave with an address, and wants back with the reply.
   CREATE TABLE address_context (
     user_number INTEGER NOT NULL,
     thread TEXT NOT NULL,
     replied_to_at INTEGER NOT NULL,
     context TEXT NOT NULL,
     expires_at INTEGER NOT NULL,
     PRIMARY KEY (user_number, thread, replied_to_at)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX address_context_expires ON address_context (expires_at);
   -- Former locators of threads: tokens are sealed with the one of their day.
   CREATE TABLE former_locator (
     locator TEXT NOT NULL,
     thread_number INTEGER NOT NULL REFERENCES thread ON DELETE CASCADE,
     renamed_at INTEGER NOT NULL,
     PRIMARY KEY (locator, thread_number)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX former_locator_thread ON former_locator (thread_number);
   -- Notifications about several posts; a reply to one is split into an item for each post that it answers.
   CREATE TABLE digest (
     thread_number INTEGER PRIMARY KEY REFERENCES thread ON DELETE CASCADE,
     user_number INTEGER NOT NULL,
     posts TEXT NOT NULL,
     expires_at INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX digest_expires ON digest (expires_at);
   -- The digest that an item came to, and of a part the place of its post.
   ALTER TABLE item ADD COLUMN digest TEXT;
   ALTER TABLE item ADD COLUMN digest_post INTEGER;
   CREATE INDEX item_digest ON item (digest) WHERE digest IS NOT NULL;
   -- The sinks of a site that has several, by the prefix of their threads, and whose each item is; NULL with one sink.
   CREATE TABLE lane (
     name TEXT PRIMARY KEY,
     threads TEXT NOT NULL UNIQUE
   ) STRICT, WITHOUT ROWID;
   ALTER TABLE item ADD COLUMN lane TEXT;
   CREATE INDEX item_lane_due ON item (lane, due_at, user)
     WHERE lane IS NOT NULL AND head = 1 AND state IN ('ready','waiting');
   -- Each sink has a row by its name; the only one of before has none, and is forgotten with the next start.
   ALTER TABLE sink ADD COLUMN name TEXT NOT NULL DEFAULT '';
   CREATE UNIQUE INDEX sink_by_name ON sink (name);`,
  SOURCE_TABLES,
  `-- What was refused or discarded in the last days.
   CREATE TABLE past_verdict (
     number INTEGER PRIMARY KEY AUTOINCREMENT,
     at INTEGER NOT NULL,
     verdict TEXT NOT NULL CHECK (verdict IN ('rejected','discarded')),
     reason TEXT NOT NULL,
     session TEXT NOT NULL,
     detail TEXT,
     cause TEXT,
     address TEXT,
     user TEXT,
     thread TEXT,
     from_domain TEXT,
     message_id TEXT,
     queue_id TEXT
   ) STRICT;
   CREATE INDEX past_verdict_at ON past_verdict (at);`,
];
