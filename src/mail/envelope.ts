/**
 * MAIL and RCPT commands: the path and its parameters.
 *
 * Contract: reads exactly the grammar of RFC 5321 §4.1.2 with SMTPUTF8 (RFC 6531), 8BITMIME (RFC 6152) and SIZE
 * (RFC 1870); a source route is accepted and ignored (RFC 5321 appendix C). What it cannot read becomes a reply.
 */
import type { Reply } from './status.ts';

/** A transaction's sender: the reverse-path without brackets, `''` for the null one; SIZE in bytes. */
export interface MailCommand {
  readonly reversePath: string;
  readonly sizeBytes: number | undefined;
  readonly smtpUtf8: boolean;
}

/** The parsed command, or the reply that refuses it. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reply: Reply };

const refuse = (reply: Reply): { ok: false; reply: Reply } => ({ ok: false, reply });

/** Reads the argument of MAIL: everything after the verb. */
export function parseMail(argument: string): Parsed<MailCommand> {
  const path = splitPath(argument, 'FROM');
  if (path === undefined)
    return refuse({ basic: 501, enhanced: '5.1.7', text: 'syntax: MAIL FROM:<address>' });
  let sizeBytes: number | undefined;
  let smtpUtf8 = false;
  for (const parameter of path.parameters) {
    const [key, value] = splitParameter(parameter);
    switch (key) {
      case 'SIZE':
        if (value === undefined || !/^\d{1,20}$/.test(value))
          return refuse({ basic: 501, enhanced: '5.5.4', text: 'SIZE is not a number of bytes' });
        sizeBytes = Number(value);
        break;
      case 'BODY':
        if (value === undefined || !/^(7BIT|8BITMIME)$/i.test(value))
          return refuse({ basic: 501, enhanced: '5.5.4', text: 'BODY is neither 7BIT nor 8BITMIME' });
        break;
      case 'SMTPUTF8':
        if (value !== undefined)
          return refuse({ basic: 501, enhanced: '5.5.4', text: 'SMTPUTF8 takes no value' });
        smtpUtf8 = true;
        break;
      default:
        return refuse({ basic: 555, enhanced: '5.5.4', text: 'unsupported MAIL parameter' });
    }
  }
  return { ok: true, value: { reversePath: path.address, sizeBytes, smtpUtf8 } };
}

/** Reads the argument of RCPT: everything after the verb. */
export function parseRcpt(argument: string): Parsed<string> {
  const path = splitPath(argument, 'TO');
  if (path === undefined || path.address === '')
    return refuse({ basic: 501, enhanced: '5.1.3', text: 'syntax: RCPT TO:<address>' });
  if (path.parameters.length > 0)
    return refuse({ basic: 555, enhanced: '5.5.4', text: 'unsupported RCPT parameter' });
  return { ok: true, value: path.address };
}

/** The path of a MAIL or RCPT as it is passed on: brackets, source route and parameters as they came. */
export interface PathAsWritten {
  readonly written: string;
  readonly address: string;
  readonly parameters: readonly string[];
}

/** Reads the argument of MAIL or RCPT without judging its parameters; undefined where it breaks the grammar. */
export function parsePath(argument: string, keyword: 'FROM' | 'TO'): PathAsWritten | undefined {
  const path = splitPath(argument, keyword);
  return path === undefined || (keyword === 'TO' && path.address === '') ? undefined : path;
}

/** Takes a parameter apart; the keyword in upper case. */
export function splitParameter(parameter: string): [string, string | undefined] {
  const equals = parameter.indexOf('=');
  if (equals === -1) return [parameter.toUpperCase(), undefined];
  return [parameter.slice(0, equals).toUpperCase(), parameter.slice(equals + 1)];
}

function splitPath(argument: string, keyword: string): PathAsWritten | undefined {
  const colon = keyword.length;
  if (argument[colon] !== ':' || argument.slice(0, colon).toUpperCase() !== keyword) return undefined;
  // RFC 5321 §3.3 forbids a space after the colon; too many clients send one to refuse it.
  let start = colon + 1;
  while (argument[start] === ' ') start++;
  const end = pathEnd(argument, start);
  if (end === undefined) return undefined;
  const rest = argument.slice(end + 1);
  if (rest !== '' && !rest.startsWith(' ')) return undefined;
  const address = argument.slice(start + 1, end).replace(/^@[^:@\s]*(?:,@[^:@\s]*)*:/, '');
  if (hasControl(address) || (address !== '' && !isMailbox(address))) return undefined;
  const written = argument.slice(start, end + 1);
  return { written, address, parameters: rest.split(' ').filter((part) => part !== '') };
}

/** Finds the index of the `>` that closes the path opened at `start`; a quoted string may hold one itself. */
function pathEnd(argument: string, start: number): number | undefined {
  if (argument[start] !== '<') return undefined;
  let quoted = false;
  for (let index = start + 1; index < argument.length; index++) {
    const character = argument[index];
    if (character === '\\' && quoted) index++;
    else if (character === '"') quoted = !quoted;
    else if (character === '>' && !quoted) return index;
    else if ((character === '<' || character === ' ') && !quoted) return undefined;
  }
  return undefined;
}

function isMailbox(address: string): boolean {
  const at = address.lastIndexOf('@');
  // A bare local part (`postmaster`) is a valid RCPT; whether it is ours is for the gate to say.
  return address.length <= 512 && at !== 0 && at !== address.length - 1;
}

function hasControl(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}
