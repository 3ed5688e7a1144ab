/**
 * Tokens of single users, for platforms that let nobody act as another: a directory with a file `USER.token` for each who has
 * given one.
 *
 * Contract: a file is read for each post, so that a new one counts at once. One that is not there is no fault; one that cannot
 * be used is told as one, and the reply is posted as if there were none.
 */
import { lstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import * as kind from '../../config/kinds.ts';
import { errorText } from '../../system/error-text.ts';
import type { OnFault, ReadSecretText, SinkSetting } from '../sink-kind.ts';

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
  /** Gives the token of a user; undefined where there is none that can be used. */
  of(user: string): string | undefined;
  /** Tells as a fault what is wrong with the token of a user. */
  fault(user: string, problem: string): void;
}

/** What reading tokens takes from outside. */
export interface TokenGround {
  readonly directory: string | undefined;
  /** Reads a secret text, or says what is wrong with its file. */
  readonly readSecretText: ReadSecretText;
  readonly onFault?: OnFault | undefined;
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

/** Creates what reads the tokens. */
export function createUserTokens({ directory, readSecretText, onFault }: TokenGround): UserTokens {
  const tell = (problem: string): void => {
    onFault?.(problem);
  };
  return {
    of: (user) => {
      const file = directory === undefined ? undefined : fileOf(directory, user);
      if (file === undefined) return undefined;
      const read = readSecretText('sink.user_tokens', file);
      if (read.ok && /^[\x21-\x7e]+$/.test(read.text)) return read.text;
      tell(read.ok ? `sink.user_tokens: ${file}: does not hold a token on one line` : read.problem);
      return undefined;
    },
    fault: (user, problem) => {
      tell(`sink.user_tokens: ${fileOf(directory ?? '', user) ?? user}: ${problem}`);
    },
  };
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
