/** The settings of `[policy]`, the service that Postfix asks about addresses in its SMTP session. */
import type { ConfigOf } from '../../config/config.ts';
import * as kind from '../../config/kinds.ts';

/** The section's table. */
export const POLICY_SETTINGS = {
  socket: kind.atStart(kind.optional(kind.path))(
    'The Unix socket on which Postfix asks about addresses in the SMTP session (check_policy_service); empty serves none, unless systemd passes one.',
  ),
  mode: kind.atStart(kind.mode)('0660', 'The file mode of the socket.'),
  group: kind.socketGroup('The group that owns the socket, usually "postfix"; empty leaves it as it is.'),
  maxConnections: kind.integer(
    250,
    1,
    10_000,
    "Connections served at a time, one for each smtpd(8) of Postfix's; more are closed, which Postfix answers 451.",
  ),
  requestTimeoutMs: kind.duration('10s', 'Time in total for one request to arrive.'),
  idleTimeoutMs: kind.duration(
    '10min',
    "Time that a connection may be silent between two requests; keep it above Postfix's smtpd_policy_service_max_idle.",
  ),
} as const;

/** The section as a configuration has it. */
export type PolicyConfig = ConfigOf<{ readonly policy: typeof POLICY_SETTINGS }>;
