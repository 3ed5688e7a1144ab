// Sends a notification whose answer becomes a post: `send.mjs api` has mailgw send it, `send.mjs own` sends it itself.
import { spawnSync } from 'node:child_process';

const {
  MAILGW_API = 'http://127.0.0.1:8025',
  MAILGW_TOKEN,
  SENDMAIL = '/usr/sbin/sendmail',
  POSTED_AT,
} = process.env;

const post = {
  user: 'alice',
  thread: 'acme/website/issue/7',
  replied_to: POSTED_AT,
  subject: 'Die Größe des Logos',
  text: 'Bob wrote:\n\nThe logo is blurred – on my phone at least.\n',
};

async function ask(path, body, key) {
  const answer = await fetch(MAILGW_API + path, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${MAILGW_TOKEN}`,
      'Content-Type': 'application/json',
      'Idempotency-Key': key,
    },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(30_000),
  });
  if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
  return answer.json();
}

function haveItSent() {
  const list = { id: 'website.tracker.example.org', unsubscribe: 'https://tracker.example.org/u/k3j2' };
  // The key is the post's and the user's own: however often this runs, one mail goes out.
  return ask('/v1/notifications', { ...post, from: { name: 'Bob via Tracker' }, list }, 'comment-4711-alice');
}

/** Encodes a header value that is not ASCII (RFC 2047), at most 45 octets a word and no character cut. */
function encoded(text) {
  const words = [''];
  for (const character of text) {
    if (Buffer.byteLength(words.at(-1) + character) > 45) words.push('');
    words[words.length - 1] += character;
  }
  return words.map((word) => `=?UTF-8?B?${Buffer.from(word).toString('base64')}?=`).join('\n ');
}

async function sendIt() {
  const { user, thread, replied_to } = post;
  const address = await ask('/v1/addresses', { user, thread, replied_to }, 'address-4711-alice');
  const fields = {
    ...address.headers,
    From: 'Bob via Tracker <noreply@tracker.example.org>',
    To: 'alice@example.com',
    Subject: encoded(post.subject),
    Date: new Date().toUTCString().replace('GMT', '+0000'),
    'MIME-Version': '1.0',
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Transfer-Encoding': 'base64',
  };
  const header = Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}\n`)
    .join('');
  const body = Buffer.from(post.text).toString('base64').replace(/.{76}/g, '$&\n');
  const sent = spawnSync(SENDMAIL, ['-i', '-f', address.envelope_from, '--', 'alice@example.com'], {
    input: `${header}\n${body}\n`,
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  if (sent.status !== 0) throw new Error(`sendmail: ${sent.error?.message ?? sent.status}`);
  return address;
}

console.log((await { api: haveItSent, own: sendIt }[process.argv[2]]()).message_id);
