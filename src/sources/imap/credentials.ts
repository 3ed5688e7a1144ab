/**
 * What a mailbox is opened with: the password of its file, or a token that a program of the site's prints.
 *
 * Contract: the password is read anew for every login, so that a changed file needs no reload. A token is kept until the
 * server refuses it; then the program is asked for another. The program is run without a shell, has {@link TOKEN_MS} and
 * no standard input; its standard output is the token. Failure: a {@link MailboxError} of kind `settings` where the file
 * cannot be used, `network` where the program failed: what it asks may be down.
 */
import { execFile } from 'node:child_process';
import { readSecretText } from '../../config/secret-file.ts';
import { errorLine } from '../../system/error-text.ts';
import { MailboxError } from './mailbox-error.ts';
import type { ImapConfig } from './settings.ts';

/** The time that the program has. */
const TOKEN_MS = 30_000;

/** A token as SASL carries it: visible ASCII (RFC 6750 §2.1). */
const TOKEN = /^[!-~]{1,16384}$/;

/** A login: a password, or a token. */
export interface Login {
  readonly user: string;
  readonly pass?: string;
  readonly accessToken?: string;
}

/** The settings that a login is made of. */
type LoginConfig = Pick<ImapConfig, 'name' | 'user' | 'passwordFile' | 'tokenCommand'>;

/** The credentials of a mailbox; one lives as long as its configuration. */
export class Credentials {
  readonly #config: LoginConfig;
  #token: string | undefined;

  constructor(config: LoginConfig) {
    this.#config = config;
  }

  /** Tells whether a token is kept that was good before: a refusal may mean no more than its age. */
  get isStale(): boolean {
    return this.#token !== undefined;
  }

  /** Gives what to log in with. */
  async login(): Promise<Login> {
    const { name, user, passwordFile, tokenCommand } = this.#config;
    const [program, ...words] = tokenCommand;
    if (program !== undefined) {
      this.#token ??= await askToken(name, program, words);
      return { user, accessToken: this.#token };
    }
    if (passwordFile === undefined) {
      const problem = `imap ${name}: neither password_file nor token_command is set; expected one of them`;
      throw new MailboxError('settings', problem);
    }
    const secret = readSecretText(`imap ${name}: password_file`, passwordFile);
    if (!secret.ok) throw new MailboxError('settings', secret.problem);
    return { user, pass: secret.text };
  }

  /** Forgets a token that was refused. */
  forget(): void {
    this.#token = undefined;
  }
}

async function askToken(name: string, program: string, words: readonly string[]): Promise<string> {
  const output = await new Promise<string>((resolve, reject) => {
    const options = { timeout: TOKEN_MS, killSignal: 'SIGKILL', maxBuffer: 64 * 1024 } as const;
    const child = execFile(program, words, options, (error, stdout) => {
      if (error === null) {
        resolve(stdout.trim());
        return;
      }
      const why = error.killed === true ? `no token within ${TOKEN_MS / 1000} s` : errorLine(error);
      const isMissing = error.code !== undefined && typeof error.code === 'string';
      const problem = `imap ${name}: token_command ${JSON.stringify(program)}: ${why}`;
      reject(new MailboxError(isMissing && error.killed !== true ? 'settings' : 'network', problem));
    });
    child.stdin?.end();
  });
  if (TOKEN.test(output)) return output;
  const problem = `token_command ${JSON.stringify(program)}: printed ${output.length} characters; expected a token on one line`;
  throw new MailboxError('settings', `imap ${name}: ${problem}`);
}
