// An S3 of the tests: serves objects to whoever signs, and checks signatures by code of its own.
//
// Contract: written from "Authenticating Requests: Using the Authorization Header (AWS Signature Version 4)" of the S3 API
// Reference, and shares nothing with the signer; errors have the documented codes and XML.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders, RequestListener } from 'node:http';

/** The key that an S3 knows, and its clock. */
export interface KnownKey {
  readonly id: string;
  readonly secret: string;
  readonly region: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** The difference of clocks that S3 bears. */
const SKEW_MS = 15 * 60_000;

/** Gives the code of the error that a request earns; undefined where its signature is good. */
export function checkSignature(
  method: string,
  target: string,
  headers: IncomingHttpHeaders | Record<string, string>,
  key: KnownKey,
): string | undefined {
  const field = (name: string): string => String(headers[name] ?? '');
  const parts =
    /^AWS4-HMAC-SHA256 Credential=([^/,]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      field('authorization'),
    );
  if (parts === null) return 'AccessDenied';
  const [, id = '', day = '', region = '', list = '', given = ''] = parts;
  if (id !== key.id) return 'InvalidAccessKeyId';
  if (region !== key.region) return 'AuthorizationHeaderMalformed';
  const time = field('x-amz-date');
  const at = Date.parse(time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (!(Math.abs(at - key.at) < SKEW_MS) || !time.startsWith(day)) return 'RequestTimeTooSkewed';
  const names = list.split(';');
  const must = ['host', ...Object.keys(headers).filter((name) => name.startsWith('x-amz-'))];
  if (must.some((name) => !names.includes(name)) || names.join() !== [...names].sort().join())
    return 'SignatureDoesNotMatch';
  const [path = '', query = ''] = target.split('?');
  let canonical = `${method}\n${path}\n${query}\n`;
  for (const name of names) canonical += `${name}:${field(name).trim().replace(/ +/g, ' ')}\n`;
  canonical += `\n${list}\n${field('x-amz-content-sha256')}`;
  const sha = createHash('sha256').update(canonical, 'utf8').digest('hex');
  const toSign = `AWS4-HMAC-SHA256\n${time}\n${day}/${region}/s3/aws4_request\n${sha}`;
  const dateKey = createHmac('sha256', `AWS4${key.secret}`).update(day).digest();
  const regionKey = createHmac('sha256', dateKey).update(region).digest();
  const placeKey = createHmac('sha256', regionKey).update('s3').digest();
  const signingKey = createHmac('sha256', placeKey).update('aws4_request').digest();
  const wanted = createHmac('sha256', signingKey).update(toSign).digest();
  return timingSafeEqual(wanted, Buffer.from(given, 'hex')) ? undefined : 'SignatureDoesNotMatch';
}

const STATUS = new Map([
  ['NoSuchKey', 404],
  ['AuthorizationHeaderMalformed', 400],
]);

/** Serves objects by their encoded paths: their bytes, or the code of an error. */
export function s3Listener(
  objects: ReadonlyMap<string, Buffer | string>,
  key: () => KnownKey,
  extra: Readonly<Record<string, string>> = {},
): RequestListener {
  return (request, response) => {
    const path = request.url ?? '';
    const code = checkSignature(request.method ?? '', path, request.headers, key());
    const found = code ?? objects.get(path) ?? 'NoSuchKey';
    if (typeof found !== 'string') {
      response.writeHead(200, { 'content-type': 'application/octet-stream', ...extra }).end(found);
      return;
    }
    response
      .writeHead(STATUS.get(found) ?? 403, { 'content-type': 'application/xml' })
      .end(
        `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${found}</Code><Message>…</Message></Error>`,
      );
  };
}
