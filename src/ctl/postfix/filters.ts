/**
 * The filters of a Postfix: what could write Authentication-Results into the mail that it takes.
 *
 * Contract: names what main.cf and the `-o` lines of master.cf say; whether a filter really writes results, only a
 * message shows.
 */
import type { PostfixSetup } from './postfix-setup.ts';
import { splitList } from './postfix-setup.ts';
import { openedPath } from './route.ts';

/** The place of a milter, with the name that Postfix has for it. */
export interface Milter {
  /** As in smtpd_milters, such as `inet:127.0.0.1:11332`. */
  readonly name: string;
  /** Undefined where the name is none that Postfix understands. */
  readonly place: { readonly path: string } | { readonly host: string; readonly port: number } | undefined;
}

/** The parameters that bring a filter in. */
const PARAMETERS = ['smtpd_milters', 'content_filter'] as const;

/** Lists every filter of mail by SMTP, as `parameter: value`. */
export function filtersOf(setup: PostfixSetup): string[] {
  return PARAMETERS.flatMap((parameter) =>
    valuesOf(setup, parameter).map((value) => `${parameter}: ${value}`),
  );
}

/** Lists every milter that some smtpd(8) asks. */
export function miltersOf(setup: PostfixSetup): Milter[] {
  const names = valuesOf(setup, 'smtpd_milters').flatMap((list) => splitList(list).map(addressOf));
  return [...new Set(names)].filter((name) => name !== 'DISABLE').map((name) => milterOf(setup, name));
}

function valuesOf(setup: PostfixSetup, parameter: string): string[] {
  const values = [setup.setting(parameter), ...setup.overrides(parameter)];
  return [...new Set(values)].filter((value) => value !== '');
}

/** Gives an address without the settings that may stand with it in braces. */
function addressOf(entry: string): string {
  const [, inBraces = entry] = /^\{\s*([^\s,}]+)/.exec(entry) ?? [];
  return inBraces;
}

function milterOf(setup: PostfixSetup, name: string): Milter {
  const [, type, rest = ''] = /^(inet|unix):(.+)$/.exec(name) ?? [];
  if (type === 'unix') {
    const chroot = setup.services('smtpd').some((service) => service.chroot);
    return { name, place: { path: openedPath(setup, { chroot }, rest) } };
  }
  const [, host = '', port] = /^(?:(.+):)?(\d+)$/.exec(rest) ?? [];
  if (type === undefined || port === undefined) return { name, place: undefined };
  return { name, place: { host: host.replace(/^\[(.*)\]$/, '$1') || 'localhost', port: Number(port) } };
}
