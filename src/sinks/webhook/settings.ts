/** The settings of the webhook's `[sink]`: docs/settings.md and mailgw.toml(5), `init`, `doctor` and reload have them from here. */
import { randomBytes } from 'node:crypto';
import * as kind from '../../config/kinds.ts';
import { CA_FILE } from '../ca-file.ts';
import { httpTarget } from '../http-target.ts';
import type { NewSecret } from '../sink-kind.ts';

/** Bytes that a secret must have (Standard Webhooks: 24 to 64), and those of one that `init` makes. */
const MIN_SECRET_BYTES = 24;
const NEW_SECRET_BYTES = 32;

const NEW_SECRET: NewSecret = {
  what: 'the secret that posts are signed with; the platform needs it',
  content: () => `whsec_${randomBytes(NEW_SECRET_BYTES).toString('base64')}\n`,
};

/** The settings by their names in the file. */
export const WEBHOOK_SETTINGS = {
  url: {
    ...httpTarget(
      'Where the webhook posts to: http, https, or `unix:/path/to.sock:/path`.',
      'sink.secret_file',
    ),
    begins: {
      comment: 'The address that the platform takes replies at; or unix:/path/to.sock:/hooks/mail.',
      value: 'http://127.0.0.1:3000/hooks/mail',
    },
  },
  /** One of them, or each of a list. */
  secret_file: {
    ...kind.secretFile(
      undefined,
      'The signing secret, `whsec_` and base64 on one line; a list of two during a rotation.',
    ),
    expects: 'the absolute path of a file, or a list of them',
    leastBytes: MIN_SECRET_BYTES,
    begins: {
      comment: 'The secret that posts are signed with (Standard Webhooks); the platform needs the same one.',
      value: 'webhook.secret',
      makes: NEW_SECRET,
    },
  },
  ca_file: CA_FILE,
};
