// A platform to try mailgw with, and the least that a real one does: takes posts, checks who signed them, prints them.
//
//     node receiver.mjs /etc/mailgw/webhook.secret [PORT]
//
// Listens at 127.0.0.1:3000, where the configuration that `mailgw-ctl init` writes sends posts to. The signature is that of
// Standard Webhooks (standardwebhooks.com): 2xx says that the post is kept, 401 that it is none of ours; see
// docs/http-interface.md for what other answers do. A real platform also remembers `data.id`: a post may come twice.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

const [secretFile, port = '3000'] = process.argv.slice(2);
const secret = Buffer.from(
  readFileSync(secretFile, 'utf8')
    .trim()
    .replace(/^whsec_/, ''),
  'base64',
);

/** Whether somebody who knows the secret signed this body within the last five minutes. */
function isSigned(headers, body) {
  const { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': signatures = '' } = headers;
  if (!(Math.abs(Date.now() / 1000 - Number(seconds)) < 300)) return false;
  const expected = createHmac('sha256', secret).update(`${id}.${seconds}.${body}`).digest();
  return signatures.split(' ').some((signature) => {
    const given = Buffer.from(signature.replace(/^v1,/, ''), 'base64');
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}

createServer(async (request, response) => {
  const body = await text(request);
  if (request.method !== 'POST') return response.writeHead(405, { Allow: 'POST' }).end();
  if (!isSigned(request.headers, body)) return response.writeHead(401).end();
  const { type, data } = JSON.parse(body);
  if (type === 'reply.created')
    console.log(`${data.user} in ${data.thread}: ${JSON.stringify(data.body.text)}`);
  return response.writeHead(204).end();
}).listen(Number(port), '127.0.0.1', () => console.log(`takes posts at http://127.0.0.1:${port}/hooks/mail`));
