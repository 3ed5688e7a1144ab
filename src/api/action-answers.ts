/**
 * The daemon's answers to commands of mailgw-ctl: the actions of own-actions.ts over its own socket.
 *
 * Contract: `GET /actions` says which version serves, or with 503 why it should not be asked; `POST /actions/NAME` carries one out: 200 with `result`, 422 with
 * `failed`, as a Fault would say it, and 500 with `problem` for what is a fault of ours. Only for a command of the same
 * version: what the two say to each other is no interface, and changes with them.
 * Limits: an order of {@link MAX_ORDER_BYTES}.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Fault } from '../actions/fault.ts';
import { storeFault } from '../actions/store-fault.ts';
import { isStoreFailure } from '../store/store-error.ts';
import { errorText } from '../system/error-text.ts';
import { version } from '../system/version.ts';
import { ACTIONS, failedOf, MINTING_ACTIONS, type MintingSession } from './own-actions.ts';

/** Where the actions are. */
export const ACTIONS_PATH = '/actions';

/** The largest order: a batch of lines, of which the last may be long. */
const MAX_ORDER_BYTES = 128 * 1024 * 1024;

/** An answer: its status, and what it says as JSON. */
type Answered = readonly [status: number, body: object];

/** What the daemon knows of itself. */
export interface Around {
  /** Says what keeps it from taking mail, if anything does: its store was taken away, or is another one. */
  readonly trouble: () => Promise<string | undefined>;
  /** Hears of a request that failed for a fault of ours. */
  readonly onFault: (reason: string) => void;
}

/** Answers one request. */
export async function answerAction(
  session: MintingSession,
  request: IncomingMessage,
  response: ServerResponse,
  { trouble, onFault }: Around,
): Promise<void> {
  const isGreeting = request.method === 'GET' && request.url === ACTIONS_PATH;
  const answering = isGreeting ? greet(session, trouble) : answerTo(session, request);
  const [status, body] = await answering.catch((error: unknown): Answered => {
    onFault(errorText(error));
    return [500, { problem: errorText(error) }];
  });
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

async function answerTo(session: MintingSession, request: IncomingMessage): Promise<Answered> {
  const { method, url = '' } = request;
  const name = url.slice(ACTIONS_PATH.length + 1);
  const run = method === 'POST' ? actionOf(name) : undefined;
  if (run === undefined) return [404, { problem: `${url}: there is no such action` }];
  const order = await readOrder(request);
  if (order === undefined) return [413, { problem: `the order has more than ${MAX_ORDER_BYTES} bytes` }];
  try {
    return [200, { result: await run(session, order) }];
  } catch (error) {
    if (error instanceof Fault) return [422, failedOf(error)];
    if (isStoreFailure(error)) return [422, failedOf(storeFault(session.config, error))];
    throw error;
  }
}

/** Says which version serves, where nothing is wrong and the store can be written. */
async function greet({ store }: MintingSession, trouble: Around['trouble']): Promise<Answered> {
  const canWrite = (): Promise<undefined> => store.ping({ mustWrite: true }).then(() => undefined);
  const problem = await trouble()
    .then((why) => why ?? canWrite())
    .catch(errorText);
  return problem === undefined ? [200, { version: version() }] : [503, { problem }];
}

/** Finds an action by its name. */
function actionOf(name: string): ((session: MintingSession, order: unknown) => Promise<unknown>) | undefined {
  const table = { ...ACTIONS, ...MINTING_ACTIONS };
  // Whoever asks is a command of this version, which knows what the action takes.
  const found = Object.entries(table).find(([each]) => each === name)?.[1];
  return found as ((session: MintingSession, order: unknown) => Promise<unknown>) | undefined;
}

/** Reads an order; undefined where it is too large. */
async function readOrder(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_ORDER_BYTES) return undefined;
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}
