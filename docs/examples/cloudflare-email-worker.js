// A Cloudflare Email Worker that hands mail to mailgw's [[webhook]] of kind "raw", signed as Standard Webhooks says.
// MAILGW_URL is the URL of the webhook, such as https://mail.example.org/in/cloudflare; MAILGW_SECRET its whsec_… secret.
const joined = (...parts) => new Blob(parts).arrayBuffer();
const base64 = (octets) => btoa(String.fromCharCode(...new Uint8Array(octets)));
const hmac = { name: 'HMAC', hash: 'SHA-256' };

export default {
  async email(message, { MAILGW_URL, MAILGW_SECRET }) {
    const raw = await new Response(message.raw).arrayBuffer();
    // One id for one mail to one recipient: mailgw knows it again when the worker runs twice.
    const hash = await crypto.subtle.digest('SHA-256', await joined(`${message.to}\n`, raw));
    const id = base64(hash).replace(/\W/g, '-');
    const time = String(Math.floor(Date.now() / 1000));
    const secret = Uint8Array.from(atob(MAILGW_SECRET.replace('whsec_', '')), (char) => char.charCodeAt(0));
    const key = await crypto.subtle.importKey('raw', secret, hmac, false, ['sign']);
    const headers = {
      'content-type': 'message/rfc822',
      'webhook-id': id,
      'webhook-timestamp': time,
      'webhook-signature': `v1,${base64(await crypto.subtle.sign('HMAC', key, await joined(`${id}.${time}.`, raw)))}`,
      'x-mailgw-envelope-to': `<${message.to}>`,
    };
    // A header field of HTTP takes no other letters; mailgw then takes the sender for unknown.
    if (/^[ -~]*$/.test(message.from)) headers['x-mailgw-envelope-from'] = `<${message.from}>`;
    const { status } = await fetch(MAILGW_URL, { method: 'POST', headers, body: raw, redirect: 'manual' });
    // What is too large is refused for good; whatever is thrown is temporary, and the sender's server tries again.
    if (status === 413) message.setReject('The message is too large');
    else if (status !== 200) throw new Error(`mailgw answers ${status}`);
  },
};
