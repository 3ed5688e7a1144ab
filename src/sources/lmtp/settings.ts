/** The settings of `[lmtp]`, the listener that Postfix delivers to. */
import type { ConfigOf } from '../../config/config.ts';
import { isDomain } from '../../config/forms.ts';
import * as kind from '../../config/kinds.ts';

/** The section's table. */
export const LMTP_SETTINGS = {
  socket: kind.atStart(kind.path)(
    '/var/spool/postfix/mailgw/lmtp.sock',
    'The Unix socket that Postfix delivers to; unused when systemd passes one.',
  ),
  mode: kind.atStart(kind.mode)('0660', 'The file mode of the socket.'),
  group: kind.socketGroup('The group that owns the socket, usually "postfix"; empty leaves it as it is.'),
  hostname: kind.text('localhost', 'The name in the greeting.', 'a host name', isDomain),
  maxConnections: kind.integer(100, 1, 10_000, 'Connections served at a time; more are answered 421.'),
  maxRecipients: kind.integer(100, 1, 1000, 'Recipients of one transaction; more are answered 452.'),
  maxBadCommands: kind.integer(10, 1, 1000, 'Commands refused before the connection is closed with 421.'),
  commandTimeoutMs: kind.duration('60s', 'Time in total for one command to arrive.'),
  dataTimeoutMs: kind.duration('300s', 'Time in total for one message to arrive.'),
  maxMessageBytes: kind.size(
    '25MiB',
    "The largest message; a larger one is answered 552. Keep it at or above Postfix's message_size_limit.",
  ),
  maxBufferedBytes: kind.size(
    '64MiB',
    'Memory for messages under way; when it is full, more are answered 421.',
  ),
} as const;

/** The section as a configuration has it. */
export type LmtpConfig = ConfigOf<{ readonly lmtp: typeof LMTP_SETTINGS }>;
