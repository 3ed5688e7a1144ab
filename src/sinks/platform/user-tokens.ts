/**
 * Tokens of single users, for platforms that let nobody act as another: a directory with a file `USER.token` for each who has
 * given one.
 *
 * Contract: a file is read for each post, so that a new one counts at once. The platform says whose a token is before it is
 * used. A file that is not there is no fault; a token that cannot be used is told as one, and the account posts.
 */
import { lstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import * as kind from '../../config/kinds.ts';
import { errorText } from '../../system/error-text.ts';
import type { Outcome } from '../sink.ts';
import type { OnFault, ReadSecretText, SinkSetting } from '../sink-kind.ts';
import { settled } from './client.ts';
import { loginOf } from './options.ts';
import type { Logins } from './settings.ts';

/** The setting of the directory. */
export const USER_TOKENS: SinkSetting & kind.Setting<string | undefined> = {
  ...kind.path(
    undefined,
    'A directory with the token of each user who has given one, in a file `USER.token`: their replies are their own. It needs mode 0700.',
  ),
  unset: 'every reply is posted by the account of `token_file`',
};

/** The tokens that users have given. */
export interface UserTokens {
  /**
   * Posts as the user, and by the account, with no token, where there is none that can be used or it is no longer taken.
   * Rejects where the platform does not say whose a token is.
   */
  post(user: string, make: Make, signal: AbortSignal): Promise<Outcome>;
}

/** Makes a post, by the account where there is no token. */
export type Make = (token: string | undefined) => Promise<Outcome>;

/** What a platform says of tokens. */
export interface TokenPlatform {
  /** Its name as operators know it. */
  readonly name: string;
  /** Tells a text that can be a token of the platform. */
  readonly isToken: (text: string) => boolean;
  /** Gives the login of the user of a token; undefined where it is refused, and a rejection where that is not to be known. */
  readonly ownerOf: (token: string, signal: AbortSignal) => Promise<string | undefined>;
  /** Tells whether an outcome is that the token was refused. */
  readonly isRefusal: (outcome: Outcome) => boolean;
}

/** What reading tokens takes from outside. */
export interface TokenGround {
  readonly directory: string | undefined;
  readonly map: Logins;
  /** Reads a secret text, or says what is wrong with its file. */
  readonly readSecretText: ReadSecretText;
  readonly onFault?: OnFault | undefined;
}

/** Says what is wrong with the directory; undefined where nothing is. */
export function directoryProblem(directory: string | undefined): string | undefined {
  if (directory === undefined) return undefined;
  const problem = problemOf(directory);
  return problem === undefined ? undefined : `sink.user_tokens: ${directory}: ${problem}`;
}

function problemOf(directory: string): string | undefined {
  try {
    const status = statSync(directory);
    if (!status.isDirectory()) return 'is no directory; expected one of files USER.token';
    const mode = status.mode & 0o777;
    if ((mode & 0o077) === 0) return undefined;
    const shown = mode.toString(8).padStart(4, '0');
    return `mode ${shown} lets group or world in; expected 0700 (chmod 0700 ${directory})`;
  } catch (error) {
    return `cannot be read: ${errorText(error)}; expected a directory of files USER.token`;
  }
}

type OwnToken = { readonly token: string } | { readonly problem: string };

/** Creates what posts with the tokens. */
export function createUserTokens(ground: TokenGround, platform: TokenPlatform): UserTokens {
  const { directory, map, readSecretText } = ground;
  /** Tokens whose owner is known, by our users. */
  const known = new Map<string, string>();
  const fault = (problem: string): void => {
    ground.onFault?.(problem);
  };

  /** Gives the token of a file once it is known to be the user's, or says why it cannot be used. */
  const ownToken = async (user: string, file: string, signal: AbortSignal): Promise<OwnToken> => {
    const read = readSecretText('sink.user_tokens', file);
    if (!read.ok) return { problem: read.problem };
    const where = `sink.user_tokens: ${file}`;
    const { text: token } = read;
    if (!platform.isToken(token)) return { problem: `${where}: holds no token of ${platform.name}` };
    if (known.get(user) === token) return { token };
    const [owner, login] = [await platform.ownerOf(token, signal), loginOf(map, user)];
    if (owner?.toLowerCase() !== login.toLowerCase()) {
      const whose = owner === undefined ? `is refused by ${platform.name}` : `is the token of ${owner}`;
      return { problem: `${where}: ${whose}; expected one of ${login}` };
    }
    known.set(user, token);
    return { token };
  };

  return {
    post: async (user, make, signal) => {
      const file = directory === undefined ? undefined : fileOf(directory, user);
      if (file === undefined) return make(undefined);
      const own = await ownToken(user, file, signal);
      if ('problem' in own) {
        fault(own.problem);
        return make(undefined);
      }
      const { token } = own;
      const outcome = await settled(() => make(token));
      if (!platform.isRefusal(outcome)) return outcome;
      // Its owner is asked for anew before it is used again.
      known.delete(user);
      fault(`sink.user_tokens: ${file}: ${outcome.diagnostic}; the account posts in place of ${user}`);
      return make(undefined);
    },
  };
}

/** Tells whether a user has given a token, of which nothing is read. */
export function hasToken(directory: string | undefined, user: string): boolean {
  return directory !== undefined && fileOf(directory, user) !== undefined;
}

/** Gives the file of a user where there is one. */
function fileOf(directory: string, user: string): string | undefined {
  // Encoded, a name is no path; one that begins with a dot is hidden, and stands for no user.
  const name = `${encodeURIComponent(user)}.token`;
  if (name.startsWith('.')) return undefined;
  const file = join(directory, name);
  try {
    return lstatSync(file).isFile() ? file : undefined;
  } catch (error) {
    // What cannot be looked at is a fault, which reading it tells.
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : file;
  }
}
