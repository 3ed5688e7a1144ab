/**
 * mailgw itself, as a site runs it, in two forms: delivering to the HTTP sink while it accepts, and with delivery paused
 * (`mailgw-ctl queue pause`), which is what the peers do that accept only.
 *
 * Sender policy, spam filter and rate limits are off: the mails come from no filter, and the limits are there to slow a
 * sender down. Everything else has its default, logging included. Users, threads and addresses are made once by
 * mailgw-ctl; each start gets a copy of that store.
 */
import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { runOk } from '../../support/process.ts';
import {
  launchPeer,
  MOST_RECIPIENTS,
  type Peer,
  type PeerContext,
  SENDER,
  sinkPathOf,
  socketPath,
} from './peer.ts';

/** A configuration directory whose store has a user and the addresses of `MOST_RECIPIENTS` threads. */
interface Prepared {
  readonly directory: string;
  readonly recipients: readonly string[];
}

/** Makes both forms of the peer; `scratch` is where the store that they copy is prepared. */
export function createMailgwPeers(scratch: string): readonly Peer[] {
  const directory = path.join(scratch, 'mailgw-prepared');
  let prepared: Promise<Prepared> | undefined;
  const prepareOnce = (context: PeerContext) => (prepared ??= prepare(directory, context.mailgwRoot));
  const peer = (name: string, label: string, delivers: boolean): Peer => ({
    name,
    label,
    durable: true,
    start: async (context) => {
      if (!existsSync(path.join(context.mailgwRoot, 'bin', 'mailgwd'))) {
        return { missing: `no bin/mailgwd in ${context.mailgwRoot}` };
      }
      return start(context, await prepareOnce(context), delivers);
    },
  });
  return [
    peer('mailgw', 'mailgw, default settings, delivering to the HTTP sink while it accepts', true),
    peer('mailgw-paused', 'mailgw, delivery paused: accepts only, as the peers do', false),
  ];
}

async function prepare(directory: string, root: string): Promise<Prepared> {
  mkdirSync(directory);
  writeSecrets(directory);
  writeFileSync(path.join(directory, 'mailgw.toml'), configuration(directory, 'http://127.0.0.1:9/none'));
  return { directory, recipients: await mintAll(root, directory) };
}

/** Writes the pepper and the secret of the webhook. */
export function writeSecrets(directory: string): void {
  writeFileSync(path.join(directory, 'pepper'), `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
  const secret = `whsec_${randomBytes(32).toString('base64')}\n`;
  writeFileSync(path.join(directory, 'webhook.secret'), secret, { mode: 0o600 });
}

/** Adds the user and mints the addresses of all threads. */
export async function mintAll(root: string, directory: string): Promise<readonly string[]> {
  await control(root, directory, ['user', 'add', 'bench', '--address', SENDER]);
  const orders = Array.from({ length: MOST_RECIPIENTS }, (_, index) =>
    JSON.stringify({ user: 'bench', thread: `bench/issue/${index + 1}` }),
  );
  const output = await control(root, directory, ['address', 'mint', '-'], `${orders.join('\n')}\n`);
  return output.trim().split('\n').map(replyToOf);
}

function replyToOf(line: string): string {
  const minted: unknown = JSON.parse(line);
  if (typeof minted !== 'object' || minted === null || !('reply_to' in minted)) {
    throw new Error(`address mint printed no reply_to: ${line}`);
  }
  return String(minted.reply_to);
}

async function control(
  root: string,
  directory: string,
  args: readonly string[],
  input?: string,
): Promise<string> {
  const program = path.join(root, 'bin', 'mailgw-ctl');
  const config = path.join(directory, 'mailgw.toml');
  return await runOk(process.execPath, [program, '--config', config, '--json', ...args], input);
}

async function start(context: PeerContext, prepared: Prepared, delivers: boolean) {
  const target = { path: socketPath(context) };
  const sinkPath = sinkPathOf(context);
  cpSync(prepared.directory, context.directory, { recursive: true });
  writeFileSync(
    path.join(context.directory, 'mailgw.toml'),
    configuration(context.directory, context.sink.url(sinkPath)),
  );
  if (!delivers) await control(context.mailgwRoot, context.directory, ['queue', 'pause']);
  const { recipients } = prepared;
  const args = [
    path.join(context.mailgwRoot, 'bin', 'mailgwd'),
    '--config',
    path.join(context.directory, 'mailgw.toml'),
  ];
  return launchPeer(context, process.execPath, args, {
    target,
    recipients,
    ...(delivers ? { sinkPath } : {}),
  });
}

/** Gives the configuration; `store` has lines of the table of that name. */
export function configuration(directory: string, url: string, store = ''): string {
  return `[lmtp]
socket = "${directory}/lmtp.sock"
max_connections = 2000
[reply]
domain = "reply.example"
pepper_file = "${directory}/pepper"
[store]
path = "${directory}/mailgw.db"
${store}[sender]
policy = "off"
[rate]
per_user = "off"
per_address = "off"
total = "off"
[spam]
source = "off"
[sink]
type = "webhook"
url = "${url}"
secret_file = "${directory}/webhook.secret"
`;
}
