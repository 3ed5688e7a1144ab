/**
 * The webhook source: calls of providers, from the request to its answer.
 *
 * Contract: a call is taken in this order: path, method, a place among those under way, space in the store, what its header
 * tells, its body, memory, signature, mail, gate. It is answered as taken only after the commit. Whatever is unknown is
 * answered 503, so that the provider tries again. A call that is not taken is logged with its reason and counted.
 * Failure: nothing here rejects.
 * Limits: `[inbound]`; a second call to a provider has {@link GIVE_MS}.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import { CALL_OUTCOMES } from '../../observe/metrics-table.ts';
import { errorText } from '../../system/error-text.ts';
import type { Intake, Source, SourceView } from '../source.ts';
import { receiveBody } from './body.ts';
import { Complaints } from './complaints.ts';
import { type Outcome, sendAnswer } from './outcome.ts';
import { closePlaces, openPlaces, type Place, viewPlaces } from './places.ts';
import { type Call, type Provider, STATUSES } from './provider.ts';
import type { WebhookSections } from './settings.ts';
import { takeMail } from './take.ts';
import { Turns } from './turns.ts';

/** Time for what a verified call brings. */
const GIVE_MS = 60_000;

/** What ails every webhook where nobody listens. */
export const DEAF = 'calls are taken nowhere until a restart, when inbound.listen applies';

/** Where the source stands. */
export interface WebhookOptions {
  /** The listener of its own; undefined where it answers on the HTTP interface's. */
  readonly server: Server | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** The source. Its states: serving → stopping. */
export class WebhookSource implements Source {
  readonly #intake: Intake<WebhookSections>;
  readonly #options: WebhookOptions;
  readonly #turns: Turns;
  readonly #complaints = new Complaints();
  readonly #underWay = new Map<IncomingMessage, Promise<void>>();
  readonly #end = new AbortController();
  #places: ReadonlyMap<string, Place> = new Map();
  #renewed: Promise<void> = Promise.resolve();
  #isStopping = false;

  constructor(intake: Intake<WebhookSections>, options: WebhookOptions) {
    this.#intake = intake;
    this.#options = options;
    this.#turns = new Turns(() => intake.config().inbound.maxBufferedBytes);
  }

  /** Opens the places of the configuration in force; resolves when they are open. */
  renew(): Promise<void> {
    const { config, log } = this.#intake;
    const { now } = this.#options;
    this.#renewed = this.#renewed.then(async () => {
      const before = this.#places;
      const mostBytes = (): number => config().inbound.maxMessageBytes;
      const storePath = (): string => config().store.path;
      this.#places = await openPlaces(config().webhook.each, { log, now, mostBytes, storePath });
      for (const { config: each } of this.#places.values()) this.#measure(each.name);
      void Promise.allSettled(this.#underWay.values()).then(() => closePlaces(before));
    });
    return this.#renewed;
  }

