/**
 * The settings of `[[webhook]]`, a mail provider that posts mail.
 *
 * Contract: what a kind needs is asked for, and no two tables have one path.
 */
import type { BaseConfig, ConfigOf } from '../../config/config.ts';
import * as kind from '../../config/kinds.ts';
import { tomlKey } from '../../config/names.ts';
import { tables } from '../../config/tables.ts';
import { SOURCE_COLUMNS } from '../source-settings.ts';
import { SES_COLUMNS } from './ses/settings.ts';

/** The providers, by the form of their calls. */
export const WEBHOOK_KINDS = ['sendgrid', 'mailgun', 'postmark', 'ses', 'resend', 'raw'] as const;

/** A kind. */
export type WebhookKind = (typeof WEBHOOK_KINDS)[number];

/** Files that hold one secret each; a text of the file is a list of one. */
function files(doc: string): kind.Setting<readonly string[]> {
  const list = kind.texts(
    [],
    doc,
    'the absolute path of a file, or a list of them',
    (path) => path.startsWith('/') && !path.includes('\0'),
  );
  return { ...kind.orOne(list), names: 'secret' };
}

/** A path that a proxy hands on as it is. */
const PATH = /^(?:\/[A-Za-z0-9._~-]{1,100}){1,8}$/;

/** The columns of a provider's table. */
const COLUMNS = {
  ...SOURCE_COLUMNS,
  kind: kind.oneOf(WEBHOOK_KINDS, undefined, 'The form of the calls: whose they are.'),
  path: kind.text(
    '',
    'The path of the URL that the provider posts to; empty is `/in/NAME`, and `/in/NAME/mime` of Mailgun, which sends raw mail only to a URL that ends in "mime".',
    'a path such as "/in/mail" of letters, digits, ".", "_", "~" and "-"',
    (path) => path === '' || PATH.test(path),
  ),
  secretFile: files(
    'The file with what calls are verified by, or a list of the new one and the old one during a rotation. Of `sendgrid` it is the public key of the security policy, of `mailgun` the signing key, of `postmark` "user:password" as in the URL, of `resend` and `raw` the signing secret `whsec_…`.',
  ),
  apiKeyFile: kind.optional(kind.secretFile)(
    'Of `resend`: the file with the API key that mail is fetched with; its calls hold no mail.',
  ),
  apiUrl: kind.text('https://api.resend.com', 'Of `resend`: where its API is.', 'an https URL', (url) =>
    isHttps(url),
  ),
  caFile: kind.optional(kind.file)(
    'Of `resend` and `ses`: a file with the certificates of the authorities to believe in place of those that Node brings; of `ses` for the certificates that SNS signs with as well.',
  ),
  downloadHosts: kind.texts(
    [],
    'Of `resend`: the hosts that raw mail may be fetched from, beside the one that its documentation names. Nothing is fetched from another.',
    'the name of a host, with its port where that is not 443',
    (host) => /^[a-z0-9.-]{1,253}(?::\d{1,5})?$/.test(host),
  ),
  ...SES_COLUMNS,
} as const;

function isHttps(text: string): boolean {
  return URL.canParse(text) && new URL(text).protocol === 'https:' && new URL(text).username === '';
}

/** A provider as it is configured. */
export type WebhookConfig = { readonly [K in keyof typeof COLUMNS]: ValueOf<(typeof COLUMNS)[K]> };

type ValueOf<S> = S extends kind.Setting<infer T> ? T : never;

/** What each kind cannot do without. */
const NEEDS: Readonly<Record<WebhookKind, readonly (keyof WebhookConfig)[]>> = {
  sendgrid: ['secretFile'],
  mailgun: ['secretFile'],
  postmark: ['secretFile'],
  ses: ['topicArn'],
  resend: ['secretFile', 'apiKeyFile'],
  raw: ['secretFile'],
};

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === '' || (Array.isArray(value) && value.length === 0);

/** Gives the path that a provider posts to. */
export function pathOf({ kind, name, path }: WebhookConfig): string {
  if (path !== '') return path;
  return kind === 'mailgun' ? `/in/${name}/mime` : `/in/${name}`;
}

/** Lists what is wrong with the tables as a whole. */
function problemsOf(all: readonly WebhookConfig[]): kind.InsideProblem[] {
  return all.flatMap((each, index) => {
    const found = NEEDS[each.kind]
      .filter((property) => isEmpty(each[property]))
      .map((property) => ({
        name: tomlKey(property),
        problem: `is missing; kind = "${each.kind}" needs it`,
      }));
    const path = pathOf(each);
    const problem = pathProblem(each, path, all.slice(0, index).map(pathOf));
    if (problem !== undefined) found.push({ name: 'path', problem });
    return found.map(({ name, problem }) => ({ path: `[${index}].${name}`, problem }));
  });
}

function pathProblem({ kind }: WebhookConfig, path: string, others: readonly string[]): string | undefined {
  if (others.includes(path)) return `"${path}" is another's already; expected its own`;
  if (/^\/v\d+(?:\/|$)/.test(path)) return `"${path}" is of the HTTP interface; expected another one`;
  if (kind === 'mailgun' && !path.endsWith('mime'))
    return `"${path}" does not end in "mime", and Mailgun sends raw mail only to such a URL`;
  return undefined;
}

const EACH = tables<WebhookConfig>(COLUMNS, 'Mail providers that post mail.');

/** The section's table. */
export const WEBHOOK_SETTINGS = {
  each: {
    ...EACH,
    /** Reads the tables, and compares them with each other. */
    read: (value: unknown): kind.Read<readonly WebhookConfig[]> => {
      const read = EACH.read(value);
      const inside = read.ok ? problemsOf(read.value) : [];
      if (inside.length === 0) return read;
      return {
        ok: false,
        problem: inside.map(({ path, problem }) => `${path}: ${problem}`).join('; '),
        inside,
      };
    },
  },
} as const;

/** The sections as a configuration has them. */
export type WebhookSections = ConfigOf<{ readonly webhook: typeof WEBHOOK_SETTINGS }>;

/** Lists what keeps calls from being taken anywhere. */
export function listenProblems({
  api,
  inbound,
  webhook,
}: Pick<BaseConfig, 'api' | 'inbound'> & WebhookSections): readonly string[] {
  if (webhook.each.length === 0 || inbound.listen !== undefined || api.listen !== undefined) return [];
  return [
    'inbound.listen: is missing, and so is api.listen; expected where the calls of [[webhook]] are taken, such as "127.0.0.1:8026"',
  ];
}
