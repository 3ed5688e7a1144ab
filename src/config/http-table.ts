/** The settings of what listens for HTTP: the interface, the calls of mail providers, and the metrics. */
import * as kind from './kinds.ts';

/** The settings by section, as of table.ts. */
export const HTTP_SETTINGS = {
  api: {
    listen: kind.atStart(kind.optional(kind.endpoint))(
      'Where the HTTP interface is served: a port of the loopback such as "127.0.0.1:8025", or "unix:/run/mailgw/api.sock". Empty serves none; the socket beside the store serves it to root and to the user of the daemon.',
    ),
    mode: kind.atStart(kind.mode)('0660', 'The file mode of the Unix socket.'),
    group: kind.socketGroup('The group that owns the Unix socket; empty leaves it as it is.'),
    maxConnections: kind.atStart(kind.integer)(
      100,
      1,
      10_000,
      'Connections served at a time; more are closed.',
    ),
    maxBodyBytes: kind.atStart(kind.size)(
      '32MiB',
      'The largest body of a request; a larger one is answered 413.',
    ),
    rate: kind.rate('6000/min', 'Requests of one token; more are answered 429.'),
  },
  inbound: {
    listen: kind.atStart(kind.optional(kind.endpoint))(
      'Where the calls of `[[webhook]]` are taken: a port of the loopback such as "127.0.0.1:8026", or "unix:/run/mailgw/inbound.sock", with a server that does TLS in front. Empty takes them at api.listen.',
    ),
    mode: kind.atStart(kind.mode)('0660', 'The file mode of the Unix socket.'),
    group: kind.socketGroup('The group that owns the Unix socket; empty leaves it as it is.'),
    maxConcurrent: kind.integer(
      16,
      1,
      1000,
      'Calls that are taken at a time; more are answered 503, and the provider tries again.',
    ),
    bodyTimeoutMs: kind.duration(
      '60s',
      'Time in total for the body of a call to arrive; a slower one is cut off.',
    ),
    maxBodyBytes: kind.size(
      '80MiB',
      'The largest body of a call; a larger one is answered 413, unverified. It holds the message up to 3 times as large: in base64, and with the attachments beside it.',
    ),
    maxMessageBytes: kind.size(
      '25MiB',
      'The largest message; a larger one is answered 200 and ends with the verdict "too-big", because it would be as large the next time.',
    ),
    maxBufferedBytes: kind.size(
      '128MiB',
      'Memory for calls that are read, by the size of their bodies; more of them wait for their turn.',
    ),
  },
  metrics: {
    listen: kind.atStart(kind.optional(kind.endpoint))(
      'Where /metrics (for Prometheus), /healthz and /readyz are served, without a password: a port of the loopback such as "127.0.0.1:9464", or "unix:/run/mailgw/metrics.sock". Empty serves none.',
    ),
    mode: kind.atStart(kind.mode)('0660', 'The file mode of the Unix socket.'),
    group: kind.socketGroup('The group that owns the Unix socket; empty leaves it as it is.'),
  },
} as const;