  views(): readonly SourceView[] {
    const views = viewPlaces(this.#places);
    if (this.#isListening) return views;
    return views.map((view) => (view.state === 'broken' ? view : { ...view, state: 'broken', reason: DEAF }));
  }

  /** Tells whether calls arrive anywhere: at a listener of its own, or at the HTTP interface's. */
  get #isListening(): boolean {
    return this.#options.server?.listening ?? this.#intake.config().api.listen !== undefined;
  }

  /** Says how to read whether a webhook works; its calls are counted from zero on. One that has gone has no figure. */
  #measure(source: string): void {
    const { meter } = this.#intake;
    for (const outcome of CALL_OUTCOMES) meter.add('mailgw_webhook_calls_total', { source, outcome }, 0);
    meter.watch('mailgw_webhook_up', { source }, () => {
      const place = [...this.#places.values()].find(({ config }) => config.name === source);
      return place === undefined ? undefined : Number('provider' in place.open && this.#isListening);
    });
  }

  answer(request: IncomingMessage, response: ServerResponse): boolean {
    const [path = ''] = (request.url ?? '').split('?', 1);
    const place = this.#places.get(path);
    if (this.#options.server !== undefined || place === undefined) return false;
    this.#begin(place, request, response);
    return true;
  }

  /** Answers a request of its own listener. */
  readonly serve = (request: IncomingMessage, response: ServerResponse): void => {
    const [path = ''] = (request.url ?? '').split('?', 1);
    const place = this.#places.get(path);
    if (place === undefined) sendAnswer(response, STATUSES, { kind: 'no-place' });
    else this.#begin(place, request, response);
  };

  #begin(place: Place, request: IncomingMessage, response: ServerResponse): void {
    const ended = this.#process(place, request)
      .catch((error: unknown): Outcome => ({ kind: 'failed', reason: errorText(error) }))
      .then((outcome) => {
        this.#tell(place, outcome);
        const statuses = 'provider' in place.open ? place.open.provider.statuses : STATUSES;
        sendAnswer(response, statuses, outcome);
      })
      .finally(() => this.#underWay.delete(request));
    this.#underWay.set(request, ended);
  }

  /** Takes a call in, as far as it comes. */
  async #process({ config, open }: Place, request: IncomingMessage): Promise<Outcome> {
    const { inbound } = this.#intake.config();
    if (request.method !== 'POST') return { kind: 'not-post' };
    if (this.#isStopping) return { kind: 'later', reason: 'the daemon stops' };
    if ('problem' in open) return { kind: 'later', reason: 'the source is broken' };
    if (this.#underWay.size >= inbound.maxConcurrent)
      return { kind: 'busy', reason: `${inbound.maxConcurrent} calls are under way` };
    const closed = this.#intake.gate().transaction();
    if (closed !== undefined) return { kind: 'later', reason: reasonOf(closed) };
    const at = this.#options.now();
    const fields = fieldsOf(request);
    const refusal = open.provider.judgeHeader?.({ fields, at });
    if (refusal !== undefined) return refusal;
    const received = await receiveBody(request, {
      mostBytes: inbound.maxBodyBytes,
      withinMs: inbound.bodyTimeoutMs,
      directory: dirname(this.#intake.config().store.path),
      isFull: () => this.#intake.gate().transaction() !== undefined,
    });
    if (received.kind === 'no-space') return { kind: 'later', reason: 'space is low' };
    if (received.kind !== 'whole') return { kind: received.kind };
    const { body } = received;
    try {
      const giveBack = await this.#turns.take(body.bytes);
      try {
        return await this.#read(config, open.provider, { fields, body, at });
      } finally {
        giveBack();
      }
    } finally {
      await body.free();
    }
  }

  async #read(config: Place['config'], provider: Provider, call: Call): Promise<Outcome> {
    const verified = await provider.verify(call);
    if (verified.kind !== 'verified') return verified;
    const signal = AbortSignal.any([this.#end.signal, AbortSignal.timeout(GIVE_MS)]);
    const given = await verified.give(signal);
    if (given.kind !== 'mail') return given;
    const kind = await takeMail(this.#intake, config, given, call.at);
    if (kind === 'settled') return { kind: 'taken' };
    if (kind === 'deferred') return { kind: 'later', reason: 'the gate puts it off' };
    return { kind: 'forged', reason: 'another message came under the id of this call' };
  }

  /** Counts how a call ended, and logs what was not taken. */
  #tell({ config: { name }, open }: Place, outcome: Outcome): void {
    const { log, meter } = this.#intake;
    meter.add('mailgw_webhook_calls_total', { source: name, outcome: outcome.kind });
    if (outcome.kind === 'taken') return;
    const reason = 'reason' in outcome ? outcome.reason : undefined;
    if (outcome.kind === 'no-mail') {
      log('call_without_mail', { source: name, reason });
      return;
    }
    const unlogged = this.#complaints.ask(`${name} ${outcome.kind}`, this.#options.now());
    if (unlogged === undefined) return;
    const fields = { source: name, kind: outcome.kind, reason, unlogged: unlogged || undefined };
    // Where it was genuine, a mail waits for the operator.
    const isTheirs = outcome.kind === 'unusable' || outcome.kind === 'malformed' || outcome.kind === 'failed';
    log('call_refused', fields, isTheirs || 'problem' in open ? 'error' : undefined);
  }

  async stop(withinMs: number): Promise<void> {
    this.#isStopping = true;
    const { server } = this.#options;
    const closed = server === undefined ? undefined : new Promise((resolve) => server.close(resolve));
    server?.closeIdleConnections();
    await within(withinMs, this.#ended());
    this.#end.abort(new Error('the daemon stops'));
    for (const request of this.#underWay.keys()) request.socket.destroy();
    server?.closeAllConnections();
    await closed;
    await closePlaces(this.#places);
  }

  async #ended(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay.values());
  }
}

const reasonOf = ({ reason, detail }: { readonly reason: string; readonly detail?: string }): string =>
  detail ?? reason;

/** Gathers the header of a request, each field with all its values. */
function fieldsOf({ headersDistinct }: IncomingMessage): ReadonlyMap<string, readonly string[]> {
  return new Map(Object.entries(headersDistinct).map(([name, values]) => [name, values ?? []]));
}

/** Waits for something, and for no longer than this. */
async function within(ms: number, awaited: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([awaited, over]);
  clearTimeout(timer);
}
