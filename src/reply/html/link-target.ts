/**
 * Where a link of an HTML mail leads, and whether its text says so.
 *
 * Contract: only addresses that a reader may follow are links. A text that shows a host, anywhere in it and in any
 * spelling that a browser takes, is compared with the host that the target really has: what stands before `@` in an
 * address is none.
 */

const SAFE_TARGET = /^(?:https?:\/\/|mailto:|tel:)/i;
/** An address that Markdown takes as it stands, to its last character. */
const BARE = /^https?:\/\/(?:[a-z0-9\-.:/?#@!$&'()+,;=%]|(?<=[a-z0-9])_(?=[a-z0-9]))*[a-z0-9\-/#$&+;=%]$/i;
const ENTITY = /&(?=#?[a-z0-9]{1,32};)/gi;

/** Tells whether a link may lead there. */
export const isSafeTarget = (href: string): boolean => SAFE_TARGET.test(href);

/** Writes the target of a link in the form that Markdown can hold. */
export function escapeTarget(href: string): string {
  return href
    .replace(/[\s()<>\\"`|]/g, (char) => encodeURIComponent(char).replace('(', '%28').replace(')', '%29'))
    .replace(ENTITY, '\\&');
}

const withoutScheme = (url: string): string =>
  url.replace(/^(?:https?:\/\/|mailto:|tel:)/i, '').replace(/\/$/, '');

/**
 * Tells what to write in place of a link whose text is its target: the text (of a mail address or telephone number
 * always), or the target, which is longer by its scheme. Undefined where it has to be a link.
 */
export function bareTarget(text: string, href: string): 'mail' | 'text' | 'target' | undefined {
  if (withoutScheme(text) !== withoutScheme(href)) return undefined;
  if (/^(?:mailto|tel):/i.test(href)) return 'mail';
  const isPlain = BARE.test(href) && !/&#?\w+;/.test(href) && !/^https?:\/\/[^/?#]*@/i.test(href);
  if (!isPlain) return undefined;
  return /^https?:/i.test(text) ? 'text' : 'target';
}

const fold = (host: string): string => {
  const bare = host
    .replace(/:\d*$/, '')
    .replace(/^www\./i, '')
    .replace(/\.$/, '');
  const url = `http://${bare}/`;
  return (URL.canParse(url) ? new URL(url).hostname : bare).toLowerCase();
};

/** Reads the host of a target; undefined where it has none. */
function hostOf(href: string): string | undefined {
  const mail = /^mailto:[^?]*@([^?@,;]+)/i.exec(href)?.[1];
  if (mail !== undefined) return fold(mail);
  if (!/^https?:/i.test(href)) return undefined;
  return URL.canParse(href) ? fold(new URL(href).hostname) : '';
}

const DOMAIN = '[\\p{L}\\p{N}_-]+(?:\\.[\\p{L}\\p{N}_-]+)+';
const SHOWN = new RegExp(
  [
    '(?:https?|ftp):[/\\\\]*([^\\s/\\\\?#<>"()[\\]]+)',
    `\\b(www\\.${DOMAIN})`,
    `@(${DOMAIN})`,
    `^[\\p{P}\\p{S}\\s]*(${DOMAIN})(?::\\d+)?(?:/\\S*)?[\\p{P}\\p{S}\\s]*$`,
  ].join('|'),
  'giu',
);

/** Lists the hosts that a text shows to a reader. */
function hostsIn(text: string): string[] {
  if (/^[a-z\d ,]*$/i.test(text)) return [];
  const plain = text
    .normalize('NFKC')
    .replace(/\p{Cf}/gu, '')
    .replace(/[。｡．]/g, '.');
  return Array.from(
    plain.matchAll(SHOWN),
    ([, url, www, mail, whole]) => url ?? www ?? mail ?? whole ?? '',
  ).map((host) => (host.includes('@') ? host : fold(host.replace(/[.,;:!?'»”]+$/, ''))));
}

/** Gives the host of the target where the text shows another one; undefined where nobody is misled. */
export function foreignHost(text: string, href: string): string | undefined {
  const shown = hostsIn(text.trim());
  if (shown.length === 0) return undefined;
  const target = hostOf(href);
  return target !== undefined && shown.some((host) => host !== target) ? target || 'nowhere' : undefined;
}
