/**
 * Tokens: who posts a reply, the user who wrote it or the account of the sink.
 *
 * Contract: a user's token is the file `USER.token` in the directory, which nobody but mailgw may read; it is read for each
 * post, so that a new one counts at once. Request Tracker says whose it is before it is used. A file that is not there is
 * no fault, and one that cannot be used is told as one: the reply is then posted by the account, with the line that names
 * the user.
 */
import { lstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { errorText } from '../../system/error-text.ts';
import { loginOf } from '../platform/options.ts';
import type { Logins } from '../platform/settings.ts';
import type { OnFault, ReadSecretText } from '../sink-kind.ts';
import type { Poster } from './ticket.ts';

const FORM = /^1-(\d{1,10})-[0-9a-f]{32}$/i;

/** Gives the number of the user whose token a text is; undefined where it is none. */
export function userIdOf(token: string): string | undefined {
  return FORM.exec(token)?.[1];
}

/** Writes the header field that proves who we are. */
export function authorisation(token: string): { readonly authorization: string } {
  return { authorization: `token ${token}` };
}

/** Finds the posters of replies. */
export interface Posters {
  /** Gives the poster of a user's replies; rejects where Request Tracker does not answer. */
  of(user: string, signal: AbortSignal): Promise<Poster>;
  /** Hears that the user's token is refused: its owner is asked for anew before it is used again. */
  refused(poster: Extract<Poster, { is: 'user' }>): void;
}

/** What finding posters takes from outside. */
export interface PosterGround {
  readonly directory: string | undefined;
  readonly map: Logins;
  /** Reads the text of a secret file. */
  readonly readSecretText: ReadSecretText;
  readonly onFault: OnFault;
  /** Gives the name of the user of a token; undefined where it is refused. */
  readonly ownerOf: (token: string, signal: AbortSignal) => Promise<string | undefined>;
}

/** Says what is wrong with the directory; undefined where nothing is. */
export function directoryProblem(directory: string): string | undefined {
  try {
    const status = statSync(directory);
    if (!status.isDirectory()) return `${directory}: is no directory; expected one of files USER.token`;
    const mode = status.mode & 0o777;
    if ((mode & 0o077) === 0) return undefined;
    const shown = mode.toString(8).padStart(4, '0');
    return `${directory}: mode ${shown} lets group or world in; expected 0700 (chmod 0700 ${directory})`;
  } catch (error) {
    return `${directory}: cannot be read: ${errorText(error)}; expected a directory of files USER.token`;
  }
}

/** The account of the sink. */
export const BOT: Poster = { is: 'bot' };

/** Creates what finds posters. */
export function createPosters(ground: PosterGround): Posters {
  const { directory, map, onFault, ownerOf } = ground;
  /** Tokens whose owner is known, by our users. */
  const known = new Map<string, string>();
  return {
    of: async (user, signal) => {
      const file = directory === undefined ? undefined : fileOf(directory, user);
      const token = file === undefined ? undefined : readToken(file, ground);
      if (file === undefined || token === undefined) return BOT;
      if (known.get(user) !== token) {
        const owner = await ownerOf(token, signal);
        const login = loginOf(map, user);
        if (owner?.toLowerCase() !== login.toLowerCase()) {
          const whose = owner === undefined ? 'is refused by Request Tracker' : `is the token of ${owner}`;
          onFault(`sink.user_tokens: ${file}: ${whose}; expected one of ${login}`);
          return BOT;
        }
        known.set(user, token);
      }
      return { is: 'user', user, headers: authorisation(token) };
    },
    refused: ({ user }) => {
      known.delete(user);
    },
  };
}

/** Gives the file of a user; undefined where there can be none. */
function fileOf(directory: string, user: string): string | undefined {
  // Encoded, a name is no path; one that begins with a dot is hidden, and stands for no user.
  const name = `${encodeURIComponent(user)}.token`;
  const file = join(directory, name);
  return name.startsWith('.') || !isThere(file) ? undefined : file;
}

function readToken(file: string, { readSecretText, onFault }: PosterGround): string | undefined {
  const read = readSecretText('sink.user_tokens', file);
  if (read.ok && FORM.test(read.text)) return read.text;
  onFault(read.ok ? `sink.user_tokens: ${file}: holds no token of Request Tracker` : read.problem);
  return undefined;
}

function isThere(file: string): boolean {
  try {
    return lstatSync(file).isFile();
  } catch (error) {
    // What cannot be looked at is a fault, which reading it tells.
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}
