/**
 * The tables of other ways in than Postfix: how far mailboxes were read, which calls came, and who was notified of what.
 *
 * Contract: a migration of migrations.ts; as for those, it never changes once it was released.
 */

/** The migration. */
export const SOURCE_TABLES = `CREATE TABLE mailbox (
     source TEXT PRIMARY KEY,
     account TEXT NOT NULL,
     uid_validity INTEGER NOT NULL,
     high_water INTEGER NOT NULL,
     walking INTEGER NOT NULL CHECK (walking IN (0, 1)),
     touched_at INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE mailbox_owner (
     source TEXT PRIMARY KEY,
     owner TEXT NOT NULL,
     owned_until INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   -- Messages that are not settled: to be tried again, given up, or still to be marked in their folder.
   CREATE TABLE mailbox_message (
     source TEXT NOT NULL,
     uid_validity INTEGER NOT NULL,
     uid INTEGER NOT NULL,
     state TEXT NOT NULL CHECK (state IN ('waiting','failed','courtesy')),
     attempts INTEGER NOT NULL,
     reason TEXT NOT NULL,
     due_at INTEGER,
     since_at INTEGER NOT NULL,
     PRIMARY KEY (source, uid_validity, uid)
   ) STRICT, WITHOUT ROWID;
   -- Calls of providers by their own ids, as long as a repetition may come.
   CREATE TABLE source_call (
     source TEXT NOT NULL,
     call TEXT NOT NULL,
     digest BLOB NOT NULL,
     received_at INTEGER NOT NULL,
     PRIMARY KEY (source, call)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX source_call_received ON source_call (received_at);
   -- Who was sent which notification: by these a reply without a token finds its thread.
   CREATE TABLE notified (
     message_id TEXT NOT NULL,
     user_number INTEGER NOT NULL,
     thread TEXT NOT NULL,
     replied_to_at INTEGER NOT NULL,
     subject_key BLOB NOT NULL,
     sent_at INTEGER NOT NULL,
     expires_at INTEGER NOT NULL,
     PRIMARY KEY (message_id, user_number)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX notified_subject ON notified (user_number, subject_key, sent_at);
   CREATE INDEX notified_expires ON notified (expires_at);
   -- The rule that found the thread of a reply without a token.
   ALTER TABLE item ADD COLUMN matched TEXT;`;
