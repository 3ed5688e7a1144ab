/**
 * The tables in PostgreSQL of what comes in otherwise than by LMTP: mailboxes, whose turn each is, the messages that they
 * still have, calls of webhooks; and what a platform's own notifications said, by which a reply without a token is placed.
 *
 * Contract: part of the first migration, as tables.ts says.
 */

/** The SQL that makes them. */
export const INTAKE_TABLES = `CREATE TABLE mailbox (
  source text COLLATE "C" PRIMARY KEY,
  account text NOT NULL,
  uid_validity bigint NOT NULL,
  high_water bigint NOT NULL,
  walking boolean NOT NULL,
  touched_at bigint NOT NULL
);
CREATE TABLE mailbox_owner (
  source text COLLATE "C" PRIMARY KEY,
  owner text NOT NULL,
  -- The database's clock.
  owned_until bigint NOT NULL
);
CREATE TABLE mailbox_message (
  source text COLLATE "C" NOT NULL,
  uid_validity bigint NOT NULL,
  uid bigint NOT NULL,
  state text NOT NULL CHECK (state IN ('waiting','failed','courtesy')),
  attempts integer NOT NULL,
  reason text NOT NULL,
  due_at bigint,
  since_at bigint NOT NULL,
  PRIMARY KEY (source, uid_validity, uid)
);
CREATE TABLE source_call (
  source text COLLATE "C" NOT NULL,
  call text COLLATE "C" NOT NULL,
  digest bytea NOT NULL,
  received_at bigint NOT NULL,
  PRIMARY KEY (source, call)
);
CREATE INDEX source_call_received ON source_call (received_at);
CREATE TABLE notified (
  message_id text COLLATE "C" NOT NULL,
  user_number bigint NOT NULL,
  thread text COLLATE "C" NOT NULL,
  replied_to_at bigint NOT NULL,
  subject_key bytea NOT NULL,
  sent_at bigint NOT NULL,
  expires_at bigint NOT NULL,
  PRIMARY KEY (message_id, user_number)
);
CREATE INDEX notified_subject ON notified (user_number, subject_key, sent_at);
CREATE INDEX notified_expires ON notified (expires_at);
`;
