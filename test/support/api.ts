// A client of the HTTP interface that holds every answer to the OpenAPI document.
//
// Contract: an answer whose status, type, header fields or JSON is not what the document says of its operation fails the
// test that asked; so does a member that the document has not. Each answer is remembered by its operation and status.
import assert from 'node:assert/strict';
import { type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

/** Where the interface listens: a port of the loopback, or a Unix socket. */
export type ApiPlace = { readonly port: number } | { readonly socketPath: string };

/** What is sent beside method and path. */
export interface ApiRequest {
  /** Sent as JSON, or as it is where it is a string or bytes. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly token?: string | undefined;
}

/** An answer; `json` has no members where the body is none. */
export interface ApiAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly bytes: Buffer;
  readonly json: Members;
}

interface FieldError {
  readonly pointer: string;
  readonly detail: string;
}

/** What tests read of answers; which members an answer has says the document, to which it is held. */
export interface Members {
  readonly [name: string]: unknown;
  readonly addresses: readonly [Members, ...Members[]] & readonly string[];
  readonly authentication: Members;
  readonly body: Members;
  readonly data: Members;
  readonly detail: string;
  readonly enabled: boolean;
  readonly errors: readonly [FieldError, ...FieldError[]];
  readonly expires_at: string;
  readonly grace_ends_at: string;
  readonly id: string;
  readonly item: Members;
  readonly items: readonly [Members, Members] & Members;
  readonly message_id: string;
  readonly next_cursor: string | null;
  readonly post: Members;
  readonly reply_to: string;
  readonly replied_to: string;
  readonly state: string;
  readonly steps: readonly Members[];
  readonly status: number;
  readonly ticket: string;
  readonly user: string;
  readonly verdicts: readonly Members[];
  readonly way: readonly [Members];
}

/** An answer as it is documented. */
export interface DocumentedAnswer {
  readonly headers?: Readonly<Record<string, { readonly required?: boolean }>>;
  readonly content?: Readonly<Record<string, { readonly schema: object }>>;
}

/** An operation as it is documented. */
export interface Operation {
  readonly operationId: string;
  readonly 'x-scope'?: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: object }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: object }>> };
  readonly responses: Readonly<Record<string, DocumentedAnswer>>;
}

/** The document as far as the client reads it. */
export interface OpenApiDocument {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, object>>;
    readonly responses: Readonly<Record<string, DocumentedAnswer>>;
  };
}

const NONE = {} as Members;

/** A client of one interface. */
export class ApiClient {
  readonly #place: ApiPlace;
  readonly #token: string | undefined;
  readonly #ajv = new Ajv2020({ strictSchema: true, strictTypes: true });
  /** The answers that came, each by its operation and status: `getQueue 200`. */
  readonly exercised = new Set<string>();
  document: OpenApiDocument | undefined;
  #learning: Promise<OpenApiDocument> | undefined;

  constructor(place: ApiPlace, token?: string) {
    this.#place = place;
    this.#token = token;
    (formats as unknown as (ajv: Ajv2020) => void)(this.#ajv);
    this.#ajv.addKeyword('components');
  }

  /** Reads the document that answers are held to. */
  async learn(): Promise<OpenApiDocument> {
    this.#learning ??= this.#learn();
    return await this.#learning;
  }

  async #learn(): Promise<OpenApiDocument> {
    const { json } = await this.#exchange('GET', '/v1/openapi.json', {});
    this.document = json as unknown as OpenApiDocument;
    this.#ajv.addSchema({ $id: 'doc', components: this.document.components });
    this.exercised.add('getOpenApi 200');
    return this.document;
  }

  /** Asks, and holds the answer to the document. */
  async ask(method: string, path: string, asked: ApiRequest = {}): Promise<ApiAnswer> {
    await this.learn();
    const answer = await this.#exchange(method, path, asked);
    this.#hold(method, path, answer);
    return answer;
  }

  /** Opens a stream; the response is as it comes, and its head is held to the document. */
  async open(path: string, headers: Readonly<Record<string, string>> = {}): Promise<IncomingMessage> {
    await this.learn();
    const response = await this.#send('GET', path, { headers }, undefined);
    const { statusCode: status = 0, headers: fields } = response;
    if (status < 400)
      this.#hold('GET', path, { status, headers: fields, bytes: Buffer.alloc(0), json: NONE });
    return response;
  }

  async #exchange(method: string, path: string, asked: ApiRequest): Promise<ApiAnswer> {
    const { body } = asked;
    const isRaw = typeof body === 'string' || body instanceof Uint8Array;
    const content = body === undefined || isRaw ? body : JSON.stringify(body);
    const headers = {
      ...(body === undefined ? {} : { 'content-type': isRaw ? 'message/rfc822' : 'application/json' }),
      ...asked.headers,
    };
    const response = await this.#send(method, path, { ...asked, headers }, content);
    const bytes = await buffer(response);
    const isJson = bytes.length > 0 && /json/.test(response.headers['content-type'] ?? '');
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      bytes,
      json: (isJson ? JSON.parse(bytes.toString('utf8')) : {}) as Members,
    };
  }

  #send(
    method: string,
    path: string,
    { headers = {}, token = this.#token }: ApiRequest,
    content: string | Uint8Array | undefined,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const place = 'port' in this.#place ? { host: '127.0.0.1', ...this.#place } : this.#place;
      const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
      // Of itself Node says no length of what goes with DELETE.
      const length = content === undefined ? {} : { 'content-length': Buffer.byteLength(content) };
      const asking = request(
        { ...place, method, path, agent: false, headers: { ...authorization, ...length, ...headers } },
        resolve,
      );
      asking.on('error', reject);
      asking.end(content);
    });
  }

  /** Fails where the answer is not one of those that the document names. */
  #hold(method: string, path: string, { status, headers, json }: ApiAnswer): void {
    const operation = this.operationAt(method, path);
    const documented =
      operation === undefined
        ? this.document?.components.responses[status === 405 ? 'NoSuchMethod' : 'NoSuchPath']
        : operation.responses[String(status)];
    const asked = `${method} ${path}: ${status}`;
    assert.ok(documented, `${asked} is not documented`);
    this.exercised.add(`${operation?.operationId ?? 'none'} ${status}`);
    for (const [name, { required }] of Object.entries(documented.headers ?? {}))
      assert.ok(required !== true || headers[name.toLowerCase()] !== undefined, `${asked} has no ${name}`);
    const type = headers['content-type']?.split(';', 1)[0];
    if (documented.content === undefined) {
      assert.equal(type, undefined, `${asked} has a body`);
      return;
    }
    assert.ok(
      type !== undefined && type in documented.content,
      `${asked}: ${String(type)} is not documented`,
    );
    if (!type.includes('json') || method === 'HEAD') return;
    const schema = JSON.parse(
      JSON.stringify(documented.content[type]?.schema).replaceAll('"#/components', '"doc#/components'),
    ) as object;
    assert.ok(
      this.#ajv.validate(schema, json),
      `${asked}: ${this.#ajv.errorsText()}: ${JSON.stringify(json)}`,
    );
  }

  /** Finds the operation of a method and a path as it is asked for. */
  operationAt(method: string, path: string): Operation | undefined {
    const [bare = ''] = path.split('?', 1);
    const found = Object.entries(this.document?.paths ?? {}).filter(([template]) =>
      new RegExp(`^${template.replace('{thread}', '.+').replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(bare),
    );
    // The longest comes first: a thread's name may have slashes.
    return found
      .toSorted(([one], [other]) => other.length - one.length)
      .map(([, operations]) => operations[method.toLowerCase()])
      .find((each) => each !== undefined);
  }
}
