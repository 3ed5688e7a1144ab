// From fields that two readers could take for two authors, or for another one than they name.

import { domainOf } from './forgery-cast.ts';

/** Two authors, of which two readers take different ones. */
export const PAIRS: readonly ((victim: string, her: string) => string[])[] = [
  (victim, her) => [`From: <${her}>`, `From: <${victim}>`],
  (victim, her) => [`From: <${victim}>`, `From: <${her}>`],
  (victim, her) => [`From: <${her}>, <${victim}>`],
  (victim, her) => [`From: Alice <${victim}>, Mallory <${her}>`],
  (victim, her) => [`From: Us: <${victim}>, <${her}>;`],
  (victim, her) => [`From: Us: <${her}>;, <${victim}>`],
  (victim, her) => [`From : <${victim}>`, `From: <${her}>`],
  (victim, her) => [`From: <${her}>`, `From\t: <${victim}>`],
  (victim, her) => [`From: <${her}>`, `FROM: <${victim}>`],
  (victim, her) => [`From: <${her}>`, `Sender: <${victim}>`],
  (victim, her) => [`Sender: <${her}>`, `From: <${victim}>`],
  (victim, her) => [`From: <${her}>`, `Resent-From: <${victim}>`, `Reply-To: <${victim}>`],
  (victim, her) => [`From: <${her}>\rFrom: <${victim}>`],
  (victim, her) => [`From\0: <${her}>`, `From: <${victim}>`],
  (victim, her) => [`From:`, `From: <${victim}>`, `X-From: <${her}>`],
];

/** One From whose author looks like another one to some reader. */
export const DISGUISES: readonly ((victim: string, her: string) => string)[] = [
  (victim, her) => `"${victim}" <${her}>`,
  (victim, her) => `${victim} <${her}>`,
  (victim, her) => `<${victim}> <${her}>`,
  (victim, her) => `<${her}> <${victim}>`,
  (victim, her) => `${her} (Alice <${victim}>)`,
  (victim, her) => `Alice (<${her}>) <${victim}>`,
  (victim, her) => `<${her}> (x) ${victim}`,
  (victim, her) => `<@evil.example:${victim}> (${her})`,
  (victim, her) => `<@evil.example,@b.example:${victim}>, ${her}`,
  (victim, her) => `=?utf-8?q?=3C${victim.replace('@', '=40')}=3E?= <${her}>`,
  (victim, her) => `=?utf-8?q?Alice_=3C${victim.replace('@', '=40')}=3E=2C?= <${her}>`,
  (victim) => `=?utf-8?b?${Buffer.from(`<${victim}>`).toString('base64')}?=`,
  (victim, her) => `${victim}\0 <${her}>`,
  (victim, her) => `<${victim}\0@evil.example>, <${her}>`,
  (victim) => `"${victim}"@evil.example`,
  (victim) => `<${victim}@evil.example>`,
  (victim) => `<${victim.replace('@', '%')}@evil.example>`,
  (victim) => `<${victim}.>`,
  (victim) => `<${victim.replace('.', '\r\n .')}>`,
  (victim) => `<"alice"@${domainOf(victim).toUpperCase()}>`,
  (victim) => `<alice @ ${domainOf(victim)}>`,
  (victim) => `<alice(x)@(y)${domainOf(victim)}>`,
  (victim) => `\xe9 <${victim}>`,
  (victim) => `<alice@${domainOf(victim).replace('e', '\xd0\xb5')}>`,
  (victim, her) => `"Alice\\" <${victim}>, " <${her}>`,
  (victim, her) => `"Alice <${victim}> <${her}>`,
  (victim) => `<${victim}`,
  (victim) => `${victim}>`,
  (victim, her) => `${her};${victim}`,
  (victim, her) => `${her},,${victim}`,
  (victim, her) => `Alice <${victim}>\r\n (\r\n <${her}>)`,
];
