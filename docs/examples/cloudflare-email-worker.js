// A Cloudflare Email Worker that hands mail to mailgw's [[webhook]] of kind "raw", signed as Standard Webhooks says.
// MAILGW_URL is the URL of the webhook, such as https://mail.example.org/in/cloudflare; MAILGW_SECRET its whsec_… secret.
const joined = async (...parts) => new Uint8Array(await new Blob(parts).arrayBuffer());
const base64 = (octets) => btoa(String.fromCharCode(...new Uint8Array(octets)));
export default {
  async email(message, env) {
    const raw = await new Response(message.raw).arrayBuffer();
    // One id for one mail to one recipient: mailgw knows it again when the worker runs twice.
    const digest = await crypto.subtle.digest('SHA-256', await joined(`${message.to}\n`, raw));
    const id = base64(digest).replace(/\W/g, '-');
    const timestamp = String(Math.floor(Date.now() / 1000));
    const secret = Uint8Array.from(atob(env.MAILGW_SECRET.replace('whsec_', '')), (char) =>
      char.charCodeAt(0),
    );
    const hmac = { name: 'HMAC', hash: 'SHA-256' };
    const key = await crypto.subtle.importKey('raw', secret, hmac, false, ['sign']);
    const signature = await crypto.subtle.sign('HMAC', key, await joined(`${id}.${timestamp}.`, raw));
    const headers = {
      'content-type': 'message/rfc822',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,${base64(signature)}`,
      'x-mailgw-envelope-to': `<${message.to}>`,
    };
    // A header field of HTTP takes no other letters; mailgw then takes the sender for unknown.
    if (/^[ -~]*$/.test(message.from)) headers['x-mailgw-envelope-from'] = `<${message.from}>`;
    const answer = await fetch(env.MAILGW_URL, { method: 'POST', headers, body: raw, redirect: 'manual' });
    // A mail that is too large is refused for good. Whatever is thrown is temporary: the sender's server tries again.
    if (answer.status === 413) message.setReject('The message is too large');
    else if (answer.status !== 200) throw new Error(`mailgw answers ${answer.status}`);
  },
};
