/**
 * Recognises Mattermost's notifications about a post. Their Message-ID is the post's id at the host of the Site URL, and of
 * a reply References has the root's in the same form; nothing of the header names the channel.
 *
 * Limits: mail that gathers several posts, and all other mail of the server, has a Message-ID of another form.
 */
import { type Header, headerValues } from '../../mail/header.ts';
import type { Recognise } from '../../mail/recognise.ts';
import { ID } from './locator.ts';

/** Makes a recogniser of the notifications of a site; undefined is any. */
export function recogniserOf(site: string | undefined): Recognise {
  const host = site?.toLowerCase();
  const postIn = (header: Header, name: string): string | undefined => {
    const values = headerValues(header, name);
    const [, id = '', at = ''] = /^<([a-z0-9]{26})@([^<>@\s]+)>$/.exec(values[0] ?? '') ?? [];
    if (values.length !== 1 || !ID.test(id)) return undefined;
    return host === undefined || at.toLowerCase() === host ? id : undefined;
  };
  return ({ header }) => {
    const generated = headerValues(header, 'auto-submitted');
    if (generated.length !== 1 || generated[0]?.toLowerCase() !== 'auto-generated') return undefined;
    const post = postIn(header, 'message-id');
    if (post === undefined) return undefined;
    const root = headerValues(header, 'references').length === 0 ? post : postIn(header, 'references');
    return root === undefined ? undefined : { thread: `post/${root}`, repliedTo: undefined };
  };
}
