/**
 * Resend's `email.received`: signed as Standard Webhooks under the names of Svix, with the mail behind two more calls.
 *
 * Contract: the event names an email; its API gives the URL of the raw message, and that is fetched. Only the API and hosts
 * that are pinned here or by the operator are ever called, over https alone, and no redirect is followed: nothing that a
 * mail names is fetched. Whatever goes wrong there is temporary, and the event comes again.
 * Read: resend.com/docs, "Retrieve Received Email" (`raw.download_url`) and "Retrieve Received Email Attachment" (its host); the
 * event's `received_for` in its reference of webhook events.
 * Limits: the URL lives for an hour, and is asked for anew each time. The envelope's sender is not told.
 */
import { readSecretText } from '../../config/secret-file.ts';
import { addressesOf } from '../../mail/mailbox.ts';
import type { HttpAnswer } from '../../sinks/answer.ts';
import { readCa } from '../../sinks/ca-file.ts';
import { type HttpClient, openHttpClient } from '../../sinks/http-exchange.ts';
import { errorText } from '../../system/error-text.ts';
import { memberOf, readJson, textIn, textsOf } from './json.ts';
import {
  type Call,
  type Given,
  type OpenProvider,
  type Refusal,
  refuse,
  STATUSES,
  type Verified,
} from './provider.ts';
import { readSigningSecrets } from './secrets.ts';
import type { WebhookConfig } from './settings.ts';
import { judgeStandard, judgeStandardHeader } from './signature.ts';

const PREFIX = 'svix';

/** The host that downloads are at. */
const DOWNLOAD_HOST = 'inbound-cdn.resend.com';

const DEADLINES = { connectMs: 10_000, headersMs: 20_000, answerMs: 30_000 };

/** Octets of an event, and of the API's answer, which holds the text of the mail, and its pictures by their names alone. */
const EVENT_BYTES = 1024 * 1024;
const ANSWER_BYTES = 16 * 1024 * 1024;

/** Opens Resend. */
export const open: OpenProvider = (config, { key, mostBytes }) => {
  const secrets = readSigningSecrets(config, key);
  const apiKey = readSecretText(`${key}.api_key_file`, config.apiKeyFile ?? '');
  const ca = readCa(config.caFile, undefined);
  const problems = [
    ...(secrets.ok ? [] : secrets.problems),
    ...(apiKey.ok ? [] : [apiKey.problem]),
    ...(ca.ok ? [] : [`${key}.ca_file: ${ca.problem}`]),
  ];
  if (!secrets.ok || !apiKey.ok || !ca.ok) return { ok: false, problems };
  const mailbox = new ReceivedMail(config, apiKey.text, ca.value);
  const verify = async (call: Call): Promise<Verified | Refusal> => {
    const judged = await judgeStandard(call, PREFIX, secrets.secrets);
    if (judged.kind !== 'genuine') return judged;
    return { kind: 'verified', give: (signal) => give(call, judged.id, mailbox, mostBytes(), signal) };
  };
  return {
    ok: true,
    provider: {
      statuses: STATUSES,
      judgeHeader: (call) => judgeStandardHeader(call, PREFIX),
      verify,
      close: () => mailbox.close(),
    },
  };
};

async function give(
  call: Call,
  id: string,
  mailbox: ReceivedMail,
  mostBytes: number,
  signal: AbortSignal,
): Promise<Given> {
  if (call.body.bytes > EVENT_BYTES) return refuse('malformed', 'the event is larger than any event');
  const event = readJson((await call.body.whole()).toString('utf8'));
  const type = textIn(event, 'type');
  if (type === undefined) return refuse('malformed', 'the body is no JSON of an event');
  if (type !== 'email.received') return { kind: 'no-mail', reason: 'an event of another type' };
  const about = memberOf(event, 'data');
  const email = textIn(about, 'email_id') ?? '';
  if (!/^[\w-]{1,100}$/.test(email)) return refuse('malformed', 'the event has no email_id');
  const fetched = await mailbox.fetch(email, mostBytes, signal);
  if (!('raw' in fetched)) return fetched;
  const envelope = textsOf(memberOf(about, 'received_for'));
  const named = ['to', 'cc', 'bcc'].flatMap((name) => textsOf(memberOf(about, name))).flatMap(addressesOf);
  return {
    kind: 'mail',
    ...fetched,
    recipients: [...envelope, ...named],
    reversePath: undefined,
    id,
  };
}

/** A raw message, or its beginning. */
interface Raw {
  readonly raw: Buffer;
  readonly isTooBig: boolean;
}

/** The mail that Resend keeps, and the hosts that it may be fetched from. */
class ReceivedMail {
  readonly #api: URL;
  readonly #apiKey: string;
  readonly #hosts: readonly string[];
  readonly #ca: string | undefined;
  readonly #clients = new Map<string, HttpClient>();

  constructor(
    { apiUrl, downloadHosts }: Pick<WebhookConfig, 'apiUrl' | 'downloadHosts'>,
    apiKey: string,
    ca: string | undefined,
  ) {
    this.#api = new URL(apiUrl);
    this.#apiKey = apiKey;
    this.#hosts = [DOWNLOAD_HOST, ...downloadHosts];
    this.#ca = ca;
  }

  async fetch(email: string, mostBytes: number, signal: AbortSignal): Promise<Raw | Refusal> {
    try {
      const path = `${this.#api.pathname.replace(/\/$/, '')}/emails/receiving/${email}?html_format=cid`;
      const headers = { authorization: `Bearer ${this.#apiKey}`, accept: 'application/json' };
      const answer = await this.#get(this.#api.origin, path, headers, ANSWER_BYTES, signal);
      if (answer.status !== 200) return refuse('later', `the API answers ${answer.status}`);
      const text = textIn(memberOf(readJson(answer.octets?.toString('utf8') ?? ''), 'raw'), 'download_url');
      if (text === undefined) return refuse('later', 'the API names no raw.download_url');
      return await this.#download(text, mostBytes, signal);
    } catch (error) {
      return refuse('later', `the mail cannot be fetched: ${errorText(error)}`);
    }
  }

  async #download(text: string, mostBytes: number, signal: AbortSignal): Promise<Raw | Refusal> {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url?.protocol !== 'https:' || url.username !== '' || url.password !== '')
      return refuse('later', 'raw.download_url is no https URL');
    if (!this.#hosts.includes(url.host))
      return refuse('later', `raw.download_url is at ${url.host}, which is not one of download_hosts`);
    const answer = await this.#get(url.origin, `${url.pathname}${url.search}`, {}, mostBytes + 1, signal);
    if (answer.status !== 200) return refuse('later', `the download answers ${answer.status}`);
    const octets = answer.octets ?? Buffer.alloc(0);
    const isTooBig = octets.length > mostBytes;
    if (!isTooBig && answer.isWhole !== true) return refuse('later', 'the download broke off');
    return { raw: octets.subarray(0, mostBytes), isTooBig };
  }

  async #get(
    origin: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    answerBytes: number,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    const client = this.#clients.get(origin) ?? this.#connect(origin);
    return await client.exchange(
      { method: 'GET', path, headers, body: null, answerBytes, wantsOctets: true },
      signal,
    );
  }

  /** Opens a client; there are as many as there are hosts. */
  #connect(origin: string): HttpClient {
    const client = openHttpClient({ origin, socketPath: undefined, path: '/' }, this.#ca, DEADLINES);
    this.#clients.set(origin, client);
    return client;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#clients.values()].map((client) => client.close()));
  }
}
