// A Cloudflare Email Worker that hands mail to mailgw's [[webhook]] of kind "raw", signed as Standard Webhooks says.
// MAILGW_URL is the URL of the webhook, such as https://mail.example.org/in/cloudflare; MAILGW_SECRET its whsec_… secret.
const utf8 = new TextEncoder();
const bytesOf = (base64) => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
const base64Of = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
const hexOf = (bytes) =>
  [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
const joined = async (...parts) => new Uint8Array(await new Blob(parts).arrayBuffer());

export default {
  async email(message, env) {
    const raw = await new Response(message.raw).arrayBuffer();
    // One id for one mail to one recipient: mailgw knows it again when the worker runs twice.
    const id = hexOf(await crypto.subtle.digest('SHA-256', await joined(`${message.to}\n`, raw)));
    const timestamp = String(Math.floor(Date.now() / 1000));
    const secret = bytesOf(env.MAILGW_SECRET.replace(/^whsec_/, ''));
    const key = await crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, [
      'sign',
    ]);
    const signature = await crypto.subtle.sign(
      'HMAC',
      key,
      await joined(utf8.encode(`${id}.${timestamp}.`), raw),
    );
    const headers = {
      'content-type': 'message/rfc822',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,${base64Of(signature)}`,
      'x-mailgw-envelope-to': `<${message.to}>`,
    };
    // A header field of HTTP takes no other letters; mailgw then takes the sender for unknown.
    if (/^[\x20-\x7e]*$/.test(message.from)) headers['x-mailgw-envelope-from'] = `<${message.from}>`;
    const answer = await fetch(env.MAILGW_URL, { method: 'POST', headers, body: raw, redirect: 'manual' });
    if (answer.status === 413)
      message.setReject('The message is too large'); // for good: the sender is told
    // Whatever is thrown is a temporary failure: the sender's server keeps the mail and tries again.
    else if (answer.status !== 200) throw new Error(`mailgw answers ${answer.status}`);
  },
};
